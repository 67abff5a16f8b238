"""What an ORCA output says is of one and the same job: masses, geometry, energy, level, frequencies, success."""

from pathlib import Path

import numpy as np
import pytest

from sampler.errors import FileFormatError, LevelError
from sampler.refine.orca import read_folder, read_output, read_outputs, resubmit
from sampler.units import HARTREE, KCAL_PER_MOL

DATA = Path(__file__).parents[1] / "data" / "orca"


def _wider(text):
    """The text of water with its hydrogens 0.02 Å further out, in both tables."""
    return text.replace("0.770852", "0.790852").replace("1.456698", "1.494494")


def _changed(tmp_path, name, *changes):
    text = (DATA / name).read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path = tmp_path / Path(name).name
    path.write_text(text)
    return path


TWO_MOLECULES = "03-two-molecules-in-one-output/batch.out"
TWO_HESSIANS = "07-calc-hess-first-thermochemistry/w.out"
LINKED = "08-linked-single-point/w.out"
TWICE_OPTIMISED = "17-second-optimisation-not-converged/d.out"
HEAVY_WATER = "04-orca-deuterium/d2o.out"


def test_masses_are_those_of_the_calculation():
    found = read_output(DATA / HEAVY_WATER)
    assert found.masses.tolist() == [15.999, 2.014, 2.014]
    # "Total Mass" of its thermochemistry
    assert found.masses.sum() == pytest.approx(20.03, abs=0.005)
    assert read_outputs(DATA / TWO_MOLECULES)[1].masses.tolist() == [14.007, 1.008, 1.008, 1.008]


def test_masses_of_the_input_where_none_are_printed(tmp_path):
    bare = [("CARTESIAN COORDINATES (A.U.)", "no table of masses")]
    found = read_output(_changed(tmp_path, HEAVY_WATER, *bare))
    assert found.masses.tolist() == [15.999, 2.014, 2.014]
    light = _changed(tmp_path, HEAVY_WATER, *bare, (" M = 2.014", ""))
    assert read_output(light).masses is None


def test_dummies_are_no_atoms_and_lose_none(tmp_path):
    name = "15-orca-dummy-atom/w_dummy.out"
    found = read_output(DATA / name)
    assert found.numbers.tolist() == [8, 1, 1] and found.masses.tolist() == [15.999, 1.008, 1.008]
    assert found.positions[1] == pytest.approx([0.0, 0.770852, -0.467943])
    assert found.energy / HARTREE == pytest.approx(-5.768774932995)
    for label in ("O:", "O :", "Ca>", "DA"):
        other = read_output(_changed(tmp_path, name, ("  -       1.000000", f"  {label}      1.000000")))
        assert other.numbers.tolist() == [8, 1, 1] and np.array_equal(other.positions, found.positions), label


def test_isotopes_are_carried_or_refused_by_name(tmp_path):
    found = read_folder(DATA / "04-orca-deuterium")
    assert list(found.clusters.columns["isotopes"]) == ["2 H 2.014"]
    assert "isotopes" not in read_folder(DATA / "15-orca-dummy-atom").clusters.columns
    failed = _changed(tmp_path, HEAVY_WATER, ("ORCA TERMINATED NORMALLY", "the job was killed"))
    again = resubmit(read_folder(failed.parent), tmp_path / "again")
    assert again.left == {
        "d2o": "its input has masses of isotopes, which is not carried over; write the new input by hand"
    }


def test_ghosts_and_embedding_are_another_level(tmp_path):
    name = "15-orca-dummy-atom/w_dummy.out"
    ghost = read_output(_changed(tmp_path, name, ("  -       1.000000", "  O:      1.000000")))
    assert ghost.level == "b97-3c/ghost@orca5" and "1 ghost or embedding centres (O:)" in ghost.remarks[0]
    assert read_output(DATA / name).level == "b97-3c@orca5" and not read_output(DATA / name).remarks


