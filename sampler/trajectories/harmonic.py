"""The harmonic vibrations of the minimum that a trajectory began from or near."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..clusters import Clusters
from ..errors import InputError
from ..potentials.base import Potential
from ..refine.hessian import hessians, normal_modes
from ..relax import RelaxParams, relax
from ..storage import write_text

_FMAX = 0.002
"""eV/Å: what is left of forces shifts the softest modes by about a wavenumber."""


@dataclass(frozen=True)
class Vibrations:
    """The minimum next to a start.

    Attributes:
        wavenumber: (m,) cm⁻¹, ascending, imaginary ones negative. moved: Å, the RMSD of start and minimum.
        level: of the potential.
    """

    wavenumber: np.ndarray
    moved: float
    level: str


def vibrations(start: Clusters, potential: Potential) -> Vibrations:
    """Of one structure, quenched with the potential of its dynamics.

    Raises:
        InputError: it cannot be relaxed, or its Hessian not be made.
    """
    from .distances import rmsd

    quenched = relax(start, potential, RelaxParams(fmax=_FMAX, max_steps=2000))
    if fate := str(quenched.columns["fate"][0]):
        raise InputError(f"the minimum of {start.ids[0]} was not found: {fate}, {quenched.columns['fate_detail'][0]}")
    found = hessians(quenched, potential)
    if found.failure[0]:
        raise InputError(f"the Hessian of {start.ids[0]} could not be made: {found.failure[0]}")
    modes = normal_modes(quenched.numbers, quenched.positions, found.matrices[0])
    return Vibrations(modes.frequencies, float(rmsd(start.positions[None], quenched.positions)[0]), found.level)


def kept_or_made(path: Path, start: Clusters, potential: Potential, engine: str) -> Vibrations:
    """From ``path``, where they are of this structure and engine; else made, and left there.

    Raises:
        InputError: see :func:`vibrations`. StorageError: it cannot be written.
    """
    wanted = {"structure": str(start.ids[0]), "level": potential.level, "engine": engine,
              "positions": np.round(start.positions, 6).tolist()}  # fmt: skip
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if {k: told[k] for k in wanted} == wanted:
            return Vibrations(np.array(told["wavenumbers_cm1"], float), float(told["moved_A"]), told["level"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    made = vibrations(start, potential)
    told = wanted | {"wavenumbers_cm1": np.round(made.wavenumber, 4).tolist(), "moved_A": made.moved}
    write_text(path, json.dumps(told) + "\n")
    return made
