"""Frameworks: minima whose molecules stand in the same places, however they are turned and bonded there."""

from __future__ import annotations

import numpy as np

from ..clusters import Clusters
from ..composition import Composition
from ..monomers import MonomerLibrary

THRESHOLD = 0.15
"""Å, root mean square difference of the sorted distances between molecules."""


def frameworks(
    clusters: Clusters, composition: Composition, library: MonomerLibrary, threshold: float = THRESHOLD
) -> np.ndarray:
    """(B,) the framework of each structure, numbered by their lowest members, lowest first.

    From the lowest structure up, each joins the nearest framework within ``threshold`` of its fingerprint or starts a
    new one. Mirror images and permutations of like molecules share a framework, as do protonation states. A structure that is
    not intact is a framework of its own.

    Args:
        clusters: structures of ``composition``, with energies; those without one come last.

    Raises:
        InputError: a structure does not consist of the atoms of the composition.
    """
    order = np.argsort(clusters.energy, kind="stable")
    group = np.empty(len(clusters), int)
    group[order] = grouped(fingerprints(clusters, composition, library)[order], threshold)
    return group


def grouped(marks: np.ndarray, threshold: float = THRESHOLD) -> np.ndarray:
    """(B,) the group of each row of ``marks`` (B, D) Å, numbered as they are met.

    From the first row on, each joins the nearest first member of a group within ``threshold`` (root mean square
    difference), or starts a new one. A row with NaN is a group of its own.
    """
    group, leaders = np.empty(len(marks), int), np.empty_like(marks)
    names: list[int] = []  # of the leaders: a row with NaN takes a number, too
    count = 0
    for i, mark in enumerate(marks):
        known = leaders[: len(names)]
        if len(known) and not np.isnan(mark).any():
            apart = ((known - mark) ** 2).mean(1) if marks.shape[1] else np.zeros(len(known))
            nearest = int(apart.argmin())
            if apart[nearest] < threshold**2:
                group[i] = names[nearest]
                continue
        if not np.isnan(mark).any():
            leaders[len(names)] = mark
            names.append(count)
        group[i], count = count, count + 1
    return group


def places(group: np.ndarray) -> np.ndarray:
    """(B,) how many structures of its framework stand before each one."""
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    out = np.empty(len(group), int)
    out[order] = np.arange(len(group)) - np.repeat(starts, np.diff([*starts, len(group)]))
    return out


def fingerprints(clusters: Clusters, composition: Composition, library: MonomerLibrary) -> np.ndarray:
    """(B, D) Å: the distances between the molecules' centres, sorted within each pair of families; D = M(M−1)/2.

    The centre of a molecule is the mean position of its atoms that are not hydrogen. NaN for a structure that is not
    intact.
    """
    from ..identify.assignment import assign_batch

    b, m = len(clusters), composition.molecules()
    if not b:
        return np.empty((0, m * (m - 1) // 2))
    found = assign_batch(clusters, composition, library)
    n = len(clusters.numbers) // b
    molecule = found.molecule.reshape(b, n)
    whole = (found.status == 0) & (found.molecules == m)
    heavy = (clusters.numbers.reshape(b, n) != 1) & whole[:, None]
    cell = (np.arange(b)[:, None] * m + molecule)[heavy]
    size = np.bincount(cell, minlength=b * m)
    x = clusters.positions.reshape(b, n, 3)
    with np.errstate(invalid="ignore"):
        centre = np.stack([np.bincount(cell, x[..., k][heavy], minlength=b * m) / size for k in range(3)], -1)
    centre = centre.reshape(b, m, 3)
    family = found.family.reshape(b, n)[:, :m]
    order = np.argsort(family, axis=1, kind="stable")
    centre = np.take_along_axis(centre, order[..., None], 1)
    kind = np.sort(family[whole][0]) if whole.any() else np.zeros(m, int)
    first, second = np.triu_indices(m, 1)
    distance = np.linalg.norm(centre[:, first] - centre[:, second], axis=-1)
    pair = kind[first] * (kind.max(initial=0) + 1) + kind[second]
    parts = [np.sort(distance[:, pair == p], axis=1) for p in np.unique(pair)]
    return np.concatenate(parts, axis=1) if parts else np.empty((b, 0))
