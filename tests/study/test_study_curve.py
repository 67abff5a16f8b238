"""Learning curves: what is left, errors by another way, kills, several processes, bad input."""

import json
import sys
from pathlib import Path
from random import Random

import numpy as np
import pytest
from called import Refused, caller, numbers, table
from kills import ROOT, killed_at_random
from small_sets import TINY, write
from typer.testing import CliRunner

from sampler.cli.app import app
from sampler.learn.labels.dataset import LabelSet
from sampler.study.samples import Samples

pytestmark = pytest.mark.once

WORDS = ["--sizes", "10,20,40", "--repeats", 2, "--targets", "energies,forces", *TINY]


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    return [str(f) for f in write(tmp_path_factory.mktemp("sets"))]


study = caller("curve")


@pytest.fixture(scope="module")
def done(sets, tmp_path_factory):
    folder = tmp_path_factory.mktemp("curve") / "c"
    words = ["--sizes", "10,20,40", "--repeats", 2, "--targets", "energies,forces", *TINY, "--keep-models"]
    told = study(*sets, "-o", folder, *words, "--json")
    return folder, json.loads(told.stdout)


def test_the_folder_explains_itself(done, sets):
    folder, told = done
    manifest = json.loads((folder / "study.json").read_text())
    assert manifest["inputs"]["train"]["sha256"] == LabelSet.load(sets[0]).digest()
    assert manifest["level"] == "gfn1-xtb" and manifest["version"] and "nested" in manifest["parameters"]["samples"]
    rows = table(folder)
    assert len(rows) == 3 * 2 * 2 and {r["status"] for r in rows} == {"done"}
    assert {r["target"] for r in rows} == {"energies", "forces"}
    assert all(float(r["train_seconds"]) > 0 and float(r["predict_seconds"]) > 0 for r in rows)
    for kind in ("svg", "png"):
        assert (folder / f"curve.{kind}").stat().st_size > 5000
    finding = (folder / "finding.txt").read_text().strip()
    assert finding == told["finding"] and finding in (folder / "README.md").read_text()
    assert not (folder / "work").exists() or not list((folder / "work").iterdir())
    assert not (folder / ".claims").exists()


def test_the_finding_is_of_the_numbers(done):
    folder, told = done
    here = [float(r["mae_energy_kcal_mol"]) for r in table(folder) if r["target"] == "forces" and r["size"] == "40"]
    assert told["summary"]["energy"]["forces"]["sizes"]["40"]["mean"] == pytest.approx(np.mean(here))
    assert told["summary"]["energy"]["forces"]["sizes"]["40"]["std"] == pytest.approx(np.std(here, ddof=1))
    assert "With 40 structures" in told["finding"]


def test_errors_are_those_of_sampler_evaluate(done, sets):
    folder, _ = done
    row = next(r for r in table(folder) if r["name"] == "forces-000040-2")
    told = CliRunner().invoke(app, ["evaluate", str(folder / "models" / row["name"]), sets[1], "--json"])
    (report,) = json.loads(told.stdout).values()
    print(row["mae_energy_kcal_mol"], report["all"]["energy"]["mae_kcal_mol"])
    assert float(row["mae_energy_kcal_mol"]) == pytest.approx(report["all"]["energy"]["mae_kcal_mol"], rel=1e-5)
    assert float(row["rmse_energy_kcal_mol"]) == pytest.approx(report["all"]["energy"]["rmse_kcal_mol"], rel=1e-5)
    assert float(row["mae_forces_kcal_mol_A"]) == pytest.approx(report["all"]["forces"]["mae_kcal_mol_A"], rel=1e-4)
    card = (folder / "models" / row["name"] / "card.toml").read_text()
    assert "structures = 36" in card  # and four to validate on


def test_a_finished_study_trains_nothing_again(done, sets):
    folder, _ = done
    before = {p: p.stat().st_mtime_ns for p in (folder / "trainings").iterdir()}
    study(*sets, "-o", folder, *WORDS, "--keep-models", "-q")
    assert before == {p: p.stat().st_mtime_ns for p in (folder / "trainings").iterdir()}


def more_trainings(folder, rng):
    """Due when one to four more are done."""

    def begin():
        count = lambda: len(list((folder / "trainings").glob("*.json")))  # noqa: E731
        target = count() + rng.randint(1, 4)
        return lambda: count() >= target

    return begin


@pytest.mark.slow
def test_killed_anywhere_it_ends_the_same(done, sets, tmp_path):
    folder = tmp_path / "killed"
    rng = Random(3)
    command = [sys.executable, str(ROOT / "cli.py"), "study", "curve", *sets, "-o", str(folder), "--sizes", "10,20,40"]
    command += ["--repeats", "2", "--targets", "energies,forces", *TINY, "-q"]
    kills = killed_at_random(command, more_trainings(folder, rng), rng, longest_pause=0.2)
    print(kills, "kills")
    assert kills
    assert numbers(folder) == numbers(done[0])


