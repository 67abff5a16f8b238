"""Children of a round by dynamics: parents are heated, and frames of what comes of them are quenched."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np

from ..clusters import Clusters
from ..columns import EXCHANGES, FATE, FATE_DETAIL, IDENTITY, IDENTITY_DETAIL, LADDER, STREAM, TEMPERATURE
from ..dynamics.annealing import anneal
from ..dynamics.exchange import Rungs, exchange
from ..dynamics.schedule import Schedule
from ..dynamics.visiting import Frames, Motion, Replicas
from ..identify import identify
from ..random_keys import named_key
from .children import Mover
from .descent import quench
from .exchanges import kelvin_of

_RUNGS = 1000
"""Ladders have fewer rungs: the replicas of a child have the numbers from this times its own on."""


@dataclass(frozen=True)
class Heating:
    """How parents are heated, and their frames quenched.

    Attributes:
        mover: potential, composition, seed. kind: of stage, for the random numbers. motion: see there.
        fmax: eV/Å, of a minimum. max_steps: evaluations of each of the two relaxations of a frame.
    """

    mover: Mover
    kind: str
    motion: Motion
    fmax: float
    max_steps: int

    def annealed(self, task: Clusters, schedule: Schedule, steps: int, every: int) -> Clusters:
        """Frames of an annealing of each parent, every so many steps and at its end, quenched."""
        numbers = task.columns[STREAM] * _RUNGS
        replicas = self._replicas(task, np.full(len(task), schedule.at(0, steps)), numbers)
        frames = anneal(replicas, schedule, steps, every)
        return self._quenched(task, frames, np.full(len(task), replicas.evaluations))

    def exchanged(self, task: Clusters, steps: int, every: int, frames_every: int, kept: int) -> Clusters:
        """Frames of the ``kept`` lowest rungs of a ladder for each parent (column ``ladder``), quenched; what the exchanges
        came to is in the column ``exchanges`` of the first frame of each."""
        kelvin = kelvin_of(str(task.columns[LADDER][0]))
        height, streams = len(kelvin), task.columns[STREAM]
        numbers = (streams[:, None] * _RUNGS + np.arange(height)).ravel()
        copies = task[np.repeat(np.arange(len(task)), height)]
        replicas = self._replicas(copies, np.tile(kelvin, len(task)), numbers)
        settling = steps // every // 5
        ladders = [Rungs(kelvin, np.random.default_rng(self._key("exchanges", int(s))), settling) for s in streams]
        frames = exchange(replicas, ladders, steps, every, frames_every, kept)
        made = self._quenched(task, frames, np.full(len(task), height * replicas.evaluations))
        told = np.full(len(made), "", "U2048")
        first = np.unique(frames.of, return_index=True)[1]
        told[first] = [json.dumps(asdict(one.tally), default=np.ndarray.tolist) for one in ladders]
        return made.with_columns(**{EXCHANGES: told})

    def _replicas(self, start: Clusters, kelvin: np.ndarray, numbers: np.ndarray) -> Replicas:
        seed = int(self._key("dynamics", 0).generate_state(1, np.uint64)[0])
        return Replicas(start, self.mover.potential, kelvin, numbers.tolist(), seed, self.motion, self._judge)

    def _key(self, what: str, number: int) -> np.random.SeedSequence:
        name = self.mover.composition.name(self.mover.library)
        return named_key(self.mover.seed, f"{self.kind} {what} {name}", number)

    def _judge(self, clusters: Clusters) -> list[str]:
        """``identity: detail`` of what is no whole cluster of the composition."""
        found = identify(clusters, self.mover.composition, self.mover.library).columns
        pairs = zip(found[IDENTITY].tolist(), found[IDENTITY_DETAIL].tolist())
        return ["" if identity == "intact" else f"{identity}: {detail}" for identity, detail in pairs]

    def _quenched(self, task: Clusters, frames: Frames, spent: np.ndarray) -> Clusters:
        """``spent``: evaluations for each parent; they are booked on its first frame."""
        parents = task[frames.of]
        first = np.unique(frames.of, return_index=True)[1]
        place = np.arange(len(frames.of)) - first[frames.of]
        booked = np.where(place == 0, spent[frames.of], 0)
        reasons = [str(reason).partition(": ") for reason in frames.lost]
        children = parents.replace(
            positions=frames.clusters.positions,
            ids=np.array([f"{id_}.{k}" for id_, k in zip(parents.ids, place)]),
            columns={
                **parents.columns,
                TEMPERATURE: np.round(frames.kelvin, 2),
                FATE: np.array([identity for identity, _, _ in reasons], "U16"),
            },
        )
        made = quench(children, booked, parents, self.mover, self.fmax, self.max_steps)
        detail = np.where(frames.lost != "", [said for _, _, said in reasons], made.columns[FATE_DETAIL])
        return made.replace(columns={k: v for k, v in made.columns.items() if k != LADDER} | {FATE_DETAIL: detail})
