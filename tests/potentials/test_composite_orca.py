"""ORCA as an engine: real outputs read back, and a stand-in for the binary that prints one of them."""

import stat
import sys

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.errors import PotentialError
from sampler.potentials.base import StructureFailure
from sampler.potentials.composite.orca import OrcaPotential, read_engrad
from sampler.units import HARTREE, HARTREE_PER_BOHR


@pytest.fixture
def raw(reference):
    return reference / "sa_am" / "orca503_b973c_engrad" / "raw"


def test_real_outputs(reference, raw):
    """Energies and gradients equal those that another parser took from the same files."""
    from ase.io import read

    frames = read(reference / "sa_am" / "orca503_b973c_engrad" / "sa4am4_b973c_engrad.extxyz", ":")
    assert len(frames) == 20
    for frame in frames:
        energy, forces = read_engrad((raw / f"{frame.info['name']}.out").read_text(), len(frame))
        assert energy == pytest.approx(frame.info["b973c_electronic_energy_Eh"] * HARTREE, abs=1e-9)
        expected = -frame.arrays["b973c_gradient_Eh_per_bohr"] * HARTREE_PER_BOHR
        np.testing.assert_allclose(forces, expected, atol=1e-9)


@pytest.mark.slow
def test_b97_3c_through_pyscf_is_what_orca_prints(reference):
    """One of the 20 frames of SA4AM4, a minute of a core; all of them: python benchmarks/labels.py orca REFERENCE."""
    from ase.io import read

    from sampler.potentials import get_potential
    from sampler.units import KCAL_PER_MOL

    frame = read(reference / "sa_am" / "orca503_b973c_engrad" / "sa4am4_b973c_engrad.extxyz", 0)
    result = get_potential("b97-3c").evaluate(Clusters.from_ase([frame]))
    assert not str(result.failure[0])
    energy = frame.info["b973c_electronic_energy_Eh"] * HARTREE
    forces = -frame.arrays["b973c_gradient_Eh_per_bohr"] * HARTREE_PER_BOHR
    # energies of the 20 differ by -0.30 to +0.08 kcal/mol, force components by 0.115 kcal/mol/Å on average, at most 0.85
    assert abs(result.energy[0] - energy) < 0.35 * KCAL_PER_MOL
    assert np.abs(result.forces - forces).mean() < 0.15 * KCAL_PER_MOL
    assert np.abs(result.forces - forces).max() < 1.0 * KCAL_PER_MOL


def test_real_failures(reference, raw):
    with pytest.raises(StructureFailure, match="scf_failed: ORCA"):
        read_engrad((raw / "4sa4am-44_2_772.out").read_text(), 44)
    with pytest.raises(StructureFailure, match="no convergence"):
        read_engrad((reference / "orca_outputs" / "orca60x_scf_not_converged.out").read_text(), 3)
    with pytest.raises(StructureFailure, match="no output"):
        read_engrad("", 3)


def test_a_stand_in_for_the_binary(reference, raw, tmp_path):
    from ase.io import read

    path = raw / "4sa4am-44_10_10.out"
    binary = tmp_path / "orca"
    binary.write_text(
        f"#!{sys.executable}\nimport sys\ntext = open('job.inp').read()\nassert '! B97-3c EnGrad' in text, text\n"
        f"assert '* xyz 0 1' in text\nprint(open({str(path)!r}).read())\n"
    )
    binary.chmod(binary.stat().st_mode | stat.S_IXUSR)
    frame = next(
        f for f in read(reference / "sa_am/orca503_b973c_engrad/sa4am4_b973c_engrad.extxyz", ":")
        if f.info["name"] == path.stem
    )  # fmt: skip
    one = Clusters.from_ase([frame])
    potential = OrcaPotential(command=str(binary))
    result = potential.evaluate(one)
    assert potential.level == "b97-3c@orca5" and result.failure.tolist() == [""]
    assert result.energy[0] == pytest.approx(-3026.638829746457 * HARTREE, abs=1e-8)
    with pytest.raises(PotentialError, match="is ORCA 5.0.3, not 6; give version = 5"):
        OrcaPotential(command=str(binary), version=6).evaluate(one)


def test_no_binary():
    one = Clusters.make([np.zeros((1, 3))], [[2]])
    with pytest.raises(PotentialError, match="no program 'orca-that-is-not-there' on PATH"):
        OrcaPotential(command="orca-that-is-not-there").evaluate(one)
