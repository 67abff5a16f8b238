"""Labels that others computed: extended XYZ files with named columns, into a data set of this package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...clusters import Clusters
from ...errors import FileFormatError, InputError, LevelError
from ...levels import composition_of, level_with
from ...monomers import MonomerLibrary
from ...text.charges import frame_charge
from ...units import BOHR
from ..sampling.near_duplicates import first_copies
from .compositions import checked
from .dataset import LabelSet
from .plausible import ENERGY_UNITS, LENGTH_UNITS, Units, examine
from .trained_on import COPY

COORDINATES = {"A": 1.0, "bohr": BOHR, "nm": 10.0, "pm": 0.01}


@dataclass(frozen=True)
class Imported:
    """A data set, and lines on what was left out and what should be known of it."""

    labels: LabelSet
    remarks: tuple[str, ...]


def import_checked(
    path: Path | str,
    level: str,
    library: MonomerLibrary,
    families: tuple[str, ...],
    unchecked: bool = False,
    **how: Any,
) -> Imported:
    """As :func:`import_extxyz`, without repeated frames, and compared with what is known of the level.

    Args:
        unchecked: take the labels in spite of what speaks against them, which becomes a remark.

    Raises:
        InputError: lengths, energies or forces that cannot be what they are said to be; nothing is left.
    """
    frames, atoms = _without_atoms(_read(path))
    labels = _labels(path, frames, level, library, families, **how)
    first = first_copies(labels.clusters, COPY) == np.arange(len(labels))
    remarks = [f"{(~first).sum()} copies of other frames are left out"] if not first.all() else []
    if atoms:
        remarks.append(f"{atoms} isolated atoms (config_type) are left out: energies count from molecules here")
    labels = labels.subset(first)
    units = Units(how.get("energy_unit", "eV"), _force_unit(**how), how.get("gradient", False))
    found = examine(labels, library, units)
    remarks += found.remarks
    if found.faults and not unchecked:
        raise InputError(f"{path}: {'; '.join(found.faults)}. To import it all the same: --unchecked")
    if found.faults:
        return Imported(labels, (*found.faults, *remarks))
    if not found.kept.any():
        raise InputError(f"{path}: no frame is left: {'; '.join(found.remarks)}")
    return Imported(labels.subset(found.kept), tuple(remarks))


def import_extxyz(
    path: Path | str,
    level: str,
    library: MonomerLibrary,
    families: tuple[str, ...],
    energy_key: str,
    energy_unit: str = "eV",
    forces_key: str = "",
    length_unit: str = "A",
    gradient: bool = False,
    forces_unit: str = "",
    coordinates: str = "A",
) -> LabelSet:
    """Read a file of extended XYZ frames.

    Args:
        level: a known level of theory; its monomer minima are the references.
        families: of which the clusters are made, e.g. ("sa", "am").
        energy_key: in the comment lines. forces_key: name of the three columns, '' for none. The names that ASE and
            MACE write, ``energy`` and ``forces``, too.
        energy_unit: one of ENERGY_UNITS, also of the forces' numerator; length_unit: of their denominator.
        gradient: the columns are dE/dx, not forces. forces_unit: such as ``eV/A``, where it is not made of the other two.
        coordinates: one of COORDINATES.

    Raises:
        FileFormatError: no such file or key, or what is under it is no number. InputError: an unknown unit.
        LevelError: unknown level or composition.
    """
    frames, _ = _without_atoms(_read(path))
    return _labels(
        path, frames, level, library, families, energy_key, energy_unit, forces_key, length_unit, gradient, forces_unit,
        coordinates,
    )  # fmt: skip


def _read(path: Path | str) -> list:
    from ...interop.xyz import read_frames

    return read_frames(path)


def _without_atoms(frames: list) -> tuple[list, int]:
    """The frames but for the atoms that files for MACE bring with them, and how many these are."""
    kept = [f for f in frames if len(f.numbers) != 1 or str(f.info.get("config_type")).lower() != "isolatedatom"]
    return kept, len(frames) - len(kept)


def _labels(
    path: Path | str,
    frames: list,
    level: str,
    library: MonomerLibrary,
    families: tuple[str, ...],
    energy_key: str,
    energy_unit: str = "eV",
    forces_key: str = "",
    length_unit: str = "A",
    gradient: bool = False,
    forces_unit: str = "",
    coordinates: str = "A",
) -> LabelSet:
    """See :func:`import_extxyz`."""
    if energy_unit not in ENERGY_UNITS or length_unit not in LENGTH_UNITS:
        raise InputError(
            f"units {energy_unit}, {length_unit} are not known; energies: {', '.join(ENERGY_UNITS)}; "
            f"lengths: {', '.join(LENGTH_UNITS)}"
        )
    if not frames:
        raise FileFormatError(f"{path} holds isolated atoms only")
    reference = level_with(level, library)
    if coordinates not in COORDINATES:
        raise InputError(f"coordinates in {coordinates} are not known; known: {', '.join(COORDINATES)}")
    scale, stretch = ENERGY_UNITS[energy_unit], COORDINATES[coordinates]
    per_energy, per_length = _force_unit(energy_unit, length_unit, forces_unit).rsplit("/", 1)
    sign = (-1.0 if gradient else 1.0) * ENERGY_UNITS[per_energy] / LENGTH_UNITS[per_length]
    energies, forces, charges, names = [], [], [], []
    for i, frame in enumerate(frames):
        where = f"{path}: frame {i}"
        energies.append(_number(frame, energy_key, where) * scale)
        if forces_key:
            forces.append(_columns(frame, forces_key, where) * sign)
        charges.append(_charge(frame, where))
        names.append(_composition(frame, charges[-1], families, library, where, stretch))
    clusters = Clusters.make(
        [f.positions * stretch for f in frames], [f.numbers for f in frames], charge=charges,
        ids=[str(f.info.get("name", f.info.get("id", f"{i:05d}"))) for i, f in enumerate(frames)],
        energy=energies, forces=forces or None, level=level,
        columns={"composition": np.asarray(names, dtype=np.str_)},
    )  # fmt: skip
    clusters = checked(clusters, library, path)
    return LabelSet(clusters, dict(reference.monomers))  # which program made them, the file does not say


def _force_unit(energy_unit: str = "eV", length_unit: str = "A", forces_unit: str = "", **_others: Any) -> str:
    unit = forces_unit or f"{energy_unit}/{length_unit}"
    energy, _, length = unit.rpartition("/")
    if energy not in ENERGY_UNITS or length not in LENGTH_UNITS:
        known = ", ".join(f"{e}/{x}" for e in ENERGY_UNITS for x in LENGTH_UNITS)
        raise InputError(f"the unit of forces {unit} is not known; known: {known}")
    return unit


def _composition(
    frame, charge: int, families: tuple[str, ...], library: MonomerLibrary, where: str, stretch: float
) -> str:
    """As the frame says (which is compared with its atoms later), as its atoms add up, or as its molecules are."""
    from ...identify import recognise

    if isinstance(stated := frame.info.get("composition"), str):
        return stated
    try:
        return composition_of(frame.numbers, charge, families, library).name(library)
    except LevelError as error:
        one = Clusters.make([frame.positions * stretch], [frame.numbers], charge=charge)
        found = recognise(one, library)[0]
        if found and found.charge == charge and {f for f, _ in found.counts} <= set(families):
            return found.name(library)
        raise LevelError(f"{where}: {error}") from error


def _number(frame, key: str, where: str) -> float:
    every = frame.info
    if key not in every:
        known = ", ".join(k for k, v in every.items() if isinstance(v, (int, float)) and not isinstance(v, bool))
        raise FileFormatError(f"{where} has no {key!r}; numbers it has: {known or 'none'}")
    try:
        value = float(every[key])
    except (TypeError, ValueError) as error:
        raise FileFormatError(f"{where}: {key} is {str(every[key])!r}, no number") from error
    if not np.isfinite(value):
        raise FileFormatError(f"{where}: {key} is {value}")
    return value


def _columns(frame, key: str, where: str) -> np.ndarray:
    if key not in frame.arrays:
        known = ", ".join(k for k, v in frame.arrays.items() if v.shape[1] == 3)
        raise FileFormatError(f"{where} has no columns {key!r}; columns of three numbers it has: {known or 'none'}")
    found = frame.arrays[key]
    if found.shape[1] != 3:
        raise FileFormatError(
            f"{where}: {key} are no three numbers an atom, but {found.dtype} of the shape {found.shape}"
        )
    if not np.isfinite(found).all():
        raise FileFormatError(f"{where}: {key} are not all finite")
    return found


def _charge(frame, where: str) -> int:
    """As the frame states it, in any of the ways that :func:`sampler.text.charges.stated_charge` knows."""
    found = frame_charge(frame)
    if found.doubt:
        raise FileFormatError(f"{where}: {found.doubt}")
    return found.charge or 0
