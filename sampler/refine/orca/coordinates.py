"""The tables of atoms in an ORCA output: elements, positions and the masses that were used."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

import numpy as np

from ...units import BOHR

_HEAD = re.compile(r"^CARTESIAN COORDINATES \(ANGSTROEM\)[^\n]*\n-+[ ]*\n", re.MULTILINE)
_MASSES = re.compile(r"^CARTESIAN COORDINATES \(A\.U\.\)[^\n]*\n-+[ ]*\n[^\n]*\bMASS\s+X\s+Y\s+Z[^\n]*\n", re.MULTILINE)
NUMBER = r"[-+]?\d+\.\d+(?:[eEdD][-+]?\d+)?"
_LINE = re.compile(rf"^\s*(\S+(?:\s+:)?)\s+({NUMBER})\s+({NUMBER})\s+({NUMBER})\s*$")
_MASS_LINE = re.compile(
    rf"^\s*\d+\s+(\S+(?:\s+:)?)\s+({NUMBER})\*?\s+-?\d+\s+({NUMBER})\s+({NUMBER})\s+({NUMBER})\s+({NUMBER})\s*$"
)
_HYDROGENS = {"D": 2.014, "T": 3.016}
_NOT_THAT_ISOTOPE = 0.1  # amu; tables of atomic weights differ by less
_ROUNDED = 1e-4  # Å; six decimals are printed
_LOOSE = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][-+]?\d+)?"


@dataclass(frozen=True)
class Table:
    """One printed geometry: where it stands in the text, (n,) atomic numbers, (n, 3) positions in Å, (n,) masses in amu.

    ``masses``, and (n,) nuclear ``charges`` (without what effective core potentials stand for), are None where they are
    not printed. ``others`` are the labels of ghost atoms and embedding centres, whose
    basis functions and charges are in the energy. ``damage`` says why the table cannot be used, '' if it is whole.
    """

    at: int
    numbers: np.ndarray
    positions: np.ndarray
    masses: np.ndarray | None = None
    charges: np.ndarray | None = None
    damage: str = ""
    others: tuple[str, ...] = ()


def tables(text: str) -> list[Table]:
    """All geometries of an output, in its order. Dummy, ghost and embedding centres are no atoms and are left out."""
    heads = list(_HEAD.finditer(text))
    ends = [h.start() for h in heads[1:]] + [len(text)]
    return [_table(text, head, end) for head, end in zip(heads, ends)]


def element(label: str) -> int | None:
    """The atomic number that a label stands for; 0 for what is no atom, None for what is not known.

    ORCA prints dummy atoms as ``-``, ghost atoms with a colon behind the element, and coreless effective core
    potentials, which embed a cluster in its crystal, with a ``>``.
    """
    if label in ("-", "DA", "X", "Q") or label.endswith((":", ">")):
        return 0
    return _elements().get(label)


@functools.cache
def _elements() -> dict[str, int]:
    from ase.data import atomic_numbers

    return {symbol: z for symbol, z in atomic_numbers.items() if z} | dict.fromkeys(_HYDROGENS, 1)


def _table(text: str, head: re.Match, end: int) -> Table:
    rows, whole = _rows(text, head.end())
    numbers, positions, others = [], [], []
    damage = "" if whole else "the output ends in the middle of its coordinates"
    for line in rows:
        match = _LINE.match(line)
        z = element(match[1]) if match else None
        if match is None or z is None:
            damage = f"{line.strip()!r} among its coordinates is no atom"
            break
        if z:
            numbers.append(z)
            positions.append([float(v) for v in match.groups()[1:]])
        elif match[1][-1] in ":>Q":
            others.append(match[1].replace(" ", ""))
    here = _MASSES.search(text, head.end(), end)
    places = np.array(positions).reshape(-1, 3)
    more, other = _in_bohr(text, here.end(), numbers) if here and not damage else (None, False)
    if other:
        damage = "its tables of coordinates in Å and in bohr are not of the same atoms"
    if more is not None and np.abs(more[:, 2:] * BOHR - places).max(initial=0) > _ROUNDED:
        damage = "its coordinates in Å and in bohr are not the same"
    masses, charges = (None, None) if more is None else (more[:, 1], more[:, 0])
    return Table(head.start(), np.array(numbers, np.int64), places, masses, charges, damage, tuple(others))


def _in_bohr(text: str, at: int, numbers: list[int]) -> tuple[np.ndarray | None, bool]:
    """(n, 5) nuclear charge, mass and position of the atoms, as the second table prints them; None if it is cut off or
    of other atoms, which is the second value."""
    rows, whole = _rows(text, at)
    found = [_MASS_LINE.match(line) for line in rows]
    atoms = [m for m in found if m and element(m[1])]
    if not whole or [element(m[1]) for m in atoms] != numbers:
        return None, whole
    return np.array([[float(v) for v in m.groups()[1:]] for m in atoms]).reshape(-1, 5), False


def _rows(text: str, at: int) -> tuple[list[str], bool]:
    """The lines up to an empty one, and whether there is one: without it the output ends here."""
    rows: list[str] = []
    while True:
        end = text.find("\n", at)
        if end < 0:
            return rows, False
        line = text[at:end]
        if not line.strip() or line.startswith("* core charge"):
            return rows, bool(rows)
        rows.append(line)
        at = end + 1


_INPUT_ATOM = re.compile(rf"^\s*([A-Za-z]+)(?:\(\d+\))?\s+{_LOOSE}\s+{_LOOSE}\s+{_LOOSE}\b([^\n]*)$", re.MULTILINE)
_INPUT_MASS = re.compile(rf"\bM\s*=\s*({_LOOSE})", re.IGNORECASE)


def masses_of_input(source: str, numbers: np.ndarray) -> np.ndarray | None:
    """(n,) masses in amu of an input that sets some (``H 0 0 1 M = 2.014``), the others are standard atomic weights.

    None where the input sets no mass, or its atoms are not those of ``numbers``.
    """
    from ase.data import atomic_masses

    atoms = [(element(m[1].capitalize()), _INPUT_MASS.search(m[2])) for m in _INPUT_ATOM.finditer(source)]
    atoms = [(z, mass) for z, mass in atoms if z]
    if not any(mass for _, mass in atoms) or [z for z, _ in atoms] != list(numbers):
        return None
    return np.array([float(mass[1]) if mass else atomic_masses[z] for z, mass in atoms])


def isotopes(numbers: np.ndarray, masses: np.ndarray | None) -> str:
    """The atoms whose mass is neither the standard atomic weight nor that of the main isotope: ``2 H 2.014``; '' if none."""
    from collections import Counter

    from ase.data import atomic_masses, atomic_masses_common, chemical_symbols

    if masses is None:
        return ""
    rare = Counter(
        f"{chemical_symbols[z]} {mass:.3f}"
        for z, mass in zip(numbers, masses)
        if min(abs(mass - atomic_masses[z]), abs(mass - atomic_masses_common[z])) > _NOT_THAT_ISOTOPE
    )
    return ", ".join(f"{count} {name}" for name, count in sorted(rare.items()))
