"""The history of a session as a chat sees it: which of its pages are part of the conversation.

The journal keeps everything.  A history can be ended or replaced all the same, which is written
down as one more message, without words, on the session's newest page (or before the first message
of the new history): the start mark.  The history is what comes after the last start mark, preceded
by the pages that the mark names.  Being in the journal, it holds for every process and handle, goes
when the session is forgotten, and takes nothing away from long-term memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from uuid import uuid4

from memoryos import Memory, Message, Page
from memoryos.errors import NotFound
from memoryos_integrations.llama_index.messages import OURS

_START = "start"
"""In a message's metadata: it is a start mark; the value lists the ids of pages that stay."""
_SYSTEM = "system"
"""In a page's metadata: id of the page whose system prompt the history has; None if it has none.
So the prompt is found without reading the whole history."""
_NEXT_READ = 3
_LOOKED_AT = 100


class Turn(NamedTuple):
    """Messages of one page that are part of the history."""

    page_id: str
    messages: tuple[Message, ...]


class History:
    """The visible history of one session. Holds nothing; thread-safe as the engine is."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    # ── reading ──

    def turns(self, at_once: int = 8) -> Iterator[Turn]:
        """Yield the turns, newest first; read no further back than needed, `at_once` at first."""
        for page in self._newest_first(at_once):
            at = _last_start(page.messages)
            here = page.messages if at is None else page.messages[at + 1 :]
            if here:
                yield Turn(page.id, here)
            if at is not None:
                for page_id in reversed(_ours(page.messages[at])[_START]):
                    kept = self._page(page_id)
                    if kept is not None:
                        yield Turn(kept.id, _without_marks(kept))
                return

    def system(self) -> Turn | None:
        """Return the system prompt: what system messages the history begins with, if any."""
        newest = self._newest()
        return None if newest is None else self._system_after(newest)

    # ── writing ──

    def append(self, messages: Sequence[Message]) -> None:
        """Add messages at the end. Raises InvalidInput or StorageError."""
        if messages:
            newest = self._newest()
            if newest is None or _last_start(newest.messages) == len(newest.messages) - 1:
                # The mark may name pages that stay: the prompt is then the first one's.
                self._begin(list(messages), prompt=None if newest is None else _system_page(newest))
            else:
                self._go_on(newest, messages)

    def replace(self, messages: Sequence[Message]) -> None:
        """Make `messages` the history.

        Turns that the session's journal has already are not journalled again: chat engines that
        are given the whole history with every question would fill the memory with copies.
        """
        turns = [*self.turns()][::-1]
        here = [message for turn in turns for message in turn.messages]
        rest = list(messages)
        kept: list[str] = []
        goes_on = here == rest[: len(here)]
        if goes_on:
            del rest[: len(here)]
            kept += [turn.page_id for turn in turns]
            if not rest:
                return
        known = self._journalled(2 * len(messages) + _LOOKED_AT)
        while rest:
            turn = _first_turn(rest)
            same = [page for page in known.get(spoken(turn), ()) if page.id not in kept]
            same = [page for page in same if [*_without_marks(page)] == turn]
            if not same:
                break
            goes_on = False
            kept.append(same[0].id)
            del rest[: len(turn)]
        mark = Message("system", "", metadata={OURS: {_START: kept}})
        if goes_on:
            self.append(rest)
        elif rest:
            self._begin(rest, mark)
        else:
            self._memory.add_messages([mark], mend=True)

    def _journalled(self, limit: int) -> dict[tuple[str, ...], list[Page]]:
        """Return the session's newest pages by what is said in them."""
        found: dict[tuple[str, ...], list[Page]] = {}
        session_id = self._memory.session_id
        for page in reversed(self._memory.pages(session_id, newest_first=True, limit=limit)):
            found.setdefault(spoken(page.messages), []).append(page)
        return found

    def end(self) -> None:
        """Begin anew with an empty history; the pages stay in the journal."""
        if next(self.turns(), None) is not None:
            self.replace([])

    def _begin(self, messages: list[Message], *marks: Message, prompt: str | None = None) -> None:
        """Add a page of its own; `prompt` is the id of the page with the history's prompt."""
        # With a key the turn is a page of its own even if nobody has asked anything yet; without,
        # a greeting would go on with the last page of the history before.
        turn = _first_turn(messages)
        metadata = None if prompt is None else {OURS: {_SYSTEM: prompt}}
        key = f"{OURS}/{uuid4().hex}"
        pages = self._memory.add_messages([*marks, *turn], metadata=metadata, key=key, mend=True)
        if rest := messages[len(turn) :]:
            self._go_on(pages[0], rest)

    def _go_on(self, newest: Page, messages: Sequence[Message]) -> None:
        metadata = None
        roles = {message.role for message in messages}
        if "user" in roles:
            system = self._system_after(newest)
            # Said of a page that begins with a system message too: that one is no prompt.
            if system is not None or "system" in roles:
                page_id = None if system is None else system.page_id
                metadata = {OURS: {_SYSTEM: page_id}}
        self._memory.add_messages(messages, metadata=metadata, mend=True)

    def _system_after(self, newest: Page) -> Turn | None:
        page_id = _system_page(newest)
        if page_id is None:
            return None
        page = newest if page_id == newest.id else self._page(page_id)
        prompt = [] if page is None else _leading_system(_without_marks(page))
        return Turn(page_id, tuple(prompt)) if prompt else None

    # ── pages ──

    def _newest(self) -> Page | None:
        session_id = self._memory.session_id
        return next(iter(self._memory.pages(session_id, newest_first=True, limit=1)), None)

    def _newest_first(self, limit: int) -> Iterator[Page]:
        last = None
        while True:
            pages = self._memory.pages(self._memory.session_id, newest_first=True, limit=limit)
            for page in pages:
                if last is None or page.seq < last:
                    last = page.seq
                    yield page
            if len(pages) < limit:
                return
            limit *= _NEXT_READ

    def _page(self, page_id: str) -> Page | None:
        try:
            return self._memory.page(page_id)
        except NotFound:  # forgotten since
            return None