def test_two_molecules_are_two_structures():
    water, ammonia = read_outputs(DATA / TWO_MOLECULES)
    assert (water.name, ammonia.name) == ("batch-job1", "batch-job2")
    assert water.numbers.tolist() == [8, 1, 1] and ammonia.numbers.tolist() == [7, 1, 1, 1]
    assert water.energy / HARTREE == pytest.approx(-5.768774932995, abs=1e-11)
    assert ammonia.energy / HARTREE == pytest.approx(-4.830468828236, abs=1e-11)
    assert water.frequencies.tolist() == [1437.80, 3675.47, 3787.15]
    assert not len(ammonia.frequencies) and not ammonia.thermochemistry
    (thermo,) = water.thermochemistry
    assert thermo.zero_point / KCAL_PER_MOL == pytest.approx(12.72, abs=0.005)
    assert (thermo.gibbs - water.energy) / KCAL_PER_MOL == pytest.approx(1.67, abs=0.006)
    assert water.optimised and ammonia.optimised is None
    assert water.keywords == ("B97-3c", "Opt", "Freq") and ammonia.keywords == ("B97-3c",)
    assert water.level == ammonia.level == "b97-3c@orca5"
    with pytest.raises(FileFormatError, match="2 structures .batch-job1, batch-job2."):
        read_output(DATA / TWO_MOLECULES)


def test_frequencies_of_other_atoms_are_refused(tmp_path):
    """Without the marks between the jobs: three frequencies cannot be those of ammonia."""
    cut = [
        ("  $$$$$$$$$$$$$$$$  JOB NUMBER  2 $$$$$$$$$$$$$$\n", ""),
        ("  $$$$$$$$$$$$$$$$  JOB NUMBER  1 $$$$$$$$$$$$$$\n", ""),
    ]
    found = read_output(_changed(tmp_path, TWO_MOLECULES, *cut))
    assert found.numbers.tolist() == [7, 1, 1, 1] and not len(found.frequencies) and not found.thermochemistry
    assert any("another geometry" in r for r in found.remarks)
    lost = ("   7:      3675.47 cm**-1\n", "")
    missing = read_outputs(_changed(tmp_path, TWO_MOLECULES, lost))[0]
    assert not len(missing.frequencies) and not missing.thermochemistry and missing.finished
    assert any("there are 2, and a molecule of 3 atoms has 3" in r for r in missing.remarks)


def test_linear_molecules_have_one_mode_more(tmp_path):
    text = (DATA / TWO_MOLECULES).read_text().replace("-0.467943", " 0.101054").replace("-0.884285", " 0.190965")
    (tmp_path / "w.out").write_text(text)
    found = read_outputs(tmp_path / "w.out")[0]
    assert not len(found.frequencies) and any("a linear molecule of 3 atoms has 4" in r for r in found.remarks)
    (tmp_path / "w.out").write_text(text.replace("   5:         0.00 cm**-1", "   5:      1437.70 cm**-1"))
    found = read_outputs(tmp_path / "w.out")[0]
    assert len(found.frequencies) == 4
    # the printed zero-point energy is that of three modes
    assert not found.thermochemistry and any("is not that of its frequencies" in r for r in found.remarks)


@pytest.mark.parametrize("change", [("Electronic energy                ...      -5.76877493", "Electronic energy   ... -5.70000000"),
                                    ("Total Mass          ... 18.02 AMU", "Total Mass          ... 17.03 AMU")])  # fmt: skip
def test_thermochemistry_of_something_else_is_refused(tmp_path, change):
    found = read_outputs(_changed(tmp_path, TWO_MOLECULES, change))[0]
    assert found.finished and not found.thermochemistry and not len(found.frequencies)
    assert any("no frequencies and no thermochemistry are taken" in r for r in found.remarks)


