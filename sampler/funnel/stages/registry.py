"""The stages of the funnel, by name. Each is a thin layer over the room that does the work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from ...clusters import Clusters
from ...units import KCAL_PER_MOL
from .base import Stage
from .context import Context
from .grow import Grow
from .hop import Hop
from .orca import Orca
from .parameter_types import Positive, PositiveInt
from .portions import portions
from .protonation import with_states
from .refine import Refine
from .select import Select
from .with_potential import PotentialStage

_CHUNK = {"painn": 40, "b97-3c": 1, "r2scan-3c": 1, "wb97x-d": 1}


class Generate(Stage):
    """Candidates for every protonation state, rigidly minimised on a Coulomb + Lennard-Jones surface."""

    kind: Literal["generate"]
    method: Literal["packing", "exploration"] = "packing"
    candidates: PositiveInt = 1000
    explorations: PositiveInt = 1
    """Independent explorations of each protonation and conformer state (exploration only)."""
    effort: PositiveInt | None = None
    """Evaluations of the rigid surface per minimum kept (exploration only); by default 250 per molecule."""
    shares: Literal["uniform", "ions-first", "ions-only"] | dict[str, Positive] = "ions-first"
    chunk: PositiveInt = 250
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


class Relax(PotentialStage):
    """Local minimisation with a potential, batched; broken structures leave."""

    kind: Literal["relax"]
    optimizer: Literal["lbfgs", "fire"] = "lbfgs"
    fmax: Positive = 0.05
    max_steps: PositiveInt = 500
    keep_unconverged: bool = True
    chunk: PositiveInt | None = None
    """Structures in a task, fewer towards the end; by default 40 with PaiNN, which evaluates them in batches, 1 with
    DFT, else 10."""

    per_chunk: ClassVar[bool] = True

    def tasks(self, incoming: Clusters, context: Context) -> Sequence[Clusters]:
        self.share()
        return portions(incoming, self.chunk or _CHUNK.get(self.potential.lower(), 10))

    def run(self, task: Clusters, context: Context) -> Clusters:
        from ...relax import RelaxParams, relax

        parameters = RelaxParams(optimizer=self.optimizer, fmax=self.fmax, max_steps=self.max_steps)
        relaxed = with_states(relax(task, self.started(), parameters), task, context)
        if not self.keep_unconverged:
            fate = relaxed.columns["fate"]
            lost = (fate == "") & ~relaxed.columns["converged"]
            relaxed = relaxed.with_columns(fate=np.where(lost, "not_converged", fate))
        return relaxed

    def summary(self, everything: Clusters) -> dict[str, Any]:
        column = everything.columns
        return {"converged": int(column["converged"].sum()), "evaluations": int(column["evaluations"].sum())}


class Identify(Stage):
    """Which molecules a structure consists of now; what reacted, evaporated or exploded leaves."""

    kind: Literal["identify"]
    keep: list[Literal["intact", "reacted", "evaporated"]] = ["intact"]
    chunk: PositiveInt = 1000

    per_chunk: ClassVar[bool] = True

    def tasks(self, incoming: Clusters, context: Context) -> Sequence[Clusters]:
        return incoming.chunks(self.chunk)

    def run(self, task: Clusters, context: Context) -> Clusters:
        from ...identify import identify

        found = identify(task, context.composition, context.library)
        identity = found.columns["identity"]
        detail = found.columns["identity_detail"]
        columns = {k: v for k, v in found.columns.items() if k != "identity_detail"}
        fate = np.where(np.isin(identity, self.keep), "", identity)
        return found.replace(columns=columns | {"fate": fate, "fate_detail": np.where(fate != "", detail, "")})

    def summary(self, everything: Clusters) -> dict[str, Any]:
        states, counts = np.unique(everything.columns["state"], return_counts=True)
        return {"states": {str(s): int(c) for s, c in zip(states, counts)}}


class Dedupe(Stage):
    """One representative of each distinct structure, by RMSD and energy."""

    kind: Literal["dedupe"]
    rmsd: Annotated[float, Field(gt=0, lt=1)] = 0.125
    max_displacement: Positive = 0.4
    energy_window_kcalmol: Positive = 0.25
    linkage: Literal["leader", "complete", "average"] = "leader"

    def run(self, task: Clusters, context: Context) -> Clusters:
        from ...similarity import DedupeParams, dedupe

        parameters = DedupeParams(
            rmsd=self.rmsd,
            max_displacement=self.max_displacement,
            energy_window=self.energy_window_kcalmol * KCAL_PER_MOL,
            linkage=self.linkage,
        )
        result = dedupe(task, parameters, n_jobs=context.workers)
        gone = (result.duplicate_of != "") | (result.set_aside != "")
        fate = np.where(result.duplicate_of != "", "duplicate", "not_comparable")[gone]
        detail = np.where(result.duplicate_of != "", result.duplicate_of, result.set_aside)[gone]
        kept = result.representatives.with_columns(fate="")
        return Clusters.concatenate([kept, task[gone].with_columns(fate=fate, fate_detail=detail)])

    def summary(self, everything: Clusters) -> dict[str, Any]:
        """How often the lowest minima were found, and how many more there may be."""
        from ...search.unseen import of_multiplicities

        return of_multiplicities(everything[everything.columns["fate"] == ""])


STAGES: dict[str, type[Stage]] = {
    "generate": Generate,
    "grow": Grow,
    "relax": Relax,
    "identify": Identify,
    "dedupe": Dedupe,
    "select": Select,
    "hop": Hop,
    "refine": Refine,
    "orca": Orca,
}
"""Name in a protocol -> stage."""
