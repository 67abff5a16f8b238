"""Errors by protonation state: of clusters in which so many protons have moved from an acid to a base, by their identity."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from ..monomers import MonomerLibrary
from .describe import protonation_states
from .evaluate import Evaluated

_POWERS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
NOT_WHOLE = -1
"""Stands for the number of moved protons of a structure that is not made of whole molecules in one cluster."""


def moved_protons(state: str) -> int:
    """Protons that moved between molecules: 2 of ``2 HSO4⁻ · 2 NH4⁺``, 2 of ``1 SO4²⁻ · 2 NH4⁺``, 0 of ``1 HSO4⁻ · 1 NH3``.

    In a neutral cluster that is the charge of its negative ions; one that is charged itself has lost or gained that charge
    without a partner, so that the smaller of both sums counts.
    """
    charge = [_ion(part.strip()) for part in state.split("·")]
    return min(sum(q for q in charge if q > 0), -sum(q for q in charge if q < 0))


def _ion(part: str) -> int:
    """The charge of ``2 HSO4⁻``: -2."""
    if not part.endswith(("⁻", "⁺")):
        return 0
    number, _, formula = part.partition(" ")
    body, sign = (formula or number)[:-1], -1 if part.endswith("⁻") else 1
    digits = body[len(body.rstrip("⁰¹²³⁴⁵⁶⁷⁸⁹")) :]
    return sign * int(digits.translate(_POWERS) or 1) * (int(number) if number.isdecimal() else 1)


def protons(found: Evaluated, library: MonomerLibrary) -> np.ndarray:
    """(B,) int, moved protons of each structure, :data:`NOT_WHOLE` of those that are none."""
    return _moved(*protonation_states(found.labels, library))


def _moved(states: np.ndarray, torn: np.ndarray) -> np.ndarray:
    moved = np.array([moved_protons(s) for s in states.tolist()], int)
    moved[torn] = NOT_WHOLE
    return moved


def by_protons(found: Evaluated, library: MonomerLibrary) -> list[dict[str, Any]]:
    """A row for each number of moved protons, in ascending order: ``moved_protons`` (None: not whole molecules), ``structures``,
    their ``states`` with numbers, and the errors as :meth:`.evaluate.Evaluated.part` has them."""
    states, torn = protonation_states(found.labels, library)
    moved = _moved(states, torn)
    rows = []
    for count in sorted(set(moved.tolist()), key=lambda n: (n == NOT_WHOLE, n)):
        chosen = np.flatnonzero(moved == count)
        rows.append(
            {
                "moved_protons": None if count == NOT_WHOLE else count, "structures": len(chosen),
                "states": dict(Counter(states[chosen].tolist()).most_common()), **found.part(chosen),
            }
        )  # fmt: skip
    return rows
