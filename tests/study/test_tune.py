"""``sampler study tune`` over a grid: what is left, a split for a seed, numbers by ``sampler train``, kills, bad input."""

import csv
import json
import sys
from random import Random

import pytest
from called import Refused, caller, numbers, table
from kills import ROOT, killed_at_random, more_files
from small_sets import write
from typer.testing import CliRunner

from sampler.cli.app import app
from sampler.learn.labels.dataset import LabelSet

pytestmark = pytest.mark.once

SMALL = ["--set", "n_interactions=1", "--set", "n_rbf=8"]
WORDS = ["--epochs", "3", "--vary", "batch_size=4,10", "--vary", "n_atom_basis=8,16", "--seeds", "1,2", *SMALL]


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    return [str(f) for f in write(tmp_path_factory.mktemp("sets"), train=30, test=6)]


tune = caller("tune")


@pytest.fixture(scope="module")
def done(sets, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tune") / "t"
    told = tune(sets[0], "--test", sets[1], "-o", folder, *WORDS, "--keep-models", "--json")
    return folder, json.loads(told.stdout)


def test_the_folder_explains_itself(done, sets):
    folder, told = done
    manifest = json.loads((folder / "study.json").read_text())
    assert manifest["kind"] == "tune" and manifest["parameters"]["space"]["batch_size"] == [4, 10]
    assert manifest["inputs"]["train"]["sha256"] == LabelSet.load(sets[0]).digest()
    rows = table(folder)
    assert len(rows) == 2 * 2 * 2 and {r["status"] for r in rows} == {"done"}
    assert sorted({(r["batch_size"], r["n_atom_basis"]) for r in rows}) == [
        ("10", "16"),
        ("10", "8"),
        ("4", "16"),
        ("4", "8"),
    ]
    order = table(folder, "tuning")
    errors = [float(r["validation_mae_energy_kcal_mol"]) for r in order]
    assert errors == sorted(errors) and len(order) == 4
    mine = [
        float(r["validation_mae_energy_kcal_mol"])
        for r in rows
        if all(r[k] == order[0][k] for k in ("batch_size", "n_atom_basis"))
    ]
    assert len(mine) == 2 and sum(mine) / 2 == pytest.approx(errors[0])
    assert len(table(folder, "curves")) == 8 * 3
    for name in ("tune.svg", "tune.png", "importance.svg", "importance.png"):
        assert (folder / name).stat().st_size > 2000
    text = (folder / "finding.txt").read_text().strip()
    assert text == told["finding"] and "The best of each batch size" in text
    assert sum(told["importance"].values()) == pytest.approx(1.0) and "main effect" in told["importance_measure"]
    assert "importance.svg" in (folder / "README.md").read_text()


def test_all_configurations_of_a_seed_are_judged_at_the_same_structures(done):
    from sampler.learn.labels.trained_on import VALIDATED

    folder, told = done
    used = {}
    for row in told["trainings"]:
        import numpy as np

        with np.load(folder / "models" / row["name"] / "trained_on.npz", allow_pickle=False) as kept:
            parts = {k: kept[k].tobytes() for k in kept.files}
        used.setdefault(row["seed"], set()).add(tuple(sorted(parts.items())))
    assert VALIDATED and [len(v) for v in used.values()] == [1, 1] and used[1] != used[2]


def test_numbers_are_those_of_sampler_train_and_evaluate(done, sets, tmp_path):
    """The first configuration with seed 2, by the commands that train and judge one model."""
    folder, _ = done
    row = next(r for r in table(folder) if r["name"] == "0001-seed2")
    words = ["--set", "batch_size=4", "--set", "n_atom_basis=8", "--epochs", "3", "--seed", "2", *SMALL]
    trained = CliRunner().invoke(app, ["train", sets[0], "-o", str(tmp_path / "m"), *words, "--json"])
    errors = json.loads(trained.stdout)["errors"]
    assert float(row["validation_mae_energy_kcal_mol"]) == errors["validation_mae_energy_kcal_mol"]
    assert float(row["validation_mae_forces_kcal_mol_A"]) == errors["validation_mae_forces_kcal_mol_A"]
    judged = CliRunner().invoke(app, ["evaluate", str(tmp_path / "m" / "model"), sets[1], "--json"])
    (report,) = json.loads(judged.stdout).values()
    assert float(row["mae_energy_kcal_mol"]) == pytest.approx(report["all"]["energy"]["mae_kcal_mol"], rel=1e-5)
    with open(tmp_path / "m" / "curves.csv", newline="") as handle:
        epochs = [e["validation_mae_energy_kcal_mol"] for e in csv.DictReader(handle)]
    kept = [r["validation_mae_energy_kcal_mol"] for r in table(folder, "curves") if r["name"] == row["name"]]
    assert [float(e) for e in epochs] == [float(k) for k in kept]


def test_a_finished_study_trains_nothing_again(done, sets):
    folder, told = done
    before = {p: p.stat().st_mtime_ns for p in (folder / "trainings").iterdir()}
    again = tune(sets[0], "--test", sets[1], "-o", folder, *WORDS, "--keep-models", "--json")
    assert before == {p: p.stat().st_mtime_ns for p in (folder / "trainings").iterdir()}
    assert json.loads(again.stdout)["ranking"] == told["ranking"]


@pytest.mark.slow
def test_killed_anywhere_it_ends_the_same(done, sets, tmp_path):
    folder, rng = tmp_path / "killed", Random(5)
    command = [sys.executable, str(ROOT / "cli.py"), "study", "tune", sets[0], "--test", sets[1], "-o", str(folder)]
    kills = killed_at_random(
        [*command, *WORDS, "-q"], more_files(folder, "trainings/*.json", rng, 3), rng, longest_pause=0.2
    )
    print(kills, "kills")
    assert kills and numbers(folder) == numbers(done[0])


def test_without_a_test(sets, tmp_path):
    out = tmp_path / "t"
    told = json.loads(tune(sets[0], "-o", out, "--steps", 14, *WORDS[2:], "--seeds", 1, "--json").stdout)
    assert "mae_energy_kcal_mol" not in told["trainings"][0]
    # 27 of 30 are trained on: 7 steps of 4, 3 steps of 10 an epoch
    assert {r["name"]: r["epochs"] for r in told["trainings"]} == {
        f"000{k}-seed1": 2 if k < 3 else 5 for k in (1, 2, 3, 4)
    }


def test_a_plan_starts_nothing(sets, tmp_path):
    told = json.loads(tune(sets[0], "-o", tmp_path / "t", *WORDS, "--plan", "--json").stdout)
    assert told["trainings"] == 8 and {p["n_atom_basis"]: p["trainings"] for p in told["parts"]} == {8: 4, 16: 4}
    assert told["core_seconds"] == pytest.approx(sum(p["seconds"] for p in told["parts"])) and told["core_seconds"] > 0
    assert not (tmp_path / "t").exists()
    assert "nothing was started" in tune(sets[0], "-o", tmp_path / "t", *WORDS, "--plan", "-q").stdout


def test_what_diverges_is_recorded_and_the_study_goes_on(sets, tmp_path):
    words = ["--epochs", 2, "--vary", "learning_rate=1e-3,1e30", "--seeds", 1, "--set", "n_atom_basis=8", *SMALL]
    told = json.loads(tune(sets[0], "-o", tmp_path / "t", *words, "--json").stdout)
    assert [r["status"] for r in told["trainings"]] == ["done", "diverged"]
    assert "1 of 2 trainings diverged" in told["finding"] and told["ranking"][0]["learning_rate"] == 1e-3


def test_energies_without_forces_will_do(tmp_path):
    train, _ = write(tmp_path, train=12, test=4, forces=False)
    told = json.loads(tune(train, "-o", tmp_path / "t", *WORDS, "--json").stdout)
    assert {r["target"] for r in told["trainings"]} == {"energies"}
    assert "validation_mae_forces_kcal_mol_A" not in told["ranking"][0]


class TestBadInput(Refused):
    call = staticmethod(tune)

    def test_options(self, sets, tmp_path):
        out = [sets[0], "-o", tmp_path / "t"]
        self.fails([*out, "--vary", "batch=2,4"], "did you mean batch_size")
        self.fails([*out, "--vary", "batch_size=2,4", "--set", "batch_size=5"], "batch_size is varied")
        self.fails([*out, *WORDS, "--seeds", "a,b"], "'a' is no seed")
        self.fails([*out, *WORDS, "--seeds", ","], "no seeds")
        self.fails([*out, *WORDS, "--steps", 5], "exclude each other")
        self.fails([*out, *WORDS, "--set", "validation=0"], "validation is 0")
        self.fails([*out, *WORDS, "--vary", "learning_rate=1e-4..1e-3"], "for a --search")
        self.fails([*out, "--epochs", 3, "--vary", "epochs=2,3"], "--vary epochs")
        assert not (tmp_path / "t").exists()

    def test_a_test_that_overlaps_training(self, sets, tmp_path):
        self.fails([sets[0], "--test", sets[0], "-o", tmp_path / "t", *WORDS], "duplicates", "sampler data split")

    def test_another_level(self, sets, tmp_path):
        (tmp_path / "b").mkdir()
        other = write(tmp_path / "b", "b97-3c_sa_am_dma_w.npz", 12, 4)
        self.fails([sets[0], "--test", other[1], "-o", tmp_path / "t", *WORDS], "different levels")
        self.fails([sets[0], other[0], "-o", tmp_path / "t", *WORDS], "level")

    def test_another_study(self, done, sets):
        self.fails([sets[0], "--test", sets[1], "-o", done[0], *WORDS, "--vary", "clip=0,1"], "another study", "space")
        self.fails([sets[0], "-o", done[0], *WORDS], "another study")

    def test_a_place_that_cannot_be_written(self, sets):
        self.fails([sets[0], "-o", "/proc/study", *WORDS], "cannot write")
