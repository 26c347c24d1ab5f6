"""MemoryOS as a LangGraph store: what nodes put there, the engine recalls and erases."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from datetime import datetime, timezone
from typing import Any

from memoryos import Engine, Memory, Message, Page, RecalledPage
from memoryos.errors import InvalidInput, MissingExtra, NotFound
from memoryos.model import Id

try:
    from langgraph.store.base import (
        BaseStore,
        GetOp,
        InvalidNamespaceError,
        Item,
        ListNamespacesOp,
        MatchCondition,
        Op,
        PutOp,
        Result,
        SearchItem,
        SearchOp,
        get_text_at_path,
    )
except ImportError as error:
    if (error.name or "").startswith(("langgraph", "langchain")):
        raise MissingExtra.of("memoryos_integrations.langgraph", "langgraph") from error
    raise

Namespace = tuple[str, ...]
UserOf = Callable[[Namespace], "str | None"]
"""Names the user that a namespace belongs to, None for nobody. Once it names one, every namespace
below must be the same user's."""

NOBODY = ("shared", "langgraph")
"""(user_id, assistant_id) of the items that belong to nobody."""

_SESSION = "langgraph:"
_FIELD = "langgraph"
_MARKS = ("users", "memories")


def user_of_namespace(namespace: Namespace) -> str | None:
    """Return the user of ("users" | "memories", USER, …) and of (USER, "memories", …), else None.

    These are the forms that LangGraph's and LangMem's documentation use. Anything else is nobody's:
    guessing could give one user's items to another.
    """
    if len(namespace) < 2:
        return None
    if namespace[0] in _MARKS:
        return namespace[1]
    return namespace[0] if namespace[1] == "memories" else None


class MemoryOSStore(BaseStore):
    """A `BaseStore` on an engine. Thread-safe, and bound to no event loop.

    Each item is a page of its own session, so never in the short-term memory of a conversation; its
    words are recalled like any page's, and `Memory.forget` (or `delete`) erases it for good.

    engine or storage_uri: an open engine, or where to open one.
    user_id: whose items these are; the store then neither sees nor writes anybody else's, whatever
    the namespace. None: `user_of(namespace)` says it (default: `user_of_namespace`), and what is
    nobody's is kept apart from all users, in the scope `NOBODY`. `memory(namespace)` gives the
    memory that holds a namespace.
    fields: which parts of a value are searched, as JSON paths ("title", "notes[*].text"); "$" (the
    default) is all its words. `put(index=[…])` overrides it, `put(index=False)` searches none.

    A value may have 16 × max_text_bytes of JSON, and comes back exactly. Scores are the engine's:
    higher is nearer. There is no TTL. Raises MemoryOSError: a store that failed silently would be
    worse than one that fails; InvalidNamespaceError as LangGraph does.
    """

    def __init__(
        self,
        engine: Engine | None = None,
        user_id: Id | None = None,
        assistant_id: Id = "assistant",
        *,
        storage_uri: str | None = None,
        user_of: UserOf = user_of_namespace,
        fields: Sequence[str] = ("$",),
    ) -> None:
        if isinstance(fields, str):
            raise InvalidInput(f"fields must be a list of paths, not the text {fields!r}")
        engine = Engine.of(engine, storage_uri)
        # Says now if the ids cannot be.
        scope = engine.memory("anybody" if user_id is None else user_id, assistant_id).scope
        self._engine = engine
        self._user_id = None if user_id is None else scope.user_id
        self._assistant_id = scope.assistant_id
        self._user_of = user_of
        self._fields = tuple(fields)

    def memory(self, namespace: Namespace) -> Memory:
        """Return the memory that holds a namespace, seen from the namespace's session."""
        user_id = self._user_id if self._user_id is not None else self._user_of(namespace)
        session = _SESSION + ".".join(namespace)
        if user_id is None:
            return self._engine.memory(*NOBODY, session)
        return self._engine.memory(user_id, self._assistant_id, session)

    # ── the two verbs that the others are made of ────────────────────────────────────────────

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Run operations: reads see the state before the puts; of a key's puts the last wins."""
        results: list[Result] = []
        puts: dict[tuple[Namespace, str], PutOp] = {}
        for op in ops:
            _check(op)
            if isinstance(op, PutOp):
                puts[tuple(op.namespace), op.key] = op
                results.append(None)
            elif isinstance(op, GetOp):
                results.append(self._get(tuple(op.namespace), op.key))
            elif isinstance(op, SearchOp):
                results.append(self._search(op))
            else:
                results.append(self._list(op))
        for put in puts.values():
            self._put(put)
        return results

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """`batch` without blocking the event loop."""
        return await asyncio.to_thread(self.batch, list(ops))

    # ── one item ─────────────────────────────────────────────────────────────────────────────

    def _page(self, namespace: Namespace, key: str) -> Page | None:
        try:
            return self.memory(namespace).page(key=_key(namespace, key))
        except NotFound:
            return None

    def _get(self, namespace: Namespace, key: str) -> Item | None:
        page = self._page(namespace, key)
        return None if page is None else _item(page)

    def _put(self, op: PutOp) -> None:
        namespace = tuple(op.namespace)
        memory = self.memory(namespace)
        if op.value is None:
            page = self._page(namespace, op.key)
            if page is not None:
                _forget(memory, page)
            return
        text = "" if op.index is False else _words(op.value, op.index or self._fields)
        stored = {
            "namespace": list(namespace),
            "key": op.key,
            "value": dict(op.value),
            "updated_at": datetime.now(timezone.utc).isoformat(),
        }
        # The agent's words. A tool's are in the page, but nothing searches them.
        message = Message("assistant", text) if text else Message("tool", "")
        # Without a timestamp a page that is there keeps its own: that is created_at.
        key = _key(namespace, op.key)
        memory.add_messages([message], metadata={_FIELD: stored}, key=key, mend=True)

    # ── many items ───────────────────────────────────────────────────────────────────────────

    def _sessions(self, prefix: Namespace) -> Iterator[tuple[Memory, Namespace]]:
        """Yield every namespace at or below a prefix, with its memory."""
        for memory in self._memories(prefix):
            for session in memory.sessions():
                if session.startswith(_SESSION):
                    namespace = tuple(session.removeprefix(_SESSION).split("."))
                    if namespace[: len(prefix)] == prefix:
                        yield memory.session(session), namespace

    def _memories(self, prefix: Namespace) -> list[Memory]:
        user_id = self._user_id
        if user_id is None and prefix:
            user_id = self._user_of(prefix)
        if user_id is not None:
            return [self._engine.memory(user_id, self._assistant_id)]
        return [
            self._engine.memory(scope.user_id, scope.assistant_id)
            for scope in self._engine.scopes()
            if scope.assistant_id == self._assistant_id
            or (scope.user_id, scope.assistant_id) == NOBODY
        ]

    def _search(self, op: SearchOp) -> list[SearchItem]:
        ranked: list[SearchItem] = []
        others: list[SearchItem] = []
        for memory, _ in self._sessions(tuple(op.namespace_prefix)):
            for page, score in _candidates(memory, op):
                (others if score is None else ranked).append(_search_item(page, score))
        ranked.sort(key=lambda item: -(item.score or 0.0))
        others.sort(key=lambda item: item.updated_at, reverse=True)
        return [*ranked, *others][op.offset : op.offset + op.limit]

    def _list(self, op: ListNamespacesOp) -> list[Namespace]:
        conditions = op.match_conditions or ()
        wanted = _literal_prefix(conditions)
        found = {
            namespace if op.max_depth is None else namespace[: op.max_depth]
            for _, namespace in self._sessions(wanted)
            if all(_is_at(namespace, condition) for condition in conditions)
        }
        return sorted(found)[op.offset : op.offset + op.limit]


