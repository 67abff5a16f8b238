"""Hydrogen bonds: one criterion, for one structure and for the frames of a trajectory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import radii

HYDROGEN_BOND = (
    "A hydrogen bond D–H···A is counted between N, O, F (S, Cl, Br, I) where H···A is at most 2.5 Å (2.9 Å to S, Cl, Br, "
    "I) and the angle D–H···A at least 120°, and A has a lone pair"
)
POLAR = (7, 8, 9, 16, 17, 35, 53)
"""Elements that a hydrogen bond may be between."""
_MOST_BONDS = {7: 3, 8: 2, 9: 1, 16: 2, 17: 1, 35: 1, 53: 1}
"""Bonds that an acceptor may have, so that a lone pair is left: not N of NH4⁺, nor S of H2SO4."""
_LONGEST = {7: 2.5, 8: 2.5, 9: 2.5, 16: 2.9, 17: 2.9, 35: 2.9, 53: 2.9}
_LEAST_ANGLE = 120.0


def covalent_bonds(numbers: np.ndarray, x: np.ndarray, owner: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of atoms: heavy ones by their distance, hydrogens by their owner.

    Args:
        numbers: (n,). x: (n, 3) Å. owner: (n,) of :class:`.assignment.BatchAssignment`.
    """
    a, b, reach = _heavy_pairs(numbers)
    near = np.linalg.norm(x[a] - x[b], axis=1) < reach
    hydrogens = np.flatnonzero((numbers == 1) & (owner >= 0))
    pairs = [*zip(a[near].tolist(), b[near].tolist()), *zip(owner[hydrogens].tolist(), hydrogens.tolist())]
    return sorted((min(p), max(p)) for p in pairs)


def _heavy_pairs(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of heavy atoms, and below which distance they are bonded."""
    radius = radii.bonding()
    heavy = np.flatnonzero(numbers != 1)
    a, b = (heavy[k] for k in np.triu_indices(len(heavy), 1))
    return a, b, radii.HEAVY_BOND[0] * (radius[numbers[a]] + radius[numbers[b]])


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
        pairs += [(h, d) for d in np.flatnonzero(bonded[h]).tolist() if numbers[d] in POLAR][:1]
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


@dataclass(frozen=True)
class BondsOfFrames:
    """The hydrogen bonds of F frames of the same atoms: entry k is one of them.

    Attributes:
        frame, donor, hydrogen, acceptor: (K,), frames in order.
    """

    frame: np.ndarray
    donor: np.ndarray
    hydrogen: np.ndarray
    acceptor: np.ndarray


def of_frames(numbers: np.ndarray, positions: np.ndarray, owner: np.ndarray) -> BondsOfFrames:
    """What :func:`hydrogen_bonds` finds with :func:`covalent_bonds`, of all frames together.

    Args:
        numbers: (n,). positions: (F, n, 3) Å. owner: (F, n), as in :func:`covalent_bonds`.
    """
    frames, n = owner.shape
    a, b, reach = _heavy_pairs(numbers)
    near = np.linalg.norm(positions[:, a] - positions[:, b], axis=2) < reach
    bonded = np.zeros((frames, n, n), bool)
    bonded[:, a, b] = bonded[:, b, a] = near
    hydrogens = np.flatnonzero(numbers == 1)
    k, held = np.nonzero(owner[:, hydrogens] >= 0)
    bonded[k, owner[k, hydrogens[held]], hydrogens[held]] = True
    most = np.array([_MOST_BONDS.get(z, -1) for z in range(max(int(numbers.max(initial=0)), 53) + 1)])[numbers]
    bonds = bonded.sum(2)  # of heavy atoms, to all others
    nitrate = (numbers == 7) & bonded[:, :, numbers == 8].any(2)
    accepting = (bonds <= most) & (most >= 0) & ~nitrate
    acceptors = np.flatnonzero(most >= 0)
    longest = np.array([_LONGEST[int(z)] for z in numbers[acceptors]])
    giving = (owner[:, hydrogens] >= 0) & np.isin(numbers, POLAR)[owner[:, hydrogens]]
    apart = np.linalg.norm(positions[:, hydrogens, None] - positions[:, None, acceptors], axis=3)
    frame, h, a = np.nonzero((apart <= longest) & giving[:, :, None] & accepting[:, None, acceptors])
    h, a = hydrogens[h], acceptors[a]
    d = owner[frame, h]
    other = (a != d) & ~bonded[frame, a, d]
    frame, d, h, a = frame[other], d[other], h[other], a[other]
    to_donor, to_acceptor = positions[frame, d] - positions[frame, h], positions[frame, a] - positions[frame, h]
    lengths = np.linalg.norm(to_donor, axis=1) * np.linalg.norm(to_acceptor, axis=1)
    cosine = np.clip(np.einsum("ij,ij->i", to_donor, to_acceptor) / lengths, -1.0, 1.0)
    wide = np.degrees(np.arccos(cosine)) >= _LEAST_ANGLE
    return BondsOfFrames(frame[wide], d[wide], h[wide], a[wide])
