"""Which structures are new: a fast test for near-duplicates among labelled structures."""

from __future__ import annotations

import numpy as np

from ...clusters import Clusters


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

    Structures of different formulas or charges are never compared. See :func:`fingerprint` for the distance.
    """
    return first_copies(clusters, threshold, first) == np.arange(len(clusters))


def first_copies(clusters: Clusters, threshold: float, first: Clusters | None = None) -> np.ndarray:
    """(B,) the structure that each is a copy of: itself if it is new; −1 − k where it is near the k-th of ``first``.

    See :func:`distinct`.
    """
    from scipy.spatial import cKDTree

    copy_of = np.arange(len(clusters))
    mine = formulas(clusters)
    other = formulas(first) if first is not None and len(first) else np.zeros(0, str)
    for formula in np.unique(mine):
        members = np.flatnonzero(mine == formula)
        prints = [fingerprint(clusters.positions[a], clusters.numbers[a]) for a in map(clusters.atoms_of, members)]
        known = np.flatnonzero(other == formula)
        old = (
            [fingerprint(first.positions[a], first.numbers[a]) for a in map(first.atoms_of, known)]
            if first is not None and len(known)
            else []
        )
        index = np.concatenate([-1 - known, members])
        if not prints[0].size:
            copy_of[members] = index[0]
            continue
        tree = cKDTree(np.vstack(old + prints))
        source = np.arange(len(index))
        neighbours = tree.query_ball_point(tree.data, threshold)
        for k in range(len(old), len(index)):
            source[k] = min((n for n in neighbours[k] if n < k and source[n] == n), default=k)
        copy_of[members] = index[source[len(old) :]]
    return copy_of


def formulas(c: Clusters) -> np.ndarray:
    """(B,) str: elements and charge, equal for structures that can be compared."""
    return np.array(
        [
            f"{bytes(np.sort(c.numbers[c.atoms_of(i)]).astype(np.uint8)).hex()}{int(c.charge[i]):+d}"
            for i in range(len(c))
        ],
        str,
    )
