"""How close atoms may be before a network is no longer asked: by pair of elements.

A network knows nothing of what it has not seen, but answers all the same. One shortest distance for all pairs is that of
O–H, 0.84 Å, and lets two oxygen atoms pass at 1.0 Å. A card therefore says how close each pair of elements came in the
training data. Atoms may come somewhat closer than that: a relaxation may begin between atoms that are too close, and
leaves such places soon.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from .card import ModelCard
from .monomer_energies import atomic_number

CLOSER = 0.9
"""Share of the shortest distance seen below which a pair is refused."""
CONTACT = 0.6
"""Share of the sum of van der Waals radii above which no pair is refused: in few data all of a kind may be far apart."""
_TINY = 1e-6  # Å; nothing can be said of atoms at one place


def closest_allowed(card: ModelCard, least: float | None = None) -> np.ndarray:
    """(Z, Z) Å by atomic numbers, up to the heaviest element of the card: atoms closer than this are refused.

    For each pair of elements ``CLOSER`` of the shortest distance in the card's table, but no more than ``CONTACT`` of
    their van der Waals radii, and no less than the card's ``min_distance``, which holds alone where the table has no such
    pair.

    Args:
        least: Å, for all pairs, in place of what the card says.

    Raises:
        ModelError: an element that does not exist.
    """
    from ase.data import vdw_radii

    heaviest = max((atomic_number(s) for s in card.elements), default=0)
    limits = np.full((heaviest + 1, heaviest + 1), max(card.min_distance if least is None else float(least), _TINY))
    for pair, distance in card.closest.items() if least is None else ():
        a, b = (atomic_number(symbol) for symbol in pair.split("-"))
        if max(a, b) > heaviest:
            continue
        contact = CONTACT * (vdw_radii[a] + vdw_radii[b])  # NaN where a radius is not known
        limit = np.fmin(CLOSER * distance, contact)
        limits[a, b] = limits[b, a] = max(limits[a, b], limit)
    return limits


def together(limits: Sequence[np.ndarray]) -> np.ndarray:
    """The strictest of several tables, for the elements that all of them have."""
    size = min(map(len, limits))
    return functools.reduce(np.maximum, [table[:size, :size] for table in limits])


def refusal(numbers: np.ndarray, positions: np.ndarray, i: int, j: int, limits: np.ndarray) -> str:
    """Why a structure with the atoms ``i`` and ``j`` this close is not evaluated."""
    from ase.data import chemical_symbols

    a, b = (chemical_symbols[numbers[k]] for k in (i, j))
    distance, limit = np.linalg.norm(positions[i] - positions[j]), limits[numbers[i], numbers[j]]
    return (
        f"clash: atoms {i} and {j} are {distance:.3f} Å apart; the model has seen no {a} and {b} so close, "
        f"and is not asked below {limit:.3f} Å"
    )
