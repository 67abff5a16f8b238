"""Replica exchange: one structure at a ladder of temperatures, whose neighbours change places (Sugita & Okamoto 1999,
doi:10.1016/S0009-2614(99)01123-9).

The exchange of two neighbours is accepted as Metropolis has it, so that every rung keeps its canonical distribution. How
often that happens follows from the heat capacity: of a harmonic cluster it is known exactly (Predescu et al.
2004, doi:10.1063/1.1644093), and what was seen on the way tells the number of harmonic degrees of freedom to put there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from ..units import KB
from .visiting import Frames, Replicas

_SEEN = (0.01, 0.97)  # probabilities beyond say little of the heat capacity


def acceptance(ratio: float, shape: float) -> float:
    """Mean probability that two rungs change places: energies have gamma distributions of this shape (half the number of
    harmonic degrees of freedom), temperatures this ratio above 1."""
    from scipy.special import betainc

    return float(2.0 * betainc(shape, shape, 1.0 / (1.0 + ratio)))


def ratio_for(wanted: float, shape: float) -> float:
    """The ratio of two temperatures with this mean :func:`acceptance`."""
    from scipy.special import betaincinv

    return float(1.0 / betaincinv(shape, shape, 0.5 * wanted) - 1.0)


def shape_seen(ratio: float, seen: float) -> float:
    """The shape with which :func:`acceptance` is what was seen."""
    from scipy.optimize import brentq

    seen = float(np.clip(seen, *_SEEN))
    low, high = 0.5, 1e6
    if acceptance(ratio, low) <= seen:
        return low
    return float(brentq(lambda shape: acceptance(ratio, shape) - seen, low, high, rtol=1e-6))


def ladder(lowest: float, highest: float, most: int, wanted: float, shapes: Sequence[float]) -> np.ndarray:
    """(R,) K, ascending from ``lowest``, of no more than ``most`` rungs and none above ``highest``; two at least.

    Args:
        wanted: acceptance of each pair. shapes: of the pairs from below; the last one stands for all above it.
    """
    kelvin = [lowest]
    while len(kelvin) < most:
        shape = shapes[min(len(kelvin), len(shapes)) - 1]
        following = kelvin[-1] * ratio_for(wanted, shape)
        if following > highest and len(kelvin) > 1:
            break
        kelvin.append(min(following, highest))
    return np.round(kelvin, 2)


@dataclass
class Tally:
    """What exchanges of one ladder, or of several with the same temperatures, came to.

    Attributes:
        tried, accepted: (R − 1,) how often each pair. probability: (R − 1,) sums of the probabilities of acceptance.
        round_trips: of configurations from the lowest rung to the highest and back.
    """

    tried: np.ndarray
    accepted: np.ndarray
    probability: np.ndarray
    round_trips: int = 0

    @classmethod
    def of(cls, rungs: int) -> Tally:
        return cls(np.zeros(rungs - 1, int), np.zeros(rungs - 1, int), np.zeros(rungs - 1))

    def plus(self, other: Tally) -> Tally:
        return Tally(
            self.tried + other.tried, self.accepted + other.accepted, self.probability + other.probability,
            self.round_trips + other.round_trips,
        )  # fmt: skip


@dataclass
class Rungs:
    """Which configuration of one ladder is on which rung, and what has been exchanged.

    Attributes:
        kelvin: (R,). rng: decides. settling: attempts that are not counted, while all rungs still know where they began.
        at: (R,) the configuration on each rung.
    """

    kelvin: np.ndarray
    rng: np.random.Generator
    settling: int = 0
    at: np.ndarray = field(init=False)
    tally: Tally = field(init=False)

    def __post_init__(self) -> None:
        self.at = np.arange(len(self.kelvin))
        self.tally = Tally.of(len(self.kelvin))
        self._attempts = 0
        self._came_from = np.zeros(len(self.kelvin), int)  # 1: the lowest rung, 2: the highest after it, 0: neither yet
        self._note_ends()

    @property
    def temperatures(self) -> np.ndarray:
        """(R,) K of each configuration."""
        kelvin = np.empty(len(self.at))
        kelvin[self.at] = self.kelvin
        return kelvin

    def attempt(self, energy: np.ndarray) -> None:
        """Try every other pair, in turn the even and the odd ones. ``energy``: (R,) eV of each configuration."""
        beta = 1.0 / (KB * self.kelvin)
        drawn = self.rng.random(len(self.kelvin) - 1)
        for low in range(self._attempts % 2 if len(self.kelvin) > 2 else 0, len(self.kelvin) - 1, 2):
            a, b = self.at[low], self.at[low + 1]
            probability = float(np.exp(min(0.0, (beta[low] - beta[low + 1]) * (energy[a] - energy[b]))))
            accepted, counts = drawn[low] < probability, self._attempts >= self.settling
            self.tally.tried[low] += counts
            self.tally.probability[low] += probability * counts
            self.tally.accepted[low] += accepted * counts
            if accepted:
                self.at[low], self.at[low + 1] = b, a
        self._attempts += 1
        self._note_ends()

    def _note_ends(self) -> None:
        lowest, highest = self.at[0], self.at[-1]
        if self._came_from[lowest] == 2:
            self.tally.round_trips += 1
        self._came_from[lowest] = 1
        if self._came_from[highest] == 1:
            self._came_from[highest] = 2


def exchange(
    replicas: Replicas, ladders: Sequence[Rungs], steps: int, every: int, frames_every: int, kept: int
) -> Frames:
    """Exchange every so many steps; the frames of the ``kept`` lowest rungs every ``frames_every`` exchanges.

    Args:
        replicas: those of each ladder one after another, all of the same height.
    """
    height = len(ladders[0].kelvin)
    parts: list[Frames] = []
    last = max(1, steps // every)
    for number in range(1, last + 1):
        kelvin = np.concatenate([one.temperatures for one in ladders])
        lost, there = replicas.go(every, partial(_the_same, kelvin))
        cold = np.concatenate([k * height + one.at[:kept] for k, one in enumerate(ladders)])
        chosen = lost != ""
        if number % frames_every == 0 or number == last:
            chosen[cold] = True
        which = np.flatnonzero(chosen)
        parts.append(Frames(there[which], which // height, kelvin[which], lost[which]))
        energy = replicas.phase.energy.reshape(len(ladders), height)
        for one, own in zip(ladders, energy):
            one.attempt(own)
        after = np.concatenate([one.temperatures for one in ladders])
        replicas.rescale(np.sqrt(after / kelvin))
    return Frames.join([p for p in parts if len(p.of)])


def _the_same(kelvin: np.ndarray, step: int) -> np.ndarray:
    return kelvin
