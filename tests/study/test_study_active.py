"""Active learning: what is chosen and left, by another way; kills, several processes, bad input."""

import json
import shutil
import sys
from random import Random

import numpy as np
import pytest
from called import TIMES, Refused, caller, table
from kills import ROOT, killed_at_random, more_files
from small_sets import TINY, write
from typer.testing import CliRunner

from sampler.cli.app import app
from sampler.learn.labels.dataset import LabelSet
from sampler.study.samples import Samples
from sampler.units import KCAL_PER_MOL

pytestmark = pytest.mark.once

SMALL = ["--members", "7,42", "--repeats", 1, "--steps", 4, *TINY[2:]]
WORDS = ["--sizes", "10,14,20", *SMALL]


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    return [str(f) for f in write(tmp_path_factory.mktemp("sets"))]


study = caller("active")


def everything(folder):
    """All that must be the same, whatever happened on the way."""
    trainings = [{k: v for k, v in row.items() if k not in TIMES} for row in table(folder, "trainings")]
    chosen = {p.name: p.read_text() for p in (folder / "chosen").iterdir()}
    return trainings, chosen, (folder / "committees.csv").read_text(), (folder / "finding.txt").read_text()


def chosen(folder, strategy, size):
    return json.loads((folder / "chosen" / f"{strategy}-{size:06d}-1.json").read_text())


def predicted(folder, stem, members=(7, 42)):
    """Errors of each member, as kept beside its row."""
    return [np.load(folder / "trainings" / f"{stem}-{seed}.npz") for seed in members]


@pytest.fixture(scope="module")
def done(sets, tmp_path_factory):
    folder = tmp_path_factory.mktemp("active") / "a"
    told = study(*sets, "-o", folder, *WORDS, "--json")
    return folder, json.loads(told.stdout)


def test_the_folder_explains_itself(done):
    folder, told = done
    manifest = json.loads((folder / "study.json").read_text())
    assert manifest["kind"] == "active" and manifest["parameters"]["members"] == [7, 42]
    rows = table(folder, "trainings")
    assert len(rows) == 2 * (1 + 3 * 2) and {r["status"] for r in rows} == {"done"}
    assert len(table(folder, "committees")) == 3 * 3 and {r["members"] for r in table(folder, "committees")} == {"2"}
    for kind in ("svg", "png"):
        assert (folder / f"active.{kind}").stat().st_size > 5000
    text = (folder / "README.md").read_text()
    assert told["finding"] in text and "active.svg" in text and "curve.svg" not in text
    assert not (folder / ".claims").exists()


def test_what_is_chosen_follows_from_the_predictions(done, sets):
    folder, _ = done
    pool = 40
    first = Samples(pool, 42).rows(10, 1)
    rest = np.setdiff1d(np.arange(pool), first)
    errors = np.array([held["asked_energy_eV"] for held in predicted(folder, "start-000010-1")])
    assert errors.shape == (2, 30)
    by_error = rest[np.argsort(-abs(errors.sum(axis=0) / 2))[:4]]
    by_spread = rest[np.argsort(-abs(errors[0] - errors[1]))[:4]]
    assert chosen(folder, "supervised", 14)["rows"] == by_error.tolist()
    assert chosen(folder, "unsupervised", 14)["rows"] == by_spread.tolist()
    assert chosen(folder, "random", 14)["rows"] == Samples(pool, 42).rows(14, 1)[10:].tolist()
    ids = LabelSet.load(sets[0]).clusters.ids
    assert chosen(folder, "supervised", 14)["ids"] == ids[by_error].tolist()
    # the next batch is chosen from what is left, by models that have learnt from the batch before
    now = np.concatenate([first, by_error])
    errors = np.array([held["asked_energy_eV"] for held in predicted(folder, "supervised-000014-1")])
    rest = np.setdiff1d(np.arange(pool), now)
    assert errors.shape == (2, len(rest))
    assert chosen(folder, "supervised", 20)["rows"] == rest[np.argsort(-abs(errors.mean(axis=0)))[:6]].tolist()


def test_nobody_predicts_what_nobody_asks_for(done):
    folder, _ = done
    for stem in ("random-000014-1", "supervised-000020-1"):
        assert all("asked_energy_eV" not in held.files for held in predicted(folder, stem))
    assert all("asked_forces_eV_A" not in held.files for held in predicted(folder, "start-000010-1"))


