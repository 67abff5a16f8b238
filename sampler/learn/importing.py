"""Labels that others computed: extended XYZ files with named columns, into a data set of this package."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..clusters import Clusters
from ..errors import FileFormatError, InputError
from ..levels import composition_of, load_level
from ..monomers import MonomerLibrary
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
        energy_key: in the comment lines. forces_key: name of the three columns, '' for none.
        energy_unit: one of ENERGY_UNITS, also of the forces' numerator; length_unit: of their denominator.
        gradient: the columns are dE/dx, not forces.

    Raises:
        FileFormatError: no such file or key. InputError: an unknown unit. LevelError: unknown level or composition.
    """
    from ase.io import read

    if energy_unit not in ENERGY_UNITS or length_unit not in LENGTH_UNITS:
        raise InputError(
            f"units {energy_unit}, {length_unit} are not known; energies: {', '.join(ENERGY_UNITS)}; "
            f"lengths: {', '.join(LENGTH_UNITS)}"
        )
    try:
        frames = read(path, index=":", format="extxyz")
    except Exception as error:  # whatever ASE meets in a broken file
        raise FileFormatError(f"{path} is not a readable extended XYZ file: {error}") from error
    scale = ENERGY_UNITS[energy_unit]
    sign = (-1.0 if gradient else 1.0) * scale / LENGTH_UNITS[length_unit]
    for i, frame in enumerate(frames):
        if energy_key not in frame.info:
            known = ", ".join(k for k in frame.info if isinstance(frame.info[k], float))
            raise FileFormatError(f"{path}: frame {i} has no {energy_key!r}; numbers it has: {known or 'none'}")
        if forces_key and forces_key not in frame.arrays:
            raise FileFormatError(f"{path}: frame {i} has no columns {forces_key!r}")
    charges = [int(f.info.get("charge", 0)) for f in frames]
    names = [composition_of(f.numbers, q, families, library).name(library) for f, q in zip(frames, charges)]
    clusters = Clusters.make(
        [f.positions for f in frames], [f.numbers for f in frames], charge=charges,
        ids=[str(f.info.get("name", f.info.get("id", f"{i:05d}"))) for i, f in enumerate(frames)],
        energy=[f.info[energy_key] * scale for f in frames],
        forces=[f.arrays[forces_key] * sign for f in frames] if forces_key else None,
        level=level, columns={"composition": np.asarray(names, dtype=np.str_)},
    )  # fmt: skip
    reference = load_level(level)
    return LabelSet(clusters, dict(reference.monomers), reference.engine)
