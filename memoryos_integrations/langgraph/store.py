"""MemoryOS as a LangGraph store: what nodes put there, the engine recalls and erases."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from langgraph.store.base import (
    BaseStore,
    GetOp,
    IndexConfig,
    Item,
    ListNamespacesOp,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    TTLConfig,
)

from memoryos import Engine, Memory
from memoryos.errors import InvalidInput
from memoryos.model import Id
from memoryos_integrations.langgraph.expiry import Expiry, Sweeper
from memoryos_integrations.langgraph.items import (
    NOBODY,
    Namespace,
    Stored,
    UserOf,
    draft_of,
    item_of,
    page_key,
    search_item_of,
    session_of,
    user_of_namespace,
    utc_now,
)
from memoryos_integrations.langgraph.namespaces import Matches, check, literal_prefix
from memoryos_integrations.langgraph.search import found_in, newest
from memoryos_integrations.langgraph.shelves import Shelves
from memoryos_integrations.langgraph.words import WHOLE, checked_fields, words_of

if TYPE_CHECKING:
    from typing_extensions import Self

    from memoryos.memory.documents import Document, Documents

Slot = tuple[Namespace, str]
_SETTINGS_OF_TTL = frozenset(TTLConfig.__annotations__)


class MemoryOSStore(BaseStore):
    """A `BaseStore` on an engine. Thread-safe, bound to no event loop; `with` and `async with`.

    Each item is a page of its own session (a document: never filed as a conversation); its words
    are recalled like any page's, and `Memory.forget` (or `delete`) erases it for good.

    engine or storage_uri: an open engine, or where to open one, once per process for all who ask.
    user_id: whose items these are; the store then neither sees nor writes anybody else's, whatever
    the namespace. None: `user_of(namespace)` says it (default: `user_of_namespace`), and what is
    nobody's is kept apart from all users, in the scope `NOBODY`. `memory(namespace)` gives the
    memory that holds a namespace.
    index: {"fields": […]}, which parts of a value are searched, as JSON paths ("title",
    "notes[*].text"); "$" (the default) is all its words, without ids, times, encodings and binary
    content. `put(index=[…])` overrides it, `put(index=False)` searches none. The embedder is the
    engine's.
    ttl: LangGraph's `TTLConfig`, in minutes: default_ttl, refresh_on_read (default True),
    sweep_interval_minutes (default 5). `put(ttl=…)` overrides default_ttl. What has expired is
    never returned, and goes for good at the next sweep: `sweep_ttl`, or the thread that
    `start_ttl_sweeper` and `with` start.

    A score is the relevance, 0 to 1, comparable between searches, namespaces and users. Raises
    MemoryOSError: a store that failed silently would be worse than one that fails;
    InvalidNamespaceError as LangGraph does.
    """

    supports_ttl = True

    def __init__(
        self,
        engine: Engine | None = None,
        user_id: Id | None = None,
        assistant_id: Id = "assistant",
        *,
        storage_uri: str | None = None,
        user_of: UserOf = user_of_namespace,
        index: IndexConfig | None = None,
        ttl: TTLConfig | None = None,
    ) -> None:
        self._fields = _fields_of(index)
        self.ttl_config = _checked_ttl_config(ttl)
        self._engine = Engine.of(engine, storage_uri)
        # Says now if the ids cannot be.
        scope = self._engine.memory("anybody" if user_id is None else user_id, assistant_id).scope
        self._user_id = None if user_id is None else scope.user_id
        self._assistant_id = scope.assistant_id
        self._user_of = user_of
        self._shelves = Shelves()
        self._expiry = Expiry()
        self._sweeper = Sweeper(self.sweep_ttl, self.ttl_config)

    def memory(self, namespace: Namespace) -> Memory:
        """Return the memory that holds a namespace, seen from the namespace's session."""
        user_id = self._user_id if self._user_id is not None else self._user_of(namespace)
        session = session_of(namespace)
        if user_id is None:
            return self._engine.memory(*NOBODY, session)
        return self._engine.memory(user_id, self._assistant_id, session)

    # ── opening and closing ──────────────────────────────────────────────────────────────────

    def __enter__(self) -> Self:
        if self.ttl_config is not None:
            self.start_ttl_sweeper()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """End the sweeper. The engine stays with whoever else uses it. Idempotent."""
        self._sweeper.stop(timeout=5.0)

    def setup(self) -> None:
        """Do nothing, as the engine's database is there; LangGraph's own stores ask for this."""

    # ── the two verbs that the others are made of ────────────────────────────────────────────

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Run operations: reads see the state before the puts; of a key's puts the last wins.

        The puts of one user are one transaction.
        """
        results: list[Result] = []
        puts: dict[Slot, PutOp] = {}
        reads = list(ops)
        for op in reads:
            check(op)
        now = utc_now()
        for op in reads:
            if isinstance(op, PutOp):
                puts.pop((tuple(op.namespace), op.key), None)
                puts[tuple(op.namespace), op.key] = op
                results.append(None)
            elif isinstance(op, GetOp):
                results.append(self._get(op, now))
            elif isinstance(op, SearchOp):
                results.append(self._search(op, now))
            else:
                results.append(self._list(op, now))
        self._put(puts, now)
        return results

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """`batch` without blocking the event loop."""
        return await asyncio.to_thread(self.batch, list(ops))

    # ── one item ─────────────────────────────────────────────────────────────────────────────

    def _shelf(self, namespace: Namespace) -> Documents[Stored]:
        return self._shelves.of(self.memory(namespace))

    def _get(self, op: GetOp, now: datetime) -> Item | None:
        namespace = tuple(op.namespace)
        shelf = self._shelf(namespace)
        document = shelf.get(page_key(namespace, op.key))
        if document is None or self._expiry.is_over(document, now):
            return None
        self._expiry.refresh(shelf, [document], now, asked=op.refresh_ttl)
        return item_of(document.value)

    def _put(self, puts: dict[Slot, PutOp], now: datetime) -> None:
        """Do the puts, then the deletions, of each user in one transaction."""
        by_shelf: dict[Documents[Stored], list[PutOp]] = {}
        for (namespace, _), op in puts.items():
            by_shelf.setdefault(self._shelf(namespace), []).append(op)
        for shelf, ops in by_shelf.items():
            kept = [op for op in ops if op.value is not None]
            shelf.put([draft_of(op, self._words(op), now) for op in kept])
            gone = [
                shelf.id_of(page_key(tuple(op.namespace), op.key)) for op in ops if op.value is None
            ]
            if gone:
                shelf.discard(shelf.of_ids(gone), "store item")

    def _words(self, op: PutOp) -> str:
        if op.index is False or op.value is None:
            return ""
        fields = self._fields if op.index is None else checked_fields(op.index, "index")
        return words_of(op.value, fields)

    # ── many items ───────────────────────────────────────────────────────────────────────────

    def _shelves_under(self, prefix: Namespace) -> list[Documents[Stored]]:
        """Return the shelves that may hold namespaces at or below a prefix: one for each user."""
        user_id = self._user_id
        if user_id is None and prefix:
            user_id = self._user_of(prefix)
        if user_id is not None:
            return [self._shelves.of(self._engine.memory(user_id, self._assistant_id))]
        return [
            self._shelves.of(self._engine.memory(scope.user_id, scope.assistant_id))
            for scope in self._engine.scopes()
            if scope.assistant_id == self._assistant_id
            or (scope.user_id, scope.assistant_id) == NOBODY
        ]

    def _search(self, op: SearchOp, now: datetime) -> list[SearchItem]:
        shelves = self._shelves_under(tuple(op.namespace_prefix))
        enough = op.offset + op.limit
        if enough < 1 or op.limit < 1:
            return []
        found: list[tuple[Documents[Stored], Document[Stored], float | None]] = []
        for shelf in shelves:
            found += [(shelf, *hit) for hit in found_in(shelf, op, enough, now, self._expiry)]
        if len(shelves) > 1:
            found = newest(found, enough)
        given = found[op.offset : enough]
        for shelf in dict.fromkeys(shelf for shelf, _, _ in given):
            documents = [document for at, document, _ in given if at is shelf]
            self._expiry.refresh(shelf, documents, now, asked=op.refresh_ttl)
        return [search_item_of(document.value, score) for _, document, score in given]

    def _list(self, op: ListNamespacesOp, now: datetime) -> list[Namespace]:
        matches = Matches(op.match_conditions or ())
        found: set[Namespace] = set()
        for shelf in self._shelves_under(literal_prefix(op.match_conditions or ())):
            alive = partial(self._expiry.is_alive, now=now, shelf=shelf)
            found.update(shelf.groups(alive))
        wanted = {space[: op.max_depth] for space in found if matches(space)}
        return sorted(wanted)[op.offset : op.offset + op.limit]

    # ── what expires ─────────────────────────────────────────────────────────────────────────

    def sweep_ttl(self) -> int:
        """Erase what has expired, in small transactions; return how many items that were."""
        return sum(self._expiry.sweep(shelf) for shelf in self._shelves_under(()))

    async def asweep_ttl(self) -> int:
        """`sweep_ttl` without blocking the event loop."""
        return await asyncio.to_thread(self.sweep_ttl)

    def start_ttl_sweeper(
        self, sweep_interval_minutes: float | None = None
    ) -> concurrent.futures.Future[None]:
        """Sweep in a background thread, at intervals, until it is stopped.

        Returns a future; cancelling it ends the sweeper. Without a `ttl` it is done at once.
        """
        return self._sweeper.start(sweep_interval_minutes)

    def stop_ttl_sweeper(self, timeout: float | None = None) -> bool:
        """End the sweeper's thread; return whether it ended within `timeout` seconds."""
        return self._sweeper.stop(timeout)


def _fields_of(index: object) -> Sequence[str]:
    """Return the paths that an `index` names. Raises InvalidInput for what the engine decides."""
    if index is None:
        return (WHOLE,)
    if not isinstance(index, dict):
        raise InvalidInput(f"index must be a mapping such as {{'fields': ['text']}}, not {index!r}")
    others = sorted(set(index) - {"fields"})
    if others:
        raise InvalidInput(
            f"index has {', '.join(map(repr, others))}, but vectors are made by the engine's "
            "embedder: Engine.open(…, embedder=…); here 'fields' alone can be set"
        )
    return checked_fields(index.get("fields") or (WHOLE,), "index['fields']")


def _checked_ttl_config(ttl: Any) -> TTLConfig | None:
    if ttl is None:
        return None
    if not isinstance(ttl, dict) or set(ttl) - _SETTINGS_OF_TTL:
        raise InvalidInput(
            f"ttl must be a mapping of {', '.join(sorted(_SETTINGS_OF_TTL))}, not {ttl!r}"
        )
    return cast("TTLConfig", dict(ttl))
