"""Exploration of the rigid surface: a population of distinct minima that breeds the next ones.

Every generation makes one batch of children (moves of molecules and cut-and-splice of two parents), minimises the
batch, and keeps the lowest distinct minima: as parents a small pool, for the user an archive of the size asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import moves
from .minima import distinct, places, shape_of
from .packing import pack, sound
from .rigid import Poses, RigidSystem, minimise, separate

_WIDER = 4  # times as many minima as are kept are remembered before those of known frameworks are dropped


@dataclass(frozen=True)
class ExploreParams:
    """One exploration.

    Attributes:
        keep: how many of the lowest distinct minima are kept.
        population: parents in the pool, and children per generation.
        max_evaluations: of the surface; no generation starts beyond it.
        patience: stop after so many generations without a new minimum among the ``watch`` lowest.
        watch: see patience.
        density: of the random packings that the exploration starts from.
        fmax: eV/Å at which a minimum counts as reached.
        symmetric: share of the random packings that is symmetric (:mod:`.symmetry`).
        per_framework: so many of the lowest of each framework (:func:`.minima.places`) are kept before others; 0 for the
            lowest, which may be variants of one framework.
    """

    keep: int = 1000
    population: int = 64
    max_evaluations: int = 5_000_000
    patience: int = 60
    watch: int = 10
    density: float = 0.6
    fmax: float = 0.01
    symmetric: float = 0.0
    per_framework: int = 0


@dataclass(frozen=True)
class Exploration:
    """What one exploration found.

    Attributes:
        poses: K distinct minima. energy: (K,) eV, ascending. largest: (K,) eV/Å, the gradient left.
        evaluations: of the surface. generations: how many were bred.
        stopped: ``patience`` or ``budget``.
        trace: (generations + 1, 2): evaluations so far, lowest energy.
    """

    poses: Poses
    energy: np.ndarray
    largest: np.ndarray
    evaluations: int
    generations: int
    stopped: str
    trace: np.ndarray


@dataclass(frozen=True)
class _Minima:
    """Distinct minima, lowest first."""

    poses: Poses
    energy: np.ndarray
    largest: np.ndarray
    shape: np.ndarray

    def __len__(self) -> int:
        return len(self.energy)

    def __getitem__(self, key) -> _Minima:
        return _Minima(self.poses[key], self.energy[key], self.largest[key], self.shape[key])

    def joined(self, other: _Minima, most: int) -> _Minima:
        both = _Minima(
            Poses.concatenate([self.poses, other.poses]),
            np.concatenate([self.energy, other.energy]),
            np.concatenate([self.largest, other.largest]),
            np.concatenate([self.shape, other.shape]),
        )
        return both[distinct(both.energy, both.shape)[:most]]


def explore(system: RigidSystem, rng: np.random.Generator, params: ExploreParams | None = None) -> Exploration:
    """The lowest distinct minima of one protonation state, from one random key."""
    params = params or ExploreParams()
    archive, evaluations = _relaxed(
        system, pack(system, 4 * params.population, rng, params.density, params.symmetric), params
    )
    archive = archive[distinct(archive.energy, archive.shape)[: max(params.keep, params.population)]]
    pool = archive[: params.population]
    trace, stale, generations = [(evaluations, pool.energy[0])], 0, 0
    while stale < params.patience and evaluations < params.max_evaluations and system.molecules > 1:
        children, spent = _relaxed(system, breed(system, pool, rng, params), params)
        evaluations, generations = evaluations + spent, generations + 1
        ceiling = pool.energy[min(params.watch, len(pool)) - 1]
        pool = pool.joined(children, params.population)
        lower = pool.energy[min(params.watch, len(pool)) - 1] < ceiling - 1e-6
        if params.per_framework:
            archive = archive.joined(children, len(archive) + len(children))
            if len(archive) > _WIDER * params.keep:  # not each time: it costs as much as a generation
                archive = varied(system, archive, params.per_framework, params.keep)
        else:
            archive = archive.joined(children, max(params.keep, params.population))
        stale = 0 if lower else stale + 1
        trace.append((evaluations, pool.energy[0]))
    stopped = "budget" if stale < params.patience and system.molecules > 1 else "patience"
    if params.per_framework:
        archive = varied(system, archive, params.per_framework, params.keep)
    kept = archive[: params.keep]
    return Exploration(kept.poses, kept.energy, kept.largest, evaluations, generations, stopped, np.array(trace))


def varied(system: RigidSystem, minima: _Minima, per_framework: int, count: int) -> _Minima:
    """``count`` of them: the lowest ``per_framework`` of each framework before the others, lowest first."""
    later = places(system, minima.poses) >= per_framework
    return minima[np.sort(np.argsort(later, kind="stable")[:count])]


def breed(system: RigidSystem, pool: _Minima, rng: np.random.Generator, params: ExploreParams) -> Poses:
    """One generation of children, not yet minimised; parents are drawn with weights that fall with their rank."""
    makers = [moves.reinsert, moves.turn, moves.swap, moves.shake]
    share = np.array([0.35, 0.2, 0.1, 0.1, 0.2, 0.05])  # … splice, fresh packings
    counts = rng.multinomial(params.population, share)
    weight = np.exp(-3.0 * np.arange(len(pool)) / len(pool))
    parents = lambda n: pool.poses[rng.choice(len(pool), n, p=weight / weight.sum())]  # noqa: E731
    born = [move(system, parents(n), rng) for move, n in zip(makers, counts) if n]
    if counts[4]:
        born.append(moves.splice(system, parents(counts[4]), parents(counts[4]), rng))
    if counts[5]:
        born.append(pack(system, counts[5], rng, params.density, params.symmetric))
    return Poses.concatenate(born)


def _relaxed(system: RigidSystem, poses: Poses, params: ExploreParams) -> tuple[_Minima, int]:
    """Minimise; clusters in pieces or with clashes are left out. Returns the minima and the evaluations spent."""
    apart = separate(system, moves.centred(poses))
    result = minimise(system, apart.poses, fmax=params.fmax)
    good = np.flatnonzero(sound(system, result.poses) & (result.largest < 10 * params.fmax))
    found = result.poses[good]
    minima = _Minima(found, result.energy[good], result.largest[good], shape_of(system, found))
    return minima, int(apart.evaluations.sum() + result.evaluations.sum())
