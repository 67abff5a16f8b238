"""Labels that others computed: extended XYZ files with named columns, into a data set of this package."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..clusters import Clusters
from ..errors import FileFormatError, InputError, LevelError
from ..levels import composition_of, level_with
from ..monomers import MonomerLibrary
from ..stated_charge import frame_charge
from ..units import BOHR, HARTREE, KCAL_PER_MOL, KJ_PER_MOL
from .dataset import LabelSet

ENERGY_UNITS = {"eV": 1.0, "Eh": HARTREE, "kcal/mol": KCAL_PER_MOL, "kJ/mol": KJ_PER_MOL}
LENGTH_UNITS = {"A": 1.0, "bohr": BOHR}


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
) -> LabelSet:
    """Read a file of extended XYZ frames.

    Args:
        level: a known level of theory; its monomer minima are the references.
        families: of which the clusters are made, e.g. ("sa", "am").
        energy_key: in the comment lines. forces_key: name of the three columns, '' for none. The names that ASE and
            MACE write, ``energy`` and ``forces``, too.
        energy_unit: one of ENERGY_UNITS, also of the forces' numerator; length_unit: of their denominator.
        gradient: the columns are dE/dx, not forces.

    Raises:
        FileFormatError: no such file or key, or what is under it is no number. InputError: an unknown unit.
        LevelError: unknown level or composition.
    """
    from ..interop.xyz import read_frames

    if energy_unit not in ENERGY_UNITS or length_unit not in LENGTH_UNITS:
        raise InputError(
            f"units {energy_unit}, {length_unit} are not known; energies: {', '.join(ENERGY_UNITS)}; "
            f"lengths: {', '.join(LENGTH_UNITS)}"
        )
    frames = read_frames(path)
    reference = level_with(level, library)
    scale = ENERGY_UNITS[energy_unit]
    sign = (-1.0 if gradient else 1.0) * scale / LENGTH_UNITS[length_unit]
    energies, forces, charges, names = [], [], [], []
    for i, frame in enumerate(frames):
        where = f"{path}: frame {i}"
        energies.append(_number(frame, energy_key, where) * scale)
        if forces_key:
            forces.append(_columns(frame, forces_key, where) * sign)
        charges.append(_charge(frame, where))
        try:
            names.append(composition_of(frame.numbers, charges[-1], families, library).name(library))
        except LevelError as error:
            raise LevelError(f"{where}: {error}") from error
    clusters = Clusters.make(
        [f.positions for f in frames], [f.numbers for f in frames], charge=charges,
        ids=[str(f.info.get("name", f.info.get("id", f"{i:05d}"))) for i, f in enumerate(frames)],
        energy=energies, forces=forces or None, level=level,
        columns={"composition": np.asarray(names, dtype=np.str_)},
    )  # fmt: skip
    return LabelSet(clusters, dict(reference.monomers))  # which program made them, the file does not say


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
    """As the frame states it, in any of the ways that :func:`sampler.stated_charge.stated_charge` knows."""
    found = frame_charge(frame)
    if found.doubt:
        raise FileFormatError(f"{where}: {found.doubt}")
    return found.charge or 0
