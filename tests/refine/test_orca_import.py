"""Folders of ORCA outputs: population, provenance, failed jobs again, the ranking before and after, the command."""

import json
import re
import shutil
import sys

import numpy as np
import pytest
import typer

from sampler.clusters import Clusters
from sampler.errors import InputError, LevelError
from sampler.monomers import MonomerLibrary
from sampler.refine.orca import read_folder, read_manifest, read_output, resubmit, write_inputs
from sampler.refine.orca.review import review
from sampler.units import HARTREE

RAW = "sa_am/orca503_b973c_engrad/raw"


@pytest.fixture
def jobs(reference, tmp_path):
    """The 20 real engrad outputs beside inputs written by this package, with their GFN1-xTB energies as provenance."""
    from ase.io import read

    frames = read(reference / "sa_am/orca503_b973c_engrad/sa4am4_b973c_engrad.extxyz", index=":")
    clusters = Clusters.make(
        [f.positions for f in frames],
        [f.numbers for f in frames],
        ids=[f.info["name"] for f in frames],
        energy=[f.info["gfn1xtb_energy_Eh"] * HARTREE for f in frames],
        level="gfn1-xtb",
        columns={"seed": np.arange(20), "state": ["4 HSO4⁻ · 4 NH4⁺"] * 20},
    )
    folder = tmp_path / "orca"
    write_inputs(clusters, folder, "engrad", provenance={"run": "demo"})
    for f in frames:
        shutil.copy(reference / RAW / f"{f.info['name']}.out", folder)
    return folder, clusters


def test_population_and_provenance(jobs):
    folder, clusters = jobs
    found = read_folder(folder)
    assert len(found.clusters) == 20 and not found.failed and not found.missing
    assert found.clusters.level == "b97-3c@orca5" and found.clusters.forces.shape == (880, 3)
    where = {str(i): k for k, i in enumerate(clusters.ids)}
    for k, i in enumerate(found.clusters.ids):
        assert found.clusters.columns["seed"][k] == where[str(i)]
        assert found.clusters.columns["energy_before_eV"][k] == pytest.approx(clusters.energy[where[str(i)]])
    assert set(found.clusters.columns["level_before"]) == {"gfn1-xtb"}
    assert set(found.clusters.columns["run"]) == {"demo"}


def test_it_can_be_saved(jobs, tmp_path):
    found = read_folder(jobs[0]).clusters
    found.save(tmp_path / "x.npz")
    again = Clusters.load(tmp_path / "x.npz")
    assert again.level == found.level and np.array_equal(again.energy, found.energy)
    assert set(again.columns) == set(found.columns)


def test_levels_do_not_mix(reference):
    folder = reference / "orca_outputs"
    with pytest.raises(LevelError, match="b3lyp/sto-3g@orca4.*choose one"):
        read_folder(folder)
    found = read_folder(folder, level="b3lyp/sto-3g@orca5")
    assert list(found.clusters.ids) == ["orca501_freq_dvb"]
    with pytest.raises(LevelError, match="'b97-3c@pyscf'"):
        read_folder(folder, level="b97-3c@pyscf")
    status = {row["name"]: row["status"] for row in found.rows()}
    assert sorted(status.values()) == sorted(
        ["finished"] * 4
        + ["optimization_not_converged", "scf_not_converged", "cc_not_converged", "truncated", "out_of_memory", "input_error"]
    )  # fmt: skip


def test_missing_foreign_and_strange_files(jobs, reference, tmp_path):
    folder, clusters = jobs
    first, second = str(clusters.ids[0]), str(clusters.ids[1])
    (folder / f"{first}.out").unlink()
    shutil.copy(reference / "orca_outputs" / "orca60x_opt_wb97x3c_water.out", folder / f"{second}.out")
    (folder / "slurm-12_3.out").write_text("a batch system's log\n")
    found = read_folder(folder)
    assert found.missing == (first,) and found.ignored == ("slurm-12_3.out",)
    assert [r.name for r in found.failed] == [second] and found.failed[0].status == "foreign"
    assert "number of atoms is 3, the manifest says 44" in found.failed[0].message
    assert len(found.clusters) == 18
    with pytest.raises(InputError, match="no ORCA output"):
        (tmp_path / "none").mkdir()
        read_folder(tmp_path / "none")
    with pytest.raises(InputError, match="not a folder"):
        read_folder(tmp_path / "absent")


def test_a_partial_optimisation_is_a_result(reference, tmp_path):
    """Out of cycles is what a partial optimisation is for; of a full one it is a failure."""
    water = read_output(reference / "orca_outputs" / "orca60x_opt_maxiter_but_normal_end.out")
    one = Clusters.make([water.positions], [water.numbers], ids=["w"])
    for preset, usable in (("opt-partial", True), ("opt", False)):
        write_inputs(one, tmp_path / preset, preset)
        shutil.copy(water.path, tmp_path / preset / "w.out")
        found = read_folder(tmp_path / preset)
        assert len(found.clusters) == usable and len(found.failed) == (not usable)


def read_input(path):
    text = path.read_text()
    body = re.search(r"^\* xyz (-?\d+) (\d+)\n(.*?)^\*\s*$", text, re.M | re.S)
    xyz = np.array([[float(v) for v in line.split()[1:]] for line in body[3].splitlines()])
    return text, (int(body[1]), int(body[2])), xyz


