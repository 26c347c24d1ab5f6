"""The Storage module's way in (paper §3.2): turns and messages become pages of the journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from memoryos.errors import InvalidInput
from memoryos.memory.mending import CUT, mended_message, mended_side
from memoryos.memory.modules import Modules
from memoryos.model import DOCUMENT, Message, Page, Scope
from memoryos.storage.journal import (
    ROOM,
    checked_id,
    checked_message,
    checked_metadata,
    checked_time,
    drafts_of,
    message_page,
    page_id,
    text_page,
    turns,
)
from memoryos.storage.port import PageDraft, PageMoved, PageQuery
from memoryos.storage.transact import attempts

Turn = tuple[str, str] | tuple[str, str, "datetime | str | float | None"]
"""(user, agent) or (user, agent, timestamp)."""
_NO_MESSAGES = "messages must hold at least one message"


class Writer:
    """Writes one session of one scope. Thread-safe."""

    def __init__(self, parts: Modules, scope: Scope, session_id: str) -> None:
        self._modules = parts
        self._scope = scope
        self._session_id = session_id

    def add(
        self,
        user: object,
        agent: object,
        timestamp: object,
        metadata: object,
        key: str | None,
        *,
        mend: bool = False,
    ) -> Page:
        """Journal one turn (see `Memory.add`)."""
        notes: dict[str, Any] = {}
        if mend:
            user, of_user = mended_side(user, "user_input", self._most(mend=True))
            agent, of_agent = mended_side(agent, "agent_response", self._most(mend=True))
            notes = {CUT: cut} if (cut := {**of_user.get(CUT, {}), **of_agent.get(CUT, {})}) else {}
        page = self._page(user, agent, timestamp, metadata, key, mend=mend)
        return self._append(drafts_of([replace(page, metadata={**page.metadata, **notes})]))[0]

    def add_many(self, turns: Sequence[Turn], keys: Sequence[str] | None) -> list[Page]:
        """Journal many turns in one transaction (see `Memory.add_many`)."""
        if keys is not None and len(keys) != len(turns):
            raise InvalidInput(f"keys must be as many as turns: {len(keys)} are not {len(turns)}")
        pages = []
        for number, turn in enumerate(turns):
            if not isinstance(turn, (tuple, list)) or not 2 <= len(turn) <= 3:
                raise InvalidInput(
                    f"turns[{number}] must be (user, agent) or (user, agent, timestamp)"
                )
            time = turn[2] if len(turn) == 3 else None
            key = None if keys is None else keys[number]
            try:
                pages.append(self._page(turn[0], turn[1], time, None, key))
            except InvalidInput as error:
                raise InvalidInput(f"turns[{number}]: {error}") from None
        return self._append(drafts_of(pages))

    def add_messages(
        self,
        messages: Sequence[Message],
        timestamp: datetime | str | float | None,
        metadata: Mapping[str, Any] | None,
        key: str | None,
        *,
        mend: bool = False,
    ) -> list[Page]:
        """Journal messages verbatim (see `Memory.add_messages`)."""
        if not messages:
            raise InvalidInput(_NO_MESSAGES)
        # Checked here; pages take what is stored already as well, which may have been mended.
        most = self._most(mend=mend)
        if mend:
            messages = [mended_message(message, most) for message in messages]
        messages = [checked_message(message, most) for message in messages]
        checked_metadata(metadata, most)
        time = None if timestamp is None else checked_time(timestamp)
        if key is not None:
            return [self._put_page(page_id(key), messages, time, metadata)]
        first, *others = turns(messages)
        now = time or self._modules.clock()
        drafts = [self._messages_draft(page_id(None), group, now, metadata) for group in others]
        if all(message.role != "user" for message in first):
            return self._continue(first, now, metadata, drafts)
        return self._append([self._messages_draft(page_id(None), first, now, metadata), *drafts])

    def _continue(
        self,
        messages: list[Message],
        now: datetime,
        metadata: Mapping[str, Any] | None,
        others: Sequence[PageDraft],
    ) -> list[Page]:
        """Go on with the session's newest page, and journal the others with it: all or none."""
        query = PageQuery(session_id=self._session_id, newest_first=True, limit=1)
        for _ in attempts("add_messages"):
            newest = self._modules.store.pages(self._scope, query)
            if not newest or DOCUMENT in newest[0].metadata:
                break
            page = newest[0]
            draft = self._messages_draft(
                page.id,
                [*page.messages, *messages],
                page.timestamp,
                {**page.metadata, **(metadata or {})},
            )
            with suppress(PageMoved):
                return self._append([replace(draft, replaces=page.seq), *others])
        return self._append([self._messages_draft(page_id(None), messages, now, metadata), *others])

    def _put_page(
        self,
        id_: str,
        messages: Sequence[Message],
        time: datetime | None,
        metadata: Mapping[str, Any] | None,
    ) -> Page:
        for _ in attempts("add_messages"):
            known = self._modules.store.pages(self._scope, PageQuery(ids=[id_]))
            old = known[0] if known else None
            at = time or (old.timestamp if old else self._modules.clock())
            draft = self._messages_draft(id_, messages, at, metadata)
            if old is not None and _same(old, draft):
                return old
            with suppress(PageMoved):
                page = self._append([replace(draft, replaces=old.seq if old else None)])[0]
                if _same(page, draft):
                    return page
        raise AssertionError("unreachable")

    def _most(self, *, mend: bool) -> int:
        """Return the bytes that a text may have."""
        return self._modules.config.max_text_bytes * (ROOM if mend else 1)

    def _page(
        self,
        user: object,
        agent: object,
        timestamp: object,
        metadata: object,
        key: str | None,
        *,
        mend: bool = False,
    ) -> Page:
        return text_page(
            user,
            agent,
            timestamp=self._modules.clock() if timestamp is None else checked_time(timestamp),
            session_id=self._session_id,
            metadata=metadata,
            key=key,
            most_bytes=self._most(mend=mend),
        )

    def _messages_draft(
        self, id_: str, messages: Sequence[Message], at: datetime, metadata: object
    ) -> PageDraft:
        page = message_page(
            messages,
            id_=id_,
            timestamp=at,
            session_id=self._session_id,
            metadata=metadata,
            most_bytes=self._most(mend=True),
        )
        return drafts_of([page])[0]

    def _append(self, drafts: Sequence[PageDraft]) -> list[Page]:
        if not drafts:
            return []
        if any(DOCUMENT in draft.metadata for draft in drafts):
            raise InvalidInput(f"metadata: {DOCUMENT!r} is the name of what is no turn")
        pages = self._modules.store.append(self._scope, drafts)
        self._modules.after_add(self._scope)
        return pages


