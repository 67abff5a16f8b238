"""Active learning: which structures of a pool are enough, and by what they are chosen.

A committee learns from a few structures at random. Batches follow, each chosen from what is left of the pool by its errors, by
its doubt, or at random; a committee of random weights learns from each set, in as many steps. Query by committee: Seung, Opper &
Sompolinsky 1992, doi:10.1145/130385.130417; of clusters: Kubečka et al. 2024, doi:10.1039/D4VA00255E.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..learn.loop.asked import MEMBERS
from ..learn.training.settings import TrainSettings
from .curve import TARGETS, settings_of
from .data import StudyData
from .folder import Study
from .samples import Samples
from .training import Training

SUPERVISED, UNSUPERVISED, RANDOM = "supervised", "unsupervised", "random"
STRATEGIES = {
    SUPERVISED: "true error of the committee's mean",
    UNSUPERVISED: "spread of the committee",
    RANDOM: "at random",
}
"""What the structures of a batch are chosen by."""
ENERGIES, FORCES = "energies", "forces"
START = "start"
"""The target of trainings on the first structures, which all strategies of a repeat share."""


@dataclass(frozen=True)
class Chain:
    """One strategy in one repeat: its sets, each the one before with a batch more."""

    strategy: str
    repeat: int

    @property
    def name(self) -> str:
        return f"{self.strategy}-{self.repeat}"


@dataclass(frozen=True)
class ActivePlan:
    """
    Attributes:
        sizes: of the sets, validation included, ascending; the first is drawn at random. repeats: with other first sets.
        strategies: of STRATEGIES. settings: of each network. steps: of every training, whatever its size.
        score: ENERGIES or FORCES, of which the error or the spread is taken. per_atom: the score is divided by the atoms.
        diverse: 0, or a batch is those farthest from each other among ``diverse`` times as many of the largest scores.
        members: seeds of the committee. seed: of the first sets and of what is drawn at random.

    Raises:
        InputError: sizes that do not grow, an unknown strategy, a score per atom of forces, too few members.
    """

    sizes: tuple[int, ...]
    repeats: int
    strategies: tuple[str, ...]
    settings: TrainSettings
    steps: int
    score: str = ENERGIES
    per_atom: bool = False
    diverse: int = 0
    members: tuple[int, ...] = MEMBERS
    seed: int = 42

    def __post_init__(self):
        if list(self.sizes) != sorted(set(self.sizes)) or len(self.sizes) < 2:
            raise InputError(
                f"sizes {', '.join(map(str, self.sizes))}; give at least two, each larger than the one before"
            )
        if self.per_atom and self.score == FORCES:
            raise InputError(
                "a force is of one atom, and its largest is taken: leave --per-atom out with --score forces"
            )
        if len(self.members) < 2 or len(set(self.members)) < len(self.members):
            raise InputError("a committee has at least two members, each with a seed of its own")

    @property
    def chains(self) -> list[Chain]:
        return [Chain(s, r) for r in range(1, self.repeats + 1) for s in self.strategies]

    def parameters(self) -> dict[str, Any]:
        return {**asdict(self), "samples": Samples(0, 0).in_words()}

    def check(self, data: StudyData) -> None:
        """Raises:
        InputError: more structures than the pool has, too few to begin with, forces that the labels do not have.
        """
        most = len(data.train)
        if self.sizes[0] < 2 or self.sizes[-1] > most:
            wrong = self.sizes[0] if self.sizes[0] < 2 else self.sizes[-1]
            raise InputError(f"a set of {wrong} structures; the pool has {most} without its copies")
        if self.score == FORCES and data.train.clusters.forces is None:
            raise InputError("the labels of the pool hold no forces; leave --score forces out")

    def rounds(self, data: StudyData) -> list[list[Training]]:
        """Trainings of each size. All those of a size may be done at the same time.

        Raises:
            InputError: see :meth:`check`.
        """
        self.check(data)
        return [list(self._round(k, data)) for k in range(len(self.sizes))]

    def _round(self, k: int, data: StudyData) -> Iterator[Training]:
        first = [Chain(START, r) for r in range(1, self.repeats + 1)]
        for chain in first if k == 0 else self.chains:
            for seed in self.members:
                yield self._training(chain, k, seed, data)

    def _training(self, chain: Chain, k: int, seed: int, data: StudyData) -> Training:
        size = self.sizes[k]
        asked = len(data.train) - size if self.asks(chain.strategy, k) else 0
        settings = settings_of(TARGETS[FORCES], self.settings, size, self.steps, seed, data)
        work = size * settings["epochs"] + asked
        name = name_of(chain.strategy, size, chain.repeat, seed)
        return Training(name, "painn", chain.strategy, size, chain.repeat, seed, settings, work, asked)

    def asks(self, strategy: str, k: int) -> bool:
        """Whether the models of a strategy at size ``k`` have to predict what is left of the pool."""
        scored = set(self.strategies) - {RANDOM}
        return k < len(self.sizes) - 1 and (strategy in scored or (strategy == START and bool(scored)))


def name_of(strategy: str, size: int, repeat: int, seed: int) -> str:
    return f"{strategy}-{size:06d}-{repeat}-{seed}"


def study_of(folder: Path, data: StudyData, plan: ActivePlan) -> Study:
    question = (
        f"How many of {len(data.train)} structures does a model need for {len(data.test)} others at {data.level}, if they are "
        "chosen?"
    )
    return Study(folder, "active", question, data.level, data.files, plan.parameters())


def rest_of(rows: np.ndarray, count: int) -> np.ndarray:
    """What is left of a pool of ``count`` structures, ascending."""
    return np.setdiff1d(np.arange(count), rows)
