"""Means along a trajectory, with the error that correlated frames leave."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Mean:
    """A mean, its standard error, and in how many independent pieces the series falls; NaN where there are too few."""

    value: float
    error: float
    independent: float


def block_mean(series: np.ndarray) -> Mean:
    """The mean and its error by blocking (Flyvbjerg & Petersen 1989, doi:10.1063/1.457480): neighbours are averaged until
    the error no longer grows; the largest estimate that is known to better than a quarter is taken."""
    values = np.asarray(series, float)
    values = values[np.isfinite(values)]
    n = len(values)
    if n < 2:
        return Mean(float(values.mean()) if n else float("nan"), float("nan"), float(n))
    mean, variance = float(values.mean()), float(values.var(ddof=1))
    errors: list[float] = []
    blocks = values
    while len(blocks) >= 2:
        m = len(blocks)
        if errors and m < 9:  # relative uncertainty 1/√(2(m − 1)) above a quarter
            break
        errors.append(float(np.sqrt(blocks.var(ddof=1) / m)))
        blocks = 0.5 * (blocks[: m - m % 2 : 2] + blocks[1:m:2][: m // 2])
    error = max(errors)
    return Mean(mean, error, float(n) if error == 0.0 else min(float(n), variance / error**2))


@dataclass(frozen=True)
class Rate:
    """Events per time with a confidence interval; the lower end is 0 where nothing happened."""

    per_ns: float
    low: float
    high: float
    events: int
    observed_ns: float


def event_rate(times_fs: np.ndarray, happened: np.ndarray, confidence: float = 0.95) -> Rate:
    """The rate of a process that ends a replica, from replicas that were watched for ``times_fs`` each, the maximum
    likelihood of an exponential law with some of them still whole; interval from the χ² distribution (Garwood 1936,
    doi:10.1093/biomet/28.3-4.437).

    Args:
        happened: which replicas ended by it.
    """
    from scipy.stats import chi2

    events, total = int(np.sum(happened)), float(np.sum(times_fs)) * 1e-6
    tail = (1.0 - confidence) / 2.0
    if total <= 0.0:
        return Rate(float("nan"), 0.0, float("inf"), events, total)
    low = chi2.ppf(tail, 2 * events) / (2 * total) if events else 0.0
    high = chi2.ppf(1.0 - tail, 2 * events + 2) / (2 * total)
    return Rate(events / total, float(low), float(high), events, total)
