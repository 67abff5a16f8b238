"""Dipoles and polarizabilities against other programs, a real ORCA output and measured values."""

import numpy as np
import pytest
from ase.build import molecule

from sampler.clusters import Clusters
from sampler.errors import PotentialError
from sampler.potentials import get_potential
from sampler.potentials.moments import polarizabilities
from sampler.units import BOHR, DEBYE

# static isotropic polarizabilities in Å³, from refractive indices and dipole (e, q) spectra: CRC Handbook; NIST CCCBDB
MEASURED_A3 = {"H2O": 1.45, "NH3": 2.10, "CO2": 2.91, "CH3OH": 3.29, "HCOOH": 3.4, "C6H6": 10.0}


def population(*names):
    return Clusters.from_ase([molecule(n) for n in names])


def test_gfn1_dipoles_are_those_of_the_xtb_library():
    interface = pytest.importorskip("xtb.interface")
    molecules = population("H2O", "NH3", "HCOOH", "CH3OH")
    ours = get_potential("gfn1-xtb").dipoles(molecules)
    assert (ours.failure == "").all()
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]  # xtb 6.5 errs along the axes
    for one, dipole in zip(molecules, ours.dipole):
        calculator = interface.Calculator(interface.Param.GFN1xTB, one.numbers, one.positions @ turn.T / BOHR)
        calculator.set_verbosity("muted")
        theirs = np.array(calculator.singlepoint().get_dipole()) @ turn * BOHR
        assert np.abs(theirs - dipole).max() < 2e-4, (one.ids, theirs, dipole)


def test_b97_3c_dipoles_are_those_of_pyscf():
    """The project's own SCF driver against the public interface's density."""
    pytest.importorskip("pyscf")
    from sampler.potentials.composite import CompositePotential

    molecules = population("H2O", "NH3")
    ours, theirs = (CompositePotential("b97-3c", fast=f).dipoles(molecules).dipole for f in (True, False))
    assert np.abs(ours - theirs).max() < 2e-4 * BOHR
    # the level itself: measured 1.855 D
    assert np.linalg.norm(ours[0]) / DEBYE == pytest.approx(1.855, abs=0.1)


def test_neutral_dipoles_do_not_depend_on_the_origin_and_charged_ones_are_about_the_centre_of_mass():
    water = population("H2O")
    moved = water.replace(positions=water.positions + [3.0, -2.0, 1.0])
    potential = get_potential("gfn2-xtb")
    assert np.allclose(potential.dipoles(water).dipole, potential.dipoles(moved).dipole, atol=1e-6)
    ion = water.replace(charge=np.array([1]))
    shifted = moved.replace(charge=np.array([1]))
    assert np.allclose(potential.dipoles(ion).dipole, potential.dipoles(shifted).dipole, atol=1e-5)


def test_what_fails_is_said_and_stops_nobody():
    broken = Clusters.make([np.zeros((2, 3)), molecule("H2O").positions], [[1, 1], [8, 1, 1]])
    found = get_potential("gfn2-xtb").dipoles(broken)
    assert found.failure[0].startswith("clash") and np.isnan(found.dipole[0]).all()
    assert found.failure[1] == "" and np.isfinite(found.dipole[1]).all()
    with pytest.raises(PotentialError, match="no dipole moments"):
        get_potential("lennard-jones").dipoles(broken)


def test_polarizabilities_are_near_measured_ones():
    pytest.importorskip("dftd4")
    names = list(MEASURED_A3)
    for name, ours in zip(names, polarizabilities(population(*names))):
        print(name, ours, MEASURED_A3[name])
        assert ours == pytest.approx(MEASURED_A3[name], rel=0.08), name


@pytest.mark.slow
def test_a_real_orca_dipole(reference):
    """B97-3c of ORCA 5.0.3 on a SA4AM4 frame: 0.11766 -0.71488 -0.30028 e bohr; about two CPU minutes."""
    pytest.importorskip("pyscf")
    from ase.io import read

    from sampler.refine.orca import read_output

    folder = reference / "sa_am" / "orca503_b973c_engrad"
    frame = next(f for f in read(folder / "sa4am4_b973c_engrad.extxyz", ":") if f.info["name"] == "4sa4am-44_10_10")
    theirs = read_output(folder / "raw" / "4sa4am-44_10_10.out").dipole / DEBYE
    ours = get_potential("b97-3c").dipoles(Clusters.from_ase([frame])).dipole[0] / DEBYE
    print(ours, theirs)
    assert np.linalg.norm(theirs) == pytest.approx(1.99342, abs=1e-4)
    assert np.abs(ours - theirs).max() < 0.005
