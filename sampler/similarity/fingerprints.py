"""Rotation- and permutation-invariant numbers of structures, most of them proven lower bounds of the RMSD.

For two structures of n atoms, centred, let u_i be the displacement of atom i under any superposition (proper or
improper) and any pairing of atoms of the same element, so that n RMSD² = Σ|u_i|². Then

* the distances to the centroid obey | |r_i| − |r'_i| | ≤ |u_i|; sorting both lists never increases a sum of squared
  differences, hence ‖Δ sorted radii‖ ≤ √n RMSD;
* pair distances obey | d_ik − d'_ik | ≤ |u_i − u_k| and Σ_{i<k}|u_i − u_k|² ≤ n Σ|u_i|², hence
  ‖Δ sorted pair distances‖ ≤ n RMSD, element pair by element pair;
* averaging k neighbouring entries of a sorted list and weighting with √k keeps a bound (Jensen);
* the radius of gyration of equal masses changes by at most the RMSD (triangle inequality).

A pair of structures whose fingerprints differ by more than the threshold is therefore no duplicate, without any search.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..clusters import Clusters
from ..units import AMU_ANGSTROM2_TO_CM1

_FINE_COLUMNS = 160  # length to which the sorted pair distances are averaged
_ENVIRONMENT_COLUMNS = 48  # the same for the distances seen from one atom


@dataclass(frozen=True)
class Group:
    """B structures of one composition, ready for comparison.

    Attributes:
        x: (B, n, 3) Å, centred, atoms grouped by element in ascending atomic number.
        starts: (m + 1,) first atom of each element block, and n.
        block: (n,) element block of each atom.
        heavy_from: index of the first atom that is not hydrogen.
        order: (B, n) the original place of each atom within its structure.
        numbers: (n,) atomic numbers, ascending.
        layout: (n,) output column of each sorted distance and (C,) column weights of :func:`environments`.
    """

    x: np.ndarray
    starts: np.ndarray
    block: np.ndarray
    heavy_from: int
    order: np.ndarray
    numbers: np.ndarray
    layout: tuple[np.ndarray, np.ndarray]

    @classmethod
    def make(cls, clusters: Clusters, members: np.ndarray) -> Group:
        """From the structures ``members`` of ``clusters``, which must have the same composition."""
        n = int(clusters.natoms[members[0]])
        atoms = clusters.ptr[:-1][members][:, None] + np.arange(n)
        order = np.argsort(clusters.numbers[atoms], axis=1, kind="stable")
        atoms = np.take_along_axis(atoms, order, axis=1)
        numbers = clusters.numbers[atoms[0]]
        x = clusters.positions[atoms]
        x = np.ascontiguousarray(x - x.mean(axis=1, keepdims=True))
        starts = np.flatnonzero(np.concatenate([[True], np.diff(numbers) > 0, [True]])).astype(np.int64)
        block = (np.searchsorted(starts, np.arange(n), side="right") - 1).astype(np.int64)
        heavy_from = int(np.count_nonzero(numbers == 1))
        parts = [_bins(size, n, _ENVIRONMENT_COLUMNS) for size in np.diff(starts)]
        counts = np.concatenate(parts)
        layout = np.repeat(np.arange(len(counts)), counts), np.sqrt(counts)
        return cls(x, starts, block, heavy_from if heavy_from < n else 0, order, numbers, layout)


def radii(group: Group) -> np.ndarray:
    """(B, n) float32: sorted distances to the centroid / √n, Å. Euclidean distances are at most the RMSD."""
    r = np.linalg.norm(group.x, axis=2)
    for lo, hi in zip(group.starts[:-1], group.starts[1:]):
        r[:, lo:hi] = np.sort(r[:, lo:hi], axis=1)
    return (r / np.sqrt(r.shape[1])).astype(np.float32)


def pair_distances(group: Group, columns: int = _FINE_COLUMNS) -> np.ndarray:
    """(B, ≤ columns + pairs) float32: sorted pair distances / n, Å. Euclidean distances are at most the RMSD."""
    b, n = group.x.shape[:2]
    first, second = np.triu_indices(n, 1)
    kinds = group.block[first] * n + group.block[second]
    by_kind = np.argsort(kinds, kind="stable")
    first, second, kinds = first[by_kind], second[by_kind], kinds[by_kind]
    if not len(kinds):
        return np.zeros((b, 1), np.float32)
    spans = [np.flatnonzero(kinds == k) for k in np.unique(kinds)]
    bins = [_bins(len(span), len(kinds), columns) for span in spans]
    width = sum(len(counts) for counts in bins)
    out = np.empty((b, width), np.float32)
    rows = max(1, 4_000_000 // len(kinds))  # about 100 MB of work space
    for lo in range(0, b, rows):
        x = group.x[lo : lo + rows]
        d = np.linalg.norm(x[:, first] - x[:, second], axis=2)
        column = 0
        for span, counts in zip(spans, bins):
            ordered = np.sort(d[:, span], axis=1)
            edges = np.concatenate([[0], np.cumsum(counts)[:-1]])
            out[lo : lo + rows, column : column + len(counts)] = np.add.reduceat(ordered, edges, axis=1) / (
                np.sqrt(counts) * n
            )
            column += len(counts)
    return out


def environments(group: Group, members: np.ndarray) -> np.ndarray:
    """(len(members), n, C) float32, Å: what each atom sees; see :func:`sampler.similarity.pair_kernels.environments`."""
    from . import pair_kernels as population

    columns, weights = group.layout
    out = np.empty((len(members), len(group.numbers), len(weights)), np.float32)
    population.environments(group.x[members], group.starts, columns, weights, out)
    return out


def anchors(group: Group, members: np.ndarray) -> np.ndarray:
    """(len(members), 3) atoms that fix the orientation of each structure; −1 where all lie on one line."""
    from . import superposition

    out = np.empty((len(members), 3), np.int64)
    for row, i in enumerate(members):
        superposition.anchors_of(group.x[i], group.starts, group.heavy_from, out[row])
    return out


def gyration_radius(group: Group) -> np.ndarray:
    """(B,) radius of gyration of equal masses, Å."""
    return np.sqrt((group.x**2).sum(axis=2).mean(axis=1))


def rotational_constants(group: Group) -> np.ndarray:
    """(B, 3) descending rotational constants, cm⁻¹; infinite about the axis of a linear structure or for an atom."""
    from ase.data import atomic_masses

    mass = atomic_masses[group.numbers]
    x = group.x - np.einsum("i,bix->bx", mass, group.x)[:, None] / mass.sum()
    second = np.einsum("i,bix,biy->bxy", mass, x, x)
    inertia = np.trace(second, axis1=1, axis2=2)[:, None, None] * np.eye(3) - second
    moments = np.linalg.eigvalsh(inertia)
    with np.errstate(divide="ignore"):
        return AMU_ANGSTROM2_TO_CM1 / np.where(moments < 1e-6, 0.0, moments)


def _bins(length: int, total: int, columns: int) -> np.ndarray:
    """Sizes of the groups into which ``length`` of ``total`` sorted entries are averaged to about ``columns``."""
    parts = min(length, max(1, round(length * columns / total)))
    return np.diff(np.linspace(0, length, parts + 1).round().astype(np.int64))
