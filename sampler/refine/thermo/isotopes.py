"""Which atoms of a structure are not of the usual mass: D2O is not H2O, whatever its elements and its geometry say."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

from ..hessian import isotope_masses, standard_masses

_PRINTED = 2e-3  # amu; programs print masses with three decimals
_USUAL = 0.05  # amu; what differs by more from both usual masses of its element is another isotope


def exact(numbers: np.ndarray, masses: np.ndarray | None) -> np.ndarray:
    """(n,) amu: printed masses, in which standard atomic weights have all their digits; without any, standard ones."""
    standard = standard_masses(numbers)
    if masses is None:
        return standard
    masses = np.asarray(masses, float)
    return np.where(np.abs(masses - standard) < _PRINTED, standard, masses)


def substituted(numbers: np.ndarray, masses: np.ndarray) -> np.ndarray:
    """(n,) int, the mass number of atoms that are another isotope; 0 for the standard weight or the main isotope."""
    masses = np.asarray(masses, float)
    usual = np.minimum(np.abs(masses - standard_masses(numbers)), np.abs(masses - isotope_masses(numbers)))
    return np.where(usual > _USUAL, np.rint(masses), 0).astype(np.int64)


def convention(numbers: np.ndarray, masses: np.ndarray) -> str:
    """``main isotopes`` where the masses are those and not standard atomic weights, else ''."""
    standard, main = standard_masses(numbers), isotope_masses(numbers)
    telling = (np.abs(standard - main) > 2 * _PRINTED) & (substituted(numbers, masses) == 0)
    near = np.abs(np.asarray(masses, float) - main)[telling] < np.abs(np.asarray(masses, float) - standard)[telling]
    return "main isotopes" if telling.any() and near.all() else ""


def label(numbers: np.ndarray, masses: np.ndarray) -> str:
    """Isotopes in words: '' for none, ``2H`` where all atoms of the element are this isotope, else ``1 of 2 H is 2H``."""
    from ase.data import chemical_symbols

    numbers, mark = np.asarray(numbers), substituted(numbers, masses)
    parts = []
    for z, mass in sorted({(int(z), int(a)) for z, a in zip(numbers, mark) if a}):
        here, of = int(((numbers == z) & (mark == mass)).sum()), int((numbers == z).sum())
        name = f"{mass}{chemical_symbols[z]}"
        some = f"{here} of {of} {chemical_symbols[z]} {'is' if here == 1 else 'are'} {name}"
        parts.append(name if here == of else some)
    return ", ".join(parts)


def whole(text: str) -> bool:
    """Whether a label names one isotope for all atoms of an element: clusters and monomers can then be compared."""
    return bool(re.fullmatch(r"\d+[A-Z][a-z]?(, \d+[A-Z][a-z]?)*", text))


def named(name: str, text: str) -> str:
    """The name of a cluster with isotopes: ``2w[2H]``."""
    return f"{name}[{text}]" if text else name


def kinds(numbers: np.ndarray, masses: np.ndarray) -> np.ndarray:
    """(n,) int, equal for atoms that a rotation may exchange: of one element and one isotope."""
    return np.asarray(numbers, np.int64) * 1000 + substituted(numbers, masses)


def of_columns(columns: dict) -> str:
    """The label that :mod:`.sources` keeps with a species."""
    return str(columns.get("isotopes", ""))


def matching(text: str, numbers: np.ndarray) -> str:
    """The part of a whole label that concerns these elements."""
    from ase.data import chemical_symbols

    have = Counter(chemical_symbols[int(z)] for z in numbers)
    return ", ".join(p for p in text.split(", ") if re.sub(r"^\d+", "", p) in have)
