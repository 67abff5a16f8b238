"""The stage ``anneal``: minima are heated and cooled, and what comes of them is quenched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from ...clusters import Clusters
from .context import Context
from .heated import HeatedStage
from .parameter_types import Positive, PositiveInt


class Anneal(HeatedStage):
    """Rounds of simulated annealing from known minima: heated, cooled, quenched, compared with the archive.

    The dynamics is Langevin's with the same mass for every atom, so that its time is not that of the cluster. What is no
    whole cluster of the composition is left out, and its replica goes on from where it was whole.
    """

    kind: Literal["anneal"]
    replicas: PositiveInt = 8
    """In a round, each from a parent."""
    temperatures: Annotated[list[Positive], Field(min_length=1)] = [300.0, 600.0, 200.0]
    """K, at equal distances in time, joined by straight lines."""
    quench_ps: Positive | None = None
    """ps between two frames that are quenched; without it the last one alone."""

    def round_of(self) -> tuple[int, Mapping[str, float]]:
        return self.replicas, {self.kind: 1.0}

    def make_children(self, task: Clusters, context: Context) -> Clusters:
        from ...dynamics.schedule import Schedule

        steps = self.steps(self.time_ps)
        every = steps if self.quench_ps is None else self.steps(self.quench_ps)
        return self.heating(context).annealed(task, Schedule(tuple(self.temperatures)), steps, every)
