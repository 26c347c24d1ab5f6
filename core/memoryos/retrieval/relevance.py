"""How much a page bears on a question, from 0 to 1.

A score tells what is nearest within one memory, not whether that is near.  The share of the
question's words that a page holds, by their weight, and the cosine of its best passage do.
"""

from __future__ import annotations

_WORDS = 0.6
"""Weight of the words where there is a cosine besides."""


def relevance(share: float, cosine: float | None) -> float:
    """Return how much a page bears on a question.

    share: of the weight of the question's words, what the page holds, 0 to 1; cosine: of its best
    passage to the question, None where there are no vectors.
    """
    held = min(max(share, 0.0), 1.0)
    if cosine is None:
        return held
    return _WORDS * held + (1 - _WORDS) * min(max(cosine, 0.0), 1.0)
