"""The statistics of success; records are lines of JSON (../json_lines.py)."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from json_lines import append, read  # noqa: E402, F401


def wilson(successes: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """95 % interval of a success rate (Wilson, J. Am. Stat. Assoc. 22 (1927) 209, doi:10.1080/01621459.1927.10502953)."""
    if n == 0:
        return 0.0, 1.0
    p = successes / n
    centre, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return float(max(0.0, (centre - half) / (1 + z * z / n))), float(min(1.0, (centre + half) / (1 + z * z / n)))


def first_hit(trace: list[list[float]], target: float) -> float:
    """Evaluations until an energy of at most ``target`` (eV) was found; inf if never."""
    return next((float(n) for n, energy in trace if energy <= target), np.inf)


def per_success(hits: list[float], spent: list[float]) -> float:
    """Evaluations for one success: those of all runs, each up to its success or its end, over the number of successes.

    The "expected running time" of benchmarks of optimisers (Hansen et al. 2021, doi:10.1080/10556788.2020.1808977);
    inf without any success.
    """
    successes = int(np.isfinite(hits).sum())
    return float(np.where(np.isfinite(hits), hits, spent).sum() / successes) if successes else np.inf
