"""Molecules of one hand: with a stereocentre, the mirror image is another molecule, and no arrangement of this one.

Sulfuric acid is chiral too, but turns into its mirror image by turning a hydroxyl group; such molecules have both hands.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..monomer_builder import graph
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
    z, pairs = np.frombuffer(numbers, np.int64), np.frombuffer(bonds, np.int64).reshape(-1, 2)
    if 6 not in z:
        return False
    classes = graph.equivalence_classes(z, pairs)
    hands: dict[int, int] = {}  # like centres of opposite hands cancel: a mirror plane takes one to the other
    for atom, hand in graph.stereocentres(z, pairs, np.frombuffer(positions).reshape(-1, 3)).items():
        hands[int(classes[atom])] = hands.get(int(classes[atom]), 0) + hand
    return any(hands.values())
