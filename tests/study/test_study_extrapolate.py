"""Extrapolation: errors by another way, what a card says of sizes, timings that stay, kills, bad input."""

import csv
import json
import sys
from pathlib import Path
from random import Random

import numpy as np
import pytest
from called import Refused, caller
from kills import ROOT, killed_at_random, more_files
from small_sets import DATA, TINY, write
from typer.testing import CliRunner

from sampler.cli.app import app
from sampler.composition import Composition
from sampler.learn.labels.dataset import LabelSet
from sampler.monomers import MonomerLibrary
from sampler.potentials import get_potential
from sampler.potentials.catalogue import trained_sizes
from sampler.potentials.painn.card import read_card
from sampler.potentials.trained import model_folder
from sampler.study import extrapolate_cost as cost
from sampler.study.extrapolate import molecules
from sampler.units import KCAL_PER_MOL

pytestmark = pytest.mark.once

MODEL = "gfn1-xtb_sa_am"  # trained on up to seven molecules, on no 4sa4am


study = caller("extrapolate")


def rows_of(file):
    with open(file, newline="") as handle:
        return list(csv.DictReader(handle))


def some(names, count, seed=3):
    whole = LabelSet.load(DATA / "gfn1-xtb_sa_am.npz")
    rows = [np.random.default_rng(seed).permutation(np.flatnonzero(whole.compositions == n))[:count] for n in names]
    return whole.subset(np.concatenate(rows))


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Two of three sizes, of which the model was trained on two."""
    file = tmp_path_factory.mktemp("large") / "large.npz"
    some(["2sa2am", "3sa4am", "4sa3am", "4sa4am"], 5).save(file)
    return file


@pytest.fixture(scope="module")
def done(large, tmp_path_factory):
    folder = tmp_path_factory.mktemp("extrapolate") / "e"
    return folder, json.loads(study(MODEL, "gfn1-xtb", large, "-o", folder, "--cost-sizes", "2sa2am", "--json").stdout)


def test_errors_are_those_of_plain_sums(done, large):
    """From the model and the labels alone."""
    labels, library = LabelSet.load(large), MonomerLibrary.load()
    c = labels.clusters
    monomers = read_card(model_folder(MODEL)).monomers
    zero = np.array([
        sum(n * (monomers[f].energy - labels.references[f]) for f, n in Composition.parse(name, library).counts)
        for name in labels.compositions
    ])  # fmt: skip
    said = get_potential("painn", model=MODEL).evaluate(c)
    error = (said.energy - c.energy - zero) / KCAL_PER_MOL
    size = np.array([4] * 5 + [7] * 10 + [8] * 5)
    for row in (r for r in rows_of(done[0] / "errors.csv") if r["model"] == MODEL):
        here = size == int(row["molecules"])
        mine, atoms = error[here], c.natoms[here]
        force = np.abs((said.forces - c.forces)[here[c.structure_of_atom]]) / KCAL_PER_MOL
        print(row["molecules"], row["mae_kcal_mol"], np.abs(mine).mean(), row["forces_mae_kcal_mol_A"], force.mean())
        assert int(row["structures"]) == here.sum() and row["failed"] == "0"
        for name, value in {
            "mean_error_kcal_mol": mine.mean(), "std_error_kcal_mol": mine.std(ddof=1), "mae_kcal_mol": np.abs(mine).mean(),
            "std_abs_error_kcal_mol": np.abs(mine).std(ddof=1), "max_kcal_mol": np.abs(mine).max(),
            "mae_kcal_mol_atom": (np.abs(mine) / atoms).mean(),
            "std_abs_error_kcal_mol_atom": (np.abs(mine) / atoms).std(ddof=1), "forces_mae_kcal_mol_A": force.mean(),
            "forces_std_abs_error_kcal_mol_A": force.std(ddof=1), "forces_max_kcal_mol_A": force.max(),
        }.items():  # fmt: skip
            assert float(row[name]) == pytest.approx(value, rel=1e-5), name


def test_the_mean_of_each_composition_is_taken_off(done, large):
    """Seven molecules are of two compositions; relative errors are those that sampler evaluate has of each."""
    (row,) = (r for r in rows_of(done[0] / "errors.csv") if r["model"] == MODEL and r["molecules"] == "7")
    assert row["compositions"] == "3sa4am 4sa3am"
    told = json.loads(CliRunner().invoke(app, ["evaluate", MODEL, str(large), "--json"]).stdout)[MODEL][
        "by_composition"
    ]
    each = [told[n]["energy"]["relative_mae_kcal_mol"] for n in ("3sa4am", "4sa3am")]
    assert float(row["relative_mae_kcal_mol"]) == pytest.approx(np.mean(each), rel=1e-5)


def test_the_card_says_what_is_beyond_training(done):
    sizes = trained_sizes(read_card(model_folder(MODEL)))
    assert sizes[7] == 170 + 179 and max(sizes) == 7  # 3sa4am and 4sa3am of the card
    rows = {(r["model"], r["molecules"]): r for r in rows_of(done[0] / "errors.csv")}
    assert [rows[MODEL, n]["beyond_training"] for n in "478"] == ["0", "0", "1"]
    assert [rows[MODEL, n]["trained_structures"] for n in "78"] == ["349", "0"]
    assert rows["gfn1-xtb", "8"]["beyond_training"] == ""  # a method is not trained


def test_a_method_agrees_with_its_own_labels(done):
    mine = [r for r in rows_of(done[0] / "errors.csv") if r["model"] == "gfn1-xtb"]
    assert max(float(r["max_kcal_mol"]) for r in mine) < 0.02  # positions in single precision


def test_the_folder_explains_itself(done, large):
    folder, told = done
    manifest = json.loads((folder / "study.json").read_text())
    assert manifest["inputs"]["large"]["sha256"] == LabelSet.load(large).digest() and manifest["level"] == "gfn1-xtb"
    weights = read_card(model_folder(MODEL)).weights_sha256
    assert manifest["parameters"]["models"][0]["weights_sha256"] == [weights]
    text = (folder / "README.md").read_text()
    assert told["finding"] in text and told["finding"] in (folder / "finding.txt").read_text()
    assert "beyond" in text and f"{MODEL} (trained on up to 7 molecules)" in told["finding"]
    for name in ("extrapolate", "cost"):
        for kind in ("svg", "png"):
            assert (folder / f"{name}.{kind}").stat().st_size > 4000
        assert f"![]({name}.svg)" in text
    assert all(
        len(line.split(" | ")) == 9 for line in text.splitlines() if line.startswith(f"| {MODEL} |") and "±" in line
    )


def test_what_is_there_is_kept(done, large):
    """Predictions, and timings, which another start would find different."""
    folder, _ = done
    made = [*(folder / "predictions").rglob("*.npz"), *(folder / "timings").iterdir()]
    before = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in made}
    study(MODEL, "gfn1-xtb", large, "-o", folder, "--cost-sizes", "2sa2am", "--cost-sizes", "3sa4am", "-q")
    assert before == {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in made}
    rows = rows_of(folder / "cost.csv")
    assert {(r["method"], r["atoms"]) for r in rows} == {(m, n) for m in (MODEL, "gfn1-xtb") for n in ("22", "37")}
    assert all(float(r["cpu_seconds"]) > 0 for r in rows)


def test_a_plan_starts_nothing(large, tmp_path):
    told = json.loads(study(MODEL, large, "-o", tmp_path / "e", "--plan", "--json", "--cost-of", "b97-3c").stdout)
    assert not (tmp_path / "e").exists() and told["core_seconds"] > 0
    parts = {p["what"]: p for p in told["parts"]}
    assert parts["timing b97-3c"]["seconds"] > 30 > parts[f"{MODEL}, large"]["seconds"]


def test_a_committee_and_a_short_name(large, tmp_path):
    """Its error is that of the mean of its members."""
    three = ["b97-painn-7", "b97-painn-42"]
    file = DATA / "b97-3c_15sa15am_held_out.npz"
    few = LabelSet.load(file).subset(slice(0, 3))
    few.save(tmp_path / "few.npz")
    told = json.loads(
        study(*three, ",".join(three), tmp_path / "few.npz", "-o", tmp_path / "e", "--no-cost", "--json").stdout
    )
    means = {r["model"]: r["mean_error_kcal_mol"] for r in told["errors"]}
    print(means)
    assert means[",".join(three)] == pytest.approx((means[three[0]] + means[three[1]]) / 2, abs=1e-4)
    assert told["cost"] == [] and not (tmp_path / "e" / "cost.csv").exists()
    assert all(r["beyond_training"] == 1 and r["molecules"] == 30 for r in told["errors"])


def test_energies_alone_will_do(tmp_path):
    labels = some(["2sa2am", "4sa4am"], 3)
    LabelSet(labels.clusters.replace(forces=None), labels.references, labels.engine).save(tmp_path / "plain.npz")
    told = json.loads(study(MODEL, tmp_path / "plain.npz", "-o", tmp_path / "e", "--no-cost", "--json").stdout)
    assert [r["forces_mae_kcal_mol_A"] for r in told["errors"]] == [None, None]


def test_a_set_without_forces_is_in_the_legend(tmp_path):
    """And has the same marker in all panels."""
    labels = some(["2sa2am", "4sa4am"], 3)
    LabelSet(labels.clusters.replace(forces=None), labels.references, labels.engine).save(tmp_path / "alone.npz")
    some(["2sa2am", "3sa3am"], 3, seed=9).save(tmp_path / "whole.npz")
    study(MODEL, tmp_path / "alone.npz", tmp_path / "whole.npz", "-o", tmp_path / "e", "--no-cost", "-q")
    text = (tmp_path / "e" / "extrapolate.svg").read_text()
    assert f"<!-- {MODEL}, alone -->" in text and f"<!-- {MODEL}, whole -->" in text


def test_one_of_each_composition_is_timed_the_lowest():
    labels = some(["4sa4am", "2sa2am"], 5)
    chosen = cost.one_of_each([labels])
    assert chosen.compositions.tolist() == ["2sa2am", "4sa4am"]
    c = labels.clusters
    assert chosen.clusters.energy.tolist() == [c.energy[labels.compositions == n].min() for n in ("2sa2am", "4sa4am")]


class Counted:
    """A potential whose evaluations are counted; it takes no time."""

    level, gives_forces, batch_atoms, models = "none", True, 0, ()


def timed(potential, limit=10.0):
    chosen = cost.one_of_each([some(["1sa1am", "2sa2am", "3sa3am", "4sa4am"], 1)])
    return cost.Timed({"method": potential}, chosen.clusters, molecules(chosen), limit)


def test_the_fitted_power_is_that_of_the_seconds(tmp_path, monkeypatch):
    """0.001 n² s, by a clock that is ours; the first call, which compiles, is not counted."""
    calls = []

    def once(potential, one):
        calls.append(len(one.numbers))
        seconds = 0.001 * len(one.numbers) ** 2 * (1 + (len(calls) == 1))
        return seconds, 2 * seconds, True

    monkeypatch.setattr(cost, "_once", once)
    rows = cost.measure(tmp_path, timed(Counted()))
    ((name, law),) = cost.laws(rows)
    assert (
        name == "method"
        and law.exponent == pytest.approx(2.0, abs=1e-3)
        and law.factor == pytest.approx(1e-3, rel=1e-2)
    )
    assert [r["cpu_seconds"] for r in rows] == pytest.approx([0.001 * n**2 for n in (11, 22, 33, 44)], rel=1e-3)
    assert [r["wall_seconds"] for r in rows] == pytest.approx([0.002 * n**2 for n in (11, 22, 33, 44)], rel=1e-3)
    assert calls.count(11) == 1 + 17  # one that warms up, then 1 + 2 s / 0.121 s
    again = cost.measure(tmp_path, timed(Counted()))
    assert again == rows and calls.count(44) == 2


def test_what_would_take_too_long_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(cost, "_once", lambda p, one: (0.001 * len(one.numbers) ** 2, 0.0, True))
    # 22 atoms took 0.484 s: 33 may take 1.63 s with the third power
    rows = cost.measure(tmp_path, timed(Counted(), limit=1.0))
    assert [r["atoms"] for r in rows] == [11, 22]
    done = []
    cost.measure(tmp_path / "b97", timed(get_potential("b97-3c"), limit=0.5), lambda n, found: done.append(n))
    assert done == [4] and not (tmp_path / "b97").exists()  # not even begun


def test_a_method_that_fails_has_no_seconds(tmp_path, monkeypatch):
    monkeypatch.setattr(cost, "_once", lambda p, one: (0.01, 0.01, len(one.numbers) != 22))
    assert [r["atoms"] for r in cost.measure(tmp_path, timed(Counted()))] == [11, 33, 44]


@pytest.mark.slow
def test_killed_anywhere_it_ends_the_same(tmp_path):
    labels = some(["2sa2am", "3sa3am", "4sa4am"], 400)
    file = tmp_path / "many.npz"
    labels.save(file)
    words = ["study", "extrapolate", MODEL, "gfn1-xtb_sa_am_dma_w", str(file), "--no-cost", "-q"]
    study(*words[2:], "-o", tmp_path / "whole")
    rng = Random(5)
    command = [sys.executable, str(ROOT / "cli.py"), *words, "-o", str(tmp_path / "killed")]
    kills = killed_at_random(command, more_files(tmp_path / "killed", "*.npz", rng, 4), rng, longest_pause=0.1)
    print(kills, "kills")
    assert kills
    assert (tmp_path / "killed" / "errors.csv").read_text() == (tmp_path / "whole" / "errors.csv").read_text()


class TestBadInput(Refused):
    call = staticmethod(study)

    def test_one_of_the_two_is_missing(self, large, tmp_path):
        self.fails([MODEL, "-o", tmp_path / "e"], "no test set", "MODEL... TEST.npz...")
        self.fails([large, "-o", tmp_path / "e"], "no model")
        self.fails([",", large, "-o", tmp_path / "e"], "names no model")
        self.fails([MODEL, tmp_path / "absent.npz", "-o", tmp_path / "e"], "absent.npz does not exist")

    def test_levels_do_not_mix(self, large, tmp_path):
        other = DATA / "b97-3c_15sa15am_held_out.npz"
        self.fails(
            [MODEL, large, other, "-o", tmp_path / "e"], "different levels", "b97-3c in b97-3c_15sa15am_held_out"
        )
        self.fails(["b97-painn-7", large, "-o", tmp_path / "e"], "b97-painn-7 is a model of b97-3c@pyscf", "gfn1-xtb")
        assert not (tmp_path / "e").exists()

    def test_what_a_model_was_trained_on_is_no_test(self, tmp_path):
        train, test = write(tmp_path)
        out = ["-o", str(tmp_path / "m"), "--recipe", "quick", "-q", *TINY]
        assert CliRunner().invoke(app, ["train", str(train), *out]).exit_code == 0
        model = tmp_path / "m" / "model"
        both = LabelSet.join([LabelSet.load(train).subset(slice(0, 5)), LabelSet.load(test)])
        both.save(tmp_path / "both.npz")
        words = [model, tmp_path / "both.npz", "-o", tmp_path / "e", "--no-cost"]
        self.fails(words, "trained or validated on 5 of the 13 structures of both", "--leave-out-seen")
        told = json.loads(study(*words, "--leave-out-seen", "--json").stdout)
        assert sum(r["structures"] for r in told["errors"]) == 8
        self.fails([model, train, "-o", tmp_path / "f", "--leave-out-seen"], "have seen every structure of train")

    def test_another_study(self, done, large, tmp_path):
        self.fails(["gfn1-xtb_sa_am_dma_w", large, "-o", done[0]], "another study", "parameters.models")
        (tmp_path / "x").mkdir()
        (tmp_path / "x" / "study.json").write_text(
            json.dumps(json.loads((done[0] / "study.json").read_text()) | {"version": "0.0.7"})
        )
        self.fails([MODEL, large, "-o", tmp_path / "x"], "version 0.0.7")

    def test_a_place_that_cannot_be_written(self, large):
        self.fails([MODEL, large, "-o", "/proc/study"], "cannot write")
        self.fails([MODEL, large, "-o", Path(large) / "e"], "cannot write")

    def test_nothing_to_time_at(self, large, tmp_path):
        self.fails(
            [MODEL, large, "-o", tmp_path / "e", "--cost-sizes", "5sa5am"], "no structure of 5sa5am", "--cost-at"
        )
        self.fails([MODEL, large, "-o", tmp_path / "e", "--cost-of", "b97"], "b97")