def test_errors_are_those_of_the_committees_mean(done):
    folder, told = done
    row = next(r for r in table(folder, "committees") if r["strategy"] == "unsupervised" and r["size"] == "20")
    held = predicted(folder, "unsupervised-000020-1")
    mean = sum(h["test_energy_eV"] for h in held) / 2 / KCAL_PER_MOL
    print(row["mae_energy_kcal_mol"], abs(mean).mean())
    assert float(row["mae_energy_kcal_mol"]) == pytest.approx(abs(mean).mean(), rel=1e-6)
    assert float(row["max_energy_kcal_mol"]) == pytest.approx(abs(mean).max(), rel=1e-6)
    forces = sum(h["test_forces_eV_A"] for h in held) / 2 / KCAL_PER_MOL
    assert float(row["mae_forces_kcal_mol_A"]) == pytest.approx(abs(forces).mean(), rel=1e-5)
    # each member's own error stands in its row
    own = next(r for r in table(folder, "trainings") if r["name"] == "unsupervised-000020-1-42")
    assert float(own["mae_energy_kcal_mol"]) == pytest.approx(abs(held[1]["test_energy_eV"]).mean() / KCAL_PER_MOL)
    gain = told["summary"]["max"]["unsupervised"]["gain"]["20"]
    random = next(r for r in table(folder, "committees") if r["strategy"] == "random" and r["size"] == "20")
    assert gain == pytest.approx(float(random["max_energy_kcal_mol"]) / float(row["max_energy_kcal_mol"]), rel=1e-6)


def test_a_finished_study_trains_nothing_again(done, sets):
    folder, _ = done
    before = {p: p.stat().st_mtime_ns for p in (folder / "trainings").iterdir()}
    study(*sets, "-o", folder, *WORDS, "-q")
    assert before == {p: p.stat().st_mtime_ns for p in (folder / "trainings").iterdir()}


def test_a_batch_that_was_chosen_is_not_chosen_again(done, sets, tmp_path):
    """The file counts: trainings may have begun on it."""
    folder = tmp_path / "a"
    shutil.copytree(done[0], folder)
    file = folder / "chosen" / "supervised-000014-1.json"
    text = file.read_text()
    file.write_text("{")  # a file cut short is made again, the same
    study(*sets, "-o", folder, *WORDS, "-q")
    assert file.read_text() == text and everything(folder) == everything(done[0])


def command_for(sets, folder, *more):
    words = map(str, [*sets, "-o", folder, *WORDS, "-q", *more])
    return [sys.executable, str(ROOT / "cli.py"), "study", "active", *words]


@pytest.mark.slow
def test_killed_anywhere_it_ends_the_same(done, sets, tmp_path):
    folder, rng = tmp_path / "killed", Random(5)
    kills = killed_at_random(command_for(sets, folder), more_files(folder, "*.json", rng, 4), rng, longest_pause=0.5)
    print(kills, "kills")
    assert kills
    assert everything(folder) == everything(done[0])


@pytest.mark.slow
def test_two_processes_and_their_workers_share_it(done, sets, tmp_path):
    import subprocess

    folder = tmp_path / "shared"
    both = [subprocess.Popen(command_for(sets, folder, "-j", n), cwd=ROOT) for n in (1, 2)]
    assert [p.wait(600) for p in both] == [0, 0]
    assert everything(folder) == everything(done[0])


def test_a_plan_starts_nothing(sets, tmp_path):
    told = json.loads(study(*sets, "-o", tmp_path / "a", *WORDS, "--plan", "--json").stdout)
    assert told["trainings"] == 14 and told["core_seconds"] > 0
    assert {p["target"] for p in told["parts"]} == {"start", "supervised", "unsupervised", "random"}
    assert not (tmp_path / "a").exists()


def test_forces_and_unlike_structures(sets, tmp_path):
    out = tmp_path / "a"
    words = [*sets, "-o", out, "--start", 8, "--batch", 4, "--rounds", 1, *SMALL]
    study(*words, "--score", "forces", "--diverse", 3, "--strategies", "supervised", "-q")
    told = chosen(out, "supervised", 12)
    assert told["score"] == "eV/Å" and len(set(told["rows"])) == 4
    first = Samples(40, 42).rows(8, 1)
    rest = np.setdiff1d(np.arange(40), first)
    clusters = LabelSet.load(sets[0]).clusters[rest]
    held = [h["asked_forces_eV_A"].reshape(-1, 3) for h in predicted(out, "start-000008-1")]
    length = np.linalg.norm(sum(held) / 2, axis=1)
    largest = np.array([length[clusters.atoms_of(i)].max() for i in range(len(clusters))])
    most = rest[np.argsort(-largest)[:12]]
    assert told["rows"][0] == most[0] and set(told["rows"]) <= set(most.tolist())
    assert table(out, "committees")[-1]["strategy"] == "supervised"


