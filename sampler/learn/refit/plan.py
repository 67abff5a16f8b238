"""From labels to what is fitted to what: refusals come first, the cost before the work."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError, LevelError
from ...monomers import MonomerLibrary
from ...potentials.xtb import XTBPotential
from ...potentials.xtb_parameters import BASE, method_of, published
from ..labels.dataset import LabelSet
from ..labels.labels_file import open_labels
from ..labels.prepare import prepare
from ..labels.teach import require_labels
from .choice import choose, derivative_seconds, held_out, near_pairs, seconds
from .fit import Problem, cost
from .objective import RANKED, Target
from .vector import parameters_of

_SHARE = 0.5
"""Of the time for single points of what is fitted to, that single points of what is held out may take."""
_TIMED = 22


@dataclass(frozen=True)
class Settings:
    """
    Attributes:
        core_hours: to spend on derivatives, on a machine as fast as the estimate takes it for. steps: at most.
        regularisation: weight of the sum of squared relative changes, against a mean squared error in units of what errors may be.
    """

    core_hours: float = 1.0
    steps: int = 4
    regularisation: float = 1.0


@dataclass(frozen=True)
class Plan:
    """
    Attributes:
        problem: what to do. labels: all that there are, copies left out. elements: that are fitted.
        remarks: on the labels. digest: of all that the fit depends on.
    """

    problem: Problem
    labels: LabelSet
    elements: tuple[str, ...]
    remarks: tuple[str, ...]
    digest: dict[str, Any]

    @property
    def core_seconds(self) -> float:
        """That the fit will take here, by a calculation or two that are timed now."""
        clusters = self.problem.fitted.labels.clusters
        one = clusters[[int(np.argmin(np.abs(clusters.natoms - _TIMED)))]]
        potential = XTBPotential()
        potential.evaluate(one)  # the first one loads the engine
        begun = time.perf_counter()
        potential.evaluate(one)
        return cost(self.problem) * (time.perf_counter() - begun) / float(seconds(one.natoms[0]))

    def words(self, core_seconds: float, workers: int | str) -> list[str]:
        """What will be done, for people."""
        from ...workers.progress import duration

        fitted, judging = self.problem.fitted, self.problem.judging
        where = (
            f"{duration(core_seconds / workers)} on {workers} cores"
            if isinstance(workers, int)
            else f"{duration(core_seconds)} of a core"
        )
        return [
            f"{len(self.problem.parameters)} parameters of {', '.join(self.elements)} are fitted to {len(fitted.labels)} of "
            f"{len(self.labels)} structures, of {len(fitted.compositions)} compositions",
            f"{len(judging.labels)} structures judge, held out: {', '.join(judging.compositions)}",
            f"about {where}, if all {self.problem.steps} steps are needed",
        ]


def plan(
    data: Sequence[Path], library: MonomerLibrary, settings: Settings, hold_out: Sequence[str] = (), mix_engines: bool = False
) -> Plan:  # fmt: skip
    """
    Raises:
        InputError: labels without forces, too few, or settings that cannot be. LevelError: several levels, GFN1-xTB's own, or a
            monomer without reference energy. PotentialError: an element that GFN1-xTB does not have.
    """
    if not (settings.core_hours > 0 and settings.steps >= 1 and settings.regularisation > 0):
        raise InputError("--core-hours and --regularisation must be positive, and --steps at least 1")
    for file in data:
        require_labels(open_labels(file, library), file, "parameters are fitted to labels alone")
    ready = prepare(data, (), library, (), mix_engines, mix_charges=True)
    labels = ready.labels
    if method_of(labels.level) == BASE:
        raise LevelError(f"the labels are of {labels.level} itself; parameters are fitted to labels of a better method")
    if labels.clusters.forces is None:
        raise InputError(
            "the labels hold no forces, and energies alone determine no parameters; label with forces: sampler label"
        )
    labels = labels.subset(np.flatnonzero(_whole(labels)))
    judges = held_out(labels, hold_out, library)
    elements = _elements(labels)
    table = published(elements)
    names = sorted(set(labels.compositions.tolist()))
    parameters = tuple(parameters_of(table, near_pairs(labels.clusters)))
    natoms, budget = labels.clusters.natoms, 3600 * settings.core_hours / settings.steps
    fitted = choose(labels, [n for n in names if n not in judges], derivative_seconds(natoms, len(parameters)), budget)
    if not len(fitted):
        raise InputError(f"--core-hours {settings.core_hours:g} are not enough for one structure")
    judging = choose(labels, judges, seconds(natoms), _SHARE * float(seconds(natoms[fitted]).sum()), RANKED)
    whole = Target.of(labels, library)
    problem = Problem(
        table, parameters, whole.subset(fitted), whole.subset(judging), settings.regularisation, settings.steps, library
    )
    return Plan(problem, labels, elements, ready.remarks, _digest(problem, labels))


def _whole(labels: LabelSet) -> np.ndarray:
    """(B,) whether a structure has an energy and all its forces."""
    c = labels.clusters
    assert c.forces is not None  # refused before
    return np.isfinite(c.energy) & c.all_finite(c.forces)


def _elements(labels: LabelSet) -> tuple[str, ...]:
    from ase.data import chemical_symbols

    return tuple(chemical_symbols[z] for z in sorted(set(labels.clusters.numbers.tolist())))


def _digest(problem: Problem, labels: LabelSet) -> dict[str, Any]:
    """All that the result depends on, as JSON has it."""
    from ...version import __version__
    from ..labels.engine_names import programs
    from ..labels.provenance import describe

    return {
        "version": __version__,
        "engine": sorted(programs(describe(XTBPotential())["engine"])),
        "labels": labels.digest(),
        "references_eV": labels.references,
        "parameters": [str(p) for p in problem.parameters],
        "fitted": problem.fitted.labels.digest(),
        "held_out": problem.judging.labels.digest(),
        "regularisation": problem.regularisation,
        "steps": problem.steps,
        "monomers": _geometries(problem),
    }


def _geometries(problem: Problem) -> str:
    """A digest of the geometries that minima are looked for from."""
    told = hashlib.sha256()
    for molecule in problem.library:
        for conformer in molecule.conformers:
            told.update(f"{molecule.name} {conformer.name} {molecule.charge}".encode())
            told.update(np.ascontiguousarray(molecule.numbers, "<i8").tobytes())
            told.update(np.ascontiguousarray(conformer.positions, "<f8").tobytes())
    return told.hexdigest()
