"""How the memory looks in a notebook: HTML cards and matplotlib figures."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from memoryos.model import CARDS, FIGURES

_CARDS = ("ErasureReceipt", "Memory", "Profile", "Recall", "Segment")
_FIGURES = ("heat", "timeline")


def register() -> None:
    """Let the nouns, recalls and memories be shown."""
    for name in _CARDS:
        CARDS[name] = _late("cards", f"{name.lower()}_card")
    for name in _FIGURES:
        FIGURES[name] = _late("figures", f"{name}_figure")


def _late(module: str, function: str) -> Callable[[Any], Any]:
    def show(value: Any) -> Any:
        return getattr(import_module(f"{__name__}.{module}"), function)(value)

    return show
