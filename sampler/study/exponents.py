"""How an error falls with the number of structures: the power of a weighted straight line on logarithmic axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

_FLOOR = 0.02  # standard deviation of ln(error) where repeats say nothing


@dataclass(frozen=True)
class PowerLaw:
    """``y = factor · n^exponent``.

    Attributes:
        error: standard error of the exponent. points: sizes it was fitted to.
    """

    exponent: float
    error: float
    factor: float
    points: int

    def at(self, n: np.ndarray) -> np.ndarray:
        return self.factor * np.asarray(n, float) ** self.exponent


def power_law(values: Mapping[int, Sequence[float]]) -> PowerLaw | None:
    """Fit ``size -> values of the repeats``, all positive; None for fewer than two sizes.

    The mean of ln(value) at a size has the weight 1/s². Its variance s² is, over the number of repeats, the mean of the
    variance there and that of all sizes together: three repeats alone would let chance choose the weights. The standard error
    is that of the weights, times the square root of the reduced χ² where that is above 1, as for points that do not lie on a
    line.
    """
    x, y, sigma = _points(values)
    if len(x) < 2:
        return None
    w = 1.0 / sigma**2
    mean = (w * x).sum() / w.sum()
    spread = (w * (x - mean) ** 2).sum()
    slope = (w * (x - mean) * y).sum() / spread
    offset = (w * y).sum() / w.sum() - slope * mean
    chi = (w * (y - offset - slope * x) ** 2).sum()
    scale = max(1.0, chi / (len(x) - 2)) if len(x) > 2 else 1.0
    return PowerLaw(float(slope), float(np.sqrt(scale / spread)), float(np.exp(offset)), len(x))


def _points(values: Mapping[int, Sequence[float]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ln n, the mean of ln value, and its standard deviation, by size."""
    logs = {n: np.log(np.asarray(v, float)) for n, v in sorted(values.items()) if len(v)}
    logs = {n: v for n, v in logs.items() if np.isfinite(v).all()}
    own = {n: float(v.var(ddof=1)) for n, v in logs.items() if len(v) > 1}
    free = sum(len(v) - 1 for v in logs.values())
    pooled = sum((len(v) - 1) * own.get(n, 0.0) for n, v in logs.items()) / free if free else 0.0
    pooled = max(pooled, _FLOOR**2)
    variance = [0.5 * (own.get(n, pooled) + pooled) / len(v) for n, v in logs.items()]
    return np.log(np.array(list(logs), float)), np.array([v.mean() for v in logs.values()]), np.sqrt(variance)