# ── pages and items ──────────────────────────────────────────────────────────────────────────────


def _key(namespace: Namespace, key: str) -> str:
    return _SESSION + json.dumps([*namespace, key], ensure_ascii=False)


def _item(page: Page) -> Item:
    stored = page.metadata[_FIELD]
    return Item(
        value=deepcopy(stored["value"]),  # callers may change what they get
        key=stored["key"],
        namespace=tuple(stored["namespace"]),
        created_at=page.timestamp,
        updated_at=max(page.timestamp, datetime.fromisoformat(stored["updated_at"])),
    )


def _search_item(page: Page, score: float | None) -> SearchItem:
    item = _item(page)
    return SearchItem(
        namespace=item.namespace,
        key=item.key,
        value=item.value,
        created_at=item.created_at,
        updated_at=item.updated_at,
        score=score,
    )


def _candidates(memory: Memory, op: SearchOp) -> list[tuple[Page, float | None]]:
    """Return the items of a namespace that a search may give, with their scores.

    No more than it may give, where the engine can tell which those are.
    """
    session, enough = memory.session_id, op.offset + op.limit
    query = (op.query or "").strip()
    if enough < 1:
        return []
    if not query and not op.filter:
        newest = memory.pages(session, newest_first=True, limit=enough)
        if all(_FIELD in page.metadata for page in newest):
            return [(page, None) for page in newest]
    if query and not op.filter:
        found = _found(memory, query, enough)
        if len(found) == enough and all(_FIELD in i.page.metadata and i.page.text for i in found):
            return [(item.page, item.score) for item in found]
    pages = memory.pages(session)
    wanted = {page.id for page in pages if _matches(page, op.filter)}
    scores: dict[str, float] = {}
    if query and wanted:
        found = _found(memory, query, len(pages))
        # In the order of their rank, which also tells apart what has the same score.
        scores = {i.page.id: i.score for i in found if i.page.id in wanted and i.page.text}
    by_id = {page.id: page for page in pages}
    ranked = [(by_id[id_], score) for id_, score in scores.items() if id_ in by_id]
    others = [(page, None) for page in pages if page.id in wanted and page.id not in scores]
    return [*ranked, *others]


