"""Numerical Hessians against closed forms, ASE's vibrations and the invariances of a molecule."""

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.errors import InputError
from sampler.potentials.lennard_jones import LennardJones
from sampler.potentials.xtb import XTBPotential
from sampler.refine.hessian import hessians, isotope_masses, normal_modes, principal_moments, standard_masses
from sampler.units import AMU_ANGSTROM2_TO_CM1, CM1_PER_SQRT_EV_PER_AMU_ANGSTROM2, HBAR2_PER_AMU_ANGSTROM2


def lj_hessian(x, epsilon=0.01, sigma=2.0):
    """Analytic second derivatives of the pair potential."""
    n = len(x)
    hessian = np.zeros((n, 3, n, 3))
    for i in range(n):
        for j in range(i):
            d = x[i] - x[j]
            r2 = d @ d
            s6 = (sigma**2 / r2) ** 3
            first = -24 * epsilon * (2 * s6**2 - s6) / r2  # dE/dr / r
            second = 4 * epsilon * (156 * s6**2 - 42 * s6) / r2
            block = (second - first) * np.outer(d, d) / r2 + first * np.eye(3)
            for a, b, sign in ((i, i, 1), (j, j, 1), (i, j, -1), (j, i, -1)):
                hessian[a, :, b] += sign * block
    return hessian.reshape(3 * n, 3 * n)


def test_lennard_jones_is_analytic():
    rng = np.random.default_rng(0)
    frames = [rng.normal(size=(n, 3)) * 2 + np.arange(n)[:, None] * 1.8 for n in (2, 5)]
    clusters = Clusters.make(frames, [np.full(2, 18), np.full(5, 18)])
    potential = LennardJones(epsilon=0.5)
    for batch in (20_000, 7):  # all at once, and in many calls
        found = hessians(clusters, potential, step=1e-3, batch_atoms=batch)
        for x, h in zip(frames, found.matrices):
            expected = lj_hessian(x, 0.5)
            assert np.abs(h - expected).max() < 1e-4 * np.abs(expected).max()
            assert np.array_equal(h, h.T)


def test_diatomic_and_trimer_frequencies():
    """At r = 2^(1/6)σ the stretch of the pair has k = 57.1464 ε/σ²; the triangle has √(3k/m) and twice √(3k/2m)."""
    epsilon, sigma = 0.4, 2.0
    potential = LennardJones(epsilon, sigma)
    r, k, m = 2 ** (1 / 6) * sigma, 57.14643787 * epsilon / sigma**2, 39.948
    pair = np.array([[0, 0, 0], [0.3 * r, 0.4 * r, np.sqrt(0.75) * r]])
    triangle = np.array([[0, 0, 0], [r, 0, 0], [r / 2, np.sqrt(0.75) * r, 0]])
    clusters = Clusters.make([pair, triangle, [[0.0, 0, 0]]], [[18] * 2, [18] * 3, [18]])
    found = hessians(clusters, potential, step=1e-3)
    for i, expected in enumerate(([2 * k / m], [1.5 * k / m, 1.5 * k / m, 3 * k / m], [])):
        atoms = clusters.atoms_of(i)
        numbers, x = clusters.numbers[atoms], clusters.positions[atoms]
        modes = normal_modes(numbers, x, found.matrices[i], np.full(len(numbers), m))
        expected = np.sqrt(expected) * CM1_PER_SQRT_EV_PER_AMU_ANGSTROM2
        assert modes.frequencies == pytest.approx(expected, rel=1e-4), (modes.frequencies, expected)
        # the error of the differences: a third derivative times step², here as a frequency
        assert modes.residual < 0.3


def test_saddle_has_an_imaginary_mode():
    r = 2 ** (1 / 6) * 2.0
    x = np.array([[-r, 0, 0], [0, 0, 0], [r, 0, 0]]) * 0.997  # a chain bends, a minimum would be the triangle
    chain = Clusters.make([x], [[18] * 3])
    modes = normal_modes(chain.numbers, chain.positions, hessians(chain, LennardJones()).matrices[0])
    assert len(modes.frequencies) == 4  # linear
    assert len(modes.imaginary) == 2 and (modes.imaginary < 0).all()


def test_failures_cost_one_structure():
    good = np.array([[0, 0, 0], [0, 0, 2.2]])
    clusters = Clusters.make([good, [[0, 0, 0], [0, 0, 0]], good], [[18] * 2] * 3)
    found = hessians(clusters, LennardJones())
    assert found.failure[0] == found.failure[2] == "" and found.failure[1].startswith("clash")
    assert np.isnan(found.matrices[1]).all() and np.isfinite(found.matrices[2]).all()
    with pytest.raises(InputError):
        normal_modes(clusters.numbers[2:4], clusters.positions[2:4], found.matrices[1])
    with pytest.raises(InputError):
        hessians(clusters, LennardJones(), step=0.0)


