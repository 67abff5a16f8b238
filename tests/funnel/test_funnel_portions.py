"""Chunks: everything once, in order, small at the end; and what a simulated team of workers loses."""

import heapq

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.funnel.stages.portions import portions


def population(n):
    return Clusters.make([[[0.0, 0.0, 0.0]]] * n, [[18]] * n, ids=[f"a-{i}" for i in range(n)])


@pytest.mark.parametrize("most", [1, 2, 10, 40])
@pytest.mark.parametrize("n", [0, 1, 7, 100, 1000])
def test_everything_once_in_order(n, most):
    chunks = portions(population(n), most)
    assert [i for c in chunks for i in c.ids] == [f"a-{i}" for i in range(n)]
    sizes = [len(c) for c in chunks]
    assert all(1 <= s <= most for s in sizes)
    assert sizes == sorted(sizes, reverse=True)


def finished(seconds, sizes, workers):
    """When the last of ``workers`` is done, taking chunks in order."""
    ends = np.cumsum([0, *sizes])
    busy = [0.0] * workers
    for start, stop in zip(ends, ends[1:]):
        heapq.heapreplace(busy, busy[0] + seconds[start:stop].sum())
    return max(busy)


@pytest.mark.parametrize("workers", [2, 8])
def test_cores_stay_busy_to_the_end(workers):
    """1000 relaxations of uneven length: at most 2 % lost on 2 workers and 6 % on 8; equal chunks of 40 lose more."""
    sizes = [len(c) for c in portions(population(1000), 40)]
    lost, equal = [], []
    for seed in range(20):
        seconds = np.random.default_rng(seed).gamma(4.0, 1.0, 1000)
        ideal = seconds.sum() / workers
        lost.append(finished(seconds, sizes, workers) / ideal - 1)
        equal.append(finished(seconds, [40] * 25, workers) / ideal - 1)
    print(f"{workers} workers: lost {np.mean(lost):.3f}, with equal chunks {np.mean(equal):.3f}")
    assert np.mean(lost) < {2: 0.02, 8: 0.06}[workers]
    assert np.mean(lost) < np.mean(equal)
