"""Output of commands: rich text for people, JSON for programs, one red line for errors."""

from __future__ import annotations

import codecs
import io
import json
import math
import re
import sys
import unicodedata
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any

import typer
from rich.console import Console
from rich.text import Text

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Characters that could drive a terminal; remembered text may hold anything."""
_BAR = 20
"""Characters of a bar at its full length."""

out = Console(highlight=False)
"""For results."""
err = Console(stderr=True, highlight=False)
"""For progress, questions and errors, so that results can be piped."""


_PLAINER = {
    "█": "#",
    "■": "#",
    "░": ".",
    "□": ".",
    "━": "-",
    "─": "-",
    "╸": "-",
    "╺": "-",
    "→": "->",
    "↳": "->",
    "←": "<-",
    "★": "*",
    "≥": ">=",
    "×": "x",
    "·": "-",
    "•": "*",
    "τ": "tau",
    "θ": "theta",
    "α": "alpha",
    "β": "beta",
    "γ": "gamma",
    "μ": "mu",
    "…": "...",
    "“": '"',
    "”": '"',
    "«": '"',
    "»": '"',
    "–": "-",
    "—": "-",
    "’": "'",
}
"""What stands for characters that the output's encoding does not have."""


def speak_any_encoding() -> None:
    """Have the standard streams write something readable for what their encoding has not."""
    codecs.register_error("memoryos-plainer", _plainer)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and not _takes_all(stream):
            stream.reconfigure(errors="memoryos-plainer")


def _takes_all(stream: Any) -> bool:
    """Return whether a stream writes every character."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return encoding.lower().replace("-", "").replace("_", "").startswith("utf")


def _plainer(error: UnicodeError) -> tuple[str, int]:
    """Return what stands for characters that cannot be encoded: a codec's error handler."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_plain_one, error.object[error.start : error.end])), error.end


def _plain_one(sign: str) -> str:
    letters = unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode()
    return _PLAINER.get(sign, letters or "?")


def plain(text: str) -> str:
    """Return text that is safe on a terminal: control characters are shown, not obeyed."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def shown(text: str, style: str = "") -> Text:
    """Return remembered text for rich: no markup, no control characters."""
    return Text(plain(text), style=style)


def one_line(text: str, width: int = 100) -> str:
    """Return text on one line, cut at a word with an ellipsis when longer than `width`."""
    line = plain(" ".join(text.split()))
    if len(line) <= width:
        return line
    return line[: width - 1].rsplit(" ", 1)[0] + "…"


def day(time: datetime) -> str:
    """Return a time as commands show it: date and minute, UTC."""
    return f"{time:%Y-%m-%d %H:%M}"


def bar(value: float, full: float, width: int = _BAR) -> Text:
    """Return a bar of `value`, at its full length for `full` and more, red when it gets there."""
    filled = min(width, round(width * value / full)) if full > 0 else width
    style = "red" if value >= full else "yellow" if value >= full / 2 else "cyan"
    return Text.assemble(("█" * filled, style), ("░" * (width - filled), "bright_black"))


def degrees(heat: float) -> str:
    """Return heat as commands show it, rounded down: what shows τ has reached it."""
    return f"{math.floor(heat * 10) / 10:.1f}"


def emit(value: Any) -> None:
    """Print a value as JSON, for programs."""
    typer.echo(json.dumps(as_json(value), ensure_ascii=not _takes_all(sys.stdout), indent=2))


def emit_line(value: Any) -> None:
    """Print a value as JSON on one line: one of many, as they come."""
    typer.echo(json.dumps(as_json(value), ensure_ascii=not _takes_all(sys.stdout)))


def as_json(value: Any) -> Any:
    """Return any value of the library as plain JSON; times are ISO 8601."""
    from memoryos.model import Page, RecalledPage  # noqa: PLC0415  # help needs none of it

    if isinstance(value, RecalledPage):
        return {
            **as_json(value.page),
            "score": round(value.score, 6),
            "reasons": list(value.reasons),
        }
    if isinstance(value, Page):
        fields_of_a_page = (
            "id",
            "user_input",
            "agent_response",
            "timestamp",
            "session_id",
            "metadata",
            "chain_id",
            "segment_id",
        )
        return {name: as_json(getattr(value, name)) for name in fields_of_a_page}
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: as_json(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_json(item) for item in value]
    return value


def complain(error: object) -> None:
    """Print one red line on the error output."""
    err.print(shown(f"error: {' '.join(str(error).split())}", "bold red"), soft_wrap=True)


def interactive() -> bool:
    """Return whether input and output are a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()
