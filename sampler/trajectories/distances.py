"""Distances in free clusters: pairs by distance, how far molecules wander, how far all is from the start."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Pairs:
    """How many pairs of two kinds of atoms lie at a distance. A cluster has no volume, so nothing is divided by an ideal gas.

    Attributes:
        distance: (K,) Å, middles of the bins. density: (K,) neighbours of the second kind per Å and atom of the first, a mean
            over frames. running: (K,) neighbours up to the end of the bin.
    """

    distance: np.ndarray
    density: np.ndarray
    running: np.ndarray


class PairCount:
    """Counts pairs of atoms of different molecules over frames.

    Args:
        first, second: atoms (indices); of the same kind where they are equal. longest, width: Å.
    """

    def __init__(self, first: np.ndarray, second: np.ndarray, longest: float = 8.0, width: float = 0.05):
        self.first, self.second, self.width = first, second, width
        self.edges = np.arange(0.0, longest + 0.5 * width, width)
        self.counts, self.frames = np.zeros(len(self.edges) - 1), 0

    def add(self, distance: np.ndarray, molecule: np.ndarray) -> None:
        """(F, n, n) Å, and the molecule of each atom (F, n); atoms of molecule -1 are in none."""
        a, b = self.first[:, None], self.second[None]
        r = distance[:, a, b]
        apart = molecule[:, a] != molecule[:, b]
        apart &= (molecule[:, a] >= 0) & (molecule[:, b] >= 0)
        bins = (r[apart] / self.width).astype(int)
        self.counts += np.bincount(bins[bins < len(self.counts)], minlength=len(self.counts))
        self.frames += len(distance)

    def found(self) -> Pairs:
        each = self.counts / (max(self.frames, 1) * max(len(self.first), 1))
        return Pairs(0.5 * (self.edges[1:] + self.edges[:-1]), each / self.width, np.cumsum(each))


def kabsch(moved: np.ndarray, still: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(F, 3, 3) rotations R with which ``moved @ R`` lies best on ``still``, both centred (Kabsch 1976,
    doi:10.1107/S0567739476001873).

    Args:
        moved: (F, n, 3). still: (n, 3). weights: (n,).
    """
    u, _, vt = np.linalg.svd(np.swapaxes(moved, 1, 2) @ (weights[:, None] * still))
    sign = np.linalg.det(u @ vt)
    u[:, :, 2] *= np.where(sign < 0, -1.0, 1.0)[:, None]
    return u @ vt


def rmsd(moved: np.ndarray, still: np.ndarray) -> np.ndarray:
    """(F,) Å of (F, n, 3) to (n, 3), each turned as it lies best; atoms as they are numbered, without mirror images."""
    ones = np.ones(len(still))
    a, b = moved - moved.mean(1, keepdims=True), still - still.mean(0)
    return np.sqrt(((a @ kabsch(a, b, ones) - b) ** 2).sum(2).mean(1))


class Unturned:
    """Frames of one replica one after the other, centred and turned onto the one before: what is left is motion within the
    cluster."""

    def __init__(self, masses: np.ndarray):
        self.share = masses / masses.sum()
        self.before: np.ndarray | None = None

    def add(self, positions: np.ndarray) -> np.ndarray:
        """(F, n, 3) of (F, n, 3), successive frames."""
        made = positions - np.einsum("i,fij->fj", self.share, positions)[:, None]
        # each onto the one before it as it was, and the turns one after the other: as good as onto the turned one
        before = np.concatenate([made[:1] if self.before is None else self.before[None], made[:-1]])
        self.before = made[-1].copy()
        turns = np.empty((len(made), 3, 3))
        u, _, vt = np.linalg.svd(np.einsum("i,fij,fik->fjk", self.share, made, before))
        u[:, :, 2] *= np.where(np.linalg.det(u @ vt) < 0, -1.0, 1.0)[:, None]
        turn = u @ vt
        so_far = getattr(self, "_turned", np.eye(3))
        for k in range(len(made)):
            so_far = turns[k] = turn[k] @ so_far
        self._turned = so_far
        return made @ turns


