"""How long something lasts: hydrogen bonds, protonation states."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Persistence:
    """Correlation functions of things that are there or not (Luzar & Chandler 1996, doi:10.1038/379055a0).

    Attributes:
        time_fs: (K,). intermittent: (K,) the probability that what was there is there again, or still, a time later;
            continuous: (K,) that it has been there all the time. NaN where nothing was there.
        lifetime_fs: the mean time without interruption, from what ended within the trajectory and what did not (as an
            exponential law has it): time there over number of ends; infinite where nothing ended.
        share: of the time, the mean over all.
    """

    time_fs: np.ndarray
    intermittent: np.ndarray
    continuous: np.ndarray
    lifetime_fs: float
    share: float


def persistence(there: np.ndarray, step_fs: float, longest: int | None = None) -> Persistence:
    """Of (F, P) bool, P things in F frames ``step_fs`` apart.

    Args:
        longest: frames, of the correlation functions; by default half of the trajectory.
    """
    there = np.asarray(there, bool)
    frames, _ = there.shape
    longest = min(longest or max(frames // 2, 1), frames)
    runs = _runs(there)
    intermittent, continuous = np.full(longest, np.nan), np.full(longest, np.nan)
    for lag in range(longest):
        begun = there[: frames - lag]
        number = begun.sum()
        if number:
            intermittent[lag] = (begun & there[lag:]).sum() / number
            continuous[lag] = (runs[: frames - lag] > lag).sum() / number
    ends = int((there[:-1] & ~there[1:]).sum())
    total = float(there[:-1].sum()) * step_fs
    lifetime = total / ends if ends else (float("inf") if there.any() else float("nan"))
    share = float(there.mean()) if there.size else float("nan")
    return Persistence(np.arange(longest) * step_fs, intermittent, continuous, lifetime, share)


def _runs(there: np.ndarray) -> np.ndarray:
    """(F, P) frames from here on without interruption, this one included."""
    runs = np.zeros(there.shape, int)
    runs[-1] = there[-1]
    for k in range(len(there) - 2, -1, -1):
        runs[k] = np.where(there[k], runs[k + 1] + 1, 0)
    return runs