def test_resubmission(reference, tmp_path):
    """Each failure gets its remedy, from its last geometry; what needs a person is left and said."""
    found = read_folder(reference / "orca_outputs", level="b3lyp/sto-3g@orca4")
    done = resubmit(found, tmp_path / "again")
    assert set(done.written) == {"orca412_scf_memory_abort", "orca600_optts_truncated", "orca60x_scf_not_converged",
                                 "orca60x_opt_maxiter_but_normal_end"}  # fmt: skip
    assert set(done.left) == {"orca420_basis_error", "orca420_ccsd_not_converged"}
    for name in done.written:
        _, _, xyz = read_input(tmp_path / "again" / f"{name}.inp")
        old = read_output(reference / "orca_outputs" / f"{name}.out")
        assert np.abs(xyz - old.last_positions).max() < 1e-9

    text, charge_spin, _ = read_input(tmp_path / "again" / "orca60x_scf_not_converged.inp")
    assert "! B3LYP D3BJ def2-SVP Opt VeryTightSCF SlowConv\n" in text and "%scf MaxIter 500 end" in text
    assert charge_spin == (0, 2)
    text, _, _ = read_input(tmp_path / "again" / "orca412_scf_memory_abort.inp")
    assert int(re.search(r"%maxcore (\d+)", text)[1]) > 289  # ORCA asked for more than 289 MB
    text, _, _ = read_input(tmp_path / "again" / "orca600_optts_truncated.inp")
    assert "%scf MaxIter 1000 end" in text and "OptTS" in text and "%pal nprocs 20 end" in text
    manifest = read_manifest(tmp_path / "again")
    assert {job["failure_before"] for job in manifest["jobs"]} == {
        "out_of_memory", "truncated", "scf_not_converged", "optimization_not_converged"}  # fmt: skip
    with pytest.raises(InputError, match="another folder"):
        resubmit(found, found.folder)


def test_scf_remedies_grow_stronger_and_end(reference, tmp_path):
    text = (reference / "orca_outputs" / "orca60x_scf_not_converged.out").read_text()
    line = "! B3LYP D3BJ def2-SVP Opt VeryTightSCF"
    for words, expected in (("SlowConv", "VerySlowConv"), ("VerySlowConv", None)):
        folder = tmp_path / words
        folder.mkdir()
        (folder / "job.out").write_text(text.replace(line, f"{line} {words}"))
        done = resubmit(read_folder(folder), tmp_path / f"{words}-again")
        if expected:
            text_again = (tmp_path / f"{words}-again" / "job.inp").read_text()
            assert f"{line} {expected}\n" in text_again and "%scf MaxIter 1500 end" in text_again
        else:
            assert not done.written and "VerySlowConv" in done.left["job"] and done.manifest is None


def test_settings_that_cannot_be_carried_over_are_not_dropped_silently(reference, tmp_path):
    text = (reference / "orca_outputs" / "orca60x_opt_maxiter_but_normal_end.out").read_text()
    assert "MaxIter 2" in text
    (tmp_path / "job.out").write_text(text.replace("|  9> %geom", "|  9> %geom Calc_Hess true", 1))
    done = resubmit(read_folder(tmp_path), tmp_path / "again")
    assert not done.written and "calc_hess" in done.left["job"]


def test_ranking_before_and_after(jobs):
    """GFN1-xTB against B97-3c on the 20 frames: the correlations are those of scipy on the stored energies."""
    from scipy.stats import kendalltau, spearmanr

    folder, clusters = jobs
    found = read_folder(folder)
    judged = review(found.clusters, MonomerLibrary.load())
    after = {str(i): e for i, e in zip(found.clusters.ids, found.clusters.energy)}
    energies = np.array([after[str(i)] for i in clusters.ids])
    assert judged.spearman == pytest.approx(spearmanr(clusters.energy, energies).statistic)
    assert judged.kendall == pytest.approx(kendalltau(clusters.energy, energies).statistic)
    columns = judged.clusters.columns
    assert np.all(np.diff(judged.clusters.energy) >= 0) and columns["rank"].tolist() == list(range(1, 21))
    assert sorted(columns["rank_before"]) == list(range(1, 21))
    assert set(columns["identity"]) == {"intact"} and set(columns["state"]) == {"4 HSO4⁻ · 4 NH4⁺"}


def test_duplicates_after_refinement(jobs):
    found = read_folder(jobs[0]).clusters
    turned = found[3].replace(positions=found[3].positions @ np.diag([1.0, -1.0, 1.0]), ids=np.array(["copy"]))
    judged = review(Clusters.concatenate([found, turned]), MonomerLibrary.load()).clusters
    pair = {str(i): str(d) for i, d in zip(judged.ids, judged.columns["duplicate_of"]) if d}
    assert pair in ({"copy": str(found.ids[3])}, {str(found.ids[3]): "copy"})


def command(monkeypatch, capsys, *words):
    from sampler.cli.import_orca import import_orca

    app = typer.Typer()
    app.command()(import_orca)
    monkeypatch.setattr(sys, "argv", ["import", *map(str, words)])
    with pytest.raises(SystemExit) as stopped:
        app()
    assert stopped.value.code in (0, None)
    return capsys.readouterr().out


def test_the_command(jobs, reference, tmp_path, monkeypatch, capsys):
    folder, clusters = jobs
    shutil.copy(reference / RAW / "4sa4am-44_2_772.out", folder)
    text = command(monkeypatch, capsys, folder, "--count", 3)
    assert "20 finished, 1 input error" in text and "Unknown atom" not in text
    assert "rank correlation with gfn1-xtb: Spearman" in text
    out = command(monkeypatch, capsys, folder, "--json", "--resubmit", "--out", tmp_path / "refined.npz")
    table = json.loads(out)
    assert len(table["structures"]) == 20 and len(table["jobs"]) == 21
    assert list(table["left"]) == ["4sa4am-44_2_772"] and table["manifest"] is None
    energies = [s["energy_eV"] for s in table["structures"]]
    assert energies == sorted(energies)
    assert np.allclose(Clusters.load(tmp_path / "refined.npz").energy, energies)
