"""Better energies, and geometries, for the survivors: B97-3c without ORCA, or any other potential."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from ...clusters import Clusters
from ...columns import CONVERGED, ENERGY_SPREAD, EVALUATIONS, FATE
from ...errors import LevelError
from ...fate import Fate
from ...levels import require_references, separated
from ...potentials import Potential
from ...potentials.composite.cost import estimate
from ...similarity import rank_correlation as ranks
from .context import Context
from .forecast import Forecast
from .parameter_types import Positive, PositiveInt
from .protonation import with_states
from .with_potential import PotentialStage


class Refine(PotentialStage):
    """Single points or optimisations with an expensive potential, one structure a task.

    The energies that came in stay in the columns ``energy_before_eV``, ``level_before`` and ``rank_before``, and the
    ledger has the rank correlation of both. A structure whose SCF fails leaves; the others go on.
    """

    kind: Literal["refine"]
    potential: str = "b97-3c"
    mode: Literal["single-point", "optimise"] = "single-point"
    """Energies at the geometries as they are, or at optimised ones."""
    count: PositiveInt | None = None
    """Only the lowest so many; the others leave, since energies of two levels have no common order."""
    fmax: Positive = 0.01
    """eV/Å (optimise)."""
    max_steps: PositiveInt = 200
    """Evaluations of a structure (optimise)."""
    keep_unconverged: bool = True
    """Whether a structure that did not get to ``fmax`` goes on all the same."""
    binding: bool = True
    """Binding energies are wanted: refuse to start where the level lacks energies of the monomers."""

    per_chunk: ClassVar[bool] = True

    def check(self, context: Context) -> None:
        potential = self.make()
        potential.require(np.array(sorted(_atoms(context))))
        if not self.binding:
            return
        try:
            require_references(potential.level, context.composition, context.library)
        except LevelError as error:
            raise LevelError(f"{error}; or do without binding energies: --set refine.binding=false") from error

    def forecast(self, structures: int, context: Context) -> Forecast | None:
        counts = _atoms(context)
        cost = estimate(self.make(), counts, forces=self.mode == "optimise")
        if cost is None:
            return None
        optimise = self.mode == "optimise"
        number = min(structures, self.count or structures)
        kind = ("optimisation" if optimise else "single point") + "s" * (number > 1)
        return Forecast(
            what=f"{number} {self.potential} {kind} of {sum(counts.values())} atoms",
            each=cost.seconds * (min(self.max_steps, evaluations(sum(counts.values()))) if optimise else 1),
            structures=number,
            memory=cost.memory,
            least=cost.least,
            remedy="refine fewer structures (--set refine.count=N)"
            + ", only single points" * optimise
            + " or use ORCA "
            "(--engine orca here; a stage of kind 'orca' elsewhere)",
        )

    def tasks(self, incoming: Clusters, context: Context) -> Sequence[Clusters]:
        ordered = ranks.remember(incoming.lowest_first())
        most = len(ordered) if self.count is None else self.count
        rest = ordered[most:].with_columns(fate=Fate.NOT_SELECTED) if len(ordered) > most else None
        return [*ordered[:most], *([rest] if rest is not None else [])]

    def run(self, task: Clusters, context: Context) -> Clusters:
        if FATE in task.columns:  # what is beyond ``count`` keeps no energy: it is of the other level
            return task.without_energies()
        potential = self.started()
        if self.mode != "optimise":
            return _single_points(task, potential)
        return with_states(self._optimise(task, potential), task, context)

    def _optimise(self, task: Clusters, potential: Potential) -> Clusters:
        from ...relax import RelaxParams, relax

        done = relax(task, potential, RelaxParams(fmax=self.fmax, max_steps=self.max_steps))
        if not self.keep_unconverged:
            lost = (done.columns[FATE] == Fate.GOES_ON) & ~done.columns[CONVERGED]
            done = done.with_columns(fate=np.where(lost, Fate.NOT_CONVERGED, done.columns[FATE]))
        return done

    def ledger_of_result(self, everything: Clusters) -> dict[str, Any]:
        refined = everything[everything.columns[FATE] == Fate.GOES_ON]
        numbers: dict[str, Any] = {"refined": len(refined)}
        if self.mode == "single-point":
            numbers["evaluations"] = int((everything.columns[FATE] != Fate.NOT_SELECTED).sum())
        if self.mode == "optimise" and len(refined):
            column = refined.columns
            numbers |= {"converged": int(column[CONVERGED].sum()), "evaluations": int(column[EVALUATIONS].sum())}
        return numbers | ({"ranking": ranks.change(refined)} if len(refined) else {})


def evaluations(atoms: int) -> int:
    """Energies and forces that an optimisation from a GFN1-xTB minimum takes, roughly (docs/evidence/refinement-cost.md)."""
    return 25 + 2 * atoms


def _single_points(task: Clusters, potential: Potential) -> Clusters:
    found = potential.evaluate(task, forces=False)
    told = [[part.strip() for part in str(text).partition(":")] for text in found.failure]
    done = task.replace(energy=found.energy, forces=None, level=potential.level)
    if found.energy_spread is not None:
        done = done.with_columns(**{ENERGY_SPREAD: found.energy_spread})
    return done.with_columns(
        fate=np.array([t[0] for t in told], dtype=np.str_), fate_detail=np.array([t[2] for t in told], dtype=np.str_)
    )


def _atoms(context: Context) -> dict[int, int]:
    """Atomic number -> count in every structure of the run: protons move, but none is lost."""
    counts: dict[int, int] = {}
    for name, n in separated(context.composition, context.library)[0].items():
        for z in context.library[name].numbers:
            counts[int(z)] = counts.get(int(z), 0) + n
    return counts