@pytest.mark.slow
def test_two_processes_and_their_workers_share_it(done, sets, tmp_path):
    import subprocess

    folder = tmp_path / "shared"
    command = [sys.executable, str(ROOT / "cli.py"), "study", "curve", *sets, "-o", str(folder), "--sizes", "10,20,40"]
    command += ["--repeats", "2", "--targets", "energies,forces", *TINY, "-q"]
    both = [subprocess.Popen([*command, "-j", n], cwd=ROOT) for n in ("1", "2")]
    assert [p.wait(600) for p in both] == [0, 0]
    assert numbers(folder) == numbers(done[0])


def test_a_plan_starts_nothing(sets, tmp_path):
    told = json.loads(study(*sets, "-o", tmp_path / "c", "--sizes", "10,40", *TINY, "--plan", "--json").stdout)
    assert told["trainings"] == len({p["target"] for p in told["parts"]}) * 2 * 3 and told["core_seconds"] > 0
    assert not (tmp_path / "c").exists()
    by = {(p["target"], p["size"]): p for p in told["parts"]}
    assert by["forces", 40]["seconds_each"] > 2 * by["forces", 10]["seconds_each"]


def test_a_training_that_diverges_is_recorded(sets, tmp_path):
    out = tmp_path / "c"
    words = [*sets, "-o", out, "--sizes", "10,20", "--repeats", 1, "--targets", "energies", *TINY]
    told = study(*words, "--set", "learning_rate=1e30", "--set", "clip=0", "--json")
    rows = json.loads(told.stdout)["trainings"]
    assert [r["status"] for r in rows] == ["diverged", "diverged"] and "loss is" in rows[0]["reason"]
    assert "No training gave an error" in (out / "finding.txt").read_text()


def test_steps_are_those_of_every_size(sets, tmp_path):
    out = tmp_path / "c"
    study(*sets, "-o", out, "--sizes", "10,40", "--repeats", 1, "--targets", "energies", "--steps", 30, *TINY[2:], "-q")
    # 9 of 10 in 3 steps, 36 of 40 in 9 steps an epoch
    assert [r["epochs"] for r in table(out)] == ["10", "3"]


def test_the_correction_learns_the_difference(tmp_path):
    """A base whose numbers are kept; the errors are those of base plus correction, by sampler evaluate."""
    pytest.importorskip("tblite")
    files = write(tmp_path, "b97-3c_sa_am_dma_w.npz", 20, 4)
    out = tmp_path / "c"
    study(*files, "-o", out, "--sizes", "10,20", "--repeats", 1, "--targets", "delta", *TINY, "--keep-models", "-q")
    row = table(out)[-1]
    told = CliRunner().invoke(app, ["evaluate", str(out / "models" / row["name"]), str(files[1]), "--json"])
    (report,) = json.loads(told.stdout).values()
    print(row["mae_energy_kcal_mol"], report["all"]["energy"]["mae_kcal_mol"])
    assert float(row["mae_energy_kcal_mol"]) == pytest.approx(report["all"]["energy"]["mae_kcal_mol"], rel=1e-4)
    assert float(row["mae_forces_kcal_mol_A"]) == pytest.approx(report["all"]["forces"]["mae_kcal_mol_A"], rel=1e-4)
    made = {p: p.stat().st_mtime_ns for p in (out / "base").iterdir()}
    study(*files, "-o", out, "--sizes", "10,20", "--repeats", 1, "--targets", "delta", *TINY, "-q")
    assert made and made == {p: p.stat().st_mtime_ns for p in (out / "base").iterdir()}


def test_kernel_ridge_regression(tmp_path):
    """Beside the network; errors by sampler evaluate, direct and as a correction to a base."""
    pytest.importorskip("qmllib")
    pytest.importorskip("tblite")
    files = write(tmp_path, "b97-3c_sa_am_dma_w.npz", 20, 4)
    out = tmp_path / "c"
    words = [*files, "-o", out, "--sizes", "10,20", "--repeats", 1, "--targets", "krr,krr-delta", "--keep-models"]
    plan = json.loads(study(*words, "--plan", "--json").stdout)
    assert plan["trainings"] == 4 and plan["core_seconds"] > 0
    told = json.loads(study(*words, "--json").stdout)
    assert [r["status"] for r in told["trainings"]] == ["done"] * 4
    for row in told["trainings"][-2:]:
        judged = CliRunner().invoke(app, ["evaluate", str(out / "models" / row["name"]), str(files[1]), "--json"])
        (report,) = json.loads(judged.stdout).values()
        print(row["name"], row["mae_energy_kcal_mol"], report["all"]["energy"]["mae_kcal_mol"])
        assert row["mae_energy_kcal_mol"] == pytest.approx(report["all"]["energy"]["mae_kcal_mol"], rel=1e-5)
        assert row["train_seconds"] > 0 and row["predict_seconds"] > 0
    assert (out / "kernels").is_dir()


