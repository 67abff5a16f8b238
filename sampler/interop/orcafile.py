"""One ORCA output as a population; a folder of them, with what went out with its inputs: :mod:`sampler.refine.orca`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..clusters import Clusters
from ..errors import FileFormatError, InputError
from .imported import Population

MARK = "O   R   C   A"
"""What stands in the head of every output."""


def read_orca(path: Path | str, energy_key: str | None = None) -> Population:
    """The structures of an ORCA output, each with the last energy (eV) and the geometry that belongs to it.

    An output that has not ended well has its last geometry and no energy, which the notes say.

    Raises:
        FileFormatError: it holds no geometry that can be read. InputError: ``energy_key``, which has no meaning here.
    """
    from ..refine.orca import read_outputs
    from ..refine.orca.coordinates import isotopes

    if energy_key is not None:
        raise InputError(f"{path}: an ORCA output has one energy; leave out the name {energy_key!r}")
    read = read_outputs(path)
    found = [r for r in read if len(r.numbers) and len(r.positions) == len(r.numbers)]
    if not found:
        told = "; ".join(f"{r.status}{f', {r.message}' if r.message else ''}" for r in read)
        raise FileFormatError(
            f"{path} is an ORCA output without a geometry that can be read ({told or 'no job in it'})"
        )
    where = [f"structure {r.name}" if len(read) > 1 else "its structure" for r in found]
    notes = []
    for r, place in zip(found, where):
        if label := isotopes(r.numbers, r.masses):
            notes.append(
                f"{path}: {place} has isotopes ({label}); energies do not depend on them, and they are not kept"
            )
        if not r.finished:
            notes.append(f"{path}: {place} is of a job that did not end well ({r.status}); its energies are not taken")
    whole = [r.finished and r.forces is not None for r in found]
    clusters = Clusters.make(
        [r.positions for r in found],
        [r.numbers for r in found],
        charge=[r.charge or 0 for r in found],
        ids=[r.name for r in found],
        energy=[r.energy if r.finished else np.nan for r in found],
        forces=[r.forces if ok and r.forces is not None else np.full(r.positions.shape, np.nan) for r, ok in zip(found, whole)]
        if any(whole) else None,
    )  # fmt: skip
    return Population(
        clusters,
        levels=np.array([r.level if r.finished and np.isfinite(r.energy) else "" for r in found], np.str_),
        charge_stated=np.array([r.charge is not None for r in found]),
        source=str(path),
        where=np.array(where),
        notes=tuple(notes),
    )
