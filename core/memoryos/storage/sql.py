"""Loads named SQL: every statement of a store stands in a .sql file beside it, none in code."""

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


COMPARISONS = {"in": "IN", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
"""How SQL writes the comparisons of a filter."""
