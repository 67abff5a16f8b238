"""What a foreign file holds, before it is decided whether its energies can be used together."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..clusters import Clusters
from ..errors import FileFormatError, InputError, LevelError
from ..levels import spelled_level
from ..units import BOHR, HARTREE, KCAL_PER_MOL, KJ_PER_MOL

JSON = ":json"
"""Ending of the names of columns that hold lists, as JSON text."""

_ENERGY = {"eV": 1.0, "Eh": HARTREE, "kcalmol": KCAL_PER_MOL, "kJmol": KJ_PER_MOL, "J_per_mol": KJ_PER_MOL / 1000}
_LENGTH = {"A": 1.0, "bohr": BOHR}


@dataclass(frozen=True)
class Population:
    """B structures as their file tells of them.

    Attributes:
        clusters: ``level`` is '', whatever the file says; charges that the file does not state are 0.
        levels: (B,) level of theory of each energy as far as the file states one, else ''.
        charge_stated: (B,) bool.
        source: the file. where: (B,) e.g. ``frame 3 (line 25)``.
        notes: what was done to it, and what could not be taken over.
        doubts: (B,) why the charge that the file gives is not clear, '' where it is; () if it is everywhere.
    """

    clusters: Clusters
    levels: np.ndarray
    charge_stated: np.ndarray
    source: str
    where: np.ndarray
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    def settle(self, level: str | None = None, charge: int | None = None) -> Clusters:
        """The clusters, once their numbers are whole and their energies of one level.

        Args:
            level: of energies for which the file states none; where it states several, the one to take.
            charge: of structures for which the file states none.

        Raises:
            FileFormatError: coordinates that are not numbers. LevelError: several levels of theory, or another one.
            InputError: the file states another charge, or none that is clear.
        """
        clusters = self.clusters
        bad = np.flatnonzero(~np.isfinite(clusters.positions).all(axis=1))
        if len(bad):
            i = int(clusters.structure_of_atom[bad[0]])
            raise FileFormatError(
                f"{self.source}: {self.where[i]}, atom {bad[0] - clusters.ptr[i] + 1}: a coordinate is not a finite "
                "number; remove the structure (sampler audit lists all such)"
            )
        return self._one_level(self.charged(charge), level)

    def charged(self, charge: int | None = None) -> Clusters:
        """The clusters with their charges, whatever else is wrong with them.

        Raises:
            InputError: the file states another charge than ``charge``, or none that is clear and ``charge`` is None.
        """
        clusters = self.clusters
        wrong = np.flatnonzero(
            self.charge_stated & (clusters.charge != (clusters.charge if charge is None else charge))
        )
        if len(wrong):
            i = wrong[0]
            raise InputError(
                f"{self.source}: {self.where[i]} states the charge {clusters.charge[i]:+d}, not {charge:+d}"
            )
        doubtful = next((i for i, doubt in enumerate(self.doubts) if doubt), None)
        if doubtful is not None and charge is None:
            raise InputError(
                f"{self.source}: {self.where[doubtful]}: {self.doubts[doubtful]}; say the total charge with --charge"
            )
        return clusters if charge is None else clusters.replace(charge=np.full(len(clusters), charge, np.int64))

    def _one_level(self, clusters: Clusters, level: str | None) -> Clusters:
        energies = np.isfinite(clusters.energy)
        known = {str(v): spelled_level(str(v)) for v in np.unique(self.levels)}
        levels = np.array([known[str(v)] for v in self.levels], dtype=np.str_)
        level = level if level is None else spelled_level(level)
        stated = Counter(str(v) for v in levels[energies])
        if not stated:
            return clusters
        if level is not None and level in stated and len(set(stated) - {""}) > 1:
            return clusters[energies & (levels == level)].replace(level=level)
        if level is not None and set(stated) - {"", level}:
            raise LevelError(f"{self.source} states the level {', '.join(sorted(set(stated) - {''}))}, not {level}")
        if len(set(stated) - {""}) > 1 or (len(stated) > 1 and level is None):
            told = ", ".join(f"{k or 'not stated'} ({n})" for k, n in sorted(stated.items()))
            raise LevelError(
                f"{self.source} holds energies of several levels of theory: {told}; choose one with --level"
            )
        return clusters.replace(level=level if level is not None else next(iter(stated)))


def column(values: Sequence[Any]) -> np.ndarray:
    """An array without objects for one value a structure; None is missing (NaN, ''; lists become JSON text)."""
    given = [v for v in values if v is not None]
    if any(isinstance(v, (list, dict, tuple, np.ndarray)) for v in given):
        return np.array(["" if v is None else json.dumps(_listed(v)) for v in values], dtype=np.str_)
    if given and len(given) == len(values) and all(isinstance(v, (bool, np.bool_)) for v in given):
        return np.array(values, bool)
    numbers = [isinstance(v, (int, float, np.number)) and not isinstance(v, (bool, np.bool_)) for v in given]
    if all(numbers):
        if given and len(given) == len(values) and all(isinstance(v, (int, np.integer)) for v in given):
            return np.array(values, np.int64)
        return np.array([np.nan if v is None else float(v) for v in values])
    return np.array(["" if v is None else str(v) for v in values], dtype=np.str_)


def counted(notes: Sequence[str]) -> tuple[str, ...]:
    """Each note once; of many alike the first, and how many there are."""
    counts = Counter(re.sub(r"[-+]?\d+(\.\d+)?", "#", note) for note in notes)
    made, seen = [], set()
    for note in notes:
        kind = re.sub(r"[-+]?\d+(\.\d+)?", "#", note)
        if kind not in seen:
            seen.add(kind)
            made.append(note + (f" (and alike in {counts[kind]} frames in all)" if counts[kind] > 1 else ""))
    return tuple(made)


def energy_scale(key: str) -> float:
    """eV per unit that the name of a column ends in: ``b973c_energy_Eh``.

    Raises:
        InputError: no unit, or one that is not known.
    """
    for unit, scale in _ENERGY.items():
        if key.endswith(f"_{unit}"):
            return scale
    raise InputError(f"the unit of {key!r} is not known; the name must end in {', '.join('_' + u for u in _ENERGY)}")


def energy_column(key: str) -> tuple[str, float]:
    """The name of an energy and its unit in eV: ``b973c_energy_Eh``, whose name ends in it, or ``REF_energy:eV``.

    Raises:
        InputError: no unit, or one that is not known.
    """
    name, colon, unit = key.rpartition(":")
    if colon and unit in _ENERGY:
        return name, _ENERGY[unit]
    try:
        return key, energy_scale(key)
    except InputError as error:
        raise InputError(f"{error}, or be given with it as in {name or key}:eV") from None


def forces_column(key: str) -> tuple[str, float]:
    """The name of three columns and their unit in eV/Å, negative for a gradient: ``gradient_Eh_per_bohr`` or
    ``REF_forces:eV_per_A``.

    Raises:
        InputError: no unit, or one that is not known.
    """
    head, colon, unit = key.rpartition(":")
    name, text = (head, f"_{unit}") if colon else (key, key)
    for energy, scale in _ENERGY.items():
        for length, per in _LENGTH.items():
            if text.endswith((f"_{energy}_per_{length}", f"_{energy}_{length}")):
                return name, (-1.0 if "grad" in name.lower() else 1.0) * scale / per
    raise InputError(
        f"the unit of {key!r} is not known; the name must end in _eV_per_A, _Eh_per_bohr, _Eh_per_A or alike, or be given "
        "with it as in REF_forces:eV_per_A"
    )


def rounded(values: Sequence[float | None], unit: float) -> list[str]:
    """What is to be said of energies in single precision, as data sets for learning often have them: of the total energy
    of a large cluster it leaves tenths of a kcal/mol. ``unit`` is that of the values, in eV."""
    given = np.array([v for v in values if v is not None and np.isfinite(v)], float)
    single = given.astype(np.float32)
    if not len(given) or not (single == given).all() or (given == np.rint(given)).all():
        return []
    worst = float(np.spacing(np.abs(single)).max()) / 2 * unit / KCAL_PER_MOL
    return [f"energies are stored in single precision, rounded by up to {worst:.2g} kcal/mol"] if worst > 1e-3 else []


def _listed(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, (list, tuple)):
        return [_listed(v) for v in value]
    if isinstance(value, dict):
        return {str(k): _listed(v) for k, v in value.items()}
    return value.item() if isinstance(value, np.generic) else value
