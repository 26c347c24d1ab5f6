"""The code blocks of a Markdown file, and what it takes to run them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_NOT_RUN = re.compile(r"<!-- not run: (.+) -->\s*$")
_REMEMBERS = re.compile(r"<!-- remembers: (.+) -->\s*$")


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    file: Path
    line: int
    language: str
    text: str
    not_run: str | None
    """Why it is only compiled."""
    remembers: str | None = None
    """What its output ends with: words of an earlier session."""


def documents() -> list[Path]:
    """README and everything under docs that is committed as Markdown."""
    return [*sorted(ROOT.glob("README*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(file: Path) -> list[Block]:
    """The blocks of a file, in order."""
    text = file.read_text("utf-8")
    found = []
    for match in _FENCE.finditer(text):
        indent = len(match[1])
        body = "\n".join(line[indent:] for line in match[3].splitlines()) + "\n"
        before = _NOT_RUN.search(text[: match.start()])
        remembers = _REMEMBERS.search(text[: match.start()])
        line = text.count("\n", 0, match.start()) + 1
        why = before[1] if before else None
        told = remembers[1] if remembers else None
        found.append(Block(file, line, match[2], body, why, told))
    return found
