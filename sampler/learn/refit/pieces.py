"""The calculations of a fit, in pieces that worker processes do: one file each, found again after a kill."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...clusters import Clusters
from ...errors import LevelError, RunError
from ...monomers import Monomer
from ...potentials.base import Evaluation
from ...potentials.xtb import XTBPotential
from ...potentials.xtb_parameters import XTBParameters
from ...storage import write_atomic
from ...workers.resumable import Work, finish
from ...workers.worker import Died
from ..labels.monomer_minima import Minimum, optimise
from .vector import Parameter, changed

ACCURACY = 0.1
"""Of the SCF: forces to 2e-5 eV/Å, so that differences over :data:`STEP` mean something."""
STEP = 0.002
"""Relative change of a parameter that derivatives are differences over."""


@dataclass(frozen=True)
class Place:
    """A point in the space of parameters.

    Attributes:
        table: as published. parameters: that change, by ``x`` (P,).
    """

    table: dict[str, Any]
    parameters: tuple[Parameter, ...]
    x: np.ndarray

    @property
    def potential(self) -> XTBPotential:
        made = XTBParameters.of(changed(self.table, self.parameters, self.x))
        return XTBPotential(accuracy=ACCURACY, parameters=made)

    def beside(self, p: int) -> XTBPotential:
        """A step of one parameter away."""
        x = self.x.copy()
        x[p] += STEP
        return replace(self, x=x).potential


def evaluate(task: tuple[Place, Clusters]) -> tuple[dict[str, np.ndarray], None]:
    """Energies (B,) eV and forces (N, 3) eV/Å; NaN where they fail."""
    place, clusters = task
    found = place.potential.evaluate(clusters)
    return {"energy": found.energy, "forces": found.needed_forces}, None


def differentiate(task: tuple[Place, Clusters, np.ndarray]) -> tuple[dict[str, np.ndarray], None]:
    """Derivatives by all P parameters, by forward differences.

    Args:
        task: where; structures with the labels' forces; and (B,) weights of the squared error of a force component.

    Returns:
        ``energy`` (B, P) eV; ``normal`` (P, P) and ``gradient`` (P,): Σ w JᵀJ and Σ w Jᵀr of the forces' errors r. Of structures
        that fail at one of the parameters, ``good`` is False, and nothing is counted.
    """
    place, clusters, weights = task
    sides = [place.beside(p) for p in range(len(place.parameters))]
    count = len(sides)
    slopes, good = np.zeros((len(clusters), count)), np.ones(len(clusters), bool)
    normal, gradient = np.zeros((count, count)), np.zeros(count)
    for i in range(len(clusters)):
        one = clusters[i : i + 1]
        here, memory = place.potential.evaluate_warm(one, [None])
        others = [_from(memory[0], side, one) for side in sides] if memory[0] is not None else []
        good[i] = bool(others) and all(np.isfinite(o.energy[0]) for o in others)
        if not good[i]:
            continue
        slopes[i] = [(o.energy[0] - here.energy[0]) / STEP for o in others]
        error = (here.needed_forces - one.forces).ravel()
        jacobian = np.stack([(o.needed_forces - here.needed_forces).ravel() / STEP for o in others], axis=1)
        normal += weights[i] * jacobian.T @ jacobian
        gradient += weights[i] * jacobian.T @ error
    return {"energy": slopes, "good": good, "normal": normal, "gradient": gradient}, None


def monomer(task: tuple[Place, Monomer, bool]) -> tuple[dict[str, np.ndarray], str]:
    """The lowest minimum of a molecule with these parameters, and, if asked for, the derivatives of its energy (P,).

    At a minimum they are those at fixed atoms: the forces are zero.
    """
    place, molecule, slopes = task
    try:
        minimum = optimise(molecule, place.potential)
    except LevelError as error:
        return {"energy": np.array(np.nan)}, str(error)
    found = {"energy": np.array(minimum.energy), "positions": minimum.positions, "fmax": np.array(minimum.fmax)}
    found["conformer"] = np.array(minimum.conformer)
    if slopes:
        one = Clusters.make([minimum.positions], [molecule.numbers], charge=molecule.charge)
        here, memory = place.potential.evaluate_warm(one, [None])
        others = [_from(memory[0], place.beside(p), one) for p in range(len(place.parameters))]
        found["slopes"] = np.array([(o.energy[0] - here.energy[0]) / STEP for o in others])
    return found, ""


def minimum_of(molecule: Monomer, found: dict[str, np.ndarray]) -> Minimum | None:
    """What :func:`monomer` has found; None where it has found none."""
    if not np.isfinite(found["energy"]):
        return None
    conformer, energy = str(found["conformer"]), float(found["energy"])
    return Minimum(molecule.name, conformer, energy, found["positions"], float(found["fmax"]))


def do(
    function: Callable[[Any], tuple[dict[str, np.ndarray], Any]],
    tasks: Sequence[tuple[Path, Any]],
    workers: int | str,
    advance: Callable[[int, bool], None] = lambda number, found: None,
) -> list[dict[str, np.ndarray]]:
    """What the pieces say, in their order; a file that is there is read, not made again.

    Raises:
        RunError: worker processes died.
    """
    read = [_read(path) for path, _ in tasks]
    missing = [i for i, found in enumerate(read) if found is None]
    for _ in range(len(tasks) - len(missing)):
        advance(1, True)
    work = Work(function, lambda i: tasks[i][1], lambda i: tasks[i][0], _save)
    died = []
    for index, note in finish(work, missing, workers, in_this_process=True):
        advance(1, False)
        if isinstance(note, Died):
            died.append(tasks[index][0])
    if died:
        raise RunError(
            f"{len(died)} piece(s) of work killed their worker process (first: {died[0]}); the rest is done, and the same "
            "command tries them again: with fewer --workers there is more memory for each"
        )
    return [_read(path) or {} if found is None else found for (path, _), found in zip(tasks, read)]


def _from(memory: Any, potential: XTBPotential, one: Clusters) -> Evaluation:
    """From a copy of a wave function: the calculation uses it up."""
    from tblite.interface import Result

    return potential.evaluate_warm(one, [Result(memory)])[0]


def _read(path: Path) -> dict[str, np.ndarray] | None:
    try:
        with np.load(path, allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return None


def _save(path: Path, content: dict[str, np.ndarray]) -> None:
    write_atomic(path, lambda handle: np.savez(handle, **content))  # type: ignore[arg-type]
