"""The stage ``hop``: moves of molecules and protons, relaxation, and an archive of the distinct minima found."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from ...clusters import Clusters
from ...errors import InputError
from ...search import archive as hop_archive
from ...units import KB, KCAL_PER_MOL
from ..rounds import History, RoundStage
from .context import Context
from .parameter_types import Positive, PositiveInt
from .with_potential import PotentialStage

if TYPE_CHECKING:
    from ...search.children import Mover


class Hop(PotentialStage, RoundStage):
    """Rounds of children of known minima: a move, relaxation, identification, comparison with the archive.

    The archive starts with the structures that come in (relaxed first, where they are not at minima of the stage's
    potential) and goes on to the next stage.
    """

    limits: ClassVar[tuple[str, ...]] = ("rounds", "patience", "budget")

    kind: Literal["hop"]
    fmax: Positive = 0.01
    """eV/Å at which a child counts as a minimum."""
    coarse_fmax: Positive = 0.1
    """eV/Å at which a child is looked at first: what has fallen back to its parent or lies too high goes no further."""
    max_steps: PositiveInt = 500
    children: PositiveInt = 32
    """In a round."""
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
    moves: dict[str, float] = {}
    """Weights of the moves; those that are not named have the default weight."""
    md_temperature: Positive = 700.0
    """K, of the dynamics in the move ``md``."""
    md_steps: PositiveInt = 60
    """Steps of 2 fs at a mass of 16 amu for every atom."""
    chunk: PositiveInt | None = None
    """Children in a task; by default two tasks for every worker, of 2 to 16 children with PaiNN, which evaluates them
    in batches, else 1 to 4. Where a batch changes the last bit of what a structure gets (PaiNN through torch), 16."""

    @field_validator("moves")
    @classmethod
    def _moves(cls, moves: dict[str, float]) -> dict[str, float]:
        from ...search.moves import SHARES, check_shares

        try:
            check_shares({**SHARES, **moves})
        except InputError as error:
            raise ValueError(str(error)) from error
        return moves

    # ---- rounds ----------------------------------------------------------------------------------

    def entrance(self, incoming: Clusters, context: Context) -> Sequence[Clusters]:
        rough = incoming[self._rough(incoming)].without_energies()
        plain = rough.with_columns(move="", parent=rough.ids, stream=np.arange(len(rough)), ceiling_eV=np.inf)
        return self._cut(plain, context)

    def enter(self, incoming: Clusters, made: Clusters, context: Context) -> tuple[Clusters, dict[str, Any]]:
        rough = self._rough(incoming)
        ready = incoming[~rough].with_columns(fate="")
        order = np.argsort(np.concatenate([np.flatnonzero(~rough), np.flatnonzero(rough)]), kind="stable")
        population = Clusters.concatenate([ready, made])[order]
        spent = int(made.columns["evaluations"].sum()) if len(made) else 0
        return hop_archive.start(population, self.walkers, self.watch_kcalmol, spent, context.workers)

    def next_tasks(self, population: Clusters, history: History, context: Context) -> Sequence[Clusters]:
        if self._stopped(history):
            return []
        from ...search.moves import SHARES

        number = len(history)
        rng = np.random.default_rng(_stream(context, number))
        parents = self._parents(population, context, rng)
        shares = {**SHARES, **self.moves}
        weights = np.array(list(shares.values()))
        drawn = rng.choice(list(shares), self.children, p=weights / weights.sum())
        tasks = population[parents].without_energies()
        ceiling = np.nanmin(population.energy) + self.window_kcalmol * KCAL_PER_MOL
        tasks = tasks.replace(
            ids=np.array([f"{context.name}-hop{number:03d}_{k:04d}" for k in range(self.children)]),
            columns={
                "parent": population.ids[parents],
                "parent_energy_eV": population.energy[parents],
                "move": drawn,
                "stream": number * 1_000_000 + np.arange(self.children),
                "walker": np.arange(self.children) % self.walkers,
                "ceiling_eV": np.full(self.children, ceiling),
            },
        )
        return self._cut(tasks, context)

    def absorb(self, population, made, history, context):
        return hop_archive.absorb(population, made, history, self.watch_kcalmol, context.workers)

    def close(self, population: Clusters, history: History) -> Clusters:
        if not len(population):
            return population
        high = population.energy > np.nanmin(population.energy) + self.window_kcalmol * KCAL_PER_MOL
        columns = {k: v for k, v in population.columns.items() if k not in hop_archive.COUNTS}
        columns["times_found"] = np.maximum(population.columns["seen"], 1)
        return population.replace(columns=columns | {"fate": np.where(high, "above_window", "")})

    def story(self, history: History) -> dict[str, Any]:
        last = history[-1]
        if not last["known"]:
            return {"found": 0, "rounds": 0, "stopped": "nothing to start from", "evaluations": last["evaluations"]}
        return {
            "found": sum(r["new"] for r in history[1:]),
            "rounds": len(history) - 1,
            "stopped": self._stopped(history),
            "evaluations": last["evaluations_so_far"],
            "lowered_kcalmol": round((history[0]["lowest_eV"] - last["lowest_eV"]) / KCAL_PER_MOL, 4),
            "watch_kcalmol": self.watch_kcalmol,
            **{k: v for k, v in last.items() if k in ("seen", "coverage") or k.startswith("unseen")},
        }

    def words(self, record: dict[str, Any]) -> str:
        return hop_archive.words(record, self.watch_kcalmol)

    def _stopped(self, history: History) -> str:
        """Why the stage ends now; '' if it goes on."""
        last = history[-1]
        if last["stale"] >= self.patience:
            return "patience"
        if self.budget is not None and last["evaluations_so_far"] >= self.budget:
            return "budget"
        return "rounds" if len(history) > self.rounds else ""

    def _cut(self, tasks: Clusters, context: Context) -> list[Clusters]:
        self.share()
        return tasks.chunks(self.chunk or self._portion(len(tasks), context))

    def _portion(self, count: int, context: Context) -> int:
        """Structures in a task, so that every worker has two tasks: one for when another takes longer."""
        potential = self.started()
        least, most = (2, 16) if potential.models else (1, 4)  # one PaiNN relaxation costs no more than its task
        if not potential.batch_invariant:
            return most
        return max(least, min(most, -(-count // (2 * context.hands))))

    def _rough(self, incoming: Clusters) -> np.ndarray:
        """(B,) what is not yet at a minimum of this stage's potential."""
        left = incoming.columns.get("fmax_eV_per_A", np.full(len(incoming), np.inf))
        here = np.isfinite(incoming.energy) & (left <= self.fmax)
        return ~here | (incoming.level != self.make().level)

    def _parents(self, population: Clusters, context: Context, rng: np.random.Generator) -> np.ndarray:
        """(children,) indices."""
        from ...search.parents import draw
        from ...similarity.frameworks import frameworks

        group = frameworks(population, context.composition, context.library)
        return draw(population, group, self.children, self.walkers, KB * self.temperature, self.framework_children, rng)

    # ---- one chunk -------------------------------------------------------------------------------

    def run(self, task: Clusters, context: Context) -> Clusters:
        """Children (column ``move``) of the structures in ``task``, relaxed and identified, in the same order."""
        from ...identify import identify
        from ...search.children import compared, moved

        children, spent = moved(task, self.mover(context))
        made = _done(children, spent)
        going = np.flatnonzero(made.columns["fate"] == "")
        # what came in has no parent to fall back to and no ceiling: it is relaxed in one go
        for fmax in (self.coarse_fmax, self.fmax) if (task.columns["move"] != "").any() else (self.fmax,):
            if not len(going):
                break
            some = self._relaxed(made[going], fmax)
            some = compared(some, task[going])
            made = _put(made, going, some)
            going = going[some.columns["fate"] == ""]
        if len(going):
            last = made[going]
            unfinished = ~last.columns["converged"]
            found = identify(last, context.composition, context.library)
            strange = ~found.columns["intact"]
            fate = np.where(strange, found.columns["identity"], np.where(unfinished, "not_converged", ""))
            detail = np.where(strange, found.columns["identity_detail"], "")
            keep = {k: v for k, v in found.columns.items() if k != "identity_detail"}
            made = _put(made, going, found.replace(columns=keep | {"fate": fate, "fate_detail": detail}))
        return made.replace(columns={k: v for k, v in made.columns.items() if k not in ("ceiling_eV", "stream")})

    def mover(self, context: Context) -> Mover:
        """What makes children in this stage."""
        from ...search.children import Mover

        return Mover(
            context.composition, context.library, context.seed, self.started(), self.coarse_fmax, self.md_temperature,
            self.md_steps,
        )  # fmt: skip

    def _relaxed(self, some: Clusters, fmax: float) -> Clusters:
        from ...relax import RelaxParams, relax

        before = some.columns["evaluations"]
        done = relax(some, self.started(), RelaxParams(fmax=fmax, max_steps=self.max_steps))
        return done.with_columns(evaluations=done.columns["evaluations"] + before)


def _stream(context: Context, number: int) -> np.random.SeedSequence:
    """The random key of a round, from the run's seed, the composition and the number of the round alone."""
    words = np.frombuffer(hashlib.sha256(f"hop {context.name}".encode()).digest()[:16], "<u4").tolist()
    return np.random.SeedSequence(context.seed, spawn_key=(*words, number))


def _done(children: Clusters, spent: np.ndarray) -> Clusters:
    """Children before their relaxation, with the columns that it fills."""
    n = len(children)
    blank = {
        "evaluations": spent, "converged": np.zeros(n, bool), "steps": np.zeros(n, np.int64),
        "fmax_eV_per_A": np.full(n, np.nan), "fate_detail": np.full(n, ""),
    }  # fmt: skip
    return children.replace(columns={**children.columns, **blank})


def _put(everything: Clusters, places: np.ndarray, some: Clusters) -> Clusters:
    """``everything`` with ``some`` in ``places``."""
    others = np.setdiff1d(np.arange(len(everything)), places)
    order = np.argsort(np.concatenate([others, places]), kind="stable")
    return Clusters.concatenate([everything[others], some])[order]
