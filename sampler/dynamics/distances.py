"""Distances in free clusters: pairs by distance, and how far molecules wander."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Pairs:
    """How many pairs of two elements lie at a distance. A cluster has no volume, so nothing is divided by an ideal gas.

    Attributes:
        distance: (K,) Å, middles of the bins. density: (K,) pairs per Å and atom of the first element, a mean over frames.
        running: (K,) neighbours of the second element up to the end of the bin.
    """

    distance: np.ndarray
    density: np.ndarray
    running: np.ndarray


def pairs_by_distance(
    positions: np.ndarray, first: np.ndarray, second: np.ndarray, molecule: np.ndarray, longest: float = 8.0, width: float = 0.05
) -> Pairs:  # fmt: skip
    """Pairs of different molecules.

    Args:
        positions: (F, n, 3) Å. first, second: atoms (indices). molecule: (n,) the molecule of each atom.
    """
    apart = molecule[first][:, None] != molecule[second][None, :]
    edges = np.arange(0.0, longest + 0.5 * width, width)
    counts = np.zeros(len(edges) - 1)
    for x in positions:
        r = np.linalg.norm(x[first][:, None] - x[second][None], axis=2)[apart]
        counts += np.histogram(r, edges)[0]
    each = counts / (len(positions) * max(len(first), 1))
    return Pairs(0.5 * (edges[1:] + edges[:-1]), each / width, np.cumsum(each))


def without_overall_motion(positions: np.ndarray, masses: np.ndarray) -> np.ndarray:
    """(F, n, 3): each frame centred and turned onto the one before it, so that what is left is motion within the cluster
    (Kabsch 1976, doi:10.1107/S0567739476001873)."""
    share = masses / masses.sum()
    made = np.empty_like(positions)
    for k, x in enumerate(positions):
        x = x - share @ x
        if k:
            u, _, vt = np.linalg.svd((share[:, None] * x).T @ made[k - 1])
            turn = u @ np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))]) @ vt
            x = x @ turn
        made[k] = x
    return made


def mean_square_displacement(points: np.ndarray, longest: int | None = None) -> np.ndarray:
    """(K,) Å², over all origins in time and all points, of (F, P, 3) Å; by Fourier transforms (Calandrini et al. 2011,
    doi:10.1051/sfn/201112010)."""
    frames, number, _ = points.shape
    longest = min(longest or max(frames // 2, 1), frames)
    size = 2 * frames
    transformed = np.fft.rfft(points, n=size, axis=0)
    product = np.fft.irfft((np.abs(transformed) ** 2).sum(2), n=size, axis=0)[:frames].sum(1)
    square = (points**2).sum(2).sum(1)
    ahead = np.concatenate([[0.0], np.cumsum(square)])
    lags = np.arange(longest)
    both = (ahead[frames] - ahead[lags]) + ahead[frames - lags]
    found = (both - 2.0 * product[:longest]) / ((frames - lags) * max(number, 1))
    return np.maximum(found, 0.0)


def diffusion(msd: np.ndarray, step_fs: float, begin: float = 0.1, end: float = 0.5) -> float:
    """Å²/fs: a sixth of the slope of the mean square displacement between two shares of its length.

    In a cluster it ends at the size of the cluster: choose the part that is straight. For error bars take replicas.
    """
    k = np.arange(len(msd))
    use = (k >= begin * len(msd)) & (k <= end * len(msd))
    return float(np.polyfit(k[use] * step_fs, msd[use], 1)[0] / 6.0)
