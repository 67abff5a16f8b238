"""Labels that others computed: extended XYZ files with named columns, into a data set of this package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True)
class Columns:
    """Where a file has its numbers, and their units.

    Attributes:
        energy: key in the comment lines. forces: name of the three columns, '' for none. The names that ASE and MACE
            write, ``energy`` and ``forces``, too.
        energy_unit: one of ENERGY_UNITS, also of the forces' numerator; length_unit: of their denominator.
        gradient: the columns are dE/dx, not forces. forces_unit: such as ``eV/A``, where it is not made of the other two.
        coordinates: one of COORDINATES.
    """

    energy: str
    energy_unit: str = "eV"
    forces: str = ""
    length_unit: str = "A"
    gradient: bool = False
    forces_unit: str = ""
    coordinates: str = "A"

    def __post_init__(self) -> None:
        if self.energy_unit not in ENERGY_UNITS or self.length_unit not in LENGTH_UNITS:
            raise InputError(
                f"units {self.energy_unit}, {self.length_unit} are not known; energies: {', '.join(ENERGY_UNITS)}; "
                f"lengths: {', '.join(LENGTH_UNITS)}"
            )
        if self.coordinates not in COORDINATES:
            raise InputError(f"coordinates in {self.coordinates} are not known; known: {', '.join(COORDINATES)}")
        energy, _, length = self.per_force.rpartition("/")
        if energy not in ENERGY_UNITS or length not in LENGTH_UNITS:
            known = ", ".join(f"{e}/{x}" for e in ENERGY_UNITS for x in LENGTH_UNITS)
            raise InputError(f"the unit of forces {self.per_force} is not known; known: {known}")

    @property
    def per_force(self) -> str:
        """The unit of the forces, such as ``Eh/bohr``."""
        return self.forces_unit or f"{self.energy_unit}/{self.length_unit}"

    @property
    def to_forces(self) -> float:
        """What turns a number of the columns into a force in eV/Å."""
        energy, length = self.per_force.rsplit("/", 1)
        return (-1.0 if self.gradient else 1.0) * ENERGY_UNITS[energy] / LENGTH_UNITS[length]


def import_extxyz(
    path: Path | str,
    level: str,
    library: MonomerLibrary,
    families: tuple[str, ...],
    columns: Columns,
    unchecked: bool = False,
) -> Imported:
    """Read a file of extended XYZ frames: without repeated ones, and compared with what is known of the level.

    Args:
        level: a known level of theory; its monomer minima are the references.
        families: of which the clusters are made, e.g. ("sa", "am").
        unchecked: take the labels in spite of what speaks against them, which becomes a remark.

    Raises:
        FileFormatError: no such file or key, or what is under it is no number. LevelError: unknown level or composition.
        InputError: lengths, energies or forces that cannot be what they are said to be; nothing is left.
    """
    frames, atoms = _without_atoms(_read(path))
    labels = _labels(path, frames, level, library, families, columns)
    first = first_copies(labels.clusters, COPY) == np.arange(len(labels))
    remarks = [f"{(~first).sum()} copies of other frames are left out"] if not first.all() else []
    if atoms:
        remarks.append(f"{atoms} isolated atoms (config_type) are left out: energies count from molecules here")
    labels = labels.subset(first)
    found = examine(labels, library, Units(columns.energy_unit, columns.per_force, columns.gradient))
    remarks += found.remarks
    if found.faults and not unchecked:
        raise InputError(f"{path}: {'; '.join(found.faults)}. To import it all the same: --unchecked")
    if found.faults:
        return Imported(labels, (*found.faults, *remarks))
    if not found.kept.any():
        raise InputError(f"{path}: no frame is left: {'; '.join(found.remarks)}")
    return Imported(labels.subset(found.kept), tuple(remarks))


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
    columns: Columns,
) -> LabelSet:
    if not frames:
        raise FileFormatError(f"{path} holds isolated atoms only")
    reference = level_with(level, library)
    scale, stretch = ENERGY_UNITS[columns.energy_unit], COORDINATES[columns.coordinates]
    energies, forces, charges, names = [], [], [], []
    for i, frame in enumerate(frames):
        where = f"{path}: frame {i}"
        energies.append(_number(frame, columns.energy, where) * scale)
        if columns.forces:
            forces.append(_columns(frame, columns.forces, where) * columns.to_forces)
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
