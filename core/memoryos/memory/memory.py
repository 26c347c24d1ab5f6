"""The memory of one scope and session: the verbs that users call."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from memoryos.errors import InvalidInput
from memoryos.generation.context import Recall
from memoryos.memory.answering import answer_metadata, check_question, hints_of
from memoryos.memory.boundary import raises_only_ours
from memoryos.memory.mending import fitted
from memoryos.memory.modules import Modules
from memoryos.memory.stating import Stating, notes_of
from memoryos.memory.writing import Turn, Writer
from memoryos.model import (
    ErasureReceipt,
    Id,
    Message,
    Page,
    Scope,
)
from memoryos.retrieval.filters import page_filter, until
from memoryos.retrieval.index import Wanted
from memoryos.storage.journal import (
    checked_count,
    checked_id,
    checked_known_id,
    checked_share,
    checked_text,
    checked_time,
)
from memoryos.storage.port import PageQuery
from memoryos.upkeep.export import (
    Difference,
    Progress,
    apply_import,
    new_notes,
    read_export,
    write_export,
)
from memoryos.upkeep.rebuild import rebuild


@raises_only_ours
class Memory(Stating):
    """The memory of one user with one assistant, seen from one session. Cheap; thread-safe.

    Made by `Engine.memory`. A verb that cannot do what was asked raises a MemoryOSError, and
    nothing else; what was stored before is then intact.
    """

    def __init__(self, modules: Modules, scope: Scope, session_id: str) -> None:
        self._modules = modules
        self.config = modules.config
        self.scope = scope
        self.session_id = session_id
        self._writer = Writer(modules, scope, session_id)

    def __repr__(self) -> str:
        scope = self.scope
        return (
            f"Memory(user_id={scope.user_id!r}, assistant_id={scope.assistant_id!r}, "
            f"session_id={self.session_id!r})"
        )

    def session(self, session_id: Id) -> Memory:
        """Return the same memory seen from another session.

        Args:
            session_id: the conversation thread; any text.

        Raises:
            InvalidInput: it cannot be an id.
        """
        return Memory(self._modules, self.scope, checked_id(session_id, "session_id"))

    # ── writing ──────────────────────────────────────────────────────────────────────────────

    def add(
        self,
        user_input: str,
        agent_response: str = "",
        timestamp: datetime | str | float | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        key: str | None = None,
        mend: bool = False,
    ) -> Page:
        """Journal one turn; it is durable and can be recalled when this returns.

        Args:
            user_input: what the user said, verbatim.
            agent_response: what the agent answered, verbatim; may be empty.
            timestamp: datetime, ISO 8601 text (naive is UTC) or seconds since 1970. Default: now.
            metadata: JSON values by name, stored with the page; `recall(where=…)` filters by them.
            key: identifies the turn; if the scope has a page of this key, that is returned, and
                nothing is stored.
            mend: replace NUL and lone surrogates, keep up to 16 × max_text_bytes, and cut the
                middle of more (noted in metadata["cut"]), rather than raise.

        Returns:
            The page as it was journalled, with its id.

        Raises:
            InvalidInput: an argument is not usable; the message names it.
            StorageError: nothing was stored.
        """
        return self._writer.add(user_input, agent_response, timestamp, metadata, key, mend=mend)

    def add_many(self, turns: Sequence[Turn], *, keys: Sequence[str] | None = None) -> list[Page]:
        """Journal many turns in one transaction: all of them or none.

        Args:
            turns: (user, agent) or (user, agent, timestamp) of each.
            keys: one for each turn, so that running it again stores nothing twice (see `add`).

        Returns:
            Their pages, in the order given.

        Raises:
            InvalidInput: names the turn by its number.
            StorageError: nothing was stored.
        """
        return self._writer.add_many(turns, keys)

    def add_messages(
        self,
        messages: Sequence[Message],
        timestamp: datetime | str | float | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        key: str | None = None,
        mend: bool = False,
    ) -> list[Page]:
        """Journal messages as they come from a framework, verbatim.

        Each user message begins a page. Messages before the first one are appended to the session's
        newest page, which moves to the end of the journal under the same id.

        Args:
            messages: at least one, oldest first.
            timestamp: time of the new pages; as for `add`.
            metadata: as for `add`.
            key: makes all messages one page, which replaces the scope's page of that key.
            mend: as for `add`; the note "cut" is then in the message's own metadata.

        Returns:
            The pages that the messages are in.

        Raises:
            InvalidInput: a message is not usable.
            StorageError: nothing was stored.
        """
        return self._writer.add_messages(messages, timestamp, metadata, key, mend=mend)

    # ── recalling ────────────────────────────────────────────────────────────────────────────

    def recall(
        self,
        query: str,
        k: int | None = None,
        max_tokens: int | None = None,
        where: Mapping[str, Any] | None = None,
        *,
        as_of: datetime | str | float | None = None,
        min_relevance: float | None = None,
        visit: bool = True,
    ) -> Recall:
        """Search every tier and every session for what bears on a question.

        Args:
            query: the question, in words; of one longer than max_text_bytes both ends are sought.
            k: pages to return at most. Default: `top_pages`, or with `max_tokens` as many as may
                fill it.
            max_tokens: budget of the result's `text()`. Default: `context_tokens`.
            where: filter of pages: "session_id", "since", "before", and any name of their metadata,
                each with a value, a list of values, or bounds such as {"gte": 3, "lt": 5}; it
                narrows all that the recall shows.
            min_relevance: from 0 to 1: what each page must reach. Default: the config's, which
                the best must, or the recall is empty; 0 shows what is nearest, however far.
            as_of: only what had been said, and was held, by this time; heats nothing.
            visit: whether the recall counts towards the heat of the segments that it finds.

        Returns:
            Ranked pages, with the other tiers; false and empty where nothing bears on the question.

        Raises:
            InvalidInput: an argument is not usable.
            StorageError: the store could not be read.
        """
        modules = self._modules
        checked_text(query, "query", sys.maxsize)
        if not isinstance(query, str) or not query.strip():
            raise InvalidInput("query is empty: say what to recall")
        query = fitted(query, modules.config.max_text_bytes)
        wanted = _wanted(k, max_tokens, modules.config.top_pages)
        least = checked_share(min_relevance, "min_relevance")
        moment = None if as_of is None else checked_time(as_of, "as_of")
        found = modules.retriever.recall(
            self.scope,
            self.session_id,
            query,
            wanted=wanted,
            max_tokens=modules.config.context_tokens if max_tokens is None else max_tokens,
            min_relevance=least if moment is None else 0,
            where=page_filter(where if moment is None else until(where, moment)),
            now=modules.clock() if moment is None else moment,
        )
        if moment is not None:
            return self._as_of(found, moment, least)
        # What only fills a large budget was not asked for, and heats nothing.
        nearest = found.pages[: modules.config.top_pages if visit else 0]
        here = [item.page for item in reversed(nearest)]  # of each segment the first page counts
        visited = {page.segment_id: page.id for page in here if page.segment_id}
        modules.after_recall(self.scope, list(visited.values()))
        return found

    def respond(
        self,
        query: str,
        *,
        relationship_with_user: str = "",
        style_hint: str = "",
        metadata: Mapping[str, Any] | None = None,
    ) -> str:
        """Recall, answer, and journal the turn once the answer is complete.

        This session's turns go to the model as messages, all else remembered as quoted data.

        Args:
            query: what the user says.
            relationship_with_user: as the prompt states it ("friend").
            style_hint: as the prompt states it ("brief, formal").
            metadata: stored with the page and shown to the model.

        Returns:
            The answer; without a chat model, a quotation of the best page.

        Raises:
            ModelError: the model gave no usable answer; nothing is journalled.
        """
        check_question(query, metadata, self.config.max_text_bytes)
        found = self.recall(query, max_tokens=self._modules.config.context_tokens)
        hints = hints_of(relationship_with_user, style_hint, metadata)
        reply = self._modules.generator.answer(self.scope, query, found, hints)
        quotes = self._modules.generator.chat_model is None
        self.add(query, reply, metadata=answer_metadata(metadata, found, quotes=quotes), mend=True)
        return reply

    def respond_stream(
        self,
        query: str,
        *,
        relationship_with_user: str = "",
        style_hint: str = "",
        metadata: Mapping[str, Any] | None = None,
    ) -> Iterator[str]:
        """Return an iterator over the answer of `respond`, piece by piece.

        The turn is journalled at its end. A stream that breaks, or is closed early, journals what
        came, with metadata["incomplete"] = True.

        Args:
            query: what the user says.
            relationship_with_user, style_hint, metadata: as for `respond`.

        Raises:
            ModelError: from the iterator, also midway.
        """
        check_question(query, metadata, self.config.max_text_bytes)
        found = self.recall(query, max_tokens=self._modules.config.context_tokens)
        hints = hints_of(relationship_with_user, style_hint, metadata)
        return self._stream(query, found, hints, metadata)

    def _stream(
        self,
        query: str,
        found: Recall,
        hints: Mapping[str, Any],
        metadata: Mapping[str, Any] | None,
    ) -> Iterator[str]:
        said: list[str] = []
        complete = False
        try:
            for piece in self._modules.generator.stream(self.scope, query, found, hints):
                said.append(piece)
                yield piece
            complete = True
        finally:
            quotes = self._modules.generator.chat_model is None
            extra = answer_metadata(metadata, found, quotes=quotes)
            if not complete:
                extra["incomplete"] = True
            self.add(query, "".join(said), metadata=extra, mend=True)

    # ── updating ─────────────────────────────────────────────────────────────────────────────

    def flush(self) -> None:
        """File and read everything that is journalled, in every session, now.

        Raises:
            ModelError: what was done stays done, the rest stays pending.
            StorageBusy: another process is at it, and did not finish in time.
        """
        self._modules.run(self.scope)

    def rebuild(self, *, dry_run: bool = False, progress: Progress | None = None) -> Difference:
        """Derive segments, chains, knowledge, traits and vectors again from the journal.

        The old state stays until the new one is complete; one transaction replaces it.

        Args:
            dry_run: work it out and report, but change nothing.
            progress: called with (done, total) pages.

        Returns:
            What was (or would be) added, removed and rewritten.

        Raises:
            ModelError: nothing was changed.
            StorageError: nothing was changed.
        """
        modules = self._modules
        changed = rebuild(
            modules.store,
            self.scope,
            embedder=modules.embedder,
            analysts=modules.analysts,
            config=modules.config,
            clock=modules.clock,
            leases=modules.consolidator.leases,
            dry_run=dry_run,
            progress=progress,
        )
        modules.after_add(self.scope)
        return changed

    # ── moving ───────────────────────────────────────────────────────────────────────────────

    def export(self, path: str | os.PathLike[str], *, progress: Progress | None = None) -> int:
        """Write the whole scope to a JSON Lines file, which is complete or not there.

        Args:
            path: the file; one that exists is replaced.
            progress: called with (done, total) pages now and then; what it raises ends the export.

        Returns:
            The number of its lines.

        Raises:
            StorageError: the file cannot be written.
        """
        return write_export(self._modules.store, self.scope, os.fspath(path), progress)

    def import_(self, path: str | os.PathLike[str]) -> int:
        """Read an export into this scope. Safe to run twice.

        An empty scope becomes what was exported. One with pages of its own gets the pages it does
        not hold, and derives the rest itself.

        Args:
            path: a file that `export` wrote.

        Returns:
            The number of new pages.

        Raises:
            InvalidInput: names the line that is not usable; nothing was stored.
            StorageError: nothing was stored.
        """
        modules = self._modules
        found = read_export(os.fspath(path), modules.config.max_text_bytes)
        new = apply_import(modules.store, self.scope, found, modules.embedder)
        for note in new_notes(modules.store, self.scope, found):
            modules.consolidator.note(self.scope, note)
        modules.after_add(self.scope)
        return new

    # ── forgetting ───────────────────────────────────────────────────────────────────────────

    def forget(
        self,
        *,
        page_id: str | None = None,
        knowledge_id: str | None = None,
        session: Id | None = None,
        before: datetime | str | float | None = None,
        everything: bool = False,
    ) -> ErasureReceipt:
        """Erase pages, or one fact, and all that was derived from them.

        What was derived from other pages too is derived again from those. Answers of `respond` go
        too if they say a word that only these had; the receipt names others that drew on them.

        Args:
            page_id: this page. Name exactly one.
            knowledge_id: this fact; its pages stay, and it is not learned from them again.
            session: all pages of this session.
            before: all pages older than this time.
            everything: all pages of the scope.

        Returns:
            The receipt: counts and opaque ids of what was removed, none of the words.

        Raises:
            InvalidInput: none is named, or more than one.
            NotFound: the scope has nothing of that id.
            StorageError: nothing was erased.
        """
        ids = {"page_id": page_id, "knowledge_id": knowledge_id}
        ways = {**ids, "session": session, "before": before, "everything": everything or None}
        named = [name for name, value in ways.items() if value is not None]
        if len(named) != 1:
            which = "one of page_id, knowledge_id, session, before and everything=True"
            raise InvalidInput(f"forget takes exactly {which}, not {' and '.join(named) or 'none'}")
        eraser, store, scope = self._modules.eraser, self._modules.store, self.scope
        if knowledge_id is not None:
            return eraser.erase_knowledge(scope, checked_known_id(knowledge_id, "knowledge_id"))
        query = PageQuery()
        if page_id is not None:
            query = PageQuery(ids=[self.page(page_id).id])
        elif session is not None:
            query = PageQuery(session_id=checked_id(session, "session"))
        elif before is not None:
            query = PageQuery(before=checked_time(before, "before"))
        else:
            return eraser.erase_everything(scope)
        notes = notes_of(query, everything=everything)
        request = named[0].removesuffix("_id")
        receipt = eraser.erase_pages(scope, request, lambda: store.pages(scope, query), notes)
        self._modules.after_add(scope)
        return receipt


def _wanted(k: int | None, max_tokens: int | None, usual: int) -> Wanted:
    """Return how many pages a recall is to bring. Raises InvalidInput."""
    if max_tokens is not None:
        checked_count(max_tokens, "max_tokens", 0)
    if k is not None:
        return Wanted(checked_count(k, "k"))
    return Wanted(usual) if max_tokens is None else Wanted.to_fill(max_tokens, least=usual)
