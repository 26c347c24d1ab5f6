"""Display in notebooks: HTML cards and matplotlib figures."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from memoryos.model import CARDS, FIGURES

_CARDS = ("ErasureReceipt", "Memory", "Profile", "Recall", "Segment")
_FIGURES = ("heat", "segments", "timeline")


def register() -> None:
    """Register cards and figures for the nouns, recalls and memories."""
    for name in _CARDS:
        CARDS[name] = _lazy("cards", f"{name.lower()}_card")
    for name in _FIGURES:
        FIGURES[name] = _lazy("figures", f"{name}_figure")


def _lazy(module: str, function: str) -> Callable[[Any], Any]:
    def show(value: Any) -> Any:
        return getattr(import_module(f"{__name__}.{module}"), function)(value)

    return show
