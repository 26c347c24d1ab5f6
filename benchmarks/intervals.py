"""How sure a mean is: percentile bootstrap over questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SEED = 20_250_606
RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f}-{self.high:.3f})"


def mean(values: Sequence[float], seed: int = SEED) -> Mean:
    """Return the mean of `values` with a bootstrap interval; the same seed gives the same."""
    data = np.asarray(values, np.float64)
    if not data.size:
        return Mean(float("nan"), float("nan"), float("nan"))
    rng = np.random.default_rng(seed)
    drawn = data[rng.integers(0, data.size, (RESAMPLES, data.size))].mean(axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Mean(float(data.mean()), float(low), float(high))


def difference(ours: Sequence[float], theirs: Sequence[float], seed: int = SEED) -> Mean:
    """Return the mean paired difference: the same questions, resampled together."""
    return mean([a - b for a, b in zip(ours, theirs, strict=True)], seed)
