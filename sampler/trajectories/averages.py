"""Means along trajectories with the error that correlated frames leave, and rates of what happens seldom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_FEW_REPLICAS = 4
"""Fewer say nothing of the error by how far they differ."""


@dataclass(frozen=True)
class Mean:
    """A mean and its standard error; NaN where there are too few values.

    Attributes:
        inefficiency: values that count as one independent one, 1 where all are independent (Chodera 2007,
            doi:10.1021/ct0502864, calls it g).
    """

    value: float
    error: float
    inefficiency: float
    count: int


def block_mean(series: np.ndarray) -> Mean:
    """The mean and its error by blocking (Flyvbjerg & Petersen 1989, doi:10.1063/1.457480): neighbours are averaged until
    the error no longer grows; the largest estimate that is known to better than a quarter is taken."""
    values = np.asarray(series, float)
    values = values[np.isfinite(values)]
    n = len(values)
    if n < 2:
        return Mean(float(values.mean()) if n else float("nan"), float("nan"), float("nan"), n)
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
    return Mean(mean, error, max(1.0, n * error**2 / variance) if variance > 0 else 1.0, n)


def mean_of_replicas(series: Sequence[np.ndarray]) -> Mean:
    """The mean of all values of all replicas. The error is that of blocks within the replicas, or, where there are four
    replicas or more and it is larger, that of how far they differ: what a replica is too short to see."""
    each = [m for m in map(block_mean, series) if m.count]
    if not each:
        return Mean(float("nan"), float("nan"), float("nan"), 0)
    counts = np.array([m.count for m in each], float)
    weights = counts / counts.sum()
    values = np.array([m.value for m in each])
    mean = float(weights @ values)
    inside = float(np.sqrt(np.sum((weights * np.array([m.error for m in each])) ** 2)))
    between = float("nan")
    if len(each) >= _FEW_REPLICAS:
        between = float(np.sqrt(np.sum(weights**2 * (values - mean) ** 2) * len(each) / (len(each) - 1)))
    error = float(np.nanmax([inside, between])) if np.isfinite([inside, between]).any() else float("nan")
    every = np.concatenate([np.asarray(s, float) for s in series])
    variance = float(np.nanvar(every))
    n = int(counts.sum())
    return Mean(mean, error, max(1.0, n * error**2 / variance) if variance > 0 else 1.0, n)


@dataclass(frozen=True)
class Rate:
    """Events per time with a confidence interval; the lower end is 0 where nothing happened."""

    per_ns: float
    low: float
    high: float
    events: int
    observed_ns: float


def event_rate(times_fs: np.ndarray, events: int, confidence: float = 0.95) -> Rate:
    """The rate of a process from replicas that were watched for ``times_fs`` each: the maximum likelihood of an exponential
    law with some of them still whole; interval from the χ² distribution (Garwood 1936, doi:10.1093/biomet/28.3-4.437).

    Without any event the interval is one-sided: with the given confidence the rate is below ``high``.
    """
    from scipy.stats import chi2

    total = float(np.sum(times_fs)) * 1e-6
    tail = (1.0 - confidence) / (2.0 if events else 1.0)
    if total <= 0.0:
        return Rate(float("nan"), 0.0, float("inf"), events, total)
    low = chi2.ppf(tail, 2 * events) / (2 * total) if events else 0.0
    high = chi2.ppf(1.0 - tail, 2 * events + 2) / (2 * total)
    return Rate(events / total, float(low), float(high), events, total)
