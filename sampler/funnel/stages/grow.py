"""The stage ``grow``: candidates built from the minima of smaller systems."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from ...clusters import Clusters
from ...columns import FATE, FATE_DETAIL, GROWN, PARENT, STATE
from ...errors import InputError, RunError
from ...fate import Fate
from ...monomers import MonomerLibrary
from ...random_keys import named_key
from ..parents import Parent, in_words, left_out
from .base import Stage
from .context import Context
from .parameter_types import PositiveInt


@dataclass(frozen=True)
class GrowTask:
    """Some candidates to grow.

    Attributes:
        numbers: of the candidates, which make their random keys and ids.
        pool: the structures that parents are drawn from; weights (len(pool),).
        systems: the composition of each.
    """

    numbers: tuple[int, ...]
    pool: tuple[Clusters, ...]
    weights: np.ndarray
    systems: tuple[Parent, ...]

    def __len__(self) -> int:
        return len(self.numbers)


class Grow(Stage):
    """Candidates from parents (see ``sampler run --parents``), besides those that come in.

    Molecules that are missing are docked on a parent at good sites, or halves of two parents are spliced. Without parents
    the stage passes on what came in.
    """

    kind: Literal["grow"]
    candidates: PositiveInt = 300
    """Of this stage, besides those that come in."""
    lowest: PositiveInt = 20
    """So many structures of each parent system are used, the lowest of each framework first
    (:meth:`sampler.funnel.parents.Parent.by_framework`)."""
    splice: Annotated[float, Field(ge=0, le=1)] = 0.4
    """Share of the candidates that are made of two parents."""
    chunk: PositiveInt = 25
    """Candidates in a task."""

    per_chunk: ClassVar[bool] = True

    def identity(self, context: Context) -> dict[str, Any]:
        archives = [p.archive_sha256 for p in context.parents if p.archive_sha256]
        return {"parents": [p.sha256 for p in context.parents], "archives": archives}

    def lowest_of(self, parent: Parent, library: MonomerLibrary) -> Parent:
        """The parent with those of its structures that this stage looks at.

        Raises:
            RunError: the structures do not consist of the atoms of the library's molecules; names the folder.
        """
        try:
            some = parent.by_framework(self.lowest, library)
        except InputError as error:
            raise RunError(f"--parents {parent.source}: {error}") from error
        return replace(parent, clusters=some, archive=Clusters.empty(), archive_sha256="")

    def useless(self, parent: Parent, library: MonomerLibrary) -> str:
        """Why nothing can be grown from this parent; '' if something can."""
        some = self.lowest_of(parent, library)
        lost = left_out(some, library)
        if sum(lost.values()) < len(some.clusters):
            return ""
        return f"none of the {len(some.clusters)} lowest structures can be grown from: {in_words(lost)}"

    def check(self, context: Context) -> None:
        for parent in context.parents:
            why = self.useless(parent, context.library)
            if why:
                raise RunError(
                    f"--parents {parent.source} ({parent.name}): {why}; add what is missing to the library (sampler "
                    "monomer add, or --monomers), or leave this parent out"
                )

    def said_at_start(self, context: Context) -> Sequence[str]:
        told = []
        for parent in context.parents:
            some = self.lowest_of(parent, context.library)
            lost = left_out(some, context.library)
            if lost:
                told.append(
                    f"{sum(lost.values())} of the {len(some.clusters)} lowest structures of the parent {parent.name} "
                    f"({parent.source}) are left out: {in_words(lost)}"
                )
        return told

    def ledger_of_sources(self, context: Context) -> dict[str, Any]:
        """How many structures of the parents were looked at, and how many of them could not be used."""
        if not context.parents:
            return {}
        some = [self.lowest_of(p, context.library) for p in context.parents]
        lost = sum(sum(left_out(p, context.library).values()) for p in some)
        return {"parent_structures": sum(len(p.clusters) for p in some), "parent_structures_left_out": lost}

    def tasks(self, incoming: Clusters, context: Context) -> Sequence[GrowTask]:
        if not context.parents:
            return []
        systems = context.parents
        pool = tuple(self.lowest_of(p, context.library).clusters for p in systems)
        # among the structures of a system the lowest are likelier; a molecule more doubles the weight of a system
        rank = np.concatenate([np.exp(-3.0 * np.arange(len(c)) / len(c)) / len(c) for c in pool])
        size = np.repeat([2.0 ** p.composition.molecules() for p in systems], [len(c) for c in pool])
        weights = rank * size / (rank * size).sum()
        bare = tuple(Parent(p.composition, p.name, Clusters.empty(), p.sha256, p.source) for p in systems)
        line = range(self.candidates)
        return [
            GrowTask(tuple(line[i : i + self.chunk]), pool, weights, bare)
            for i in range(0, self.candidates, self.chunk)
        ]

    def run(self, task: GrowTask, context: Context) -> Clusters:
        """The candidates of a task, with the columns ``state``, ``parent`` and ``grown`` (``add`` or ``splice``)."""
        from ...composition import state_label
        from ...generate.bodies import Kinds, take_apart
        from ...generate.growth import grow

        kinds = Kinds(context.library)
        bodies = [
            b for system, clusters in zip(task.systems, task.pool)
            for b in take_apart(clusters, system.composition, kinds)
        ]  # fmt: skip
        names = [f"{s.name}/{name}" for s, clusters in zip(task.systems, task.pool) for name in clusters.ids]
        usable = np.array([b is not None for b in bodies])
        weights = task.weights * usable
        made = []
        for number in task.numbers if weights.any() else ():
            rng = np.random.default_rng(named_key(context.seed, f"grow {context.name}", number))
            count = 2 if rng.random() < self.splice else 1
            drawn = rng.choice(len(bodies), count, p=weights / weights.sum())
            grown = grow([bodies[i] for i in drawn], context.composition, context.library, rng)
            if grown is not None:
                used = drawn if grown[1] == "splice" else drawn[:1]
                label = state_label(Counter(grown[0].names), context.library)
                made.append((number, *grown, " + ".join(names[i] for i in used), label))
        return Clusters.make(
            [g.positions - g.positions.mean(0) for _, g, *_ in made],
            [g.numbers for _, g, *_ in made],
            charge=context.composition.charge,
            ids=[_name(context, n) for n, *_ in made],
            columns={
                STATE: np.array([m[4] for m in made], np.str_),
                PARENT: np.array([m[3] for m in made], np.str_),
                GROWN: np.array([m[2] for m in made], np.str_),
                FATE: np.full(len(made), Fate.GOES_ON),
            },
        )  # fmt: skip

    def split(self, task: GrowTask) -> Sequence[GrowTask]:
        return [replace(task, numbers=(n,)) for n in task.numbers]

    def crashed(self, piece: GrowTask, reason: str, context: Context) -> Clusters:
        """A candidate without atoms, for the list of what was dropped."""
        columns = {STATE: "", PARENT: "", GROWN: "", FATE: Fate.CRASHED, FATE_DETAIL: reason}
        (number,) = piece.numbers
        lost = Clusters.make([[]], [[]], charge=context.composition.charge, ids=[_name(context, number)])
        return lost.with_columns(**columns)

    def gather(self, incoming: Clusters, made: Clusters) -> Clusters:
        return Clusters.concatenate([incoming.with_columns(fate=Fate.GOES_ON, grown=""), made])

    def ledger_of_result(self, everything: Clusters) -> dict[str, Any]:
        how = everything.columns[GROWN]
        if not ((how != "") | (everything.columns[FATE] == Fate.CRASHED)).any():
            return {"found": 0, "note": "no parents were given, or none could be used: nothing grown"}
        ways = {"added": int((how == "add").sum()), "spliced": int((how == "splice").sum())}
        return {"found": sum(ways.values()), **ways}


def _name(context: Context, number: int) -> str:
    return f"{context.name}-grow_{number:04d}"