def test_per_atom(sets, tmp_path):
    out = tmp_path / "a"
    words = [*sets, "-o", out, "--start", 8, "--batch", 4, "--rounds", 1, *SMALL, "--per-atom"]
    study(*words, "--strategies", "unsupervised", "-q")
    rest = np.setdiff1d(np.arange(40), Samples(40, 42).rows(8, 1))
    one, other = (h["asked_energy_eV"] for h in predicted(out, "start-000008-1"))
    score = abs(one - other) / LabelSet.load(sets[0]).clusters.natoms[rest]
    assert chosen(out, "unsupervised", 12)["rows"] == rest[np.argsort(-score)[:4]].tolist()


def test_what_diverges_ends_its_strategy_and_not_the_study(sets, tmp_path):
    out = tmp_path / "a"
    words = [*sets, "-o", out, "--start", 8, "--batch", 4, "--rounds", 1, *SMALL]
    told = json.loads(study(*words, "--set", "learning_rate=1e30", "--set", "clip=0", "--json").stdout)
    assert (
        set(told["ended"]) == {"supervised-1", "unsupervised-1"} and "2 of 2 members" in told["ended"]["supervised-1"]
    )
    assert {r["status"] for r in told["trainings"]} == {"diverged"} and len(told["trainings"]) == 4
    assert "No committee gave an error" in told["finding"] and "4 trainings diverged" in told["finding"]


class TestBadInput(Refused):
    call = staticmethod(study)

    def test_sets(self, sets, tmp_path):
        out = ["-o", tmp_path / "a", *WORDS]
        self.fails([sets[0], sets[0], *out], "duplicates", "sampler data split")
        self.fails([sets[0], *out], "one to test with")
        (tmp_path / "b").mkdir()
        other = write(tmp_path / "b", "b97-3c_sa_am_dma_w.npz", 12, 4)
        self.fails([sets[0], other[1], *out], "different levels", "b97-3c")
        assert not (tmp_path / "a").exists()

    def test_numbers(self, sets, tmp_path):
        out = ["-o", tmp_path / "a"]
        self.fails([*sets, *out], "set of 600 structures", "has 40")
        self.fails([*sets, *out, "--sizes", "20,10"], "sizes 20, 10", "larger than the one before")
        self.fails([*sets, *out, "--sizes", "20"], "at least two")
        self.fails([*sets, *out, "--members", "7"], "two members")
        self.fails([*sets, *out, "--members", "7,seven"], "'seven'", "no seed")
        self.fails([*sets, *out, "--set", "seed=3"], "--seed")
        assert not (tmp_path / "a").exists()

    def test_words(self, sets, tmp_path):
        out = ["-o", tmp_path / "a", "--sizes", "10,20"]
        self.fails([*sets, *out, "--strategies", "supervized"], "'supervized'", "supervised")
        self.fails([*sets, *out, "--strategies", ","], "known: supervised, unsupervised, random")
        self.fails([*sets, *out, "--score", "dipoles"], "'dipoles'", "energies or forces")
        self.fails([*sets, *out, "--score", "forces", "--per-atom"], "--per-atom")

    def test_forces_that_are_not_there(self, tmp_path):
        files = write(tmp_path, train=12, test=4, forces=False)
        self.fails([*files, "-o", tmp_path / "a", "--sizes", "4,8", "--score", "forces"], "no forces")

    def test_another_study(self, done, sets):
        self.fails([*sets, "-o", done[0], *WORDS, "--diverse", 2], "another study", "diverse was 0, not 2")
        curve = CliRunner().invoke(app, ["study", "curve", *sets, "-o", str(done[0]), "--sizes", "10", *TINY])
        assert "kind was active, not curve" in str(curve.exception)

    def test_predictions_that_are_gone(self, done, sets, tmp_path):
        folder = tmp_path / "a"
        shutil.copytree(done[0], folder)
        file = folder / "trainings" / "start-000010-1-7.npz"
        file.write_bytes(file.read_bytes()[:100])
        self.fails([*sets, "-o", folder, *WORDS], "start-000010-1-7.npz cannot be read", "start-000010-1-7.json")