def leading_system(turn: Turn) -> int:
    """Return how many system messages the turn begins with."""
    return len(_leading_system(turn.messages))


def spoken(messages: Sequence[Message]) -> tuple[str, ...]:
    """Return what user and assistant say in the messages of a page."""
    return tuple(m.text for m in messages if m.role in ("user", "assistant") and m.text)


def _leading_system(messages: Sequence[Message]) -> list[Message]:
    found: list[Message] = []
    for message in messages:
        if message.role != "system":
            break
        found.append(message)
    return found


def _system_page(newest: Page) -> str | None:
    """Return the id of the page whose system prompt, if it has one, holds after `newest`."""
    at = _last_start(newest.messages)
    if at is not None:
        kept: list[str] = _ours(newest.messages[at])[_START]
        if kept:
            return kept[0]
        return newest.id if _leading_system(newest.messages[at + 1 :]) else None
    ours = newest.metadata.get(OURS, {})
    if _SYSTEM in ours:
        known: str | None = ours[_SYSTEM]
        return known
    return newest.id if _leading_system(newest.messages) else None


def _ours(message: Message) -> dict[str, Any]:
    ours: dict[str, Any] = message.metadata.get(OURS, {})
    return ours


def _last_start(messages: Sequence[Message]) -> int | None:
    """Return the position of the last start mark."""
    for at in range(len(messages) - 1, -1, -1):
        if _START in _ours(messages[at]):
            return at
    return None


def _without_marks(page: Page) -> tuple[Message, ...]:
    return tuple(message for message in page.messages if _START not in _ours(message))


def _first_turn(messages: Sequence[Message]) -> list[Message]:
    """Return the first turn: up to the user's next message, as the engine makes pages of them."""
    turn: list[Message] = []
    begun = False
    for message in messages:
        if message.role == "user" and begun:
            break
        begun = begun or message.role in ("user", "assistant", "tool")
        turn.append(message)
    return turn
