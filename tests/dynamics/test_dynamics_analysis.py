"""Spectra and averages against what is known exactly."""

import numpy as np
import pytest
from test_dynamics_ensembles import gas, plan_of

from sampler.dynamics.averages import block_mean, event_rate
from sampler.dynamics.ensembles import Ensemble
from sampler.dynamics.integrate import Sink, advance, begin
from sampler.dynamics.motion import Masses
from sampler.dynamics.spectrum import harmonic_sticks, power_spectrum
from sampler.errors import InputError
from sampler.units import CM1_PER_SQRT_EV_PER_AMU_ANGSTROM2, FS


def test_the_spectrum_of_oscillators_has_their_lines_and_all_degrees_of_freedom():
    clusters, potential = gas(1)
    kept = []

    class Velocities(Sink):
        def velocities(self, replica, v):
            kept.append(v)

    plan = plan_of(Ensemble(0.5), 40000, log_every=0, velocity_every=4)
    batch, _ = begin(clusters, [0], potential, plan, None)
    masses = Masses.of(clusters).mass
    advance(batch, plan.steps, potential, plan, Velocities())
    v = np.array(kept)
    found = power_spectrum(
        v, 2.0, masses, 300.0, {str(i): np.array([i]) for i in range(6)} | {"all": np.arange(6)}, 10.0
    )
    exact = np.sqrt(potential.constants / masses) * CM1_PER_SQRT_EV_PER_AMU_ANGSTROM2
    for i in range(6):
        peak = found.wavenumber[np.argmax(found.density[str(i)])]
        print(f"{exact[i]:.1f} cm⁻¹ exact, {peak:.1f} found")
        assert abs(peak - exact[i]) < 7.0 + 2e-4 * exact[i]
    width = found.wavenumber[1] - found.wavenumber[0]
    kinetic = (masses[:, None] * (v / FS) ** 2).sum((1, 2)).mean() / (8.617333262145e-5 * 300.0)
    total = found.density["all"].sum() * width
    print(f"integral {total:.3f}, twice the kinetic energy over kT {kinetic:.3f}")
    assert total == pytest.approx(kinetic, rel=0.02)
    assert harmonic_sticks(np.diag(np.repeat(potential.constants, 3)), masses) == pytest.approx(
        np.sort(np.repeat(exact, 3))
    )


def test_what_is_too_short_or_too_far_apart_is_said():
    v = np.zeros((100, 2, 3))
    with pytest.raises(InputError, match="--velocities 3 or less"):
        power_spectrum(v, 5.0, np.ones(2), 300.0, {})
    with pytest.raises(InputError, match="too short"):
        power_spectrum(v, 2.0, np.ones(2), 300.0, {})


def test_the_error_of_correlated_frames():
    """An autoregressive series has a variance of the mean that is known exactly; the naive one is six times too small."""
    rng, a, n = np.random.default_rng(0), 0.95, 4096
    exact = np.sqrt((1 + a) / (1 - a) / (1 - a**2) / n)
    told, means = [], []
    for _ in range(60):
        noise, x = rng.normal(size=n + 500), np.zeros(n + 500)
        for k in range(1, n + 500):
            x[k] = a * x[k - 1] + noise[k]
        found = block_mean(x[500:])
        told.append(found.error)
        means.append(found.value)
    print(f"exact {exact:.3f}, told {np.mean(told):.3f} ± {np.std(told):.3f}, seen {np.std(means):.3f}")
    assert np.mean(told) == pytest.approx(exact, rel=0.2)
    assert np.isnan(block_mean(np.array([1.0])).error) and block_mean(np.zeros(0)).independent == 0


def test_rates_with_replicas_that_stay_whole():
    rng, k = np.random.default_rng(1), 2.0  # per ns
    covered = 0
    for _ in range(200):
        times = rng.exponential(1e6 / k, 20)
        seen = np.minimum(times, 0.4e6)
        rate = event_rate(seen, times < 0.4e6)
        covered += rate.low <= k <= rate.high
    print(f"{covered} of 200 intervals of 95 % hold the rate")
    assert covered >= 184
    none = event_rate(np.full(10, 1e5), np.zeros(10, bool))
    assert none.per_ns == 0.0 and none.low == 0.0 and none.high == pytest.approx(3.689, abs=1e-3)
