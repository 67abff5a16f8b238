"""The stage ``exchange``: replicas of minima at several temperatures change places, and what comes of them is quenched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ...clusters import Clusters
from ...columns import EXCHANGES, LADDER
from ..rounds import History
from .context import Context
from .heated import HeatedStage
from .parameter_types import Positive, PositiveInt


class Exchange(HeatedStage):
    """Rounds of replica exchange from known minima: a ladder of temperatures for each, whose frames are quenched and
    compared with the archive.

    Temperatures are set for the wanted acceptance: in the first round as for a harmonic cluster, in others by that of the
    rounds before. The dynamics is Langevin's with the same mass for every atom, so that its time is not that of the cluster.
    What is no whole cluster of the composition is left out, and its replica goes on from where it was whole.
    """

    kind: Literal["exchange"]
    ladders: PositiveInt = 2
    """In a round, each from a parent."""
    replicas: Annotated[int, Field(ge=2, le=100)] = 6
    """Of a ladder, at most: it ends below ``highest_temperature``."""
    lowest_temperature: Positive = 300.0
    """K, of the lowest replica."""
    highest_temperature: Positive = 700.0
    """K, that no replica is above."""
    acceptance: Annotated[float, Field(ge=0.05, le=0.9)] = 0.3
    """Wanted of each exchange of neighbours; 0.2 to 0.4 is usual."""
    exchange_ps: Positive = 0.04
    """ps between two exchanges; also between two looks at whether a cluster is whole."""
    quench_ps: Positive = 0.2
    """ps between two frames that are quenched."""
    quenched: PositiveInt | None = None
    """Replicas of a ladder whose frames are quenched, from the coldest; by default the lower half and the middle one."""

    @model_validator(mode="after")
    def _ascending(self) -> Exchange:
        if self.highest_temperature <= self.lowest_temperature:
            raise ValueError(
                f"highest_temperature {self.highest_temperature:g} K must lie above lowest_temperature "
                f"{self.lowest_temperature:g} K"
            )
        return self

    def round_of(self) -> tuple[int, Mapping[str, float]]:
        return self.ladders, {self.kind: 1.0}

    def next_tasks(self, population: Clusters, history: History, context: Context) -> Sequence[Clusters]:
        tasks = super().next_tasks(population, history, context)
        text = self._ladder(population, history)
        return [task.with_columns(**{LADDER: text}) for task in tasks]

    def make_children(self, task: Clusters, context: Context) -> Clusters:
        every = self.steps(self.exchange_ps)
        frames_every = max(1, round(self.quench_ps / self.exchange_ps))
        kept = self.quenched or (self.replicas + 2) // 2
        return self.heating(context).exchanged(task, self.steps(self.time_ps), every, frames_every, kept)

    def absorb(
        self, population: Clusters, made: Clusters, history: History, context: Context
    ) -> tuple[Clusters, dict[str, Any]]:
        from ...search.exchanges import tallied

        told = tallied(made, self._ladder(population, history))
        made = made.replace(columns={k: v for k, v in made.columns.items() if k != EXCHANGES})
        everything, record = super().absorb(population, made, history, context)
        return everything, record | {"exchange": told}

    def ledger_of_rounds(self, history: History, context: Context) -> dict[str, Any]:
        from ...search.exchanges import summed

        return super().ledger_of_rounds(history, context) | summed(history)

    def _ladder(self, population: Clusters, history: History) -> str:
        from ...search.exchanges import next_ladder

        return next_ladder(
            int(population.natoms[0]), history, self.lowest_temperature, self.highest_temperature, self.replicas,
            self.acceptance,
        )  # fmt: skip
