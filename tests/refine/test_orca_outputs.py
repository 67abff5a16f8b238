"""ORCA outputs of versions 4, 5 and 6 against values stored elsewhere, against ASE and cclib, and against themselves."""

import re
import time

import numpy as np
import pytest

from sampler.errors import FileFormatError
from sampler.refine.orca import read_output
from sampler.units import AMU_ANGSTROM2_TO_CM1, BOHR, HARTREE, HARTREE_PER_BOHR

EXPECTED = {
    # file: (version, status, optimised, energy in Eh as printed, atoms)
    "orca412_freq_b3lyp": ("4.1.2", "finished", None, -114.411172663225, 4),
    "orca420_ccsd_not_converged": ("4.2.0", "cc_not_converged", None, np.nan, 3),
    "orca412_scf_memory_abort": ("4.1.2", "out_of_memory", None, np.nan, 45),
    "orca420_basis_error": ("4.2.0", "input_error", None, np.nan, 0),
    "orca600_optts_truncated": ("6.0.0", "truncated", False, np.nan, 6),
    "orca501_freq_dvb": ("5.0.1", "finished", None, -382.055108614160, 20),
    "orca60x_scf_not_converged": ("6.0.x", "scf_not_converged", False, np.nan, 13),
    "orca60x_opt_wb97x3c_water": ("6.0.x", "finished", True, -76.474011491437, 3),
    "orca60x_opt_maxiter_but_normal_end": ("6.0.x", "optimization_not_converged", False, -76.473906146537, 3),
    "orca420_opt_dvb": ("4.2.0", "finished", True, -382.050786152348, 20),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_real_outputs(reference, name):
    version, status, optimised, energy, atoms = EXPECTED[name]
    found = read_output(reference / "orca_outputs" / f"{name}.out")
    assert (found.version, found.status, found.optimised) == (version, status, optimised), found.message
    assert found.energy / HARTREE == pytest.approx(energy, abs=1e-10, nan_ok=True)
    assert len(found.numbers) == len(found.positions) == atoms
    assert bool(found.message) == (status != "finished")


def test_failures_say_why(reference):
    said = {
        "orca420_ccsd_not_converged": "CCSD iterations have NOT converged",
        "orca412_scf_memory_abort": "Not enough memory available",
        "orca420_basis_error": "There are no CABS basis functions on atom number 2 (Br)",
        "orca60x_scf_not_converged": "SCF NOT CONVERGED AFTER 1 CYCLES",
        "orca60x_opt_maxiter_but_normal_end": "did not converge but reached the maximum number",
    }
    for name, words in said.items():
        assert words in read_output(reference / "orca_outputs" / f"{name}.out").message


def test_charge_spin_cores_time_level(reference):
    folder = reference / "orca_outputs"
    ccsd = read_output(folder / "orca420_ccsd_not_converged.out")
    assert (ccsd.charge, ccsd.multiplicity, ccsd.cores) == (0, 2, 2)
    water = read_output(folder / "orca60x_opt_wb97x3c_water.out")
    assert (water.level, water.cores, water.cycles) == ("wb97x-3c/def2-tzvp@orca6", 4, 4)
    assert water.seconds == pytest.approx(35.651)
    assert read_output(folder / "orca412_freq_b3lyp.out").cores == 2


def test_b973c_energies_and_gradients(reference):
    """All 20 finished engrad jobs against the separately stored energies and gradients; the failed one is seen."""
    from ase.io import read

    folder = reference / "sa_am" / "orca503_b973c_engrad"
    seen = 0
    for frame in read(folder / "sa4am4_b973c_engrad.extxyz", index=":"):
        found = read_output(folder / "raw" / f"{frame.info['name']}.out")
        assert found.finished and found.level == "b97-3c@orca5" and found.version == "5.0.3"
        assert found.energy / HARTREE == pytest.approx(frame.info["b973c_electronic_energy_Eh"], abs=1e-9)
        gradient = frame.arrays["b973c_gradient_Eh_per_bohr"]
        assert np.abs(-found.forces / HARTREE_PER_BOHR - gradient).max() < 1e-9
        assert np.array_equal(found.numbers, frame.numbers)
        assert np.abs(found.positions - frame.positions).max() < 2e-6
        seen += 1
    assert seen == 20
    failed = read_output(folder / "raw" / "4sa4am-44_2_772.out")
    assert failed.status == "input_error" and "XYZ File" in failed.message and np.isnan(failed.energy)


def test_against_ase(reference):
    """ASE's reader of ORCA outputs, written independently: energy and forces."""
    from ase.io import read

    path = reference / "sa_am" / "orca503_b973c_engrad" / "raw" / "4sa4am-44_10_10.out"
    theirs = read(path, format="orca-output")
    ours = read_output(path)
    assert ours.energy == pytest.approx(theirs.get_potential_energy(), rel=1e-8)
    assert np.abs(ours.forces - theirs.get_forces()).max() < 1e-6


@pytest.mark.parametrize("name", ["orca412_freq_b3lyp", "orca501_freq_dvb", "orca420_opt_dvb"])
def test_against_cclib(reference, name):
    cclib = pytest.importorskip("cclib")
    path = reference / "orca_outputs" / f"{name}.out"
    theirs, ours = cclib.io.ccread(str(path), loglevel=50), read_output(path)
    assert ours.energy == pytest.approx(theirs.scfenergies[-1], rel=1e-7)
    assert np.abs(ours.positions - theirs.atomcoords[-1]).max() < 1e-5
    if len(ours.frequencies):
        assert np.allclose(ours.frequencies, theirs.vibfreqs)
        thermo = ours.thermochemistry[0]
        assert thermo.enthalpy / HARTREE == pytest.approx(theirs.enthalpy, abs=1e-8)
        assert thermo.gibbs / HARTREE == pytest.approx(theirs.freeenergy, abs=1e-8)
        assert thermo.entropy / HARTREE == pytest.approx(theirs.entropy, abs=1e-8)


@pytest.mark.parametrize(
    ("name", "group", "modes"), [("orca412_freq_b3lyp", "C2v", 6), ("orca501_freq_dvb", "C2h", 54)]
)
def test_thermochemistry_agrees_with_itself(reference, name, group, modes):
    found = read_output(reference / "orca_outputs" / f"{name}.out")
    (thermo,) = found.thermochemistry
    assert (thermo.temperature, thermo.pressure, thermo.point_group, thermo.symmetry_number) == (298.15, 1.0, group, 2)
    assert len(found.frequencies) == modes and found.imaginary_modes == 0 and thermo.quasi_harmonic
    # half the sum of the frequencies is the zero-point energy; 1 cm⁻¹ = 1.23984198e-4 eV
    assert thermo.zero_point == pytest.approx(0.5 * found.frequencies.sum() * 1.23984198e-4, rel=2e-5)
    assert thermo.enthalpy - thermo.temperature * thermo.entropy == pytest.approx(thermo.gibbs, abs=1e-6)
    assert thermo.thermal_energy + 8.617333262e-5 * 298.15 == pytest.approx(thermo.enthalpy, abs=1e-6)


@pytest.mark.parametrize("name", ["orca412_freq_b3lyp", "orca501_freq_dvb", "orca60x_opt_wb97x3c_water"])
def test_rotational_constants_and_dipole(reference, name):
    """Printed constants against those of the printed geometry; the vector against the printed magnitude."""
    from ase.data import atomic_masses

    path = reference / "orca_outputs" / f"{name}.out"
    found = read_output(path)
    masses = atomic_masses[found.numbers]
    xyz = found.positions - masses @ found.positions / masses.sum()
    inertia = np.einsum("i,ij,ik->jk", masses, xyz, xyz)
    moments = np.linalg.eigvalsh(np.trace(inertia) * np.eye(3) - inertia)
    assert np.allclose(found.rotational_constants, AMU_ANGSTROM2_TO_CM1 / moments, rtol=1e-3)
    debye = float(re.findall(r"Magnitude \(Debye\)\s*:\s*(\S+)", path.read_text())[-1])
    assert np.linalg.norm(found.dipole) / 0.2081943 == pytest.approx(debye, abs=2e-4)


def test_geometry_belongs_to_the_energy(reference):
    """After a converged optimisation: the final geometry, no forces; when it ran out of cycles: the last evaluated."""
    folder = reference / "orca_outputs"
    water = read_output(folder / "orca60x_opt_wb97x3c_water.out")
    bond = np.linalg.norm(water.positions[1] - water.positions[0])
    assert bond == pytest.approx(0.9611, abs=2e-4)  # FinalVal of the optimiser's table
    assert water.forces is None
    stopped = read_output(folder / "orca60x_opt_maxiter_but_normal_end.out")
    assert stopped.cycles == 2 and stopped.forces.shape == (3, 3)
    assert np.array_equal(stopped.positions, stopped.last_positions)
    text = (folder / "orca60x_opt_maxiter_but_normal_end.out").read_text()
    row = re.findall(r"^\s+1\s+O\s+:\s+(\S+)\s+(\S+)\s+(\S+)", text, re.M)[-1]
    assert np.allclose(-stopped.forces[0] / HARTREE_PER_BOHR, [float(v) for v in row])


def test_imaginary_modes(reference, tmp_path):
    text = (reference / "orca_outputs" / "orca501_freq_dvb.out").read_text()
    changed = text.replace("   6:        45.66 cm**-1\n", "   6:       -45.66 cm**-1 ***imaginary mode***\n", 1)
    (tmp_path / "x.out").write_text(changed)
    found = read_output(tmp_path / "x.out")
    assert found.imaginary_modes == 1 and found.frequencies[0] == -45.66 and len(found.frequencies) == 54


@pytest.mark.parametrize("name", ["orca420_opt_dvb", "orca501_freq_dvb", "orca60x_opt_wb97x3c_water"])
def test_truncated_anywhere(reference, tmp_path, name):
    """Cut a good output at 60 places: never finished, never an error, an energy only with its own geometry."""
    text = (reference / "orca_outputs" / f"{name}.out").read_text()
    energies = [float(e) for e in re.findall(r"FINAL SINGLE POINT ENERGY\s+(\S+)", text)]
    end = text.index("ORCA TERMINATED NORMALLY")
    for cut in np.linspace(3000, end, 60).astype(int):
        (tmp_path / "cut.out").write_text(text[:cut])
        found = read_output(tmp_path / "cut.out")
        assert found.status == "truncated", (cut, found.status, found.message)
        whole = re.findall(r"FINAL SINGLE POINT ENERGY\s+(\S+)\n", text[:cut])
        if whole and not np.isclose(found.energy / HARTREE, float(whole[-1]), atol=1e-9):
            # cut inside the number of the next line
            pytest.fail(f"{found.energy / HARTREE} is not {whole[-1]} when cut at {cut}")
        if not whole:
            assert np.isnan(found.energy)
        else:
            assert np.isclose(energies, found.energy / HARTREE, atol=1e-9).any()
        assert len(found.positions) == len(found.numbers)


def test_foreign_files(tmp_path):
    (tmp_path / "slurm-1.out").write_text("hello\n")
    (tmp_path / "empty.out").write_text("")
    for name in ("slurm-1.out", "empty.out", "absent.out"):
        with pytest.raises(FileFormatError, match=name):
            read_output(tmp_path / name)
    (tmp_path / "binary.out").write_bytes(bytes(range(256)) * 40)
    with pytest.raises(FileFormatError):
        read_output(tmp_path / "binary.out")


def test_units():
    assert HARTREE_PER_BOHR == HARTREE / BOHR


def test_speed(reference):
    """1,000 outputs a minute is 60 ms each; the SA4AM4 outputs must take less than half of that."""
    folder = reference / "sa_am" / "orca503_b973c_engrad" / "raw"
    paths = sorted(folder.glob("*.out"))
    start = time.process_time()
    for path in paths:
        read_output(path)
    assert (time.process_time() - start) / len(paths) < 0.030


# ---- energies that are not those of the molecule, and modes of molecules that are nearly linear ----------------------


def output(*body, keywords="! B97-3c"):
    """Text in the manner of ORCA's."""
    head = "* O   R   C   A *\nProgram Version 6.0.1 -  RELEASE  -\nINPUT FILE\nNAME = job.inp\n"
    echo = f"|  1> {keywords}\n|  2> * xyz 0 1\n|  3> *\n|  4>                          ****END OF INPUT****\n"
    return head + echo + "".join(body) + "\n                     ****ORCA TERMINATED NORMALLY****\n"


def geometry(symbols, positions):
    rows = "".join(f"  {s:<2} {x:14.6f}{y:12.6f}{z:12.6f}\n" for s, (x, y, z) in zip(symbols, positions))
    return f"CARTESIAN COORDINATES (ANGSTROEM)\n---------------------------------\n{rows}\n"


def last_energy(value, label=""):
    return f"FINAL SINGLE POINT ENERGY{label}     {value}\n\n"


WATER = geometry("OHH", [(0, 0, 0.101), (0, 0.771, -0.468), (0, -0.771, -0.468)])


@pytest.mark.parametrize(
    ("lines", "energy", "said"),
    [
        ([("-3.250000000000", " (From external program)")], -3.25, ""),
        (
            [("0.019670168498", " (MM)"), ("-76.219940276758", ""), ("-76.200270108260", " (QM/MM)")],
            -76.20027010826,
            "",
        ),
        ([("-266.6", " (L-QM2)"), ("-40.8", " (S-QM2)"), ("-647.9", ""), ("-873.75", " (QM/QM2)")], -873.75, ""),
        ([("0.019670168498", " (MM)"), ("-76.219940276758", "")], None, "of all layers"),
        ([("-155.106", " (Solute-CPCM)"), ("-76.46", " (Solvent-CPCM)")], None, "of a solute and a solvent"),
        ([("0.000000000000", "")], None, "exactly 0"),  # xtb called by an ORCA that could not read its output
        ([("-76.4", ""), ("nan", "")], None, "not a number"),
        ([("********************", "")], None, "not a number"),
    ],
)
def test_only_the_energy_of_the_whole_molecule_counts(tmp_path, lines, energy, said):
    path = tmp_path / "job.out"
    path.write_text(output(*(WATER + last_energy(value, label) for value, label in lines)))
    found = read_output(path)
    if energy is None:
        assert found.status == "no_energy" and said in found.message, found.message
        assert np.isnan(found.energy)
    else:
        assert found.status == "finished"
        assert found.energy == pytest.approx(energy * HARTREE, abs=1e-9)


@pytest.mark.parametrize("bend", [0.0, 0.008, 0.02, 0.03])
@pytest.mark.parametrize("lost", [False, True])
def test_modes_of_a_nearly_linear_molecule(tmp_path, bend, lost):
    # zinc bromide: where the program takes it for bent, one bending mode of 100 cm⁻¹ (3 cal/mol/K) is projected out
    modes = [0.0] * 5 + [100.0, 100.0, 230.0, 410.0]
    modes[5] = 0.0 if lost else 100.0
    table = "".join(f"{i:4d}:{v:13.2f} cm**-1\n" for i, v in enumerate(modes))
    at = geometry(["Br", "Zn", "Br"], [(2.2, bend, 0), (0, 0, 0), (-2.2, bend, 0)])
    path = tmp_path / "znbr2.out"
    path.write_text(
        output(
            at + last_energy("-6900.0"),
            f"VIBRATIONAL FREQUENCIES\n-----------------------\n\nScaling factor for frequencies =  1.0\n\n{table}\nNORMAL MODES\n",
            keywords="! B97-3c Freq",
        )
    )
    found = read_output(path)
    assert len(found.frequencies) == (0 if lost else 4)
    assert any("a bend is lost" in r for r in found.remarks) == lost, found.remarks


@pytest.mark.parametrize("bend", [0.0, 0.02, 0.06])
def test_thermochemistry_follows_the_program_that_called_a_molecule_linear(tmp_path, bend):
    from sampler.refine.thermo.rrho import Treatment, thermochemistry
    from sampler.refine.thermo.sources import from_orca
    from sampler.units import KCAL_PER_MOL

    modes = [0.0] * 5 + [667.4, 667.4, 1333.0, 2349.1]
    table = "".join(f"{i:4d}:{v:13.2f} cm**-1\n" for i, v in enumerate(modes))
    at = geometry("OCO", [(1.16, bend, 0), (0, 0, 0), (-1.16, bend, 0)])
    path = tmp_path / "co2.out"
    path.write_text(
        output(
            at + last_energy("-188.5"), f"VIBRATIONAL FREQUENCIES\n\n{table}\nNORMAL MODES\n", keywords="! B97-3c Freq"
        )
    )
    (species,) = from_orca([read_output(path)])
    entropy = thermochemistry(species, treatment=Treatment(low="harmonic")).entropy / KCAL_PER_MOL * 1000
    print(species.columns["point_group"], species.moments, entropy)
    assert (species.columns["point_group"], species.symmetry_number) == ("D*h", 2)
    assert entropy == pytest.approx(51.07, abs=0.1)  # NIST; with a third rotation it would be off by cal/mol/K
