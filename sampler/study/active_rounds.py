"""The rounds of active learning: trainings of one size side by side, then what each strategy wants next, then the next size.

What a strategy chose is a file before any training on it begins, and follows from files alone: whoever comes back, or shares the
folder, reads or makes the same one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..storage import write_text
from ..text.plain import plain
from ..workers.progress import Progress
from .active import FORCES, RANDOM, START, SUPERVISED, ActivePlan, Chain, name_of, rest_of
from .active_scores import batch, error_score, spread_score
from .data import Pair
from .engines import test_errors
from .errors import ASKED, TEST, load_errors
from .folder import Study
from .queue import ROWS, WORK, Queue
from .samples import Samples
from .training import DONE, Task, Training

CHOSEN = "chosen"


@dataclass
class Rounds:
    """
    Attributes:
        study: begun. pair: the pool and the test. rounds: trainings of each size. workers: as of :class:`.queue.Queue`.
        committees: a row for each chain and size; errors of the committee's mean at the test.
        ended: chain -> why it has no further sets, where too few members were left to choose by.
    """

    study: Study
    plan: ActivePlan
    pair: Pair
    rounds: Sequence[Sequence[Training]]
    workers: int | str = 1
    progress: Progress = field(default_factory=Progress)
    committees: list[dict[str, Any]] = field(default_factory=list)
    ended: dict[str, str] = field(default_factory=dict)

    def run(self) -> list[dict[str, Any]]:
        """A row a training; :attr:`committees` is complete afterwards.

        Raises:
            RunError: see :meth:`.queue.Queue.run`; a file of the folder is damaged.
        """
        every = [t for trainings in self.rounds for t in trainings]
        self.progress.start(
            1, 1, f"{self.study.kind}: {len(every)} trainings, units of work", sum(t.work for t in every)
        )
        sets = {chain: self._first(chain.repeat) for chain in self.plan.chains}
        rows: list[dict[str, Any]] = []
        for k, trainings in enumerate(self.rounds):
            rows += self._trained(trainings, sets)
            self.committees += [self._judged(chain, k) for chain in sets]
            if k + 1 < len(self.rounds):
                sets = {
                    chain: grown for chain, now in sets.items() if (grown := self._grown(chain, k, now)) is not None
                }
        return rows

    # ---- trainings -------------------------------------------------------------------------------------------------

    def _trained(self, trainings: Sequence[Training], sets: dict[Chain, np.ndarray]) -> list[dict[str, Any]]:
        going = {chain.name for chain in sets} | {Chain(START, chain.repeat).name for chain in sets}
        here = [t for t in trainings if Chain(t.target, t.repeat).name in going]
        self.progress.advance(sum(t.work for t in trainings) - sum(t.work for t in here), True)
        queue = Queue(self.study, here, lambda t: self._task(t, sets), self.workers, self.progress, started=True)
        return queue.run()

    def _task(self, training: Training, sets: dict[Chain, np.ndarray]) -> Task:
        chain = Chain(training.target, training.repeat)
        rows = self._first(chain.repeat) if chain.strategy == START else sets[chain]
        asked = None
        if training.asked:
            part = self.pair.part(rest_of(rows, len(self.pair.train)))
            asked = replace(part, has_forces=self.plan.score == FORCES)
        folder = self.study.folder / WORK / training.name
        return Task(training, self.pair.part(rows), self.pair.test, folder, each=True, asked=asked)

    def _first(self, repeat: int) -> np.ndarray:
        return self._samples.rows(self.plan.sizes[0], repeat)

    @cached_property
    def _samples(self) -> Samples:
        return Samples(len(self.pair.train), self.plan.seed)

    # ---- what the committees know ----------------------------------------------------------------------------------

    def _members(self, chain: Chain, k: int) -> list[Path]:
        """Files of the errors of those members that can predict."""
        strategy = START if k == 0 else chain.strategy
        stems = [name_of(strategy, self.plan.sizes[k], chain.repeat, seed) for seed in self.plan.members]
        rows = [self.study.folder / ROWS / f"{stem}.json" for stem in stems]
        return [r.with_suffix(".npz") for r in rows if json.loads(r.read_text(encoding="utf-8"))["status"] == DONE]

    def _judged(self, chain: Chain, k: int) -> dict[str, Any]:
        """Errors of the mean of a committee at the test."""
        row = {"strategy": chain.strategy, "repeat": chain.repeat, "size": self.plan.sizes[k]}
        members = [load_errors(file, TEST) for file in self._members(chain, k)]
        row["members"] = len(members)
        if not members:
            return row
        forces = [f for _, f in members if f is not None]
        energy = np.mean([e for e, _ in members], axis=0)
        return row | test_errors(energy, np.mean(forces, axis=0) if forces else None, self.pair.test)

    # ---- what is learnt next ---------------------------------------------------------------------------------------

    def _grown(self, chain: Chain, k: int, now: np.ndarray) -> np.ndarray | None:
        """The set of the next size; None where the chain ends."""
        size = self.plan.sizes[k + 1]
        file = self.study.folder / CHOSEN / f"{chain.strategy}-{size:06d}-{chain.repeat}.json"
        chosen = _read(file, size - len(now))
        if chosen is None:
            made = self._choose(chain, k, now)
            if made is None:
                return None
            write_text(file, json.dumps(plain(made), allow_nan=False) + "\n")
            chosen = np.array(made["rows"], np.int64)
        return np.concatenate([now, chosen])

    def _choose(self, chain: Chain, k: int, now: np.ndarray) -> dict[str, Any] | None:
        size = self.plan.sizes[k + 1]
        told: dict[str, Any] = {"strategy": chain.strategy, "repeat": chain.repeat, "size": size}
        if chain.strategy == RANDOM:
            rows = self._samples.rows(size, chain.repeat)[len(now) :]
            return told | self._named(rows)
        members = self._members(chain, k)
        if len(members) < (1 if chain.strategy == SUPERVISED else 2):
            self._end(chain, k, len(members))
            return None
        rest = rest_of(now, len(self.pair.train))
        scores = self._scores(chain, rest, members)
        known = self._features[now] if self.plan.diverse else None
        places = batch(
            scores, size - len(now), self.plan.diverse, self._features[rest] if self.plan.diverse else None, known
        )
        told |= {"score": self._score_name, "median": float(np.median(scores))}
        return told | self._named(rest[places]) | {"scores": scores[places].tolist()}

    def _scores(self, chain: Chain, rest: np.ndarray, members: Sequence[Path]) -> np.ndarray:
        errors = [load_errors(file, ASKED)[self.plan.score == FORCES] for file in members]
        clusters = self.pair.labels.clusters[rest]
        score = error_score if chain.strategy == SUPERVISED else spread_score
        found = score(np.array(errors), clusters)
        return found / clusters.natoms if self.plan.per_atom else found

    @property
    def _score_name(self) -> str:
        return "eV/Å" if self.plan.score == FORCES else "eV/atom" if self.plan.per_atom else "eV"

    def _named(self, rows: np.ndarray) -> dict[str, Any]:
        return {"rows": rows.tolist(), "ids": self.pair.labels.clusters.ids[rows].tolist()}

    @cached_property
    def _features(self) -> np.ndarray:
        from ..similarity import averaged_descriptors

        return averaged_descriptors(self.pair.labels.clusters)

    def _end(self, chain: Chain, k: int, left: int) -> None:
        lost = len(self.plan.members) - left
        why = f"{lost} of {len(self.plan.members)} members diverged with {self.plan.sizes[k]} structures"
        self.ended[chain.name] = why
        self.progress.message(f"{chain.strategy}, repeat {chain.repeat} ends: {why}")


def _read(file: Path, count: int) -> np.ndarray | None:
    """What was chosen; None where no whole file says it."""
    try:
        rows = np.array(json.loads(file.read_text(encoding="utf-8"))["rows"], np.int64)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return rows if rows.shape == (count,) else None
