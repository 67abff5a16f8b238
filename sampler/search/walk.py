"""A search as one walk: where it starts, which children a round has, when it stops, and what is left at the end.

Rounds are computed elsewhere, chunk by chunk (:mod:`.descent`); the archive of minima that they fill is
:mod:`.archive`. All here depends on nothing but its arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..clusters import Clusters
from ..columns import CEILING, EVALUATIONS, FATE, FMAX, MOVE, PARENT, PARENT_ENERGY, SEEN, STREAM, TIMES_FOUND, WALKER
from ..composition import Composition
from ..fate import Fate
from ..monomers import MonomerLibrary
from ..random_keys import named_key
from ..similarity.frameworks import frameworks
from ..units import KB, KCAL_PER_MOL
from . import archive
from .parents import draw

History = list[Mapping[str, Any]]
"""The ledgers of the rounds so far; number 0 is that of the structures that came in."""


@dataclass(frozen=True)
class Walk:
    """What a search is asked for; the other fields are those of the stages that search, where they are explained.

    Attributes:
        composition, library: of the clusters. seed: of the whole run. level: of the potential that minima belong to.
        kind: of stage, for the names and random numbers of children. children: in a round. moves: their weights.
    """

    composition: Composition
    library: MonomerLibrary
    seed: int
    level: str
    kind: str
    children: int
    moves: Mapping[str, float]
    fmax: float
    rounds: int
    patience: int
    budget: int | None
    watch_kcalmol: float
    window_kcalmol: float
    temperature: float
    framework_children: float
    walkers: int

    # ---- the start -------------------------------------------------------------------------------

    def rough(self, incoming: Clusters) -> np.ndarray:
        """(B,) bool, what is not yet at a minimum of the walk's potential."""
        left = incoming.columns.get(FMAX, np.full(len(incoming), np.inf))
        here = np.isfinite(incoming.energy) & (left <= self.fmax)
        return ~here | (incoming.level != self.level)

    def to_relax(self, incoming: Clusters) -> Clusters:
        """What has to be relaxed before the first round."""
        rough = incoming[self.rough(incoming)].without_energies()
        return rough.with_columns(move="", parent=rough.ids, stream=np.arange(len(rough)), ceiling_eV=np.inf)

    def begin(self, incoming: Clusters, relaxed: Clusters, n_jobs: int) -> tuple[Clusters, dict[str, Any]]:
        """The archive at the start, with fates, and the ledger of round 0."""
        rough = self.rough(incoming)
        ready = incoming[~rough].with_columns(fate=Fate.GOES_ON)
        order = np.argsort(np.concatenate([np.flatnonzero(~rough), np.flatnonzero(rough)]), kind="stable")
        population = Clusters.concatenate([ready, relaxed])[order]
        spent = int(relaxed.columns[EVALUATIONS].sum()) if len(relaxed) else 0
        return archive.start(population, self.walkers, self.watch_kcalmol, spent, n_jobs)

    # ---- a round ---------------------------------------------------------------------------------

    def next_children(self, population: Clusters, history: History) -> Clusters:
        """The parents of the next round's children, each with its move and random key; none where the walk has ended."""
        if self.stopped(history):
            return Clusters.empty()
        number = len(history)
        rng = np.random.default_rng(named_key(self.seed, f"{self.kind} {self._name}", number))
        parents = self.parents(population, rng)
        weights = np.array(list(self.moves.values()))
        drawn = rng.choice(list(self.moves), self.children, p=weights / weights.sum())
        ceiling = np.nanmin(population.energy) + self.window_kcalmol * KCAL_PER_MOL
        return (
            population[parents]
            .without_energies()
            .replace(
                ids=np.array([f"{self._name}-{self.kind}{number:03d}_{k:04d}" for k in range(self.children)]),
                columns={
                    PARENT: population.ids[parents],
                    PARENT_ENERGY: population.energy[parents],
                    MOVE: drawn,
                    STREAM: number * 1_000_000 + np.arange(self.children),
                    WALKER: np.arange(self.children) % self.walkers,
                    CEILING: np.full(self.children, ceiling),
                },
            )
        )

    def parents(self, population: Clusters, rng: np.random.Generator) -> np.ndarray:
        """(children,) indices."""
        group = frameworks(population, self.composition, self.library)
        return draw(population, group, self.children, self.walkers, KB * self.temperature, self.framework_children, rng)

    def absorb(
        self, population: Clusters, made: Clusters, history: History, n_jobs: int
    ) -> tuple[Clusters, dict[str, Any]]:
        """The archive after a round, children that it does not keep with a fate, and the round's ledger."""
        return archive.absorb(population, made, history, self.watch_kcalmol, n_jobs)

    def line(self, record: Mapping[str, Any], verbose: bool = False) -> str:
        """One line about a round; ``verbose`` with its statistics."""
        return archive.line(record, self.watch_kcalmol, verbose)

    # ---- the end ---------------------------------------------------------------------------------

    def stopped(self, history: History) -> str:
        """Why the walk ends now; '' if it goes on."""
        last = history[-1]
        if last["stale"] >= self.patience:
            return "patience"
        if self.budget is not None and last["evaluations_so_far"] >= self.budget:
            return "budget"
        return "rounds" if len(history) > self.rounds else ""

    def end(self, population: Clusters) -> Clusters:
        """The archive without its counts, the minima above the window with a fate."""
        if not len(population):
            return population
        high = population.energy > np.nanmin(population.energy) + self.window_kcalmol * KCAL_PER_MOL
        columns = {k: v for k, v in population.columns.items() if k not in archive.COUNTS}
        columns[TIMES_FOUND] = np.maximum(population.columns[SEEN], 1)
        return population.replace(columns=columns | {FATE: np.where(high, Fate.ABOVE_WINDOW, Fate.GOES_ON)})

    def account(self, history: History) -> dict[str, Any]:
        """What the ledger says of the walk."""
        last = history[-1]
        if not last["known"]:
            return {"found": 0, "rounds": 0, "stopped": "nothing to start from", "evaluations": last["evaluations"]}
        return {
            "found": sum(r["new"] for r in history[1:]),
            "rounds": len(history) - 1,
            "stopped": self.stopped(history),
            "evaluations": last["evaluations_so_far"],
            "lowered_kcalmol": round((history[0]["lowest_eV"] - last["lowest_eV"]) / KCAL_PER_MOL, 4),
            "watch_kcalmol": self.watch_kcalmol,
            **{k: v for k, v in last.items() if k in ("seen", "coverage") or k.startswith("unseen")},
        }

    @property
    def _name(self) -> str:
        return self.composition.name(self.library)
