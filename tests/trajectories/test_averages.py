"""Means, errors, rates and lifetimes against what is known exactly."""

import numpy as np
import pytest

from sampler.trajectories.averages import block_mean, event_rate, mean_of_replicas
from sampler.trajectories.lifetimes import Persisting, persistence


def autoregressive(rng, a, n):
    noise, x = rng.normal(size=n + 500), np.zeros(n + 500)
    for k in range(1, n + 500):
        x[k] = a * x[k - 1] + noise[k]
    return x[500:]


def test_the_error_of_correlated_frames():
    """An autoregressive series has a variance of the mean that is known exactly; the naive one is six times too small."""
    rng, a, n = np.random.default_rng(0), 0.95, 4096
    exact = np.sqrt((1 + a) / (1 - a) / (1 - a**2) / n)
    found = [block_mean(autoregressive(rng, a, n)) for _ in range(60)]
    told, means = [m.error for m in found], [m.value for m in found]
    print(f"exact {exact:.3f}, told {np.mean(told):.3f} ± {np.std(told):.3f}, seen {np.std(means):.3f}")
    assert np.mean(told) == pytest.approx(exact, rel=0.2)
    inefficiency = np.mean([m.inefficiency for m in found])
    print(f"inefficiency {inefficiency:.1f}, exact {(1 + a) / (1 - a):.1f}")
    assert inefficiency == pytest.approx((1 + a) / (1 - a), rel=0.3)
    assert np.isnan(block_mean(np.array([1.0])).error) and block_mean(np.zeros(0)).count == 0
    assert block_mean(np.full(50, 2.0)).error == 0.0


def test_replicas_that_are_too_short_betray_themselves_by_how_far_they_differ():
    rng = np.random.default_rng(4)
    shifted = [rng.normal(size=200) + shift for shift in rng.normal(0, 3.0, 12)]
    mean = mean_of_replicas(shifted)
    scatter = np.std([s.mean() for s in shifted], ddof=1) / np.sqrt(12)
    assert mean.error == pytest.approx(scatter, rel=1e-6) and mean.count == 2400
    assert mean.value == pytest.approx(np.concatenate(shifted).mean())
    two = mean_of_replicas(shifted[:2])
    assert two.error < 0.2  # blocks alone: two replicas say nothing of how far others would be
    assert mean_of_replicas([]).count == 0 and np.isnan(mean_of_replicas([np.zeros(0)]).value)
    unequal = mean_of_replicas([np.zeros(300), np.ones(100)])
    assert unequal.value == pytest.approx(0.25)


def test_rates_with_replicas_that_stay_whole():
    rng, k = np.random.default_rng(1), 2.0  # per ns
    covered = 0
    for _ in range(200):
        times = rng.exponential(1e6 / k, 20)
        rate = event_rate(np.minimum(times, 0.4e6), int((times < 0.4e6).sum()))
        covered += rate.low <= k <= rate.high
    print(f"{covered} of 200 intervals of 95 % hold the rate")
    assert covered >= 184
    none = event_rate(np.full(10, 1e5), 0)  # e^(-kt) = 0.05 after a ns in all: k = 3.00/ns
    assert none.per_ns == 0.0 and none.low == 0.0 and none.high == pytest.approx(-np.log(0.05), rel=1e-6)
    assert event_rate(np.zeros(3), 0).high == float("inf")


def on_and_off(rng, off, on, frames, things):
    there = np.zeros((frames, things), bool)
    there[0] = rng.random(things) < on / (on + off)
    for k in range(1, frames):
        draw = rng.random(things)
        there[k] = np.where(there[k - 1], draw > off, draw < on)
    return there


def test_lifetimes_of_a_process_that_is_known_exactly():
    """Two states, on and off at constant rates: the continuous function is exponential, the intermittent one ends at the share."""
    step, off, on = 2.0, 0.01, 0.03
    there = on_and_off(np.random.default_rng(2), off, on, 20000, 40)
    found = persistence(there, step, 800.0)
    k = np.arange(400)
    share = on / (on + off)
    assert found.lifetime_fs == pytest.approx(step / off, rel=0.05)
    assert found.share == pytest.approx(share, abs=0.01)
    assert found.continuous == pytest.approx((1 - off) ** k, abs=0.02)
    assert found.intermittent == pytest.approx(share + (1 - share) * (1 - on - off) ** k, abs=0.02)
    print(f"memory {found.memory_fs:.1f} fs, exact {-step / np.log(1 - on - off):.1f}")
    assert found.memory_fs == pytest.approx(-step / np.log(1 - on - off), rel=0.1)
    assert np.isnan(persistence(np.zeros((10, 3), bool), 1.0).lifetime_fs)
    whole = persistence(np.ones((10, 3), bool), 1.0)
    assert np.isinf(whole.lifetime_fs) and np.isinf(whole.memory_fs) and whole.share == 1.0


def test_replicas_and_things_never_seen_count_in_lifetimes():
    there = on_and_off(np.random.default_rng(3), 0.05, 0.05, 3000, 12)
    together, apart = Persisting(1.0, 50.0), Persisting(1.0, 50.0)
    together.add(there, things=24)  # twelve that are never there
    for k in range(12):
        apart.add(there[:, [k]], things=2)
    a, b = together.found(), apart.found()
    assert a.lifetime_fs == b.lifetime_fs and a.share == b.share == pytest.approx(0.25, abs=0.02)
    assert a.intermittent == pytest.approx(b.intermittent) and a.continuous == pytest.approx(b.continuous)