def without_overall_motion(positions: np.ndarray, masses: np.ndarray) -> np.ndarray:
    """(F, n, 3) of the frames of one replica; see :class:`Unturned`."""
    return Unturned(masses).add(positions)


@dataclass(frozen=True)
class Displacement:
    """Sums that add up over replicas: (K,) squared displacements, and of how many pairs of times and points."""

    total: np.ndarray
    pairs: np.ndarray

    def __add__(self, other: Displacement) -> Displacement:
        size = max(len(self.total), len(other.total))
        grown = [np.pad(x, (0, size - len(x))) for x in (self.total, other.total, self.pairs, other.pairs)]
        return Displacement(grown[0] + grown[1], grown[2] + grown[3])

    @property
    def mean(self) -> np.ndarray:
        """(K,) Å², by lag."""
        return self.total / np.maximum(self.pairs, 1)


def displacement(points: np.ndarray, longest: int | None = None) -> Displacement:
    """Over all origins in time and all points, of (F, P, 3) Å; by Fourier transforms (Calandrini et al. 2011,
    doi:10.1051/sfn/201112010).

    Args:
        longest: lags; by default half of the frames.
    """
    frames, number, _ = points.shape
    longest = min(longest or max(frames // 2, 1), frames)
    points = points - points.mean((0, 1))  # small numbers lose nothing where squares are subtracted
    transformed = np.fft.rfft(points, n=2 * frames, axis=0)
    product = np.fft.irfft((np.abs(transformed) ** 2).sum(2), n=2 * frames, axis=0)[:frames].sum(1)
    square = (points**2).sum(2).sum(1)
    ahead = np.concatenate([[0.0], np.cumsum(square)])
    lags = np.arange(longest)
    both = (ahead[frames] - ahead[lags]) + ahead[frames - lags]
    return Displacement(np.maximum(both - 2.0 * product[:longest], 0.0), (frames - lags) * float(number))


def mean_square_displacement(points: np.ndarray, longest: int | None = None) -> np.ndarray:
    """(K,) Å² by lag of (F, P, 3) Å; see :func:`displacement`."""
    return displacement(points, longest).mean


@dataclass(frozen=True)
class Diffusion:
    """A coefficient and its standard error, Å²/fs, from ``pieces`` independent pieces of trajectories."""

    value: float
    error: float
    pieces: int


def diffusion(pieces: list[Displacement], step_fs: float, begin: float = 0.1, end: float = 0.5) -> Diffusion:
    """A sixth of the slope of the mean square displacement between two shares of its length (Einstein), a straight line
    fitted to all pieces together; its error is that of a jackknife over the pieces, which know nothing of each other.

    In a cluster the displacement ends at the size of the cluster, and the slope at 0: D describes the lags that were fitted.
    """
    if not pieces or len(pieces[0].total) < 4:
        return Diffusion(float("nan"), float("nan"), len(pieces))
    total = pieces[0]
    for one in pieces[1:]:
        total = total + one
    value = _slope(total, step_fs, begin, end) / 6.0
    n = len(pieces)
    if n < 2:
        return Diffusion(value, float("nan"), n)
    size = len(total.total)
    grown = [np.pad(p.total, (0, size - len(p.total))) for p in pieces]
    counts = [np.pad(p.pairs, (0, size - len(p.pairs))) for p in pieces]
    without = np.array(
        [_slope(Displacement(total.total - t, total.pairs - c), step_fs, begin, end) for t, c in zip(grown, counts)]
    )
    return Diffusion(value, float(np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum()) / 6.0), n)


def _slope(moved: Displacement, step_fs: float, begin: float, end: float) -> float:
    k = np.arange(len(moved.total))
    use = (k >= begin * len(k)) & (k <= end * len(k)) & (moved.pairs > 0)
    return float(np.polyfit(k[use] * step_fs, moved.mean[use], 1)[0])
