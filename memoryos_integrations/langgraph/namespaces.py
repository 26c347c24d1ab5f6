"""Labels of namespaces, and conditions that namespaces are listed by."""

from __future__ import annotations

from collections.abc import Sequence

from langgraph.store.base import (
    GetOp,
    InvalidNamespaceError,
    ListNamespacesOp,
    MatchCondition,
    Op,
    PutOp,
    SearchOp,
)

from memoryos.errors import InvalidInput
from memoryos_integrations.langgraph.items import Namespace


def check(op: Op) -> None:
    """Raise InvalidNamespaceError for labels that would change what a namespace means."""
    paths: list[Sequence[str]] = []
    if isinstance(op, (GetOp, PutOp)):
        paths.append(op.namespace)
        if not op.namespace:
            raise InvalidNamespaceError("Namespace cannot be empty.")
        if not isinstance(op.key, str) or not op.key:
            raise InvalidInput(f"key must be a text, not {op.key!r}")
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


def literal_prefix(conditions: Sequence[MatchCondition]) -> Namespace:
    """Return the labels that every namespace asked for begins with."""
    for condition in conditions:
        if condition.match_type == "prefix":
            path = tuple(condition.path)
            return path[: path.index("*")] if "*" in path else path
    return ()


class Matches:
    """Whether a namespace meets all conditions. Raises InvalidInput for one that does not exist."""

    def __init__(self, conditions: Sequence[MatchCondition]) -> None:
        for condition in conditions:
            if condition.match_type not in ("prefix", "suffix"):
                raise InvalidInput(
                    f"match_type must be 'prefix' or 'suffix', not {condition.match_type!r}"
                )
        paths = [(c.match_type == "prefix", tuple(c.path)) for c in conditions]
        self._plain = [path for path in paths if "*" not in path[1]]
        self._wild = [path for path in paths if "*" in path[1]]

    def __call__(self, namespace: Namespace) -> bool:
        """Return whether a namespace does."""
        for begins, path in self._plain:  # thousands of namespaces may be asked about
            if path != (
                namespace[: len(path)] if begins else namespace[len(namespace) - len(path) :]
            ):
                return False
        return all(_is_at(namespace, *condition) for condition in self._wild)


def _is_at(namespace: Namespace, begins: bool, path: Namespace) -> bool:
    if len(namespace) < len(path):
        return False
    part = namespace[: len(path)] if begins else namespace[-len(path) :]
    return all(want in ("*", label) for want, label in zip(path, part, strict=True))
