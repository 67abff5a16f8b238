"""Structures that a periodic cell has cut in pieces, put together again."""

from __future__ import annotations

import numpy as np


def whole(positions: np.ndarray, numbers: np.ndarray, cell: np.ndarray, pbc: np.ndarray) -> tuple[np.ndarray, str]:
    """Positions of one whole cluster, and what was done to it.

    Every atom goes to the image that is nearest to an atom placed before it, the shortest distances (over the sums of
    covalent radii) first: the least spanning tree. What was whole stays as it was.

    Args:
        positions: (n, 3) Å. numbers: (n,). cell: (3, 3) Å, vectors in rows. pbc: (3,) bool.

    Returns:
        (n, 3) Å, and '' if nothing was moved, else words for it.
    """
    from ase.geometry import complete_cell, minkowski_reduce

    from ..identify.radii import covalent

    pbc = np.asarray(pbc, bool) & (np.linalg.norm(cell, axis=1) > 0)
    if len(numbers) < 2 or not pbc.any() or not np.isfinite(positions).all() or not np.isfinite(cell).all():
        return positions, ""
    full = complete_cell(np.where(pbc[:, None], cell, 0.0))
    if abs(np.linalg.det(full)) < 1e-6:
        return positions, ""
    reduced, _ = minkowski_reduce(full, pbc=pbc)
    images = _images(reduced, pbc)
    radii = covalent()[numbers]
    placed = np.array(positions, float)
    n = len(numbers)
    near, parent = np.full(n, np.inf), np.zeros(n, np.int64)
    shift = np.zeros((n, 3))
    waiting, last = np.ones(n, bool), 0
    waiting[0] = False
    for _ in range(n - 1):
        vector, moved = _nearest(placed[last] - positions, reduced, pbc, images)
        ratio = np.linalg.norm(vector, axis=1) / (radii + radii[last])
        better = waiting & (ratio < near)
        near[better], parent[better], shift[better] = ratio[better], last, moved[better]
        last = int(np.where(waiting, near, np.inf).argmin())
        placed[last] = positions[last] + shift[last]
        waiting[last] = False
    moved = np.abs(placed - positions - (placed - positions)[0]).max(axis=1) > 1e-6
    if not moved.any():
        return positions, ""
    lengths = " × ".join(f"{x:.2f}" for x in np.linalg.norm(cell, axis=1)[pbc])
    return placed, f"{int(moved.sum())} of {n} atoms are moved by the periodic cell ({lengths} Å) to make it whole"


def _images(cell: np.ndarray, pbc: np.ndarray) -> np.ndarray:
    """(m, 3) Å; in a reduced cell the nearest image is among these once coordinates are wrapped."""
    gram = cell @ cell.T
    if np.abs(gram - np.diag(np.diag(gram))).max() < 1e-9 * np.abs(gram).max():
        return np.zeros((1, 3))  # right angles: wrapped is nearest
    steps = np.array(np.meshgrid(*[[-1, 0, 1] if p else [0] for p in pbc])).reshape(3, -1).T
    return steps @ cell


def _nearest(
    vectors: np.ndarray, cell: np.ndarray, pbc: np.ndarray, images: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Shortest images of ``vectors`` (n, 3), and what is to be added to the atoms they point from."""
    fractional = np.where(pbc, np.round(vectors @ np.linalg.inv(cell)), 0.0) @ cell
    every = (vectors - fractional)[:, None] + images[None]
    best = np.linalg.norm(every, axis=2).argmin(axis=1)
    chosen = every[np.arange(len(vectors)), best]
    return chosen, vectors - chosen
