"""Tuning: which settings of a network give the smallest error at structures that it is not trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..learn.training.settings import TrainSettings
from ..monomers import MonomerLibrary
from .curve import TARGETS, settings_of
from .data import StudyData, pair_of
from .folder import Study
from .queue import MODELS, WORK
from .training import Task, Training
from .tune_grid import Space, configurations, varied


@dataclass(frozen=True)
class TunePlan:
    """
    Attributes:
        space: what is varied. settings: all else of a training.
        seeds: of each configuration; the structures validated on follow from the seed alone, so that all configurations of
            a seed are judged at the same.
        steps: of every training in place of ``settings.epochs``; 0: epochs.
        search: trials in place of the whole grid, with the first seed; 0: the grid. confirm: best configurations of a search
            that are trained with the other seeds, too.
        keep: keep the models.
    """

    space: Space
    settings: TrainSettings
    seeds: tuple[int, ...] = (7, 42, 69)
    steps: int = 0
    search: int = 0
    confirm: int = 3
    keep: bool = False

    def __post_init__(self):
        if not self.settings.validation:
            raise InputError("validation is 0: configurations are ranked by structures that are not trained on")
        if self.search and self.steps:
            raise InputError("--search stops trials by their epochs; give --epochs in place of --steps")
        if self.search and (self.settings.engine != "fast" or "engine" in self.space):
            raise InputError("--search stops trainings early, which the engine fast alone can do")
        if self.search and "epochs" in self.space:
            raise InputError("--search gives every trial the same epochs; vary something else")
        if self.steps and "epochs" in self.space:
            raise InputError("--steps and --vary epochs exclude each other")

    def parameters(self) -> dict[str, Any]:
        told = {k: v for k, v in asdict(self).items() if k not in ("keep", "search", "confirm")}
        return told | ({"search": self.search, "confirm": self.confirm} if self.search else {})

    @property
    def names(self) -> list[str]:
        """Of what is varied."""
        return varied(self.space)

    def training(self, name: str, chosen: dict[str, Any], seed: int, data: StudyData) -> Training:
        """One training; ``chosen``: name -> value of what is varied."""
        size = len(data.train)
        settings = settings_of(TARGETS["forces"], self.settings.replace(**chosen), size, self.steps, seed, data)
        target = "energies" if settings["energy_share"] == 1.0 else "forces"
        return Training(
            name, "painn", target, size, self.seeds.index(seed) + 1, seed, settings, _work(settings, size)
        )  # fmt: skip

    def trainings(self, data: StudyData) -> list[Training]:
        """Of the whole grid; all configurations of the first seed come first, so that a ranking is there early.

        Raises:
            InputError: too few structures.
        """
        self.check(data)
        grid = configurations(self.space)
        return [
            self.training(f"{k:04d}-seed{seed}", chosen, seed, data)
            for seed in self.seeds
            for k, chosen in enumerate(grid, start=1)
        ]

    def check(self, data: StudyData) -> None:
        if len(data.train) < 4:
            raise InputError(f"{len(data.train)} structures are too few to train and to validate on")


def _work(settings: dict[str, Any], size: int) -> int:
    """Units that stand for the time of a training."""
    return max(1, settings["epochs"] * size * settings["n_interactions"] * (settings["n_atom_basis"] + 32) // 64)


def study_of(folder: Path, data: StudyData, plan: TunePlan) -> Study:
    question = (
        f"Which {' and '.join([', '.join(plan.names[:-1])] * bool(plan.names[:-1]) + plan.names[-1:])} of a network gives the "
        f"smallest validation error of ΔE, at {data.level} with {len(data.train)} structures?"
    )
    return Study(folder, "tune", question, data.level, data.files, plan.parameters())


def tasks(study: Study, data: StudyData, plan: TunePlan, library: MonomerLibrary) -> Callable[[Training], Task]:
    """What makes a task of a training; targets are made once."""
    pair = pair_of(data, library)

    def task(training: Training) -> Task:
        model = study.folder / MODELS / training.name if plan.keep else None
        return Task(
            training, pair.train, pair.test, study.folder / WORK / training.name, model, curve=True
        )  # fmt: skip

    return task


def chosen_of(trainings: Sequence[Training], plan: TunePlan) -> list[dict[str, Any]]:
    """What is varied, of each training."""
    return [{n: t.settings[n] for n in plan.names} for t in trainings]
