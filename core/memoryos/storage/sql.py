"""Loads named SQL: every statement of a store stands in a .sql file beside it, none in code.

And what may be shown of a store's URI.
"""

from __future__ import annotations

import re
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)
_MIGRATION = re.compile(r"^(\d{4})_\w+\.sql$")


def named_queries(package: str, file: str = "queries.sql") -> dict[str, str]:
    """Return the statements of a file by the name in the `-- name:` line above each."""
    parts = _NAME.split(files(package).joinpath(file).read_text(encoding="utf-8"))
    return {name: sql.strip() for name, sql in zip(parts[1::2], parts[2::2], strict=True)}


def migrations(package: str) -> list[tuple[int, str]]:
    """Return the numbered migrations of a store's `migrations` folder, in order."""
    found = []
    for entry in files(package).joinpath("migrations").iterdir():
        match = _MIGRATION.match(entry.name)
        if match:
            found.append((int(match.group(1)), entry.read_text(encoding="utf-8")))
    return sorted(found)


COMPARISONS = {"in": "IN", "has": "", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
"""How SQL writes the comparisons of a filter."""


_SCHEME = re.compile(r"[A-Za-z0-9+.-]*:?/+|")


def is_mistyped(path: str) -> bool:
    """Return whether a path was meant to be the URI of a server."""
    return re.match(r"\w[\w+.-]+:/+\S*:\S*@", path) is not None


def without_password(uri: object) -> str:
    """Return a URI, however it is mistyped, as it may be shown: "…" for what may be a password."""
    head, at, tail = str(uri).rpartition("@")
    if at:
        scheme = _SCHEME.match(head).group()  # type: ignore[union-attr]  # it matches nothing too
        tail = f"{scheme}{head[len(scheme) :].partition(':')[0]}:…@{tail}"
    return re.sub(r"(?i)(pass\w*=)[^&\s]*", r"\1…", tail)
