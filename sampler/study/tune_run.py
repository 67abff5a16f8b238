"""A tuning from its plan to its rows: a grid, or a search and the trainings that confirm what it found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..monomers import MonomerLibrary
from ..workers.progress import Progress
from .data import StudyData
from .folder import Study
from .queue import Queue
from .training import Training
from .tune import TunePlan, chosen_of, tasks
from .tune_importance import GRID_MEASURE, SEARCH_MEASURE, main_effects, of_search
from .tune_ranking import Configuration, ranked


@dataclass(frozen=True)
class Tuned:
    """
    Attributes:
        rows: of all trainings. chosen: what is varied, of each. order: the configurations, the best first.
        importance: setting -> share. measure: what that is a share of.
    """

    rows: list[dict[str, Any]]
    chosen: list[dict[str, Any]]
    order: list[Configuration]
    importance: dict[str, float]
    measure: str


def run(
    study: Study, data: StudyData, plan: TunePlan, library: MonomerLibrary, workers: int | str, progress: Progress
) -> Tuned:
    """All trainings that are not there yet; see :class:`.queue.Queue` for errors. ``study`` is begun."""
    if plan.search:
        return _search(study, data, plan, library, workers, progress)
    trainings = plan.trainings(data)
    rows = Queue(study, trainings, tasks(study, data, plan, library), workers, progress).run()
    chosen = chosen_of(trainings, plan)
    return Tuned(rows, chosen, ranked(rows, chosen), main_effects(rows, chosen), GRID_MEASURE)


def _search(study, data, plan, library, workers, progress) -> Tuned:
    from .tune_search import begin, open_search

    plan.check(data)
    base = plan.training("", {}, plan.seeds[0], data).settings
    begin(study.folder, base["epochs"], base["seed"])
    task = tasks(study, data, plan, library)
    trials = slot_trainings(plan, data)
    rows = Queue(study, trials, task, workers, progress).run()
    search = open_search(study.folder, base["epochs"], base["seed"])
    chosen = _chosen(search, plan, len(trials))
    rows = [row | {"engine": "painn"} for row in rows]
    more = confirming(plan, data, ranked(rows, chosen))
    if more:
        rows += Queue(study, more, task, workers, progress).run()
        chosen += chosen_of(more, plan)
    return Tuned(rows, chosen, ranked(rows, chosen), of_search(search), SEARCH_MEASURE)


def slot_trainings(plan: TunePlan, data: StudyData) -> list[Training]:
    """One for each trial of a search."""
    from .tune_trial import trial_name

    like = plan.training("", {}, plan.seeds[0], data)
    told = {"base": like.settings, "space": plan.space}
    return [
        Training(trial_name(k), "trial", like.target, like.size, 1, like.seed, told | {"slot": k}, like.work)
        for k in range(1, plan.search + 1)
    ]


def _chosen(search: Any, plan: TunePlan, count: int) -> list[dict[str, Any]]:
    """What each trial varied; nothing for one that died before it could ask."""
    from .tune_search import slots

    found = slots(search)
    return [{n: found[k].params.get(n) for n in plan.names} if k in found else {} for k in range(1, count + 1)]


def confirming(plan: TunePlan, data: StudyData, order: Sequence[Configuration]) -> list[Training]:
    """The best configurations of a search with the seeds that it did not use."""
    best = [c for c in order if c.rows][: plan.confirm]
    return [
        plan.training(f"{c.rows[0]['name']}-seed{seed}", c.chosen, seed, data) for c in best for seed in plan.seeds[1:]
    ]


def settings_rows(plan: TunePlan, chosen: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """All settings of each training, as ``trainings.csv`` wants them."""
    fixed = {k: v[0] for k, v in plan.space.items() if isinstance(v, tuple) and len(v) == 1}
    return [asdict(plan.settings) | fixed | values for values in chosen]
