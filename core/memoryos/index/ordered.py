"""Ascending numbers without repetition, of which a few change at a time: no sorting anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.intp]


def joined(ordered: Numbers, new: Numbers) -> Numbers:
    """Return `ordered` with `new` among them; none of those may be there already."""
    new = np.sort(new)
    return np.insert(ordered, np.searchsorted(ordered, new), new)


def removed(ordered: Numbers, gone: Numbers) -> Numbers:
    """Return `ordered` without those of `gone` that it has."""
    at = np.searchsorted(ordered, gone)
    inside = at < ordered.size
    at, gone = at[inside], gone[inside]
    return np.delete(ordered, at[ordered[at] == gone])


def missing(numbers: Numbers, ordered: Numbers) -> Numbers:
    """Return those of `numbers` that are not in `ordered`."""
    if not ordered.size:
        return numbers
    at = np.minimum(np.searchsorted(ordered, numbers), ordered.size - 1)
    found: Numbers = numbers[ordered[at] != numbers]
    return found
