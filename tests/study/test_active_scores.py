"""What a batch of active learning is chosen by, by hand."""

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.similarity import farthest_points
from sampler.study.active_outcome import reached
from sampler.study.active_scores import batch, error_score, spread_score


@pytest.fixture
def pair():
    """Two structures, of one and of two atoms."""
    return Clusters.make([np.zeros((1, 3)), np.eye(3)[:2]], [np.array([1]), np.array([1, 8])])


def test_energies(pair):
    errors = np.array([[1.0, -3.0], [-1.0, -1.0], [0.0, -2.0]])
    assert error_score(errors, pair) == pytest.approx([0.0, 2.0])
    assert spread_score(errors, pair) == pytest.approx([1.0, 1.0])  # of 1, -1, 0 and -3, -1, -2, with n - 1


def test_forces_are_the_largest_of_any_atom(pair):
    one = np.array([[0.0, 3.0, 4.0], [0.0, 0.0, 1.0], [6.0, 0.0, 8.0]]).ravel()
    errors = np.array([one, one])
    assert error_score(errors, pair) == pytest.approx([5.0, 10.0])
    assert spread_score(errors, pair) == pytest.approx([0.0, 0.0])
    assert spread_score(np.array([one, -one]), pair) == pytest.approx([5.0 * 2**0.5, 10.0 * 2**0.5])


def test_the_spread_is_that_of_a_committee(pair):
    """The label goes out: the same as the committee of a run computes from predictions."""
    rng = np.random.default_rng(1)
    predicted, label = rng.normal(size=(3, 2)), rng.normal(size=2)
    assert spread_score(predicted - label, pair) == pytest.approx(predicted.std(axis=0, ddof=1))


def test_batch():
    scores = np.array([0.1, 5.0, np.nan, 2.0, 5.0])
    assert batch(scores, 4).tolist() == [2, 1, 4, 3]  # no number first, then the largest, equal ones in their order


def test_a_diverse_batch():
    scores = np.array([10.0, 9.0, 8.0, 1.0])
    places = np.array([[0.0], [0.1], [5.0], [100.0]])
    assert batch(scores, 2).tolist() == [0, 1]
    assert batch(scores, 2, 2, places, np.zeros((0, 1))).tolist() == [0, 3]  # four of them: all may be taken
    assert batch(scores[:3], 2, 1, places[:3], np.zeros((0, 1))).tolist() == [0, 1]  # two of them: no choice
    # what is learnt from already counts: 5.0 is near to it
    assert batch(scores[:3], 2, 2, places[:3], np.array([[5.05]])).tolist() == [0, 1]


def test_farthest_points():
    """Against every distance, looked at again in each step."""
    features = np.random.default_rng(3).normal(size=(30, 4))
    known = np.random.default_rng(4).normal(size=(5, 4))
    found = farthest_points(features, 12, np.array([7, 2]), known).tolist()
    assert found[:2] == [7, 2] and len(set(found)) == 12
    for n in range(2, 12):
        before = np.vstack([known, features[found[:n]]])
        nearest = np.linalg.norm(features[:, None] - before, axis=2).min(axis=1)
        nearest[found[:n]] = -1.0
        assert found[n] == int(np.argmax(nearest))


def test_where_an_error_is_reached():
    means = {100: 4.0, 400: 1.0}  # a straight line of slope -1 in the logarithms
    assert reached(means, 2.0) == pytest.approx(200.0)
    assert reached(means, 4.0) == 100.0 and reached(means, 1.0) == pytest.approx(400.0)
    assert reached(means, 0.5) is None
