"""Where the atoms of structures are, for people to compare: laid on the lowest one, with bonds and hydrogen bonds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..clusters import Clusters
from ..composition import Composition
from ..errors import InputError
from ..identify.assignment import BatchAssignment, assign_batch
from ..identify.describe import molecules_of
from ..identify.hydrogen_bonds import covalent_bonds, hydrogen_bonds
from ..monomers import MonomerLibrary
from ..similarity import permutation_rmsd
from ..text.formula import subscripts

RMSD = (
    "RMSD to the lowest structure: over all atoms, the best found over rotations, the mirror image and permutations of "
    "atoms of one element; the structures are shown superposed like this"
)


@dataclass(frozen=True)
class Superposed:
    """B structures of the same n atoms, each laid on the first one.

    Attributes:
        clusters: with the atoms in the order of the first one's, positions (Å) centred, in the frame of its principal axes.
        rmsd: (B,) Å, to the first one; NaN where a structure has other atoms, which then is centred only.
        mirrored: (B,) whether it is the mirror image that is laid there.
    """

    clusters: Clusters
    rmsd: np.ndarray
    mirrored: np.ndarray


def superposed(clusters: Clusters) -> Superposed:
    """Structures laid on the first one of them; see :data:`RMSD`."""
    b = len(clusters)
    rmsd, mirrored = np.full(b, np.nan), np.zeros(b, bool)
    numbers = [clusters.numbers[clusters.atoms_of(i)] for i in range(b)]
    centred = [x - x.mean(0) for x in (clusters.positions[clusters.atoms_of(i)] for i in range(b))]
    first, axes = centred[0], _principal_axes(centred[0])
    for i in range(b):
        try:
            match = permutation_rmsd(numbers[i], centred[i], numbers[0], first)
        except InputError:  # other atoms, or coordinates that are none
            centred[i] = centred[i] @ axes
            continue
        there = np.empty_like(centred[i])
        there[match.permutation] = centred[i] @ match.rotation.T
        centred[i], numbers[i] = there @ axes, numbers[0]
        rmsd[i], mirrored[i] = match.rmsd, match.mirrored
    laid = Clusters.make(
        centred, numbers, charge=clusters.charge, ids=clusters.ids, energy=clusters.energy, level=clusters.level,
        columns=clusters.columns,
    )  # fmt: skip
    return Superposed(laid, rmsd, mirrored)


def _principal_axes(x: np.ndarray) -> np.ndarray:
    """(3, 3) a rotation whose columns are the directions of (n, 3) positions, the longest first."""
    _, directions = np.linalg.eigh(x.T @ x)
    axes = directions[:, ::-1].copy()
    if np.linalg.det(axes) < 0:
        axes[:, 2] *= -1
    return axes


@dataclass(frozen=True)
class Bonding:
    """What holds one structure of n atoms together.

    Attributes:
        bonds: pairs of atoms. hydrogen_bonds: (donor, H, acceptor, H···A in Å, D–H···A in degrees).
        molecules: name as printed, and the atoms of it. Atoms that are in no molecule are in none of them.
    """

    bonds: list[tuple[int, int]]
    hydrogen_bonds: list[tuple[int, int, int, float, float]]
    molecules: list[tuple[str, list[int]]]


def bonding(clusters: Clusters, composition: Composition | None, library: MonomerLibrary) -> list[Bonding]:
    """Of each structure. Which hydrogen belongs to which atom is what :mod:`sampler.identify` says."""
    found = assign_batch(clusters, composition, library)
    return [_of_one(clusters, found, i) for i in range(len(clusters))]


def _of_one(clusters: Clusters, found: BatchAssignment, i: int) -> Bonding:
    atoms = clusters.atoms_of(i)
    numbers, x, owner = clusters.numbers[atoms], clusters.positions[atoms], found.owner[atoms]
    bonds = covalent_bonds(numbers, x, owner)
    names = [subscripts(m.label) for m in molecules_of(found, i, clusters.ptr, clusters.numbers)]
    of = found.molecule[atoms]
    molecules = [(name, np.flatnonzero(of == m).tolist()) for m, name in enumerate(names)]
    return Bonding(bonds, hydrogen_bonds(numbers, x, bonds), molecules)
