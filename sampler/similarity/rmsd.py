"""Root-mean-square deviation of two structures over rotations, mirror images and permutations of like atoms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..clusters import Clusters
from ..errors import InputError
from . import fingerprints


@dataclass(frozen=True)
class Match:
    """How one structure lies on another.

    Attributes:
        rmsd: Å, over all atoms.
        max_displacement: Å, of the worst-placed atom.
        mirrored: True if the mirror image of ``a`` was superposed.
        permutation: (n,) atom i of ``a`` falls on atom ``permutation[i]`` of ``b``.
        rotation: (3, 3) orthogonal matrix R (determinant −1 if mirrored).
        lower_bound: Å, a proven lower bound of the RMSD.

    ``(x_a − mean(x_a)) @ rotation.T`` lies on ``(x_b − mean(x_b))[permutation]``.
    """

    rmsd: float
    max_displacement: float
    mirrored: bool
    permutation: np.ndarray
    rotation: np.ndarray
    lower_bound: float


def permutation_rmsd(
    numbers_a: np.ndarray,
    positions_a: np.ndarray,
    numbers_b: np.ndarray,
    positions_b: np.ndarray,
    *,
    mirror: bool = True,
) -> Match:
    """The best superposition of ``a`` on ``b`` in which atoms of one element may change places.

    Any hydrogen may belong to any molecule, so a shared proton is not misjudged. Assignment (Jonker–Volgenant) and
    superposition (Kabsch/Horn) alternate from several starts: the pairing of atoms with like surroundings, and every
    image of a triangle of rare heavy atoms. The result is always a valid superposition; that it is the best one is
    proven only where it meets ``lower_bound``, and measured otherwise (``benchmarks/dedupe.py``).

    Args:
        numbers_a, numbers_b: (n,) atomic numbers, in any order.
        positions_a, positions_b: (n, 3) Å.
        mirror: also try the mirror image of ``a``.

    Raises:
        InputError: the compositions differ, or a coordinate is not finite.
    """
    from . import superposition

    if sorted(numbers_a) != sorted(numbers_b):
        raise InputError("the two structures have different compositions; an RMSD needs the same atoms in both")
    pair = Clusters.make([positions_a, positions_b], [numbers_a, numbers_b])
    if not np.isfinite(pair.positions).all():
        raise InputError("a coordinate is not finite; there is no RMSD to a broken structure")
    if not len(numbers_a):
        raise InputError("the structures have no atoms")
    both = np.arange(2)
    group = fingerprints.Group.make(pair, both)
    env, anchors = fingerprints.environments(group, both), fingerprints.anchors(group, both)
    rotation, perm = np.eye(3), np.arange(len(group.numbers))
    rmsd, largest, mirrored, bound = superposition.compare(
        group.x[0], group.x[1], env[0], env[1], group.starts, group.block, anchors[0],
        -1.0, 0.0, 1.5, 2.0, mirror, rotation, perm,
    )  # fmt: skip
    original = np.empty_like(perm)
    original[group.order[0]] = group.order[1][perm]
    return Match(float(rmsd), float(largest), bool(mirrored), original, rotation, float(bound))
