"""Other files of structures that ASE reads: trajectories, POSCAR, Turbomole, mol, PDB and their like."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..clusters import Clusters
from ..errors import FileFormatError, InputError
from ..text.charges import CHARGE_KEYS, stated_charge
from ..text.xyz import MOST_ATOMS, too_large
from .cells import whole
from .imported import Population, column, counted
from .isotopes import no_isotopes

_NOT_HERE = {"extxyz", "xyz", "db", "postgresql", "mysql", "bundletrajectory", "py", "html", "png"}
"""Read by other readers here, or by running what they hold, or no structures."""


def is_known(path: Path) -> bool:
    """Whether ASE knows the format of a file from its content or ending."""
    return bool(_kind(path))


def _kind(path: Path) -> str:
    from ase.io.formats import UnknownFileTypeError, filetype, ioformats

    try:
        kind = filetype(str(path))
    except (UnknownFileTypeError, OSError, ValueError):
        return ""
    return kind if kind in ioformats and kind not in _NOT_HERE and ioformats[kind].can_read else ""


def read_ase(path: Path | str, energy_key: str | None = None) -> Population:
    """Structures by ASE's readers: geometry, charge, id; energies and forces (eV, eV/Å) where a calculator has them.

    Raises:
        FileFormatError: unreadable, empty, isotopes. InputError: ``energy_key``, which has no meaning here.
    """
    from ase.io import read

    path = Path(path)
    if energy_key is not None:
        raise InputError(f"{path}: energies are chosen by name in extended XYZ, ASE databases and JKQC pickles only")
    # an input of Gaussian states its charge, which ASE keeps with the calculator only
    more: dict[str, Any] = {"attach_calculator": True} if _kind(path) == "gaussian-in" else {}
    try:
        frames = read(path, ":", **more)
    except Exception as error:  # ASE's readers raise whatever their parsing meets
        raise FileFormatError(f"{path} cannot be read as structures: {type(error).__name__}: {error}") from error
    if not frames:
        raise FileFormatError(f"{path} holds no structure")
    where = [f"frame {n + 1}" for n in range(len(frames))]
    positions, notes, charges = [], [], []
    for frame, place in zip(frames, where):
        if len(frame) > MOST_ATOMS:
            raise too_large(path, place, len(frame))
        if "masses" in frame.arrays:
            no_isotopes(frame.arrays["masses"], frame.numbers, f"{path}, {place}")
        placed, moved = whole(frame.positions, frame.numbers, np.array(frame.cell), frame.pbc)
        positions.append(placed)
        notes += [moved] if moved else []
        given = getattr(frame.calc, "parameters", None) or {}
        said = {k: v for k, v in given.items() if k in CHARGE_KEYS}
        charges.append(
            stated_charge({**said, **frame.info}, frame.arrays.get("initial_charges"), "", int(frame.numbers.sum()))
        )
    results = [getattr(frame.calc, "results", None) or {} for frame in frames]
    forces = [
        np.asarray(r["forces"]) if "forces" in r else np.full((len(f), 3), np.nan) for r, f in zip(results, frames)
    ]
    infos = [frame.info for frame in frames]
    keep = {
        k for i in infos for k, v in i.items()
        if isinstance(v, (str, int, float, bool, np.number)) and k.lower() not in {*CHARGE_KEYS, "id", "name", "level"}
    }  # fmt: skip
    clusters = Clusters.make(
        positions, [f.numbers for f in frames], charge=[c.charge or 0 for c in charges],
        ids=[str(i.get("id", i.get("name", f"{n:04d}"))) for n, i in enumerate(infos)],
        energy=[float(r.get("energy", np.nan)) for r in results],
        forces=forces if any("forces" in r for r in results) else None,
        columns={k: column([i.get(k) for i in infos]) for k in sorted(keep)},
    )  # fmt: skip
    return Population(
        clusters,
        levels=np.array([str(i.get("level", "")) for i in infos], dtype=np.str_),
        charge_stated=np.array([c.charge is not None for c in charges]),
        source=str(path),
        where=np.array(where),
        notes=counted(notes),
        doubts=tuple(c.doubt for c in charges),
    )
