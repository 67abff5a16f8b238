"""Spectra and averages against what is known exactly."""

import numpy as np
import pytest
from test_dynamics_ensembles import gas, plan_of

from sampler.dynamics.averages import block_mean, event_rate
from sampler.dynamics.distances import diffusion, mean_square_displacement, pairs_by_distance, without_overall_motion
from sampler.dynamics.ensembles import Ensemble
from sampler.dynamics.integrate import Sink, advance, begin
from sampler.dynamics.lifetimes import persistence
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


def test_lifetimes_of_a_process_that_is_known_exactly():
    """Two states, on and off at constant rates: the continuous function is exponential, the intermittent one ends at the share."""
    rng, step, off, on = np.random.default_rng(2), 2.0, 0.01, 0.03
    there = np.zeros((20000, 40), bool)
    there[0] = rng.random(40) < on / (on + off)
    for k in range(1, len(there)):
        draw = rng.random(40)
        there[k] = np.where(there[k - 1], draw > off, draw < on)
    found = persistence(there, step, 400)
    k = np.arange(400)
    share = on / (on + off)
    assert found.lifetime_fs == pytest.approx(step / off, rel=0.05)
    assert found.share == pytest.approx(share, abs=0.01)
    assert found.continuous == pytest.approx((1 - off) ** k, abs=0.02)
    assert found.intermittent == pytest.approx(share + (1 - share) * (1 - on - off) ** k, abs=0.02)
    assert np.isnan(persistence(np.zeros((10, 3), bool), 1.0).lifetime_fs)
    assert np.isinf(persistence(np.ones((10, 3), bool), 1.0).lifetime_fs)


def test_diffusion_of_a_particle_in_a_langevin_bath_is_that_of_einstein():
    """Free particles with friction γ: D = kT / (m γ)."""
    from sampler.clusters import Clusters
    from sampler.dynamics.ensembles import Langevin
    from sampler.potentials.base import Evaluation, Potential
    from sampler.units import KB

    class Nothing(Potential):
        level = "nothing"

        def evaluate(self, clusters, forces=True):
            return Evaluation(
                np.zeros(len(clusters)), np.zeros_like(clusters.positions), np.zeros(len(clusters), "<U1")
            )

    apart = np.arange(3)[:, None] * np.array([50.0, 7.0, 1.0])
    clusters = Clusters.make([apart] * 150, [[18] * 3] * 150)
    plan = plan_of(Langevin(5.0, friction=0.02), 3000, log_every=0)
    batch, _ = begin(clusters, list(range(150)), Nothing(), plan, None)
    points = []
    for step in range(20, 3001, 20):
        batch = advance(batch, step, Nothing(), plan, Sink())
        points.append(batch.phase.positions.copy())
    found = diffusion(mean_square_displacement(np.array(points)[20:]), 100.0)
    mass = Masses.of(clusters).mass[0]
    exact = KB * 300.0 / mass * FS**2 / 0.02
    print(f"{found:.5f} Å²/fs, exact {exact:.5f}")
    assert found == pytest.approx(exact, rel=0.1)


def test_mean_square_displacements_are_those_of_the_double_loop():
    x = np.random.default_rng(3).normal(size=(40, 5, 3)).cumsum(0)
    slow = [((x[k:] - x[: len(x) - k]) ** 2).sum(2).mean() for k in range(20)]
    assert mean_square_displacement(x) == pytest.approx(slow, abs=1e-9)


def test_pairs_are_counted_between_molecules_only_and_overall_motion_goes():
    from scipy.spatial.transform import Rotation

    x = np.array([[0.0, 0, 0], [1, 0, 0], [3, 0, 0], [3, 1, 0]])
    found = pairs_by_distance(x[None], np.array([0, 2]), np.array([1, 3]), np.array([0, 0, 1, 1]), longest=5.0)
    assert found.running[-1] == 1.0 and found.distance[found.density > 0] == pytest.approx([2.025, 3.175], abs=0.03)
    turned = np.array([Rotation.from_rotvec([0, 0.1 * k, 0.05 * k]).apply(x) + k for k in range(20)])
    still = without_overall_motion(turned, np.array([1.0, 2.0, 3.0, 4.0]))
    assert np.abs(still - still[0]).max() < 1e-12
