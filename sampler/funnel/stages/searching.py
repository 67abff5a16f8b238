"""What the stages that search have in common: rounds of children of known minima, and an archive of what they find."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from ...clusters import Clusters
from ..rounds import History, RoundStage
from .context import Context
from .parameter_types import Positive, PositiveInt
from .with_potential import PotentialStage

if TYPE_CHECKING:
    from ...search.children import Mover
    from ...search.walk import Walk


class SearchStage(PotentialStage, RoundStage):
    """Rounds of children of known minima; a subclass says what is done with a parent.

    The archive starts with the structures that come in (relaxed first, where they are not at minima of the stage's
    potential) and goes on to the next stage.
    """

    limits: ClassVar[tuple[str, ...]] = ("rounds", "patience", "budget")

    fmax: Positive = 0.01
    """eV/Å at which a child counts as a minimum."""
    coarse_fmax: Positive = 0.1
    """eV/Å at which a child is looked at first: what has fallen back to its parent or lies too high goes no further."""
    max_steps: PositiveInt = 500
    """Evaluations of a relaxation."""
    rounds: PositiveInt = 100
    """At most."""
    patience: PositiveInt = 8
    """Rounds without a new minimum in the window after which the stage ends."""
    budget: PositiveInt | None = None
    """Evaluations of the potential after which no round starts; without it there is no limit."""
    watch_kcalmol: Positive = 1.0
    """The window above the lowest minimum in which new minima count."""
    window_kcalmol: Positive = 15.0
    """Higher minima are not kept."""
    temperature: Positive = 1000.0
    """K; parents are drawn with Boltzmann weights, first the framework (:mod:`sampler.similarity.frameworks`) by its
    lowest minimum, then the minimum, at half of this; each is divided by the number of children it has had."""
    framework_children: Positive = 20.0
    """Children after which a framework has half of its weight; a single minimum has it after one."""
    walkers: Annotated[int, Field(ge=1, le=32)] = 2
    """Each draws its parents from what it has found itself, so that two halves can be compared."""
    chunk: PositiveInt | None = None
    """Parents in a task; by default two tasks for every worker, of 2 to 16 parents with PaiNN, which evaluates them
    in batches, else 1 to 4. Where a batch changes the last bit of what a structure gets (PaiNN through torch), 16."""

    # ---- what a subclass says --------------------------------------------------------------------

    def round_of(self) -> tuple[int, Mapping[str, float]]:
        """Parents of a round, and the moves with their weights."""
        raise NotImplementedError

    def make_children(self, task: Clusters, context: Context) -> Clusters:
        """The children of the parents in ``task``, as :func:`sampler.search.descent.descend` gives them."""
        raise NotImplementedError

    # ---- rounds ----------------------------------------------------------------------------------

    def walk(self, context: Context) -> Walk:
        """The search that these parameters ask for."""
        from ...search.walk import Walk

        fields = (*SearchStage.model_fields, "kind")
        asked = {f.name: getattr(self, f.name) for f in dataclasses.fields(Walk) if f.name in fields}
        children, moves = self.round_of()
        return Walk(
            context.composition, context.library, context.seed, self.make().level, children=children, moves=moves, **asked
        )  # fmt: skip

    def entrance(self, incoming: Clusters, context: Context) -> Sequence[Clusters]:
        return self._cut(self.walk(context).to_relax(incoming), context)

    def enter(self, incoming: Clusters, made: Clusters, context: Context) -> tuple[Clusters, dict[str, Any]]:
        return self.walk(context).begin(incoming, made, context.workers)

    def next_tasks(self, population: Clusters, history: History, context: Context) -> Sequence[Clusters]:
        children = self.walk(context).next_children(population, history)
        return self._cut(children, context) if len(children) else []

    def absorb(
        self, population: Clusters, made: Clusters, history: History, context: Context
    ) -> tuple[Clusters, dict[str, Any]]:
        return self.walk(context).absorb(population, made, history, context.workers)

    def close(self, population: Clusters, history: History, context: Context) -> Clusters:
        return self.walk(context).end(population)

    def ledger_of_rounds(self, history: History, context: Context) -> dict[str, Any]:
        return self.walk(context).account(history)

    def said_of_round(self, record: Mapping[str, Any], context: Context, verbose: bool = False) -> str:
        return self.walk(context).line(record, verbose)

    def _cut(self, tasks: Clusters, context: Context) -> list[Clusters]:
        self.share()
        return tasks.chunks(self.chunk or self._portion(len(tasks), context))

    def _portion(self, count: int, context: Context) -> int:
        """Structures in a task, so that every worker has two tasks: one for when another takes longer."""
        potential = self.started()
        least, most = (2, 16) if potential.models else (1, 4)  # one PaiNN relaxation costs no more than its task
        if not potential.batch_invariant:
            return most
        return max(least, min(most, -(-count // (2 * context.expected_processes))))

    # ---- one chunk -------------------------------------------------------------------------------

    def run(self, task: Clusters, context: Context) -> Clusters:
        from ...columns import MOVE
        from ...search.descent import descend

        if (task.columns[MOVE] == "").all():  # what came in
            return descend(task, self.mover(context), self.fmax, self.max_steps)
        return self.make_children(task, context)

    def mover(self, context: Context) -> Mover:
        """What makes children in this stage."""
        from ...search.children import Mover

        return Mover(context.composition, context.library, context.seed, self.started(), self.coarse_fmax)
