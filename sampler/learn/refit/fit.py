"""The fit: regularised Gauss–Newton steps, until compositions that are not fitted to get no better.

The error of a structure is that of its binding energy, counted from the monomers' minima *with the same parameters*, and that
of its forces. So what is fitted is what will be used: an offset for each composition would leave binding energies, and with
them free energies, to chance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import PotentialError
from ...monomers import Monomer, MonomerLibrary
from ...workers.progress import Progress
from . import pieces
from .choice import derivative_seconds, seconds
from .objective import Target, step
from .pieces import Place
from .vector import Parameter

_PIECE = 10.0
"""s of one piece of work."""
_DAMPINGS = (0.0, 10.0, 100.0)
"""In units of the regularisation: what is tried of each step."""
_LONGEST = 0.2
_FAILING = 0.05
"""Share of the structures that may fail at a step: near where the SCF breaks down a few always do."""
_GAIN = 0.005
"""By which share the error of what is held out must fall for another step."""


@dataclass(frozen=True)
class Problem:
    """All that a fit depends on.

    Attributes:
        table: the published parameters. parameters: those that are fitted.
        fitted, judging: structures that are fitted to, and held out.
        regularisation: weight of the sum of squares of the changes. steps: at most.
        library: of the monomers.
    """

    table: dict[str, Any]
    parameters: tuple[Parameter, ...]
    fitted: Target
    judging: Target
    regularisation: float
    steps: int
    library: MonomerLibrary


@dataclass(frozen=True)
class Point:
    """What parameters give.

    Attributes:
        x: (P,) changes. references: monomer -> eV. fitted, judging: (binding energies eV, forces eV/Å) of the structures.
        loss, held: mean squared errors of what is fitted to, and held out, in units of what they may be.
        failed: how many of both could not be calculated; they count as far off as with the published parameters.
    """

    x: np.ndarray
    references: dict[str, float]
    fitted: tuple[np.ndarray, np.ndarray]
    judging: tuple[np.ndarray, np.ndarray]
    loss: float
    held: float
    failed: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Fitted:
    """How a fit ended.

    Attributes:
        start, best: points. good: of the structures fitted to and held out, those that the published parameters can calculate.
        history: what each step said. why: it ended.
    """

    start: Point
    best: Point
    good: tuple[np.ndarray, np.ndarray]
    history: tuple[dict[str, float], ...]
    why: str


@dataclass
class Fit:
    """A fit in a folder, where finished pieces are kept; any number of workers gives the same result."""

    problem: Problem
    folder: Path
    workers: int | str
    progress: Progress = field(default_factory=Progress)
    say: Callable[[str], None] = lambda text: None

    def run(self) -> Fitted:
        """
        Raises:
            PotentialError: the published parameters fail. RunError: worker processes died.
        """
        problem = self.problem
        zero = np.zeros(len(problem.parameters))
        good = (np.ones(len(problem.fitted.labels), bool), np.ones(len(problem.judging.labels), bool))
        start = self._points("00", [zero], good, 0, None)[0]
        good = tuple(_calculated(t, p) for t, p in ((problem.fitted, start.fitted), (problem.judging, start.judging)))  # type: ignore[assignment]
        if not (good[0].any() and good[1].any()):
            raise PotentialError("GFN1-xTB fails for all structures that are fitted to, or for all that are held out")
        if lost := sum(start.failed):
            self.say(f"{lost} structures cannot be calculated with the published parameters, and are left out")
        start = self._judged(replace(start, failed=(0, 0)), good)
        best = here = start
        history = [_told(0, start)]
        self.say(_words(history[-1]))
        why = f"{problem.steps} steps were allowed"
        for number in range(1, problem.steps + 1):
            normal, gradient = self._linear(here, good, number)
            steps = [
                step(normal, gradient, here.x, problem.regularisation, d * problem.regularisation, _LONGEST)
                for d in _DAMPINGS
            ]
            tried = self._points(f"{number:02d}-steps", [here.x + s for s in steps], good, number, start)
            found = min(tried, key=self._penalised, default=here)
            if not self._penalised(found) < self._penalised(here):
                why = "no step makes the error of the fit smaller"
                break
            here = found
            history.append(_told(number, here))
            self.say(_words(history[-1]))
            if not here.held < best.held * (1 - _GAIN):
                best = here if here.held < best.held else best
                why = "what is held out gets no better"
                break
            best = here
        return Fitted(start, best, good, tuple(history), why)

    def minima(
        self, x: np.ndarray, molecules: Sequence[Monomer], name: str, number: int = 0
    ) -> list[dict[str, np.ndarray]]:
        """The lowest minimum of each molecule with the parameters ``x``."""
        place = self._place(x)
        tasks = [(self.folder / name / f"{m.name}.npz", (place, m, False)) for m in molecules]
        self.progress.start(number + 1, self.problem.steps + 1, "monomers", len(tasks))
        return pieces.do(pieces.monomer, tasks, self.workers, self.progress.advance)

    def _points(
        self,
        name: str,
        many: Sequence[np.ndarray],
        good: tuple[np.ndarray, np.ndarray],
        number: int,
        start: Point | None,
    ) -> list[Point]:
        """Everything at several ``x``, side by side; what fails is taken from ``start``."""
        targets = (self.problem.fitted, self.problem.judging)
        molecules = [self.problem.library[m] for m in sorted({m for t in targets for m in t.monomers})]
        parts = [(t, rows) for t in (0, 1) for rows in _parts(seconds(targets[t].labels.clusters.natoms))]
        tasks, minima = [], []
        for k, x in enumerate(many):
            place = self._place(x)
            for j, (t, rows) in enumerate(parts):
                tasks.append(
                    (
                        self.folder / f"{name}-{k}" / f"{j:04d}.npz",
                        (place, targets[t].labels.clusters[rows].without_energies()),
                    )
                )
            minima += [(self.folder / f"{name}-{k}" / f"{m.name}.npz", (place, m, False)) for m in molecules]
        self.progress.start(number + 1, self.problem.steps + 1, "energies", len(tasks) + len(minima))
        found = pieces.do(pieces.evaluate, tasks, self.workers, self.progress.advance)
        lowest = pieces.do(pieces.monomer, minima, self.workers, self.progress.advance)
        made = []
        for k, x in enumerate(many):
            mine = found[k * len(parts) : (k + 1) * len(parts)]
            references = {
                m.name: float(e["energy"]) for m, e in zip(molecules, lowest[k * len(molecules) : (k + 1) * len(molecules)])
                if np.isfinite(e["energy"])
            }  # fmt: skip
            if len(references) < len(molecules):
                lost = next(m.name for m in molecules if m.name not in references)
                if not x.any():
                    raise PotentialError(
                        f"GFN1-xTB finds no minimum of {lost}; leave out what holds it: sampler data collect"
                    )
                continue  # a step too far
            made.append(self._point(x, references, parts, mine, good, start))
        return made

    def _point(self, x, references, parts, mine, good, start: Point | None) -> Point:
        values, failed = [], []
        for t, target in enumerate((self.problem.fitted, self.problem.judging)):
            own = [m for (which, _), m in zip(parts, mine) if which == t]
            energy, forces = np.concatenate([m["energy"] for m in own]), np.concatenate([m["forces"] for m in own])
            binding = target.binding(energy, references)
            lost = good[t] & ~_calculated(target, (binding, forces))
            if start is not None and lost.sum() <= _FAILING * good[t].sum():
                before = (start.fitted, start.judging)[t]
                atoms = lost[target.labels.clusters.structure_of_atom]
                binding, forces = np.where(lost, before[0], binding), np.where(atoms[:, None], before[1], forces)
            values.append((binding, forces))
            failed.append(int(lost.sum()))
        return self._judged(Point(x, references, values[0], values[1], 0.0, 0.0, (failed[0], failed[1])), good)

    def _judged(self, point: Point, good: tuple[np.ndarray, np.ndarray]) -> Point:
        loss = self.problem.fitted.loss(*point.fitted, good[0])
        return replace(point, loss=loss, held=self.problem.judging.loss(*point.judging, good[1]))

    def _penalised(self, point: Point) -> float:
        return point.loss + self.problem.regularisation * float(point.x @ point.x)

    def _linear(self, here: Point, good: tuple[np.ndarray, np.ndarray], number: int) -> tuple[np.ndarray, np.ndarray]:
        """JᵀJ and Jᵀr of the loss at a point."""
        target, place = self.problem.fitted, self._place(here.x)
        rows = np.flatnonzero(good[0])
        clusters, weights = target.labels.clusters, target.force_weights
        count = len(self.problem.parameters)
        parts = [rows[p] for p in _parts(derivative_seconds(clusters.natoms[rows], count))]
        folder = self.folder / f"{number:02d}-derivatives"
        tasks = [(folder / f"{j:04d}.npz", (place, clusters[p], weights[p])) for j, p in enumerate(parts)]
        molecules = [self.problem.library[m] for m in target.monomers]
        minima = [(folder / f"{m.name}.npz", (place, m, True)) for m in molecules]
        self.progress.start(number + 1, self.problem.steps + 1, "derivatives", len(tasks) + len(minima))
        found = pieces.do(pieces.differentiate, tasks, self.workers, self.progress.advance)
        lowest = pieces.do(pieces.monomer, minima, self.workers, self.progress.advance)
        slopes, counted = np.zeros((len(clusters), count)), np.zeros(len(clusters), bool)
        for p, one in zip(parts, found):
            slopes[p], counted[p] = one["energy"], one["good"]
        of_monomers = {m.name: one["slopes"] for m, one in zip(molecules, lowest)}
        jacobian = target.binding_slopes(slopes, here.references, of_monomers)
        weighted = target.energy_weights(counted)
        error = np.where(counted, here.fitted[0] - target.wanted, 0.0)
        normal = sum(one["normal"] for one in found) + jacobian.T @ weighted @ jacobian
        gradient = sum(one["gradient"] for one in found) + jacobian.T @ weighted @ error
        return normal / counted.sum(), gradient / counted.sum()

    def _place(self, x: np.ndarray) -> Place:
        return Place(self.problem.table, self.problem.parameters, x)


def cost(problem: Problem) -> float:
    """Seconds of a core that the derivatives of all steps and the points between them take."""
    fitted, judging = (t.labels.clusters.natoms for t in (problem.fitted, problem.judging))
    points = (1 + len(_DAMPINGS) * problem.steps) * (seconds(fitted).sum() + seconds(judging).sum())
    return float(problem.steps * derivative_seconds(fitted, len(problem.parameters)).sum() + points)


def _calculated(target: Target, values: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """(B,) whether a structure has an energy and forces."""
    return np.isfinite(values[0]) & target.labels.clusters.all_finite(values[1])


def _parts(cost: np.ndarray) -> list[np.ndarray]:
    """Indices of structures, in order, in pieces of about ten seconds."""
    ends = np.cumsum(cost) // _PIECE
    return [np.flatnonzero(ends == e) for e in np.unique(ends)]


def _told(number: int, point: Point) -> dict[str, float]:
    change = float(np.sqrt(point.x @ point.x))
    return {
        "step": number,
        "error": point.loss,
        "held_out_error": point.held,
        "change": change,
        "failed": sum(point.failed),
    }


def _words(told: dict[str, float]) -> str:
    lost = f"; {told['failed']:.0f} structures failed" if told["failed"] else ""
    return f"step {told['step']:.0f}: squared error {told['error']:.3f}, held out {told['held_out_error']:.3f}{lost}"
