"""Spectra of oscillators against their exact frequencies and intensities."""

import numpy as np
import pytest
from scipy.signal import welch
from test_dynamics_ensembles import gas, plan_of

from sampler.dynamics.ensembles import Ensemble
from sampler.dynamics.integrate import Sink, advance, begin
from sampler.dynamics.motion import Masses
from sampler.errors import InputError
from sampler.trajectories.spectrum import infrared_spectrum, lines, power_spectrum
from sampler.units import CM1_PER_SQRT_EV_PER_AMU_ANGSTROM2, KB

LIGHT = 2.99792458e-5  # cm/fs


@pytest.fixture(scope="module")
def oscillators():
    """Velocities of six oscillators for 20 ps, a step of 1 fs, kept every 2 fs; their frequencies in cm⁻¹ and masses."""
    clusters, potential = gas(1)
    kept = []

    class Velocities(Sink):
        def velocities(self, replica, v):
            kept.append(v)

    plan = plan_of(Ensemble(1.0), 20000, log_every=0, velocity_every=2)
    batch, _ = begin(clusters, [0], potential, plan, None)
    advance(batch, plan.steps, potential, plan, Velocities())
    masses = Masses.of(clusters).mass
    return np.array(kept), np.sqrt(potential.constants / masses) * CM1_PER_SQRT_EV_PER_AMU_ANGSTROM2, masses


def test_the_lines_of_oscillators_are_at_their_exact_frequencies(oscillators):
    """Velocity Verlet with 1 fs would put the fastest one 20 cm⁻¹ too high."""
    v, exact, masses = oscillators
    parts = {str(i): np.array([i]) for i in range(6)} | {"all": np.arange(6)}
    found = power_spectrum([v], 2.0, masses, parts, 5.0, verlet_fs=1.0)
    raw = power_spectrum([v], 2.0, masses, parts, 5.0)
    for i in range(6):
        (line,) = lines(found.wavenumber, found.density[str(i)])
        seen = lines(raw.wavenumber, raw.density[str(i)])[0].wavenumber
        print(f"{exact[i]:.1f} cm⁻¹ exact, {line.wavenumber:.1f} found, {seen:.1f} without the correction of the step")
        assert abs(line.wavenumber - exact[i]) < 0.2 * found.resolution
    width = np.gradient(found.wavenumber)
    kinetic = (masses[:, None] * v**2).sum((1, 2)).mean()
    for i in range(6):  # each part has its share of the kinetic energy
        share = (masses[i] * v[:, i] ** 2).sum(1).mean() / kinetic
        assert (found.density[str(i)] * width).sum() == pytest.approx(18 * share, rel=0.03)
    assert (found.density["all"] * width).sum() == pytest.approx(18.0, rel=0.01)


def test_segments_and_windows_are_those_of_scipy(oscillators):
    v, _, masses = oscillators
    found = power_spectrum([v[:4000], v[4000:]], 2.0, masses, {"all": np.arange(6)}, 20.0)
    length = 2 * (len(found.wavenumber) - 1)
    density = [
        (welch(part, fs=0.5, nperseg=length, detrend=False, axis=0)[1].sum(2) * masses).sum(1)
        for part in (v[:4000], v[4000:])
    ]
    weights = [(len(part) - length) // (length // 2) + 1 for part in (v[:4000], v[4000:])]
    wanted = np.average(density, axis=0, weights=weights)
    assert found.segments == sum(weights)
    assert found.density["all"] == pytest.approx(wanted / wanted.sum() * 18 / found.wavenumber[1], rel=1e-6)


def test_the_infrared_intensity_of_a_mode_is_exact():
    """A charge on a spring at the mean energy kT of a mode: A = N (∂μ/∂Q)² / (12 ε₀ c²), 1 (D/Å)²/amu = 42.2561 km/mol."""
    kelvin, mass, charge, wavenumber = 300.0, 10.0, 0.5, 1500.0
    omega = 2 * np.pi * LIGHT * wavenumber
    time = np.arange(20000) * 2.0
    variance = KB * kelvin / (mass * (wavenumber / CM1_PER_SQRT_EV_PER_AMU_ANGSTROM2) ** 2)  # Å²
    amplitude = np.sqrt(2 * variance)
    mu = np.zeros((20000, 3))
    mu[:, 0] = 3.0 + charge * amplitude * np.cos(omega * time)
    found = infrared_spectrum([mu], 2.0, kelvin, 10.0)
    intensity = found.density["infrared"].sum() * found.wavenumber[1]
    debye = charge / 0.20819434  # D/Å
    exact = 42.2561 * debye**2 / mass
    print(f"{intensity:.3f} km/mol, exact {exact:.3f}")
    assert intensity == pytest.approx(exact, rel=2e-3)
    (line,) = lines(found.wavenumber, found.density["infrared"])
    assert line.wavenumber == pytest.approx(wavenumber, abs=0.5)


def test_what_is_too_short_or_too_far_apart_is_said():
    v = np.zeros((100, 2, 3))
    with pytest.raises(InputError, match="--velocities 4.0 or less"):
        power_spectrum([v], 5.0, np.ones(2), {})
    with pytest.raises(InputError, match="--resolution, of 251 or more"):
        power_spectrum([v], 2.0, np.ones(2), {})
    with pytest.raises(InputError, match="--frames 4.0 or less"):
        infrared_spectrum([np.zeros((500, 3))], 10.0, 300.0)
    with pytest.raises(InputError, match="too short"):
        infrared_spectrum([], 2.0, 300.0)


def test_the_resolution_that_is_named_is_enough():
    v = np.random.default_rng(0).normal(size=(100, 2, 3))
    assert power_spectrum([v], 2.0, np.ones(2), {"all": np.arange(2)}, 251.0).segments == 1
