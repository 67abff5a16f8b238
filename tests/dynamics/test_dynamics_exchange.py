"""Replica exchange and annealing on toys whose distributions are known."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import betainc

from sampler.clusters import Clusters
from sampler.dynamics.annealing import anneal
from sampler.dynamics.exchange import Rungs, acceptance, exchange, ladder, ratio_for, shape_seen
from sampler.dynamics.schedule import Schedule
from sampler.dynamics.visiting import Motion, Replicas
from sampler.potentials.base import Evaluation, Potential
from sampler.search.exchanges import next_ladder
from sampler.units import KB

pytestmark = pytest.mark.once


@dataclass(frozen=True)
class Wells(Potential):
    """Every atom on springs (eV/Å²) around the origin; with a barrier (eV) x has two wells at ±1 Å, the right one lower."""

    spring: float = 0.5
    barrier: float = 0.0
    tilt: float = 0.0
    level: str = "wells"
    evaluated: list = field(default_factory=list)

    def evaluate(self, clusters, forces=True):
        x = clusters.positions
        energy, slope = 0.5 * self.spring * x**2, self.spring * x
        if self.barrier:
            x = x[:, 0]
            energy[:, 0] = self.barrier * (x**2 - 1) ** 2 - self.tilt * x
            slope[:, 0] = 4 * self.barrier * x * (x**2 - 1) - self.tilt
        self.evaluated.append(len(clusters))
        total = np.add.reduceat(energy.sum(1), clusters.ptr[:-1])
        return Evaluation(total, -slope, np.full(len(clusters), ""))


MOTION = Motion(step=4.0, friction=0.02)


def atoms(count, structures=1, x=0.0):
    one = np.zeros((count, 3))
    one[:, 0] = x
    return Clusters.make([one] * structures, [[18] * count] * structures)


def whole(clusters):
    return [""] * len(clusters)


def ladders_of(potential, start, kelvin, steps, every, numbers=None, seed=1):
    """(energies of each rung before every exchange (K, R), Tally, x of its first atom (K, R), frames), of all ladders."""
    kelvin, count = np.asarray(kelvin, float), len(start)
    height = len(kelvin)
    copies = start[np.repeat(np.arange(count), height)]
    numbers = numbers or list(range(len(copies)))
    replicas = Replicas(copies, potential, np.tile(kelvin, count), numbers, seed, MOTION, whole)
    seen, where = [], []

    class Watched(Rungs):
        def attempt(self, energy):
            seen.append(energy[self.at])
            first = replicas.clusters.ptr[:-1].reshape(count, height)[ladders.index(self)]
            where.append(replicas.phase.positions[first, 0][self.at])
            super().attempt(energy)

    ladders = [Watched(kelvin, np.random.default_rng([seed, k])) for k in range(count)]
    frames = exchange(replicas, ladders, steps, every, 5, height)
    tally = ladders[0].tally
    for one in ladders[1:]:
        tally = tally.plus(one.tally)
    return np.array(seen), tally, np.array(where), frames


def test_every_rung_of_a_harmonic_ladder_is_canonical_and_the_acceptance_is_exact():
    count = 4
    shape = 1.5 * count
    kelvin = ladder(200.0, 900.0, 4, 0.35, [shape])
    energies, tally, _, _ = ladders_of(Wells(), atoms(count, 24), kelvin, 6000, 20)
    for own, t in zip(energies[24 * 30 :].T, kelvin):
        # BAOAB has the exact distribution of configurations of an oscillator
        expected = stats.gamma(shape, scale=KB * t)
        print(t, own.mean(), expected.mean(), own.std(), expected.std())
        assert own.mean() == pytest.approx(expected.mean(), rel=0.05)
        assert own.std() == pytest.approx(expected.std(), rel=0.08)
        assert stats.kstest(own[::7], expected.cdf).pvalue > 1e-3
    exact = [2 * betainc(shape, shape, low / (low + high)) for low, high in zip(kelvin, kelvin[1:])]
    seen, counted = tally.probability / tally.tried, tally.accepted / tally.tried
    print(exact, seen, counted)
    assert seen == pytest.approx(exact, abs=0.03) and counted == pytest.approx(exact, abs=0.04)
    assert exact == pytest.approx([0.35] * (len(kelvin) - 1), abs=1e-3) and tally.round_trips > 10


def test_a_barrier_is_crossed_from_rung_to_rung():
    """Places of the cold rung have their Boltzmann weights (quadrature); alone it stays where it starts."""
    well = Wells(spring=5.0, barrier=0.18, tilt=0.01)
    kelvin = [300.0, 500.0, 900.0, 1500.0]
    _, tally, where, _ = ladders_of(well, atoms(1, 100, x=-1.0), kelvin, 8000, 20)
    for k, t in enumerate(kelvin):
        weight = lambda x, t=t: np.exp(-(0.18 * (x**2 - 1) ** 2 - 0.01 * x) / (KB * t))  # noqa: E731
        right = integrate.quad(weight, 0, 4)[0] / integrate.quad(weight, -4, 4)[0]
        found = (where[100 * 150 :, k] > 0).mean()
        print(t, found, right)
        assert found == pytest.approx(right, abs=0.05)
    alone = Replicas(atoms(1, x=-1.0), well, np.array([300.0]), [0], 1, MOTION, whole)
    places = []
    for _ in range(200):
        alone.go(20, lambda step: np.array([300.0]))
        places.append(alone.phase.positions[0, 0])
    assert max(places) < 0, "if this crosses, the test above says nothing"


def test_temperatures_follow_from_the_acceptance():
    for shape in (5.0, 90.0, 300.0):
        ratio = ratio_for(0.3, shape)
        assert acceptance(ratio, shape) == pytest.approx(0.3, abs=1e-9) and ratio > 1
        assert shape_seen(ratio, 0.3) == pytest.approx(shape, rel=1e-4)
    kelvin = ladder(300.0, 900.0, 6, 0.3, [90.0])
    assert len(kelvin) == 6 and np.allclose(kelvin[1:] / kelvin[:-1], kelvin[1] / kelvin[0], rtol=1e-3), "geometric"
    assert ladder(300.0, 900.0, 6, 0.3, [2.0]).tolist() == [300.0, 900.0], "no rung above the highest"


def test_the_next_round_has_the_acceptance_that_was_asked_for():
    """Energies that spread twice as much as a harmonic cluster's (twice the shape): one round of exchanges tells."""
    true, atoms_ = 120.0, 40
    first = next_ladder(atoms_, [], 300.0, 900.0, 6, 0.3)
    kelvin = [float(k) for k in first.split()]
    seen = [acceptance(high / low, true) for low, high in zip(kelvin, kelvin[1:])]
    assert max(seen) < 0.2
    record = {"exchange": {"temperatures_K": kelvin, "acceptance": seen, "tried": [500] * 5}}
    kelvin = [float(k) for k in next_ladder(atoms_, [{}, record], 300.0, 900.0, 6, 0.3).split()]
    now = [acceptance(high / low, true) for low, high in zip(kelvin, kelvin[1:])]
    assert now == pytest.approx([0.3] * 5, abs=0.01)


