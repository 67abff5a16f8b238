"""The stage ``generate``: candidates for every protonation state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from ...clusters import Clusters
from .base import Stage
from .context import Context
from .parameter_types import Positive, PositiveInt


class Generate(Stage):
    """Candidates for every protonation state, rigidly minimised on a Coulomb + Lennard-Jones surface."""

    kind: Literal["generate"]
    method: Literal["packing", "exploration"] = "packing"
    """Random packings, or the lowest minima of a genetic search on the same surface."""
    candidates: PositiveInt = 1000
    """Over all protonation states."""
    explorations: PositiveInt = 1
    """Independent explorations of each protonation and conformer state (exploration only)."""
    effort: PositiveInt | None = None
    """Evaluations of the rigid surface per minimum kept (exploration only); by default 250 per molecule."""
    shares: Literal["uniform", "ions-first", "ions-only"] | dict[str, Positive] = "ions-first"
    """How the candidates are divided among protonation states; a table gives weights by label."""
    chunk: PositiveInt = 250
    """Candidates in a task."""
    symmetric: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the packings, also of those that explorations start from, that is symmetric but for a nudge."""
    per_framework: Annotated[int, Field(ge=0)] = 0
    """So many of the lowest minima of each framework are kept first, of an exploration; 0 for the lowest."""

    per_chunk: ClassVar[bool] = True

    def tasks(self, incoming: Clusters, context: Context) -> Sequence[Any]:
        from ...generate import plan

        return plan(
            context.composition, context.library, self.candidates,
            chunk_size=self.chunk, shares=self.shares, method=self.method, explorations=self.explorations,
            effort=self.effort, symmetric=self.symmetric, per_framework=self.per_framework,
        )  # fmt: skip

    def run(self, task: Any, context: Context) -> Clusters:
        from ...generate import run_chunk

        return run_chunk(task, context.library, context.seed)
