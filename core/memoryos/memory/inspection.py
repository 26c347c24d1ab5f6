"""The verbs of a memory that only look: at its journal, its tiers, and how they are shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from memoryos.config import MemoryConfig
from memoryos.errors import InvalidInput, MemoryOSError, NotFound
from memoryos.generation.context import Recall
from memoryos.memory.boundary import raises_only_ours
from memoryos.memory.modules import Modules
from memoryos.model import (
    FIGURES,
    Displayable,
    ErasureReceipt,
    Id,
    Knowledge,
    KnowledgeKind,
    Owner,
    Page,
    Profile,
    Scope,
    Segment,
    Stats,
    Status,
    Topic,
    Trait,
    Usage,
)
from memoryos.ports import Call
from memoryos.retrieval.filters import page_filter
from memoryos.storage.codec import decode
from memoryos.storage.journal import checked_count, checked_id, checked_known_id, checked_time
from memoryos.storage.journal import page_id as id_of_key
from memoryos.storage.port import Kind, PageFilter, PageQuery
from memoryos.tiers import mid_term
from memoryos.tiers.heat_history import HeatPoint, heat_history
from memoryos.tiers.long_term import held_at, profile_of
from memoryos.upkeep.erasure import Remains, remains
from memoryos.upkeep.provenance import Explanation, explain

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_FILED_FOR_A_CARD = 100
"""Pages; more than these take longer than a card should."""


@raises_only_ours
class Inspection(Displayable):
    """The verbs of a memory that change nothing. `Memory` adds those that do."""

    _modules: Modules
    config: MemoryConfig
    """The engine's settings."""
    scope: Scope
    session_id: str

    def page(self, page_id: str | None = None, *, key: str | None = None) -> Page:
        """Return one page.

        Args:
            page_id: `Page.id`.
            key: the key it was added with, instead.

        Raises:
            NotFound: the scope has no such page.
        """
        wanted = id_of_key(key) if key is not None else checked_known_id(page_id, "page_id")
        found = self._modules.store.pages(self.scope, PageQuery(ids=[wanted]))
        if not found:
            raise NotFound(
                f"no page has the {'key' if key else 'id'} {key or page_id!r} in this scope"
            )
        return found[0]

    def pages(
        self,
        session_id: Id | None = None,
        *,
        where: Mapping[str, Any] | None = None,
        segment_id: Id | None = None,
        up_to_seq: int | None = None,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> list[Page]:
        """Return the journal of the scope, oldest first.

        Args:
            session_id: only this session's pages.
            where: filter as for `recall`.
            segment_id: only this segment's pages.
            up_to_seq: only pages up to this journal position (`Page.seq`): with `newest_first` and
                `limit` a long journal is read part by part.
            newest_first: turn the order round.
            limit: pages to return at most.

        Raises:
            InvalidInput: an argument is not usable.
        """
        if limit is not None:
            checked_count(limit, "limit", 0)
        if session_id is not None:
            session_id = checked_id(session_id, "session_id")
        if up_to_seq is not None:
            checked_count(up_to_seq, "up_to_seq", 0)
        if segment_id is not None:
            segment_id = checked_known_id(segment_id, "segment_id")
        store = self._modules.store
        query = PageQuery(
            session_id=session_id,
            segment_id=segment_id,
            up_to_seq=up_to_seq,
            newest_first=newest_first,
            limit=limit,
        )
        if where is not None:
            narrowed = {**where, **({"session_id": session_id} if session_id else {})}
            found = store.positions(self.scope, page_filter(narrowed) or PageFilter())
            if up_to_seq is not None:
                found = found[found <= up_to_seq]
            seqs = found[::-1] if newest_first else found
            if segment_id is None:
                seqs = seqs[:limit]
            query = replace(query, seqs=seqs.tolist())
        return store.pages(self.scope, query)

    def sessions(self) -> list[str]:
        """Return the ids of the scope's sessions, in order of their first page."""
        return self._modules.store.sessions(self.scope)

    def short_term(self) -> tuple[Page, ...]:
        """Return this session's short-term memory: its newest pages, oldest first."""
        return self._modules.retriever.short_term(self.scope, self.session_id)

    def segments(self, *, evicted: bool = False) -> list[Segment]:
        """Return the segments of mid-term memory, hottest first, with their heat of this moment.

        Args:
            evicted: also those that had to make room; their pages are in the journal.
        """
        self._modules.consolidator.save_visits(self.scope)
        now = self._modules.clock()
        held: list[Segment] = list(self._modules.views.tiers(self.scope).segments.values())
        if evicted:
            held += self._records(["segment"], live=False)
        names = mid_term.names_of(held)
        found = [
            replace(
                segment,
                heat=mid_term.heat(segment, now, self._modules.config),
                name=names[segment.id],
            )
            for segment in held
        ]
        return sorted(found, key=lambda segment: (-segment.heat, segment.created, segment.id))

    def knowledge(
        self,
        owner: Owner | None = None,
        kind: KnowledgeKind | None = None,
        as_of: datetime | str | float | None = None,
        *,
        status: Status | Literal["all"] = "active",
    ) -> list[Knowledge]:
        """Return what is known about the user or the agent, oldest first.

        Args:
            owner: "user" or "agent"; None for both.
            kind: "statement" (quotations) or "fact"; None for both.
            as_of: What had been said, and was held, by this time; a later correction changes
                nothing of it. None is now.
            status: "active" (what is current), "superseded" (what was said earlier of the same
                matter, or corrected), "archived" or "all".

        Raises:
            InvalidInput: an argument cannot be meant.
        """
        if kind not in (None, "statement", "fact"):
            raise InvalidInput(f"kind must be 'statement', 'fact' or None, not {kind!r}")
        if owner not in (None, "user", "agent"):
            raise InvalidInput(f"owner must be 'user', 'agent' or None, not {owner!r}")
        if status not in ("active", "archived", "superseded", "all"):
            raise InvalidInput(
                f"status must be 'active', 'archived', 'superseded' or 'all', not {status!r}"
            )
        found = [
            item
            for item in self._knowledge_of(status, as_of)
            if owner in (None, item.owner)
            and kind in (None, item.kind)
            and status in ("all", item.status)
        ]
        return sorted(found, key=lambda item: (item.created, item.id))

    def _knowledge_of(
        self, status: Status | Literal["all"], as_of: datetime | str | float | None
    ) -> list[Knowledge]:
        """Return what is active, if that is asked for, and the rest, if anything of it is."""
        found: dict[str, Knowledge] = {}
        if status in ("active", "all") or as_of is not None:
            found |= self._modules.views.tiers(self.scope).knowledge
        if status != "active" or as_of is not None:
            # What was replaced since the view is told as it is now.
            found |= {item.id: item for item in self._records(["knowledge"], live=False)}
        known = list(found.values())
        if as_of is None:
            return known
        moment = checked_time(as_of, "as_of")
        ids = {source.page_id for item in known for source in item.sources}
        pages = self._modules.store.pages(self.scope, PageQuery(ids=sorted(ids))) if ids else []
        return held_at(known, {page.id: page.timestamp for page in pages}, moment)

    def _known(self, knowledge_id: str) -> Knowledge:
        found: list[Knowledge] = self._records(["knowledge"], [knowledge_id])
        if not found:
            raise NotFound(f"no knowledge has the id {knowledge_id!r} in this scope")
        return found[0]

    def _as_of(self, found: Recall, moment: datetime, min_relevance: float | None) -> Recall:
        """Return a recall with what was known at a moment instead of what is known now."""
        held = self.knowledge(as_of=moment)
        pages = tuple(page for page in found.short_term if page.timestamp <= moment)
        past = replace(found, short_term=pages)
        return self._modules.retriever.as_known(past, held, profile_of(held, ()), min_relevance)

    def traits(self) -> list[Trait]:
        """Return the user's traits, by group and name."""
        return list(self.profile().traits)

    def profile(self, as_of: datetime | str | float | None = None) -> Profile:
        """Return who the user and the agent are, as far as is known, or was `as_of` a time.

        Rows and traits come from facts: of a model, or stated by hand. Traits of the past are not
        kept.
        """
        if as_of is not None:
            return profile_of(self.knowledge(as_of=as_of), ())
        return self._modules.views.tiers(self.scope).profile

    def explain(self, id_: str, limit: int | None = None) -> Explanation:
        """Return the provenance of a fact or trait: pages, quotes, analyst, and what it superseded.

        A model's fact is told with the statements that it was read from.

        Args:
            id_: `Knowledge.id` or `Trait.id`.
            limit: source pages to return at most, the newest; None for all.

        Raises:
            NotFound: the scope has neither of that id.
        """
        if limit is not None:
            checked_count(limit, "limit")
        return explain(self._modules.store, self.scope, checked_known_id(id_, "id_"), limit)

    def stats(self) -> Stats:
        """Return how much the scope holds, by tier."""
        counts = self._modules.store.counts(self.scope)
        tiers, records = self._modules.views.tiers(self.scope), counts.records
        owners = Counter(item.owner for item in tiers.knowledge.values())
        past: Counter[Status] = Counter()
        if records.get("knowledge", 0) > len(tiers.knowledge):
            past.update(item.status for item in self._records(["knowledge"], live=False))
        return Stats(
            pages=counts.pages,
            sessions=counts.sessions,
            waiting=counts.waiting,
            unembedded=counts.unembedded,
            segments=len(tiers.segments),
            evicted_segments=max(0, records.get("segment", 0) - len(tiers.segments)),
            chains=records.get("chain", 0),
            user_knowledge=owners["user"],
            agent_knowledge=owners["agent"],
            archived_knowledge=past["archived"],
            superseded_knowledge=past["superseded"],
            traits=len(tiers.traits),
            failed_pages=sum(
                len(topic.page_ids)
                for topic in self._records(["topic"], live=True)  # those to be read again
                if isinstance(topic, Topic) and topic.failed is not None
            ),
        )

    def usage(self, since: datetime | str | float | None = None) -> Usage:
        """Return what the scope's model calls have cost: calls, failures, tokens, seconds.

        Args:
            since: only calls from this time on; datetime or ISO 8601.
        """
        calls = self.calls(since)
        purposes: dict[str, int] = {}
        for call in calls:
            purposes[call.purpose] = purposes.get(call.purpose, 0) + 1
        return Usage(
            calls=len(calls),
            failures=sum(call.outcome != "ok" for call in calls),
            prompt_tokens=sum(call.prompt_tokens for call in calls),
            completion_tokens=sum(call.completion_tokens for call in calls),
            seconds=sum(call.seconds for call in calls),
            by_purpose=purposes,
        )

    def calls(self, since: datetime | str | float | None = None) -> list[Call]:
        """Return the ledger of the scope's model calls (since a time), oldest first."""
        return self._modules.store.calls(
            self.scope, None if since is None else checked_time(since, "since")
        )

    def receipts(self) -> list[ErasureReceipt]:
        """Return the receipts of all erasures in this scope, oldest first."""
        return self._modules.store.receipts(self.scope)

    def check(self, receipt: ErasureReceipt) -> Remains:
        """Look for what an erasure removed: nothing is there, unless it was put in again.

        Args:
            receipt: what `forget` returned, or one of `receipts()`.
        """
        return remains(self._modules.store, self.scope, receipt)

    def _repr_html_(self) -> str | None:
        """Return the card of a notebook. What the rules would file in a moment, they file now."""
        by_rules = self._modules.generator.chat_model is None and self.config.promotion != "manual"
        with suppress(MemoryOSError):
            if by_rules and 0 < self.stats().waiting <= _FILED_FOR_A_CARD:
                self._modules.run(self.scope)
        return super()._repr_html_()

    # ── showing ──────────────────────────────────────────────────────────────────────────────

    def plot_heat(self) -> Figure:
        """Return a matplotlib figure of each segment's heat over time, with τ and promotions.

        As the journal has it: heat jumps with each page and recall, cools slowly, and starts again
        when the segment is promoted. Raises MissingExtra without the extra `notebooks`.
        """
        figure: Figure = FIGURES["heat"](self)
        return figure

    def plot_segments(self) -> Figure:
        """Return a matplotlib figure of what each segment's heat is made of now (Eq. 4).

        Raises MissingExtra without the extra `notebooks`.
        """
        figure: Figure = FIGURES["segments"](self)
        return figure

    def plot_timeline(self) -> Figure:
        """Return a matplotlib figure of when the pages of each segment were said.

        Pages that are the source of what is known are ringed. A segment has the same colour in all
        three figures. Raises MissingExtra without the extra `notebooks`.
        """
        figure: Figure = FIGURES["timeline"](self)
        return figure

    def heat_history(self) -> dict[str, list[HeatPoint]]:
        """Return how each segment's heat came about, in order of time, by the segment's id.

        Worked out from the journal with the settings of now: exactly what the rules did, nearly
        what a model did, which files and promotes several pages at a time.
        """
        segments = self.segments(evicted=True)
        now = self._modules.clock()
        return heat_history(self.pages(), self._records(["visits"]), segments, self.config, now)

    def _records(
        self, kinds: Sequence[Kind], ids: Sequence[str] | None = None, *, live: bool | None = None
    ) -> list[Any]:
        store = self._modules.store
        return [decode(r) for r in store.records(self.scope, kinds, ids=ids, live=live)]