def test_energies_without_forces_will_do(tmp_path):
    files = write(tmp_path, train=12, test=4, forces=False)
    out = tmp_path / "c"
    told = json.loads(study(*files, "-o", out, "--sizes", "6,12", "--repeats", 1, *TINY, "--json").stdout)
    assert {r["target"] for r in told["trainings"]} - {"krr"} == {"energies"}  # gfn1-xtb is no base of itself
    assert "mae_forces_kcal_mol_A" not in told["trainings"][0]


def test_samples():
    nested, drawn = Samples(50, 7), Samples(50, 7, independent=True)
    assert set(nested.rows(10, 1)) < set(nested.rows(20, 1)) and len(set(nested.rows(50, 1))) == 50
    assert set(nested.rows(10, 1)) != set(nested.rows(10, 2))
    assert not set(drawn.rows(10, 1)) < set(drawn.rows(20, 1))
    assert (nested.rows(10, 3) == Samples(50, 7).rows(10, 3)).all()


class TestBadInput(Refused):
    call = staticmethod(study)

    def test_a_test_that_overlaps_training(self, sets, tmp_path):
        self.fails([sets[0], sets[0], "-o", tmp_path / "c", "--sizes", "10"], "duplicates", "sampler data split")

    def test_another_level(self, sets, tmp_path):
        (tmp_path / "b").mkdir()
        other = write(tmp_path / "b", "b97-3c_sa_am_dma_w.npz", 12, 4)
        self.fails([sets[0], other[1], "-o", tmp_path / "c", "--sizes", "10"], "different levels", "b97-3c")

    def test_a_study_of_another_version(self, done, sets, tmp_path):
        told = json.loads((done[0] / "study.json").read_text())
        (tmp_path / "c").mkdir()
        (tmp_path / "c" / "study.json").write_text(json.dumps(told | {"version": "0.0.7"}))
        self.fails([*sets, "-o", tmp_path / "c", "--sizes", "10"], "version 0.0.7")

    def test_another_study(self, done, sets):
        words = ["-o", done[0], *WORDS]
        self.fails([*sets, *words, "--seed", 9], "another study", "seed was 42, not 9")
        self.fails([*reversed(sets), "-o", done[0], "--sizes", "4", *TINY], "another study", "inputs.t")

    def test_other_inputs_of_the_same_name(self, done, sets, tmp_path):
        labels = LabelSet.load(sets[0])
        labels.subset(slice(0, 39)).save(tmp_path / "train.npz")
        words = ["-o", done[0], "--sizes", "10,20", "--repeats", 2, *TINY]
        self.fails([tmp_path / "train.npz", sets[1], *words], "another study", "inputs.train")

    def test_a_folder_of_something_else(self, sets, tmp_path):
        (tmp_path / "c").mkdir()
        (tmp_path / "c" / "notes.txt").write_text("mine")
        self.fails([*sets, "-o", tmp_path / "c", "--sizes", "10", *TINY], "notes.txt", "no study")
        assert [p.name for p in (tmp_path / "c").iterdir()] == ["notes.txt"]

    def test_a_damaged_manifest(self, sets, tmp_path):
        (tmp_path / "c").mkdir()
        (tmp_path / "c" / "study.json").write_text("{")
        self.fails([*sets, "-o", tmp_path / "c", "--sizes", "10", *TINY], "study.json cannot be read")

    def test_a_place_that_cannot_be_written(self, sets):
        self.fails([*sets, "-o", "/proc/study", "--sizes", "10", *TINY], "cannot write")
        self.fails([*sets, "-o", Path(sets[0]) / "c", "--sizes", "10", *TINY], "cannot write")

    def test_sizes(self, sets, tmp_path):
        out = ["-o", tmp_path / "c"]
        self.fails([*sets, *out, "--sizes", "10,1k"], "1000 structures", "has 40")
        self.fails([*sets, *out, "--sizes", "many"], "'many'")
        self.fails([*sets, *out, "--sizes", ","], "no sizes")
        assert not (tmp_path / "c").exists()

    def test_targets(self, sets, tmp_path):
        out = ["-o", tmp_path / "c", "--sizes", "10"]
        self.fails([*sets, *out, "--targets", "energy"], "'energy'", "energies")
        self.fails([*sets, *out, "--targets", "delta"], "both gfn1-xtb")
        self.fails([sets[0], *out], "one to test with")
        self.fails([*sets, *out, "--set", "seed=3"], "--seed")
