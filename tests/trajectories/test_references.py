"""Slow checks: dynamics against a Hessian, diffusion against published values."""

import numpy as np
import pytest
from liquid import liquid
from toys import acid_and_ammonia

from sampler.clusters import Clusters
from sampler.dynamics.ensembles import Ensemble
from sampler.dynamics.integrate import Plan
from sampler.dynamics.schedule import Schedule
from sampler.dynamics.simulate import Simulation, simulate
from sampler.monomers import MonomerLibrary
from sampler.potentials import get_potential
from sampler.relax import RelaxParams, relax
from sampler.trajectories.analyse import Options, analyse
from sampler.trajectories.distances import diffusion, displacement

ALONE = 25.0
"""cm⁻¹; modes with no other one nearer than this can be told apart."""


@pytest.mark.slow
def test_cold_dynamics_of_a_pair_has_the_lines_of_its_hessian(tmp_path):
    """GFN1-xTB, sulfuric acid with ammonia: from the minimum with velocities of 100 K, half of which goes to the springs."""
    acid_and_ammonia(tmp_path / "pair.npz")
    potential = get_potential("gfn1-xtb")
    quenched = relax(Clusters.load(tmp_path / "pair.npz"), potential, RelaxParams(fmax=0.002, max_steps=2000))
    start = Clusters.make([quenched.positions], [quenched.numbers], ids=["pair"])
    plan = Plan(5000, Ensemble(1.0), Schedule((100.0,)), 3, 100, 100, 0, 2)
    told = {"by": "gfn1-xtb", "engine": {"engine": "tblite"}}
    simulate(Simulation(tmp_path / "md", start, 1, potential, told, plan, None, MonomerLibrary.load(), 1000))
    options = Options(("spectrum", "means"), skip_ps=0.0, resolution=11.0)
    made = analyse(
        tmp_path / "md", options, MonomerLibrary.load(), lambda: (potential, "tblite"), potential
    ).structures[0]  # fmt: skip
    means, spectrum = made.found
    kelvin = means.rows[0][2]
    curve = spectrum.figures[0].series[0]
    sticks = next(s for s in spectrum.figures[0].series if s.sticks).x
    assert len(sticks) == 3 * 11 - 6 and 40.0 < kelvin < 60.0
    gaps = np.abs(sticks[:, None] - sticks[None]) + 1e9 * np.eye(len(sticks))
    deviations = []
    for stick in sticks[gaps.min(1) > ALONE]:
        near = np.abs(curve.x - stick) < ALONE
        peak = curve.x[near][np.argmax(curve.y[near])]
        deviations.append(peak - stick)
        print(f"harmonic {stick:7.1f}, maximum {peak:7.1f}, {peak - stick:+5.1f} cm⁻¹")
    size = np.abs(deviations)
    print(f"{kelvin:.1f} K: {len(size)} separate modes, median {np.median(size):.1f}, largest {size.max():.1f} cm⁻¹")
    assert (
        len(size) >= 12 and np.median(size) < 5.5 and size.max() < 16.5
    )  # a half and one and a half of the resolution


@pytest.mark.slow
def test_diffusion_of_liquid_argon_is_that_of_the_literature():
    """864 atoms at 94.4 K and 1.374 g/cm³, cutoff 2.25 σ, as Rahman had them (1964, doi:10.1103/PhysRev.136.A405): 2.43 in
    10⁻⁵ cm²/s."""
    sigma, mass, epsilon = 3.4, 39.948, 120 * 0.00831446262  # Å, amu, kJ/mol
    tau = sigma / (10.0 * np.sqrt(epsilon / mass))  # ps
    density = 864 / 10.229**3
    x, kelvin = liquid(density, 94.4 / 120, 2.25, 6, 0.005 / tau, 2000, 7000, 10)
    # slopes between 0.8 and 4 ps: before, atoms still rattle in their cages; groups of atoms hardly know of each other
    pieces = [displacement(part * sigma, 160) for part in np.array_split(x, 12, axis=1)]
    found = diffusion(pieces, 50.0)
    value, error = 1e4 * found.value, 1e4 * found.error
    # Rahman had one trajectory of 7.8 ps: it is off by as much as a piece of ours as long
    of_his_length = error * np.sqrt(len(x) * 0.05 / 7.8)
    print(f"{value:.3f} ± {error:.3f} at {120 * kelvin:.1f} K; Rahman 2.43 ± {of_his_length:.2f} at 94.4 K")
    assert error < 0.08
    assert abs(value - 2.43) < 3 * np.hypot(error, of_his_length)