def test_last_of_two_hessians_counts(tmp_path):
    found = read_output(DATA / TWO_HESSIANS)
    (thermo,) = found.thermochemistry
    assert thermo.gibbs == pytest.approx(-156.90416, abs=1e-5) and thermo.zero_point == pytest.approx(0.55176, abs=1e-5)
    row = read_folder((DATA / TWO_HESSIANS).parent).clusters.columns
    assert row["gibbs_eV"][0] == thermo.gibbs and row["zero_point_eV"][0] == thermo.zero_point
    # only the Hessian that the optimisation starts from: not that of the last geometry
    text = (DATA / TWO_HESSIANS).read_text()
    at = text.rindex("-----------------------\nVIBRATIONAL")
    (tmp_path / "w.out").write_text(text[:at] + text[text.index("                             ****ORCA TERM") :])
    found = read_output(tmp_path / "w.out")
    assert found.finished and not found.thermochemistry and not len(found.frequencies)
    assert any("another geometry than the energy" in r for r in found.remarks)


def test_linked_single_point_has_a_level_with_a_name():
    found = read_output(DATA / LINKED)
    assert found.level == "tpssh-d4/def2-qzvpp@orca5//r2scan-3c@orca5"
    assert found.energy == pytest.approx(-162.14653, abs=1e-5) and found.optimised and found.job == 2
    (thermo,) = found.thermochemistry
    assert thermo.gibbs == pytest.approx(-162.07432, abs=1e-5)
    assert (thermo.gibbs - found.energy) / KCAL_PER_MOL == pytest.approx(1.67, abs=0.006)
    assert thermo.enthalpy - thermo.temperature * thermo.entropy == pytest.approx(thermo.gibbs, abs=1e-6)
    assert found.remarks == (
        "energy of job 2 of the file (tpssh-d4/def2-qzvpp@orca5), frequencies and thermal parts of job 1 (r2scan-3c@orca5)",
    )
    assert "TPSSh" in found.keywords and "r2SCAN-3c" not in found.keywords


def test_linked_single_point_at_the_same_level_or_another_geometry(tmp_path):
    found = read_output(_changed(tmp_path, LINKED, ("! TPSSh D4 def2-QZVPP", "! r2SCAN-3c")))
    assert found.level == "r2scan-3c@orca5" and len(found.frequencies) == 3
    text = (DATA / LINKED).read_text()
    at = text.index("JOB NUMBER  2")
    (tmp_path / "w.out").write_text(text[:at] + _wider(text[at:]))
    first, second = read_outputs(tmp_path / "w.out")
    assert (first.level, second.level) == ("r2scan-3c@orca5", "tpssh-d4/def2-qzvpp@orca5")
    assert len(first.frequencies) == 3 and not len(second.frequencies)


def test_success_is_that_of_the_last_optimisation(tmp_path):
    found = read_output(DATA / TWICE_OPTIMISED)
    assert (found.status, found.optimised) == ("optimization_not_converged", False)
    # a single point on a geometry whose optimisation failed
    change = [("  THE OPTIMIZATION HAS CONVERGED  ", "  THE OPTIMIZATION WENT ON ")]
    found = read_output(_changed(tmp_path, LINKED, *change))
    assert found.status == "optimization_not_converged" and "job 1" in found.message


def _run(tmp_path, *parts):
    path = tmp_path / "joined.out"
    path.write_text("".join(parts))
    return read_outputs(path)


def test_appended_runs(tmp_path):
    whole = (DATA / TWO_HESSIANS).read_text()
    # killed, and run again from the beginning: the second run counts
    broken = whole[: whole.index("GEOMETRY OPTIMIZATION CYCLE   2")]
    (again,) = _run(tmp_path, broken, "\nslurmstepd: error: time limit\n", whole)
    assert again.finished and again.energy / HARTREE == pytest.approx(-5.768774932995) and len(again.frequencies) == 3
    (other,) = _run(tmp_path, whole, broken)
    assert other.status == "truncated" and other.energy / HARTREE == pytest.approx(-5.748774932995)
    assert all(abs(t.gibbs - other.energy) < 0.5 for t in other.thermochemistry)
    # two files joined: two structures
    two = _run(tmp_path, whole, _wider((DATA / "15-orca-dummy-atom/w_dummy.out").read_text()))
    assert [r.name for r in two] == ["joined-job1", "joined-job2"] and two[0].finished and not two[1].thermochemistry


