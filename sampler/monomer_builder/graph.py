"""Bond graphs: from distances, topological equivalence of atoms, and when two conformers are the same."""

from __future__ import annotations

import numpy as np

# A bond is shorter than this many times the sum of the covalent radii (Cordero et al. 2008,
# doi:10.1039/b801115j, as in ASE): O-H below 1.26 Å, N-H 1.33 Å, S-O 2.22 Å; hydrogen bonds stay outside.
BOND_FACTOR = 1.3


def bonds_from_distances(numbers: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Bonds as (m, 2) int64 pairs i < j, sorted.

    Args:
        numbers: (n,) atomic numbers. positions: (n, 3) Å.
    """
    from ase.data import covalent_radii

    radii = covalent_radii[numbers]
    distance = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    close = distance < BOND_FACTOR * (radii[:, None] + radii[None])
    # two hydrogens never bond here: the H-H sum would join the hydrogens of compressed NH or CH3 groups to nothing
    return np.argwhere(np.triu(close, 1)).astype(np.int64).reshape(-1, 2)


def neighbours(n: int, bonds: np.ndarray) -> list[list[int]]:
    """The bonded atoms of each of ``n`` atoms."""
    near: list[list[int]] = [[] for _ in range(n)]
    for i, j in bonds:
        near[i].append(int(j))
        near[j].append(int(i))
    return near


def equivalence_classes(numbers: np.ndarray, bonds: np.ndarray) -> np.ndarray:
    """(n,) class of each atom: equal for atoms that the bond graph (without bond orders) cannot tell apart.

    Colour refinement: classes start as elements and split by the classes of the neighbours until stable.
    """
    near = neighbours(len(numbers), bonds)
    colour = [int(z) for z in numbers]
    while True:
        keys = [(colour[i], tuple(sorted(colour[j] for j in near[i]))) for i in range(len(numbers))]
        order = {key: k for k, key in enumerate(sorted(set(keys)))}
        refined = [order[key] for key in keys]
        if len(order) == len(set(colour)):
            return np.asarray(refined, np.int64)
        colour = refined


def stereocentres(numbers: np.ndarray, bonds: np.ndarray, positions: np.ndarray) -> dict[int, int]:
    """Carbon atoms with four neighbours of different classes -> their hand, ±1, in ``positions`` (n, 3)."""
    classes, near = equivalence_classes(numbers, bonds), neighbours(len(numbers), bonds)
    found = {}
    for i in np.flatnonzero(np.asarray(numbers) == 6).tolist():
        if len(near[i]) == 4 and len({int(classes[j]) for j in near[i]}) == 4:
            a, b, c, d = positions[sorted(near[i], key=lambda j: int(classes[j]))]
            found[i] = 1 if np.linalg.det(np.stack([a - d, b - d, c - d])) > 0 else -1
    return found


def same_molecule(numbers: np.ndarray, bonds: np.ndarray, others: np.ndarray, other_bonds: np.ndarray) -> bool:
    """Whether two bond graphs (without bond orders) are one: every class of atoms is as large in both."""
    if len(numbers) != len(others) or len(bonds) != len(other_bonds):
        return False
    n = len(numbers)
    joined = np.concatenate([np.reshape(bonds, (-1, 2)), np.reshape(other_bonds, (-1, 2)) + n])
    classes = equivalence_classes(np.concatenate([numbers, others]), joined)
    return np.array_equal(np.sort(classes[:n]), np.sort(classes[n:]))


def is_connected(n: int, bonds: np.ndarray) -> bool:
    near, seen, todo = neighbours(n, bonds), {0}, [0]
    while todo:
        new = [j for j in near[todo.pop()] if j not in seen]
        seen.update(new)
        todo.extend(new)
    return len(seen) == n


def fingerprint(classes: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Sorted distances of every pair of classes, Å: blind to atom order inside a class, rotation and mirror image.

    Two conformers of one molecule are the same (up to a mirror image) where their fingerprints agree.
    """
    i, j = np.triu_indices(len(classes), 1)
    low, high = np.minimum(classes[i], classes[j]), np.maximum(classes[i], classes[j])
    distance = np.linalg.norm(positions[i] - positions[j], axis=1)
    return distance[np.lexsort((distance, high, low))]
