"""How long something lasts: hydrogen bonds, protonation states."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

_LAGS = 400
"""Most points of a correlation function; longer ones are thinned."""


@dataclass(frozen=True)
class Persistence:
    """Correlation functions of things that are there or not (Luzar & Chandler 1996, doi:10.1038/379055a0).

    Attributes:
        time_fs: (K,). intermittent: (K,) the probability that what was there is there again, or still, a time later;
            continuous: (K,) that it has been there all the time. NaN where nothing was there.
        lifetime_fs: the mean time without interruption, from what ended within the trajectory and what did not (as an
            exponential law has it): time there over number of ends; infinite where nothing ended.
        share: of the time, the mean over all. ends: how often something ended.
    """

    time_fs: np.ndarray
    intermittent: np.ndarray
    continuous: np.ndarray
    lifetime_fs: float
    share: float
    ends: int

    @property
    def memory_fs(self) -> float:
        """When the intermittent function, less what remains of it by chance (``share``), has fallen to 1/e; infinite where
        it has not."""
        if not np.isfinite(self.intermittent).any() or self.share >= 1.0:
            return float("inf") if self.share >= 1.0 else float("nan")
        left = (self.intermittent - self.share) / (1.0 - self.share)
        below = np.flatnonzero(left < np.exp(-1.0))
        if not len(below) or below[0] == 0:
            return float("inf")
        k = int(below[0])
        a, b = left[k - 1], left[k]
        part = (a - np.exp(-1.0)) / (a - b)
        return float(self.time_fs[k - 1] + part * (self.time_fs[k] - self.time_fs[k - 1]))


@dataclass
class Persisting:
    """Collects :class:`Persistence` over replicas of any length.

    Attributes:
        step_fs: between two frames. longest: fs, of the correlation functions.
    """

    step_fs: float
    longest: float
    _lags: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        most = max(1, int(self.longest / self.step_fs))
        self._lags = np.arange(0, most, max(1, -(-most // _LAGS)))
        self._begun, self._again, self._still = (np.zeros(len(self._lags)) for _ in range(3))
        self._there, self._frames, self._ends, self._watched = 0, 0, 0, 0.0

    def add(self, there: np.ndarray, things: int | None = None) -> None:
        """(F, P) bool, P things in F successive frames; of ``things`` in all, where those never seen are left out."""
        there = np.asarray(there, bool)
        frames = len(there)
        self._there += int(there.sum())
        self._frames += frames * (there.shape[1] if things is None else things)
        self._ends += int((there[:-1] & ~there[1:]).sum())
        self._watched += float(there[:-1].sum()) * self.step_fs
        ever = there.any(0)
        there = there[:, ever]
        runs = _runs(there)
        for k, lag in enumerate(self._lags.tolist()):
            if lag >= frames:
                break
            begun = there[: frames - lag]
            self._begun[k] += begun.sum()
            self._again[k] += (begun & there[lag:]).sum()
            self._still[k] += (runs[: frames - lag] > lag).sum()

    def found(self) -> Persistence:
        seen = self._begun > 0
        of = lambda counts: np.where(seen, counts / np.where(seen, self._begun, 1), np.nan)  # noqa: E731
        lifetime = self._watched / self._ends if self._ends else (float("inf") if self._there else float("nan"))
        share = self._there / self._frames if self._frames else float("nan")
        return Persistence(self._lags * self.step_fs, of(self._again), of(self._still), lifetime, share, self._ends)


def persistence(there: np.ndarray, step_fs: float, longest: float | None = None) -> Persistence:
    """Of (F, P) bool, P things in F frames ``step_fs`` apart.

    Args:
        longest: fs, of the correlation functions; by default half of the trajectory.
    """
    collecting = Persisting(step_fs, longest if longest is not None else step_fs * max(len(there) // 2, 1))
    collecting.add(there)
    return collecting.found()


def _runs(there: np.ndarray) -> np.ndarray:
    """(F, P) frames from here on without interruption, this one included."""
    runs = np.zeros(there.shape, np.int32)
    if len(there):
        runs[-1] = there[-1]
    for k in range(len(there) - 2, -1, -1):
        runs[k] = np.where(there[k], runs[k + 1] + 1, 0)
    return runs