def test_outputs_that_the_program_did_not_write_are_refused(tmp_path):
    """Lines lost, doubled or of another output: not usable, and it is said why."""
    text = (DATA / LINKED).read_text()
    mark = "  $$$$$$$$$$$$$$$$  JOB NUMBER  2 $$$$$$$$$$$$$$\n"
    end = "                             ****ORCA TERMINATED NORMALLY****\n"
    dummy = (DATA / "15-orca-dummy-atom/w_dummy.out").read_text()
    ammonia = (DATA / TWO_MOLECULES).read_text()
    ammonia = ammonia[ammonia.index("---------------------------------\nCARTESIAN", ammonia.index("JOB NUMBER  2")) :]
    for made, why in (
        (text.replace(mark, ""), "its input has 2 jobs, the output 1"),
        (text.replace(mark, mark + mark), "its jobs have the numbers 1, 2, 2"),
        (text.replace("JOB NUMBER  1", "JOB NUMBER  3"), "its jobs have the numbers 3, 2"),
        (dummy + end, "the program ends 2 times"),
        (dummy.replace("|  5> H 0 0.76 -0.47", "|  5> C 0 0.76 -0.47"), "its atoms are not those of its input"),
        (dummy.replace("|  2> * xyz 0 1", "|  2> * xyz 1 2"), "its charge is 0 and 1"),
        (dummy.replace(end, "") + ammonia, "its atoms change on the way"),
        (
            dummy.replace(" Total Charge", " Total Charge           Charge          ....   -1\n Total Charge"),
            "its charge is",
        ),
    ):
        found = _run(tmp_path, made)
        assert {r.status for r in found} == {"damaged"} and all(why in r.message for r in found), why
    # the input lost a line: the level is not known
    lost = _run(tmp_path, dummy.replace("|  2> * xyz 0 1\n", ""))
    assert [r.level for r in lost] == [""] and lost[0].finished


def test_compound_steps(tmp_path):
    """Each step echoes its own input, and gets the simple input and the charge of the head of the script."""
    text = (DATA / LINKED).read_text().replace("* xyz 0 1", "* xyz -1 2")
    text = text.replace(" Total Charge           Charge          ....    0\n", "").replace(
        " Multiplicity           Mult            ....    1\n", ""
    )
    start, first, second = (text.index(m) for m in ("  $$$$$$$$$$$$$$$$  JOB NUMBER  1", "$$$\n\n", "  $$$$$$$$$$$$$$$$  JOB NUMBER  2"))  # fmt: skip
    bar = "=" * 80
    head = text[:start].replace("! r2SCAN-3c Opt Freq", "! TightSCF CPCM(water)")

    def step(n, words, rest):
        mark = f"{'*' * 80}\n                                COMPOUND JOB  {n} \n{'*' * 80}\n"
        return f"{mark}{bar}\n    INPUT FILE\n{bar}\nNAME = x.inp\n|  1> {words}\n|  2>   ****END OF INPUT****\n{bar}\n{rest}"

    head = head.split("|  5>")[0].replace("|  4>", "|  4>  ****END OF INPUT****") + f"{bar}\n"
    assert "$new_job" not in head
    made = head + step(1, "! r2SCAN-3c Opt Freq", text[first + 3 : second])
    made += step(2, "! TPSSh D4 def2-QZVPP", text[text.index("\n", second) :])
    (found,) = _run(tmp_path, made)
    assert found.level == "tpssh-d4/def2-qzvpp/cpcm(water)@orca5//r2scan-3c/cpcm(water)@orca5"
    assert (found.charge, found.multiplicity) == (-1, 2) and len(found.frequencies) == 3


