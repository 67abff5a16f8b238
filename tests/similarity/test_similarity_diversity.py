"""Diverse selection: the lowest kept, the unlike preferred."""

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.errors import InputError
from sampler.similarity import averaged_descriptors, select_diverse


def population(b=60, n=8, seed=0):
    rng = np.random.default_rng(seed)
    z = np.array([1, 1, 1, 1, 7, 8, 8, 16])
    return Clusters.make(rng.uniform(-3, 3, (b, n, 3)), [z] * b, energy=rng.permutation(b) * 0.01, level="toy")


def test_descriptors_are_invariant():
    some = population(6)
    rng = np.random.default_rng(1)
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    order = rng.permutation(8)
    turned = Clusters.make(
        [(some.positions[some.atoms_of(i)] @ -q + 4.0)[order] for i in range(6)],
        [some.numbers[some.atoms_of(i)][order] for i in range(6)],
    )
    np.testing.assert_allclose(averaged_descriptors(turned), averaged_descriptors(some), atol=1e-5)


def test_descriptors_against_the_formula():
    """The tabulated Gaussians against the direct sum for an O–H pair."""
    d = 1.237
    pair = Clusters.make([np.array([[0, 0, 0], [0, 0, d]])], [[8, 1]])
    centres = np.arange(0.8, 8.01, 0.3)
    expected = np.exp(-((d - centres) ** 2) / (2 * 0.3**2)) * (0.8 / centres) ** 2 / 2
    found = averaged_descriptors(pair)[0].reshape(3, -1)  # H–H, H–O, O–O
    np.testing.assert_allclose(found, [0 * expected, expected, 0 * expected], atol=2e-4)


def test_energies_alone_without_diversity():
    some = population()
    np.testing.assert_array_equal(select_diverse(some, 7, diversity=0), np.argsort(some.energy)[:7])


@pytest.mark.parametrize("diversity", [0.0, 0.5, 1.0])
def test_the_lowest_is_kept_and_energies_ascend(diversity):
    some = population()
    chosen = select_diverse(some, 10, diversity=diversity)
    assert len(set(chosen)) == 10
    assert chosen[0] == np.argmin(some.energy)
    assert np.all(np.diff(some.energy[chosen]) > 0)
    lowest = np.argsort(some.energy)[: max(1, 10 - round(10 * diversity))]
    assert set(lowest) <= set(chosen)


def test_farthest_points_cover_separate_families():
    """Five families of near-identical structures, the lowest energies all in one: five places meet all five."""
    seeds, rng = population(5, seed=3), np.random.default_rng(2)
    family = np.repeat(np.arange(5), 20)
    x = [seeds.positions[seeds.atoms_of(f)] + rng.normal(0, 0.02, (8, 3)) for f in family]
    some = Clusters.make(x, [seeds.numbers[:8]] * 100, energy=np.arange(100) * 0.01, level="toy")
    assert set(family[select_diverse(some, 5, diversity=1.0)]) == set(range(5))
    assert set(family[select_diverse(some, 5, diversity=0.0)]) == {0}


def test_energy_window():
    some = population()
    chosen = select_diverse(some, 60, energy_window=0.1001)
    assert sorted(some.energy[chosen].round(6)) == [round(0.01 * k, 6) for k in range(11)]


def test_broken_and_few_structures():
    some = population(4)
    energy, positions = some.energy.copy(), some.positions.copy()
    energy[0] = np.nan
    positions[some.ptr[1]] = np.inf
    chosen = select_diverse(some.replace(energy=energy, positions=positions), 10, diversity=1.0)
    assert set(chosen) == {2, 3}
    assert len(select_diverse(Clusters.empty(), 3)) == 0
    assert len(select_diverse(some, 0)) == 0


def test_mixed_compositions_are_comparable():
    mixed = Clusters.concatenate([population(3), population(3)[:2].replace(numbers=np.full(16, 1))])
    assert averaged_descriptors(mixed).shape[0] == 5
    assert len(select_diverse(mixed, 4, diversity=1.0)) == 4


@pytest.mark.parametrize(
    "wrong", [{"k": -1}, {"diversity": 1.5}, {"energy_window": -1.0}, {"descriptors": np.zeros((2, 2))}]
)
def test_bad_parameters_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        select_diverse(population(), **{"k": 3, **wrong})
