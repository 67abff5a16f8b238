"""Estimates of what was not seen, on synthetic populations whose number of species is known."""

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.search.unseen import chao1, coverage, estimates, lincoln_petersen, of_multiplicities
from sampler.units import KCAL_PER_MOL


def counts_of(rng, probability, draws):
    return np.bincount(rng.choice(len(probability), draws, p=probability), minlength=len(probability))


def test_chao1_on_equally_common_species():
    rng = np.random.default_rng(0)
    totals = []
    for _ in range(300):
        counts = counts_of(rng, np.full(100, 0.01), 150)
        totals.append((counts > 0).sum() + chao1(counts))
    seen = 100 * (1 - 0.99**150)
    assert np.mean(totals) == pytest.approx(100, abs=3), f"seen alone would be {seen:.0f}"


def test_chao1_is_a_lower_bound_where_some_are_rare():
    rng = np.random.default_rng(1)
    weight = np.concatenate([np.full(50, 1.0), np.full(50, 0.05)])
    totals, seen = [], []
    for _ in range(300):
        counts = counts_of(rng, weight / weight.sum(), 200)
        seen.append((counts > 0).sum())
        totals.append(seen[-1] + chao1(counts))
    assert np.mean(seen) < np.mean(totals) < 100


def test_chao1_by_hand():
    # 5 observations of 4 species: f1 = 3, f2 = 1: 4/5 · 3 · 2 / (2 · 2)
    assert chao1(np.array([1, 1, 1, 2, 0])) == pytest.approx(0.8 * 6 / 4)
    assert chao1(np.array([5, 7, 2])) == 0.0
    assert chao1(np.zeros(3, int)) == 0.0


def test_coverage_is_the_probability_of_the_known():
    rng = np.random.default_rng(2)
    probability = rng.dirichlet(np.full(80, 0.5))
    told, true = [], []
    for _ in range(300):
        counts = counts_of(rng, probability, 120)
        told.append(coverage(counts))
        true.append(probability[counts > 0].sum())
    assert np.mean(told) == pytest.approx(np.mean(true), abs=0.01)
    assert np.isnan(coverage(np.zeros(2, int)))


def test_lincoln_petersen_on_two_independent_samples():
    rng = np.random.default_rng(3)
    totals = []
    for _ in range(300):
        a, b = (rng.random(60) < p for p in (0.5, 0.6))
        totals.append(lincoln_petersen(int(a.sum()), int(b.sum()), int((a & b).sum())))
    assert np.mean(totals) == pytest.approx(60, abs=1.5)
    assert lincoln_petersen(10, 10, 10) == 10.0


def test_what_the_ledger_says():
    found = np.array([3, 1, 1, 0])
    first, second = np.array([True, True, False, False]), np.array([True, False, True, False])
    nothing = np.zeros(4, bool)
    told = estimates(found, np.array([True, True, False, True]), first, second)
    assert told == {
        "seen": 4,
        "unseen_chao1": 0.0,
        "coverage": 0.8,
        "unseen_lincoln_petersen": 0.0,
    }  # fmt: skip  (by Chao1 0.8 were never found, of which one is known; (3 · 3 / 2 − 1) = 3.5 in all, 4 are known)
    told = estimates(found[:3], nothing[:3], first[:3], second[:3])
    assert told == {"seen": 3, "unseen_chao1": 0.8, "coverage": 0.6, "unseen_lincoln_petersen": 0.5}
    assert "unseen_lincoln_petersen" not in estimates(found, nothing, first, nothing)
    assert estimates(np.zeros(1, int), nothing[:1], first[:1], ~first[:1]) == {"seen": 1}


def test_what_was_given_to_the_search_does_not_blow_up_the_estimates():
    """40 of 60 minima come in and are dealt out to two walkers, each of which finds 20 times one of the 60."""
    rng = np.random.default_rng(5)
    chao, pair, true = [], [], []
    for _ in range(400):
        given = np.arange(60) < 40
        finds = [np.bincount(rng.integers(60, size=20), minlength=60) for _ in range(2)]
        known = given | (finds[0] + finds[1] > 0)
        told = estimates(*(v[known] for v in (sum(finds), given, finds[0] > 0, finds[1] > 0)))
        chao.append(told["unseen_chao1"])
        pair.append(told.get("unseen_lincoln_petersen", np.nan))
        true.append(60 - known.sum())
    assert np.mean(true) == pytest.approx(10.2, abs=0.3)
    assert np.mean(chao) == pytest.approx(np.mean(true), abs=4)
    assert np.nanmean(pair) == pytest.approx(np.mean(true), abs=4)


def test_how_often_candidates_end_in_the_lowest_minima():
    x, z = np.zeros((1, 3)), np.array([8])
    distinct = Clusters.make(
        [x] * 5, [z] * 5, energy=np.array([0.0, 0.2, 0.5, 0.9, 7.0]) * KCAL_PER_MOL,
        columns={"times_found": np.array([2, 1, 1, 1, 9])},
    )  # fmt: skip
    told = of_multiplicities(distinct)
    assert told == {"watch_kcalmol": 1.0, "seen": 4, "unseen_chao1": 1.2, "coverage": 0.4}  # as computed by hand above
    assert of_multiplicities(distinct.replace(columns={})) == {}
    assert of_multiplicities(distinct.without_energies()) == {}
