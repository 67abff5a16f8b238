"""What many replicas do at a time, as one curve."""

from __future__ import annotations

import numpy as np

_BINS = 300


class Binned:
    """Means over replicas in short stretches of time.

    Args:
        longest_fs: of all replicas. every_fs: between two values; stretches are no shorter.
    """

    def __init__(self, longest_fs: float, every_fs: float):
        bins = int(np.clip(longest_fs / max(every_fs, 1e-9), 1, _BINS))
        self._width = max(longest_fs, 1e-9) / bins
        self._sum, self._count, self._time = np.zeros(bins), np.zeros(bins), np.zeros(bins)

    def add(self, time_fs: np.ndarray, values: np.ndarray) -> None:
        """(F,) and (F,)."""
        known = np.isfinite(values)
        k = np.clip((time_fs[known] / self._width - 1e-9).astype(int), 0, len(self._sum) - 1)
        size = len(self._sum)
        self._sum += np.bincount(k, values[known], size)
        self._time += np.bincount(k, time_fs[known], size)
        self._count += np.bincount(k, minlength=size)

    def curve(self) -> tuple[np.ndarray, np.ndarray]:
        """(K,) ps, the mean of the times, and (K,) means; empty stretches are left out."""
        full = self._count > 0
        return self._time[full] / self._count[full] / 1000.0, self._sum[full] / self._count[full]
