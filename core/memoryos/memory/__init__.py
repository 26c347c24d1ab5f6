"""The verbs of one scope."""

from __future__ import annotations

from memoryos.memory.memory import Memory

__all__ = ["Memory"]
