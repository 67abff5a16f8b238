"""Formulas of molecules and clusters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


def formula(numbers: Iterable[int]) -> str:
    """A formula as chemists write these molecules: carbon first, NH3 and OH with H last, acids with H first."""
    from ase.data import chemical_symbols

    counts = Counter(chemical_symbols[int(z)] for z in numbers)
    if "C" in counts:
        order = ["C", "H", *sorted(set(counts) - {"C", "H"})]
    elif set(counts) <= {"N", "H"} and counts["N"] <= 1:
        order = ["N", "H"]
    elif counts == {"O": 1, "H": 1}:
        order = ["O", "H"]
    else:
        order = ["H", *sorted(set(counts) - {"H", "O"}), "O"]
    return "".join(s + (str(counts[s]) if counts[s] > 1 else "") for s in order if counts[s])
