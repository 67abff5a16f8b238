"""Which structures are new: a fast test for near-duplicates among labelled structures."""

from __future__ import annotations

import numpy as np

from ..clusters import Clusters


def fingerprint(positions: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Sorted interatomic distances (Å) of each pair of elements, one after the other; each divided by √(pairs).

    The Euclidean distance between two fingerprints is then the root-mean-square difference of sorted distances, in Å.
    Blind to rotation, translation, order of like atoms and mirroring, as energies are.
    """
    i, j = np.triu_indices(len(numbers), 1)
    distance = np.linalg.norm(positions[i] - positions[j], axis=1)
    low, high = np.minimum(numbers[i], numbers[j]), np.maximum(numbers[i], numbers[j])
    order = np.lexsort((distance, high, low))
    return distance[order] / np.sqrt(max(len(order), 1))


def distinct(clusters: Clusters, threshold: float, first: Clusters | None = None) -> np.ndarray:
    """(B,) bool: structures farther than ``threshold`` Å from every kept one before them, and from all in ``first``.

    Structures of different formulas are never compared. See :func:`fingerprint` for the distance.
    """
    from scipy.spatial import cKDTree

    def formulas(c: Clusters) -> np.ndarray:
        return np.array([bytes(np.sort(c.numbers[c.atoms_of(i)]).astype(np.uint8)).hex() for i in range(len(c))], str)

    keep = np.zeros(len(clusters), bool)
    mine = formulas(clusters)
    other = formulas(first) if first is not None and len(first) else np.zeros(0, str)
    for formula in np.unique(mine):
        members = np.flatnonzero(mine == formula)
        prints = [fingerprint(clusters.positions[a], clusters.numbers[a]) for a in map(clusters.atoms_of, members)]
        known = np.flatnonzero(other == formula)
        old = (
            [fingerprint(first.positions[a], first.numbers[a]) for a in map(first.atoms_of, known)]
            if len(known)
            else []
        )
        if not prints[0].size:
            keep[members[:1]] = not old
            continue
        tree = cKDTree(np.vstack(old + prints))
        dropped = np.zeros(len(old) + len(prints), bool)
        neighbours = tree.query_ball_point(tree.data, threshold)
        for k in range(len(old), len(dropped)):
            dropped[k] = any(n < k and not dropped[n] for n in neighbours[k])
        keep[members] = ~dropped[len(old) :]
    return keep