def test_gfn1_xtb_equals_ase_vibrations(tmp_path):
    """Water and CO2 with GFN1-xTB: through tblite's own calculator and ASE, and turned in space."""
    from ase import Atoms
    from ase.vibrations import Vibrations
    from tblite.ase import TBLite

    from sampler.relax import RelaxParams, relax

    potential = XTBPotential(accuracy=0.1)
    water, co2 = [[0, 0, 0.12], [0, 0.76, -0.47], [0, -0.76, -0.47]], [[0, 0, 0], [0, 0.3, 1.12], [0, -0.3, -1.12]]
    clusters = relax(Clusters.make([water, co2], [[8, 1, 1], [6, 8, 8]]), potential, RelaxParams(fmax=1e-3))
    for i, n_modes in ((0, 3), (1, 4)):
        one = clusters[i]
        found = hessians(one, potential, step=0.005)
        modes = normal_modes(one.numbers, one.positions, found.matrices[0])
        assert len(modes.frequencies) == n_modes and modes.residual < 30
        atoms = Atoms(one.numbers, one.positions, calculator=TBLite(method="GFN1-xTB", accuracy=0.1, verbosity=0))
        vibrations = Vibrations(atoms, delta=0.005, name=str(tmp_path / f"vib{i}"))
        vibrations.run()
        theirs = np.real(vibrations.get_frequencies())[-n_modes:]
        # ASE does not project: the bends mix with what is left of rotations
        assert modes.frequencies == pytest.approx(theirs, abs=3.0), (modes.frequencies, theirs)
        turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
        other = one.replace(positions=one.positions @ turn.T + 1.0)
        again = normal_modes(other.numbers, other.positions, hessians(other, potential).matrices[0])
        assert again.frequencies == pytest.approx(modes.frequencies, abs=1.0)


def test_moments_and_masses():
    from ase.build import molecule

    atoms = molecule("H2O")
    moments = principal_moments(atoms.positions, standard_masses(atoms.numbers))
    assert moments == pytest.approx(np.sort(atoms.get_moments_of_inertia()), rel=1e-9)
    assert (principal_moments(np.array([[0, 0, 0], [0, 0, 1.1]]), np.array([14.0, 14.0])) > 0).sum() == 2
    assert isotope_masses([16, 1, 17])[[0, 2]] == pytest.approx([31.97207, 34.96885], abs=1e-4)
    # ħ²/2I in eV against the constant of units
    assert HBAR2_PER_AMU_ANGSTROM2 / 2 / 1.239841984e-4 == pytest.approx(AMU_ANGSTROM2_TO_CM1, rel=1e-8)


@pytest.mark.parametrize("bend", [0.0, 0.01, 0.02, 0.03, 0.05, 0.08, 0.2])
def test_a_nearly_linear_molecule_is_linear_for_everything_or_for_nothing(bend):
    # programs that judge it anew in each place lose a mode and add a rotation about an axis without inertia
    from sampler.refine.thermo.rrho import Species, Treatment, thermochemistry
    from sampler.refine.thermo.symmetry import point_group
    from sampler.units import KCAL_PER_MOL

    numbers = np.array([8, 6, 8])
    x = np.array([[1.16, bend, 0.0], [0.0, 0.0, 0.0], [-1.16, bend, 0.0]])
    masses = standard_masses(numbers)
    moments = principal_moments(x, masses)
    rotations = int((moments > 0).sum())
    vibrations = len(normal_modes(numbers, x, np.eye(9)).frequencies)
    group = point_group(numbers, x, linear=rotations == 2)
    assert vibrations + rotations + 3 == 9
    assert (group.name, group.symmetry_number) == (("D*h", 2) if rotations == 2 else ("C2v", 2))
    assert rotations == (2 if bend < 0.07 else 3)
    if rotations == 2:  # measured frequencies of CO2; its standard entropy is 51.07 cal/mol/K at 1 bar (NIST)
        modes = np.array([667.4, 667.4, 1333.0, 2349.1])
        co2 = Species("co2", 0.0, modes, float(masses.sum()), moments, group.symmetry_number)
        entropy = thermochemistry(co2, treatment=Treatment(low="harmonic")).entropy / KCAL_PER_MOL * 1000
        assert entropy == pytest.approx(51.07 - 0.03, abs=0.1)
