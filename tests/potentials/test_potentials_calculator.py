"""The ASE calculator around our potentials, and ORCA's interface to external methods, against ASE and tblite."""

import numpy as np
import pytest
from ase.build import molecule
from ase.calculators.calculator import CalculationFailed
from typer.testing import CliRunner

from sampler.cli.app import app
from sampler.potentials import get_potential
from sampler.potentials.calculator import SamplerCalculator
from sampler.units import BOHR, HARTREE

MODEL = "b97-3c_sa_am_dma_w-seed7"


def test_ase_relaxes_with_it_as_with_tblites_own_calculator():
    from ase.optimize import BFGS
    from tblite.ase import TBLite

    ends = []
    for calculator in (
        SamplerCalculator(get_potential("gfn1-xtb", accuracy=0.1)),
        TBLite(method="GFN1-xTB", verbosity=0, accuracy=0.1),
    ):
        atoms = molecule("H2O")
        atoms.rattle(0.05, seed=1)
        atoms.calc = calculator
        assert BFGS(atoms, logfile=None).run(fmax=1e-3, steps=50)
        ends.append((atoms.get_potential_energy(), atoms.get_distance(0, 1)))
    assert ends[0][0] == pytest.approx(ends[1][0], abs=1e-5), ends
    assert ends[0][1] == pytest.approx(ends[1][1], abs=1e-3), ends


def test_charges_are_found_where_ase_keeps_them():
    ion = molecule("NH3") + molecule("H2O")[1:2]
    ion.positions[-1] = [0, 0, 1.1]
    wanted = get_potential("gfn1-xtb")
    energies = []
    for how in ("argument", "info", "initial charges"):
        atoms = ion.copy()
        if how == "info":
            atoms.info["charge"] = 1
        if how == "initial charges":
            atoms.set_initial_charges([0, 0, 0, 0, 1])
        atoms.calc = SamplerCalculator(wanted, charge=1 if how == "argument" else None)
        energies.append(atoms.get_potential_energy())
    assert np.ptp(energies) == 0
    ion.calc = SamplerCalculator(wanted)
    assert abs(ion.get_potential_energy() - energies[0]) > 1


def test_what_a_model_refuses_is_an_error_of_ase():
    atoms = molecule("CH3Cl")
    atoms.calc = SamplerCalculator(get_potential("painn", model=MODEL))
    with pytest.raises(CalculationFailed, match="element"):
        atoms.get_potential_energy()


def test_a_shipped_committee_gives_its_spread():
    atoms = molecule("H2O")
    atoms.calc = SamplerCalculator(get_potential("painn", model=[MODEL, MODEL.replace("seed7", "seed42")]))
    atoms.get_forces()
    assert atoms.calc.results["energy_spread"] > 0 and atoms.calc.results["force_spread"].shape == (3,)


@pytest.fixture
def asked(tmp_path):
    """What ORCA 6 writes for a gradient of NH4⁺, by its manual."""
    ion = molecule("NH3") + molecule("H2O")[1:2]
    ion.positions[-1] = [0, 0, 1.1]
    ion.write(tmp_path / "job_EXT.xyz", format="xyz")
    file = tmp_path / "job_EXT.extinp.tmp"
    file.write_text("job_EXT.xyz # xyz filename\n1 # charge\n1 # multiplicity\n2 # NCores\n1 # do gradient\n")
    return file, ion


def blocks(file):
    """The values between the comment lines of an .engrad file."""
    parts, values = [], []
    for line in file.read_text().splitlines():
        if line.startswith("#"):
            if values:
                parts.append(values)
            values = []
        else:
            values.append(float(line))
    return [*parts, values]


def test_orca_gets_energy_and_gradient(asked):
    from tblite.interface import Calculator

    file, ion = asked
    done = CliRunner().invoke(app, ["extopt", str(file), "--potential", "gfn1-xtb"])
    assert done.exit_code == 0, done.output
    ours = blocks(file.with_name("job_EXT.engrad"))
    calculator = Calculator("GFN1-xTB", ion.numbers, ion.positions / BOHR, 1)
    calculator.set("verbosity", 0)
    wanted = calculator.singlepoint()
    assert ours[0] == [5]
    assert ours[1][0] == pytest.approx(wanted.get("energy"), abs=1e-6)
    np.testing.assert_allclose(ours[2], np.ravel(wanted.get("gradient")), atol=1e-5)
    assert abs(ours[1][0] * HARTREE) > 50


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("job_EXT.xyz\n0\n", "a line each"),
        ("job_EXT.xyz\n0\n3\n1\n1\n", "closed shells"),
        ("job_EXT.xyz\n0\n1\n1\n1\ncharges.pc\n", "point charges"),
        ("other.xyz\n0\n1\n1\n1\n", "no xyz file"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_written(asked, text, said):
    file, _ = asked
    file.write_text(text)
    done = CliRunner().invoke(app, ["extopt", str(file), "--potential", "gfn1-xtb"])
    assert done.exit_code != 0 and said in str(done.exception)
    assert not file.with_name("job_EXT.engrad").exists()