def keyed_page(
    parts: Modules,
    session_id: object,
    messages: Sequence[Message],
    timestamp: datetime | str | float,
    key: str,
) -> Page:
    """Return the page that `Memory.add_messages` makes of messages with a key. Raises InvalidInput.

    It is not journalled yet.
    """
    session = checked_id(session_id, "session_id")
    if not messages:
        raise InvalidInput(_NO_MESSAGES)
    time = checked_time(timestamp)
    return message_page(
        messages,
        id_=page_id(key),
        timestamp=time,
        session_id=session,
        metadata=None,
        most_bytes=parts.config.max_text_bytes,
    )


def put_pages(parts: Modules, scope: Scope, pages: Sequence[Page]) -> None:
    """Journal pages, each of another id, in one transaction, as `Memory.add_messages` each one.

    One that the scope holds as it is stays where it is; one that has changed comes anew.
    """
    store, left = parts.store, pages
    for _ in attempts("import"):
        known = {page.id: page for page in store.pages(scope, PageQuery(ids=[p.id for p in left]))}
        left = [page for page in left if page.id not in known or not _same(known[page.id], page)]
        if not left:
            return
        drafts = [
            replace(draft, replaces=known[draft.id].seq) if draft.id in known else draft
            for draft in drafts_of(left)
        ]
        with suppress(PageMoved):
            put = store.append(scope, drafts)
            parts.after_add(scope)
            left = [page for page, there in zip(left, put, strict=True) if not _same(there, page)]
            if not left:
                return


def _same(page: Page, coming: Page | PageDraft) -> bool:
    return (page.messages, page.metadata, page.session_id, page.timestamp) == (
        coming.messages,
        coming.metadata,
        coming.session_id,
        coming.timestamp,
    )
