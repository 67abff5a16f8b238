"""Formulas of molecules and clusters."""

from __future__ import annotations

import re
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


_DIGITS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_COUNT = re.compile(r"(?<=[A-Za-z)\]])\d+")
_ONE = re.compile(r"(?<!\S)1 (?=\S)")


def subscripts(text: str) -> str:
    """Numbers behind an element or a bracket as subscripts: ``2 HSO4⁻ · 1 NH4⁺`` -> ``2 HSO₄⁻ · 1 NH₄⁺``."""
    return _COUNT.sub(lambda found: found[0].translate(_DIGITS), text)


def state_as_written(label: str) -> str:
    """A protonation state as chemists write it: ``2 HSO4⁻ · 1 NH4⁺`` -> ``2 HSO₄⁻ · NH₄⁺``."""
    return _ONE.sub("", subscripts(label))


def joined(parts: Iterable[tuple[int, str]]) -> str:
    """Numbers and formulas as one formula: ``(H₂SO₄)₂(NH₃)``; without brackets where it is one molecule alone."""
    several = [(n, subscripts(text)) for n, text in parts if n]
    if len(several) == 1 and several[0][0] == 1:
        return several[0][1]
    return "".join(f"({text})" + (str(n).translate(_DIGITS) if n > 1 else "") for n, text in several)
