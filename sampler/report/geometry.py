"""Where the atoms of structures are, for people to compare: laid on the lowest one, with bonds and hydrogen bonds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..clusters import Clusters
from ..composition import Composition
from ..errors import InputError
from ..identify import radii
from ..identify.assignment import BatchAssignment, assign_batch
from ..identify.describe import molecules_of
from ..monomers import MonomerLibrary
from ..similarity import permutation_rmsd
from ..text.formula import subscripts

RMSD = (
    "RMSD to the lowest structure: over all atoms, the best found over rotations, the mirror image and permutations of "
    "atoms of one element; the structures are shown superposed like this"
)
HYDROGEN_BOND = (
    "A hydrogen bond D–H···A is counted between N, O, F (S, Cl, Br, I) where H···A is at most 2.5 Å (2.9 Å to S, Cl, Br, "
    "I) and the angle D–H···A at least 120°, and A has a lone pair"
)
_POLAR = (7, 8, 9, 16, 17, 35, 53)
_MOST_BONDS = {7: 3, 8: 2, 9: 1, 16: 2, 17: 1, 35: 1, 53: 1}
"""Bonds that an acceptor may have, so that a lone pair is left: not N of NH4⁺, nor S of H2SO4."""
_LONGEST = {7: 2.5, 8: 2.5, 9: 2.5, 16: 2.9, 17: 2.9, 35: 2.9, 53: 2.9}
_LEAST_ANGLE = 120.0


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
    bonds = _bonds(numbers, x, owner)
    names = [subscripts(m.label) for m in molecules_of(found, i, clusters.ptr, clusters.numbers)]
    of = found.molecule[atoms]
    molecules = [(name, np.flatnonzero(of == m).tolist()) for m, name in enumerate(names)]
    return Bonding(bonds, hydrogen_bonds(numbers, x, bonds), molecules)


def _bonds(numbers: np.ndarray, x: np.ndarray, owner: np.ndarray) -> list[tuple[int, int]]:
    """Heavy atoms by their distance, hydrogens by their owner."""
    radius = radii.bonding()
    heavy = np.flatnonzero(numbers != 1)
    a, b = (heavy[k] for k in np.triu_indices(len(heavy), 1))
    near = np.linalg.norm(x[a] - x[b], axis=1) < radii.HEAVY_BOND[0] * (radius[numbers[a]] + radius[numbers[b]])
    hydrogens = np.flatnonzero((numbers == 1) & (owner >= 0))
    pairs = [*zip(a[near].tolist(), b[near].tolist()), *zip(owner[hydrogens].tolist(), hydrogens.tolist())]
    return sorted((min(p), max(p)) for p in pairs)


def hydrogen_bonds(
    numbers: np.ndarray, positions: np.ndarray, bonds: list[tuple[int, int]]
) -> list[tuple[int, int, int, float, float]]:
    """(donor, hydrogen, acceptor, H···A in Å, D–H···A in degrees) of each one; see :data:`HYDROGEN_BOND`.

    Args:
        numbers: (n,) atomic numbers. positions: (n, 3) Å. bonds: pairs of atoms.
    """
    n = len(numbers)
    bonded = np.zeros((n, n), bool)
    for i, j in bonds:
        bonded[i, j] = bonded[j, i] = True
    acceptors = np.array([i for i in range(n) if _accepts(i, numbers, bonded)], int)
    hydrogens, donors = _donated(numbers, bonded)
    reach = np.array([_LONGEST[int(z)] for z in numbers[acceptors]])
    apart = np.linalg.norm(positions[hydrogens][:, None] - positions[acceptors][None], axis=2)
    found = []
    for k, m in np.argwhere(apart <= reach).tolist():
        h, d, a = int(hydrogens[k]), int(donors[k]), int(acceptors[m])
        if a == d or bonded[a, d]:
            continue
        angle = _angle(positions[d] - positions[h], positions[a] - positions[h])
        if angle >= _LEAST_ANGLE:
            found.append((d, h, a, float(apart[k, m]), angle))
    return found


def _donated(numbers: np.ndarray, bonded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hydrogens on atoms that give them to hydrogen bonds, and these atoms."""
    pairs = []
    for h in np.flatnonzero(numbers == 1).tolist():
        pairs += [(h, d) for d in np.flatnonzero(bonded[h]).tolist() if numbers[d] in _POLAR][:1]
    hydrogens, donors = np.array(pairs, int).reshape(-1, 2).T
    return hydrogens, donors


def _accepts(i: int, numbers: np.ndarray, bonded: np.ndarray) -> bool:
    z = int(numbers[i])
    if z not in _MOST_BONDS or bonded[i].sum() > _MOST_BONDS[z]:
        return False
    return not (z == 7 and (numbers[bonded[i]] == 8).any())  # nitrates and nitro groups


def _angle(u: np.ndarray, v: np.ndarray) -> float:
    cosine = u @ v / (np.linalg.norm(u) * np.linalg.norm(v))
    return float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))
