"""Databases of SchNetPack: ASE's file, but with labels in ``data`` and units in the metadata.

What ASE itself reads from them are positions in whatever length unit was chosen, and no energies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FileFormatError, InputError
from ..units import BOHR, HARTREE, KCAL_PER_MOL, KJ_PER_MOL

_LENGTHS = {"a": 1.0, "ang": 1.0, "angstrom": 1.0, "bohr": BOHR, "nm": 10.0}
_ENERGIES = {
    "ev": 1.0, "mev": 1e-3, "hartree": HARTREE, "ha": HARTREE, "eh": HARTREE, "ry": HARTREE / 2,
    "kcal/mol": KCAL_PER_MOL, "kj/mol": KJ_PER_MOL,
}  # fmt: skip
_FORCES = "forces"


@dataclass(frozen=True)
class Labels:
    """Units of such a database.

    Attributes:
        length: Å per unit of the positions. energies: name of a property -> eV per unit, of those that are energies.
        forces: eV/Å per unit of the property ``forces``; None where there is none in a unit that is known.
        others: properties that are none of these.
    """

    length: float
    energies: dict[str, float]
    forces: float | None
    others: tuple[str, ...]

    def energy_name(self, wanted: str | None) -> str | None:
        """The property that is the energy: the wanted one, ``energy``, or the only one."""
        if wanted in self.energies:
            return wanted
        return "energy" if "energy" in self.energies else next(iter(self.energies)) if len(self.energies) == 1 else None

    def notes(self, taken: str | None) -> list[str]:
        """What is to be said of the properties."""
        said = []
        if taken is None and self.energies:
            said.append(f"energies in data are not taken; choose one (--energy): {', '.join(sorted(self.energies))}")
        elif len(self.energies) > 1:
            said.append(f"the energy is {taken}; others: {', '.join(sorted(set(self.energies) - {taken}))}")
        if self.others:
            said.append(f"properties in data that are not kept: {', '.join(self.others)}")
        return said


def labels(metadata: Any, path: Path) -> Labels | None:
    """The units that the metadata of a database state; None for a database that is not SchNetPack's.

    Raises:
        FileFormatError: a length unit that is not known.
    """
    if not isinstance(metadata, Mapping) or "_distance_unit" not in metadata:
        return None
    unit = str(metadata["_distance_unit"])
    length = _LENGTHS.get(unit.strip().lower())
    if length is None:
        raise FileFormatError(f"{path}: its positions are in {unit!r}; known units: {', '.join(_LENGTHS)}")
    stated = metadata.get("_property_unit_dict")
    units = {str(k): _plain(v) for k, v in stated.items()} if isinstance(stated, Mapping) else {}
    energies = {name: _ENERGIES[u] for name, u in units.items() if u in _ENERGIES}
    forces = _force(units[_FORCES]) if _FORCES in units else None
    others = tuple(sorted(n for n in units if n not in energies and not (n == _FORCES and forces is not None)))
    return Labels(length, energies, forces, others)


def value(row: Any, name: str, path: Path) -> float:
    """The number of a property in one row, NaN where the row has none.

    Raises:
        InputError: it is more than one number.
    """
    given = _data(row, name)
    if given is None:
        return float("nan")
    if given.size != 1:
        raise InputError(f"{path}: row {row.id} has {given.size} numbers {name!r}, an energy is one")
    return float(given.ravel()[0])


def forces(row: Any) -> np.ndarray | None:
    """(n, 3) in the unit of the file; None where the row has none."""
    given = _data(row, _FORCES)
    return given if given is not None and given.shape == (row.natoms, 3) else None


def _data(row: Any, name: str) -> np.ndarray | None:
    given = row.data.get(name) if isinstance(row.data, Mapping) else None
    try:
        return None if given is None else np.asarray(given, float)
    except (TypeError, ValueError):
        return None


def _plain(unit: Any) -> str:
    return re.sub(r"\s+", "", str(unit)).lower()


def _force(unit: str) -> float | None:
    energy, slash, length = unit.rpartition("/")
    known = slash and energy in _ENERGIES and length in _LENGTHS
    return _ENERGIES[energy] / _LENGTHS[length] if known else None
