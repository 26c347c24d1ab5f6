"""The traits that a profile in words names, as the published package's prompt has them written."""

from __future__ import annotations

import re
from collections.abc import Iterator

from memoryos.tiers.traits import TRAITS

_LEVEL = re.compile(r"\b(high|medium|low)\b", re.IGNORECASE)
_NAMES = sorted(TRAITS, key=len, reverse=True)


def traits_in(profile: str) -> Iterator[tuple[str, str, str]]:
    """Yield (trait, level, line) of the lines that name one of the 90 dimensions and its level."""
    for line in profile.splitlines():
        folded = line.lower()
        name = next((name for name in _NAMES if name.lower() in folded), None)
        if name is None:
            continue
        rest = folded.replace(name.lower(), " ", 1)
        level = _LEVEL.search(rest)
        if level is not None:
            yield name, level[1].lower(), line.strip()