def _found(memory: Memory, query: str, k: int) -> Sequence[RecalledPage]:
    """Return the items of a namespace nearest to a query, however far."""
    # Items are no turns: a query asked in their session would go on from the newest one.
    asking = memory.session(f"{memory.session_id} asking")
    return asking.recall(query, k=k, where={"session_id": memory.session_id}, min_relevance=0).pages


def _forget(memory: Memory, page: Page) -> None:
    try:
        memory.forget(page_id=page.id)
    except NotFound:
        return  # somebody else was first


def _words(value: Mapping[str, Any], fields: Sequence[str]) -> str:
    """Return the text by which a value is found, fit to be journalled."""
    lines: list[str] = []
    for field in fields:
        lines += _leaves(value) if field == "$" else get_text_at_path(dict(value), field)
    text = "\n".join(line for line in lines if line.strip())
    return text.replace("\x00", " ").encode("utf-8", "replace").decode()


def _leaves(value: Any, name: str = "") -> Iterator[str]:
    """Yield one line per leaf of a JSON value, with its name: "food: pizza"."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, str(key))
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _leaves(inner, name)
    elif value is not None:
        yield f"{name}: {value}" if name else str(value)


# ── conditions ───────────────────────────────────────────────────────────────────────────────────


def _check(op: Op) -> None:
    """Raise InvalidNamespaceError for labels that would change what a namespace means."""
    paths: list[Sequence[str]] = []
    if isinstance(op, (GetOp, PutOp)):
        paths.append(op.namespace)
        if not op.namespace:
            raise InvalidNamespaceError("Namespace cannot be empty.")
    elif isinstance(op, SearchOp):
        paths.append(op.namespace_prefix)
    elif isinstance(op, ListNamespacesOp):
        paths += [condition.path for condition in op.match_conditions or ()]
    else:
        raise InvalidInput(f"{type(op).__name__} is no operation of a store")
    for path in paths:
        for label in path:
            if not isinstance(label, str) or not label or "." in label or "\x00" in label:
                raise InvalidNamespaceError(
                    f"namespace labels must be texts without periods, not {label!r}, in {path!r}"
                )


def _literal_prefix(conditions: Sequence[MatchCondition]) -> Namespace:
    """Return the labels that every namespace asked for begins with."""
    for condition in conditions:
        if condition.match_type == "prefix":
            path = tuple(condition.path)
            return path[: path.index("*")] if "*" in path else path
    return ()


def _is_at(namespace: Namespace, condition: MatchCondition) -> bool:
    path = tuple(condition.path)
    if condition.match_type not in ("prefix", "suffix"):
        raise InvalidInput(f"match_type must be 'prefix' or 'suffix', not {condition.match_type!r}")
    if len(namespace) < len(path):
        return False
    part = namespace[: len(path)] if condition.match_type == "prefix" else namespace[-len(path) :]
    return not path or all(want in ("*", label) for want, label in zip(path, part, strict=True))


def _matches(page: Page, wanted: Mapping[str, Any] | None) -> bool:
    """Return whether a page is an item whose value passes a filter."""
    if _FIELD not in page.metadata:
        return False  # a conversation that took a namespace's session name
    value = page.metadata[_FIELD]["value"]
    return all(_passes(value.get(name), want) for name, want in (wanted or {}).items())


def _passes(value: Any, want: Any) -> bool:
    if isinstance(want, Mapping):
        if any(str(name).startswith("$") for name in want):
            return all(_compares(value, name, operand) for name, operand in want.items())
        return isinstance(value, Mapping) and all(
            _passes(value.get(name), inner) for name, inner in want.items()
        )
    if isinstance(want, (list, tuple)):
        return (
            isinstance(value, list)
            and len(value) == len(want)
            and all(_passes(one, other) for one, other in zip(value, want, strict=True))
        )
    return bool(value == want)


def _compares(value: Any, operator: str, operand: Any) -> bool:
    if operator == "$eq":
        return bool(value == operand)
    if operator == "$ne":
        return bool(value != operand)
    order = {
        "$gt": lambda: value > operand,
        "$gte": lambda: value >= operand,
        "$lt": lambda: value < operand,
        "$lte": lambda: value <= operand,
    }.get(operator)
    if order is None:
        raise InvalidInput(
            f"there is no filter operator {operator!r}: $eq, $ne, $gt, $gte, $lt, $lte"
        )
    numbers = isinstance(value, (int, float)) and isinstance(operand, (int, float))
    texts = isinstance(value, str) and isinstance(operand, str)
    # What cannot be compared does not pass, as in PostgreSQL; a missing value is no error.
    return (numbers or texts) and bool(order())
