"""Molecules of one hand: with a stereocentre, the mirror image is another molecule, and no arrangement of this one.

Sulfuric acid is chiral too, but turns into its mirror image by turning a hydroxyl group; such molecules have both hands.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..identify.kernels import colours
from ..monomers import Monomer


def one_handed(monomer: Monomer) -> bool:
    """Whether a molecule has stereocentres (carbon with four different neighbours) that no mirror plane pairs.

    Without stereochemistry in its SMILES it stands for both hands. A meso compound has both as well.
    """
    if monomer.smiles and "@" not in monomer.smiles:
        return False
    x = np.ascontiguousarray(monomer.conformers[0].positions, float)
    bonds = np.ascontiguousarray(monomer.bonds, np.int64)
    return _one_handed(np.asarray(monomer.numbers, np.int64).tobytes(), bonds.tobytes(), x.tobytes())


@lru_cache(maxsize=1000)
def _one_handed(numbers: bytes, bonds: bytes, positions: bytes) -> bool:
    z = np.frombuffer(numbers, np.int64)
    if 6 not in z:
        return False
    x = np.frombuffer(positions).reshape(-1, 3)
    pairs = np.frombuffer(bonds, np.int64).reshape(-1, 2)
    bonded = np.zeros((len(z),) * 2, bool)
    bonded[pairs[:, 0], pairs[:, 1]] = bonded[pairs[:, 1], pairs[:, 0]] = True
    colour = colours(z.copy(), bonded)
    hands: dict[int, int] = {}  # like centres of opposite hands cancel: a mirror plane takes one to the other
    for i in np.flatnonzero(z == 6):
        near = np.flatnonzero(bonded[i])
        if len(near) != 4 or len(set(colour[near].tolist())) < 4:
            continue
        a, b, c, d = x[near[np.argsort(colour[near])]]
        hand = int(np.sign(np.linalg.det(np.stack([a - d, b - d, c - d]))))
        hands[int(colour[i])] = hands.get(int(colour[i]), 0) + hand
    return any(hands.values())