def test_a_ladder_is_the_same_whatever_shares_its_batch():
    kelvin, well = [300.0, 600.0], Wells()
    both = atoms(3, structures=2)
    *_, together = ladders_of(well, both, kelvin, 400, 20, numbers=[0, 1, 1000, 1001])
    *_, alone = ladders_of(well, both[:1], kelvin, 400, 20, numbers=[0, 1])
    mine = together.of == 0
    assert np.array_equal(together.clusters[mine].positions, alone.clusters.positions)
    assert np.array_equal(together.kelvin[mine], alone.kelvin)


def test_what_breaks_goes_on_from_where_it_was_whole():
    """A wall at 1 Å: replicas that cross it are told, and go back; nothing beyond it is a place to go on from."""

    def inside(clusters):
        far = np.maximum.reduceat(np.abs(clusters.positions).max(1), clusters.ptr[:-1]) > 1.0
        return ["evaporated: too far" if one else "" for one in far]

    replicas = Replicas(atoms(2, structures=6), Wells(), np.full(6, 1500.0), list(range(6)), 3, Motion(), inside)
    frames = anneal(replicas, Schedule((1500.0, 1500.0)), 2000, 50)
    lost = frames.lost != ""
    assert 10 < lost.sum() < len(lost) and set(frames.lost[lost]) == {"evaporated: too far"}
    far = np.array([np.abs(frames.clusters[k : k + 1].positions).max() for k in range(len(lost))])
    assert (far[lost] > 1.0).all() and (far[~lost] <= 1.0).all()
    assert (np.abs(replicas.phase.positions) <= 1.0).all()
    assert replicas.evaluations == 2001 and sum(replicas.engine.potential.evaluated) == 6 * 2001


def test_annealing_ends_cold():
    replicas = Replicas(atoms(8, structures=8), Wells(), np.full(8, 300.0), list(range(8)), 3, Motion(4.0), whole)
    frames = anneal(replicas, Schedule((300.0, 900.0, 10.0)), 4000, 4000)
    assert len(frames.of) == 8 and set(frames.kelvin) == {10.0}
    assert replicas.phase.energy.mean() < 12.0 * KB * 40.0, "24 degrees of freedom, half kT each"
