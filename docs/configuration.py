"""Writes docs/configuration.md from the settings' own docstrings: python docs/configuration.py."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from memoryos import MemoryConfig
from memoryos.config import RankingConfig

HEAD = """# Configuration

<!-- Written by docs/configuration.py from the code. Change the docstrings there, then run it. -->

All settings are in one frozen object. Every one has a default; those of the paper are the paper's.

```python
from memoryos import Engine, MemoryConfig

config = MemoryConfig(short_term_capacity=10, top_pages=7, language="es")
with Engine.open("sqlite:///memories.db", config) as engine:
    print(engine.config.heat_threshold)
```

A mapping does too, as it comes from a file: `Engine.open(uri, {"top_pages": 7})`. A name or value
that does not exist is refused with a message that lists those that do.
"""
RANKING = """
## Ranking

`MemoryConfig(ranking=RankingConfig(…))`, with `RankingConfig` of `memoryos.retrieval.ranking`. The
weights are chosen on a benchmark; there is seldom a reason to change them.
"""


@dataclass(frozen=True)
class Field:
    """One setting."""

    section: str
    name: str
    kind: str
    default: str
    doc: str


def fields(cls: type) -> Iterator[Field]:
    """Yield the settings of a class, with the comment that heads their section."""
    source = inspect.getsource(cls)
    lines = source.splitlines()
    (definition,) = ast.parse(source).body
    assert isinstance(definition, ast.ClassDef)
    section = ""
    for item, after in zip(definition.body, definition.body[1:], strict=False):
        if not isinstance(item, ast.AnnAssign) or item.value is None:
            continue
        above = lines[item.lineno - 2].strip()
        section = above.removeprefix("# ") if above.startswith("# ") else section
        assert isinstance(after, ast.Expr)
        doc = ast.literal_eval(after.value)
        default = ast.unparse(item.value)
        if found := re.fullmatch(r"field\(default_factory=(\w+)\)", default):
            default = f"{found[1]}()"
        yield Field(section, ast.unparse(item.target), ast.unparse(item.annotation), default, doc)


def table(cls: type) -> Iterator[str]:
    """Yield the lines of the tables of a class, one table a section."""
    section = None
    for field in fields(cls):
        if field.section != section:
            section = field.section
            if section:
                yield f"\n## {section}"
            yield "\n| setting | default | what it does |"
            yield "|---|---|---|"
        doc = " ".join(field.doc.split()).replace("|", "\\|")
        default = field.default.replace("_", "") if field.default[:1].isdigit() else field.default
        yield f"| `{field.name}` | `{default}` | {doc} |"


def page() -> str:
    """Return the whole page."""
    lines = [HEAD.rstrip(), *table(MemoryConfig), RANKING.rstrip(), *table(RankingConfig)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    Path(__file__).with_suffix(".md").write_text(page(), "utf-8")