def test_files_of_powershell(tmp_path):
    text = (DATA / LINKED).read_text()
    (tmp_path / "w.out").write_bytes(b"\xff\xfe" + text.replace("\n", "\r\n").encode("utf-16-le"))
    assert read_output(tmp_path / "w.out").energy == read_output(DATA / LINKED).energy


def test_a_chain_of_jobs_is_not_resubmitted(tmp_path):
    again = resubmit(read_folder((DATA / TWICE_OPTIMISED).parent), tmp_path / "again")
    assert again.left == {"d": "it is job 2 of several in d.out; write the new input by hand"}


def test_geometry_that_is_not_printed_is_not_another(tmp_path):
    """With MiniPrint the last geometry may be missing: the energy must not get an earlier one."""
    text = (DATA / TWO_HESSIANS).read_text()
    last = text.rindex("---------------------------------\nCARTESIAN COORDINATES (ANGSTROEM)")
    end = text.index(" Total Charge", last)
    (tmp_path / "w.out").write_text(text[:last] + text[end:])
    found = read_output(tmp_path / "w.out")
    assert not len(found.numbers) and "the geometry of its energy is not printed" in found.remarks
    rows = read_folder(tmp_path).rows()
    assert not rows[0]["usable"] and "is not printed" in rows[0]["message"]


def test_geometry_that_contradicts_itself_is_refused(tmp_path):
    name = "15-orca-dummy-atom/w_dummy.out"
    other = read_output(_changed(tmp_path, name, ("0.000000    0.770852", "0.000000    0.780852")))
    assert not len(other.numbers) and "in Å and in bohr are not the same" in other.remarks[0]
    repulsion = " Nuclear Repulsion      ENuc            ....      {} Eh\n Total Charge"
    right = read_output(_changed(tmp_path, name, (" Total Charge", repulsion.format("9.1803"))))
    assert right.numbers.tolist() == [8, 1, 1]
    wrong = read_output(_changed(tmp_path, name, (" Total Charge", repulsion.format("9.1234"))))
    assert not len(wrong.numbers) and "nuclear repulsion" in wrong.remarks[0]


def test_an_energy_without_geometry_gets_none_of_another_job(tmp_path):
    text = (DATA / TWO_MOLECULES).read_text()
    at = text.index("JOB NUMBER  2")
    start, end = text.index("---------------------------------\nCARTESIAN", at), text.index(" Total Charge", at)
    (found,) = _run(tmp_path, text[:start] + text[end:])
    assert not len(found.numbers) and not len(found.positions) and "is not printed" in found.message
    assert not read_folder(tmp_path).clusters


def test_printing_makes_no_level():
    found = read_folder(DATA / "19-level-with-printing-keywords")
    assert found.clusters.level == "b97-3c@orca5" and len(found.clusters) == 5


def test_what_changes_the_energy_makes_a_level():
    folder = DATA / "20-level-hides-what-changes-the-energy"
    assert {r.level for r in (read_output(p) for p in folder.glob("*.out"))} == {
        "dlpno-ccsd(t)/cc-pvtz@orca5",
        "dlpno-ccsd(t)/cc-pvtz/verytightpno@orca5",
        "dlpno-ccsd(t)/cc-pvtz/nofrozencore@orca5",
    }
    with pytest.raises(LevelError, match="choose one"):
        read_folder(folder)


def test_echo_with_doubled_line_ends(tmp_path):
    """Inputs of Windows are echoed with two carriage returns."""
    lines = (DATA / LINKED).read_text().splitlines()
    made = "".join(line + ("\r\r\n" if line.startswith("|") else "\r\n") for line in lines)
    (tmp_path / "w.out").write_bytes(made.encode())
    assert read_output(tmp_path / "w.out").level == read_output(DATA / LINKED).level
