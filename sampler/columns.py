"""What the columns of a population derive from, told by their names, so that they go when that changes.

A column is a record (``parent``, ``seed_chunk``, ``held_probability``, ``energy_before_eV``: what was, and stays true), or it
derives from the energies (``binding_energy_kcalmol``, ``rank``, ``converged``), or from the geometry (``state``,
``rotational_a_cm1``). A name that is not known, and that says no unit of energy, is a record.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_RECORDS = re.compile(r"(^|_)(before|parent|ceiling|assumed)(_|$)")
_ENERGIES = re.compile(
    r"_(eV|kcal_?mol|kJ_?mol|Eh|calmolK)(_per_\w+)?$|^(binding|relative)_|^orca_|^(log|out):", re.ASCII
)
_JUDGED = frozenset(
    "rank converged reference_set duplicate_of imaginary_modes temperature_K dipole_debye polarizability_bohr3".split()
)
_PLACED = re.compile(r"^(rigid|rotational|identity)_|_cm1$|_frequenc(y|ies)\b")
_SEEN = frozenset("state other_states molecules identity intact shared_protons point_group rg_A".split())

_OLD = ("multiplicity", "times_found")
_COUNTS = {"mirror_count", "seen"}


def of_energy(name: str) -> bool:
    """Whether a column says something of the energies, the level or the forces."""
    return not _RECORDS.search(name) and not _PLACED.search(name) and (name in _JUDGED or bool(_ENERGIES.search(name)))


def of_geometry(name: str) -> bool:
    """Whether a column says something of where the atoms are; energies do."""
    return not _RECORDS.search(name) and (name in _SEEN or bool(_PLACED.search(name)) or of_energy(name))


def remaining(columns: Mapping[str, Any], *, moved: bool, judged: bool) -> dict[str, Any]:
    """The columns that still hold when the atoms were ``moved``, or when energies or level became others."""
    return {k: v for k, v in columns.items() if not (moved and of_geometry(k)) and not (judged and of_energy(k))}


def renamed(columns: Mapping[str, Any]) -> dict[str, Any]:
    """The columns under their present names: what earlier versions called ``multiplicity`` beside other counts of a
    search is ``times_found``, and no spin. (Beside ``orca_status`` it is the spin.)"""
    old, new = _OLD
    if old not in columns or new in columns or "orca_status" in columns or not _COUNTS & set(columns):
        return dict(columns)
    return {new if k == old else k: v for k, v in columns.items()}
