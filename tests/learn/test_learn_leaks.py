"""No structure on both sides, none under another name, no other references or starts under the same name."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from sampler.cli.app import app
from sampler.clusters import Clusters
from sampler.errors import InputError, LevelError, RunError
from sampler.learn.labels.compositions import checked
from sampler.learn.labels.dataset import LabelSet, split
from sampler.learn.labels.labels_file import open_labels
from sampler.learn.labels.prepare import prepare
from sampler.learn.labels.seen_in_training import seen_by
from sampler.learn.labels.trained_on import COPY, TRAINED, VALIDATED, TrainedOn
from sampler.learn.sampling.near_duplicates import first_copies
from sampler.learn.training.settings import TrainSettings
from sampler.learn.training.targets import direct_targets
from sampler.learn.training.train import train
from sampler.monomers import MonomerLibrary
from sampler.potentials.painn.card import read_card

DATA = Path(__file__).parents[1] / "data"
SET = DATA / "trained-on-and-validated-on" / "set.npz"
LIBRARY = MonomerLibrary.load()
SMALL = TrainSettings(n_atom_basis=8, n_interactions=1, epochs=1, batch_size=4, learning_rate=1e-3, seed=1)
WORDS = ["--recipe", "quick", "--epochs", 1, "--seed", 1, "--set", "n_atom_basis=8", "--set", "n_interactions=1", "-q"]


def sampler(*words):
    return CliRunner().invoke(app, [str(w) for w in words])


def disguised(labels: LabelSet, rng, noise=0.0) -> LabelSet:
    """The same structures, each turned, shifted, mirrored or not, its atoms in another order; forces with them."""
    c = labels.clusters
    x, z, f = c.positions.copy(), c.numbers.copy(), c.forces.copy()
    for i in range(len(c)):
        a = c.atoms_of(i)
        q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        order = rng.permutation(int(c.natoms[i]))
        x[a] = ((c.positions[a] + rng.normal(0, noise, (len(order), 3))) @ q.T + rng.normal(size=3))[order]
        z[a], f[a] = c.numbers[a][order], (c.forces[a] @ q.T)[order]
    ids = np.array([f"x{i}" for i in c.ids])
    return LabelSet(c.replace(positions=x, numbers=z, forces=f, ids=ids), labels.references, labels.engine)


@given(seed=st.integers(0, 2**32 - 1), part=st.integers(2, 12), share=st.floats(0.05, 0.6))
@settings(max_examples=25, deadline=None)
def test_no_copy_gets_onto_the_other_side(tmp_path_factory, seed, part, share):
    """However a copy is turned, mirrored or shuffled, and in whatever order the sets come."""
    rng = np.random.default_rng(seed)
    labels = LabelSet.load(SET)
    some = disguised(labels.subset(rng.choice(len(labels), part, replace=False)), rng, 1e-5)
    folder = tmp_path_factory.mktemp("leak")
    labels.save(folder / "a.npz")
    some.save(folder / "b.npz")
    order = [folder / "a.npz", folder / "b.npz"]
    ready = prepare(order if seed % 2 else order[::-1], (), LIBRARY)
    assert len(ready.labels) == len(labels) and ready.counts == {"copies": part}
    assert f"{part} copies" in ready.remarks[0]
    inside, outside = split(len(ready.labels), share, seed % 1000)
    record = TrainedOn.make(ready.labels.clusters[inside], np.full(len(inside), TRAINED))
    assert not record.use_of(disguised(ready.labels.subset(outside), rng, 1e-5).clusters).any()
    assert (record.use_of(disguised(ready.labels.subset(inside), rng, 1e-5).clusters) == TRAINED).all()


def test_real_neighbours_are_no_copies():
    """Frames of dynamics and displaced structures in the shipped labels; sketch and fingerprint say the same."""
    from sampler.resources import path

    labels = LabelSet.load(path("data", "training", "b97-3c_sa_am_dma_w.npz"))
    source = first_copies(labels.clusters, COPY)
    assert (source == np.arange(len(labels))).all()
    half = np.arange(len(labels)) % 2 == 0
    record = TrainedOn.make(labels.clusters[half], np.full(half.sum(), TRAINED))
    use = record.use_of(labels.clusters)
    assert (use[half] == TRAINED).all()
    # the sketch is the coarser of the two: two relaxations to one minimum may pass for one structure, no others do
    near = first_copies(labels.clusters[~half], 0.008, labels.clusters[half]) < 0
    assert not (use[~half].astype(bool) & ~near).any() and use[~half].astype(bool).sum() <= 2


def test_the_record_of_a_model_tells_trained_from_validated(tmp_path):
    labels = LabelSet.load(SET)
    targets = direct_targets(labels, LIBRARY)
    made = train(targets, SMALL.replace(validation=0.25), tmp_path / "one", quiet=True)
    inside, outside = split(len(labels), 0.25, 1)
    use = TrainedOn.of(made.model).use_of(labels.clusters)
    assert (use[inside] == TRAINED).all() and (use[outside] == VALIDATED).all()
    seen = seen_by([str(made.model)], labels, "")
    assert (seen.trained, seen.validated, seen.unknown) == (9, 3, ())
    # another set, in which what the first model was trained on is not validated on
    again = train(targets, SMALL.replace(validation=0.4, seed=5), tmp_path / "two", init=made.model, quiet=True)
    use = TrainedOn.of(again.model).use_of(labels.clusters)
    assert read_card(again.model).training["validation_seen_by_init"] == 0
    assert np.array_equal(use, TrainedOn.of(made.model).use_of(labels.clusters))  # validated on the same three
    assert read_card(again.model).training["structures"] == 9


def test_a_start_that_does_not_say_what_it_saw_is_said(tmp_path):
    targets, told = direct_targets(LabelSet.load(SET), LIBRARY), []
    made = train(targets, SMALL, tmp_path / "one", quiet=True)
    (made.model / "trained_on.npz").unlink()
    again = train(targets, SMALL, tmp_path / "two", init=made.model, quiet=True, say=told.append)
    assert "does not say which structures it was trained on" in told[0]
    assert read_card(again.model).training["validation_seen_by_init"] == "unknown"
    assert not TrainedOn.of(again.model).complete
    labels = LabelSet.load(SET)
    lines = seen_by([str(again.model)], labels, "").lines()
    assert "12 of 12" not in lines[0] and "11 of 12 structures were trained on" in lines[0]
    assert "cannot be known" in lines[-1]
    # a card names its data: the whole set is found without a record
    assert seen_by([str(made.model)], labels, labels.digest()).trained == 12
    assert seen_by([str(made.model)], labels.subset(np.arange(4)), "").report()["trained_on"] is None


def test_the_same_set_twice_and_what_a_model_says_of_it(tmp_path):
    done = sampler("train", SET, SET, "-o", tmp_path / "m", *WORDS)
    assert done.exit_code == 0 and "12 copies of structures are left out" in done.output, done.output
    card = read_card(tmp_path / "m" / "model")
    assert card.training["structures"] == 11 and card.training["left_out_copies"] == 12
    taught = LabelSet.load(SET)
    taught = LabelSet(taught.clusters, taught.references, "model gfn1-xtb 0123456789abcdef")
    disguised(taught, np.random.default_rng(2)).save(tmp_path / "taught.npz")
    done = sampler("train", SET, "--taught", tmp_path / "taught.npz", "-o", tmp_path / "pupil", *WORDS)
    assert done.exit_code == 0 and "12 taught structures are left out" in done.output, done.output
    assert read_card(tmp_path / "pupil" / "model").training["left_out_taught_copies"] == 12
    done = sampler("evaluate", tmp_path / "m" / "model", SET, "--json")
    report = json.loads(done.stdout)[str(tmp_path / "m" / "model")]
    assert (report["trained_on"], report["validated_on"]) == (11, 1) and "no test of the model" in report["note"]


def test_labels_that_contradict_each_other_are_said(tmp_path):
    labels = LabelSet.load(SET)
    labels.save(tmp_path / "a.npz")
    LabelSet(labels.clusters.replace(energy=labels.clusters.energy + 0.1), labels.references, labels.engine).save(
        tmp_path / "b.npz"
    )
    ready = prepare([tmp_path / "a.npz", tmp_path / "b.npz"], (), LIBRARY)
    assert any("contradict each other, by 2.31 kcal/mol" in r for r in ready.remarks), ready.remarks
    done = sampler("data", "collect", tmp_path / "a.npz", tmp_path / "b.npz", "-o", tmp_path / "c.npz")
    assert "contradict each other, by 2.31 kcal/mol" in done.output and "12 within 0.005" in done.output


@pytest.mark.parametrize("name", ["1am1sa", "1b1am1p", "1SA1AM"])
def test_a_composition_is_canonical(name, tmp_path):
    labels = LabelSet.load(SET)
    other = labels.clusters.with_columns(composition=np.full(len(labels), name))
    LabelSet(other, labels.references, labels.engine).save(tmp_path / "a.npz")
    assert set(open_labels(tmp_path / "a.npz", LIBRARY).compositions.tolist()) == {"1sa1am"}
    with pytest.raises(InputError, match=r"0 structures are left to train on \(12 held out\)"):
        prepare([tmp_path / "a.npz"], (), LIBRARY, ["1sa1am"])
    done = sampler("data", "collect", tmp_path / "a.npz", "-o", tmp_path / "b.npz", "--hold-out", "1sa1am")
    assert "no labelled structures are left; left out: 12 held out" in str(done.exception)


def test_a_composition_that_the_atoms_deny_is_an_error():
    labels = LabelSet.load(SET)
    wrong = np.array(["1sa1am"] * 11 + ["2sa1am"])
    with pytest.raises(
        InputError, match=r"set.npz: structure .* has the composition '2sa1am', .*holds .*1sa1am"
    ) as told:
        checked(labels.clusters.with_columns(composition=wrong), LIBRARY, "set.npz")
    assert str(labels.clusters.ids[11]) in str(told.value)
    with pytest.raises(InputError, match="charge"):
        checked(
            labels.clusters.with_columns(composition=np.full(12, "1b1am")).replace(charge=np.full(12, -1)), LIBRARY, ""
        )


def test_molecules_decide_where_atoms_do_not():
    """1am1dma has the atoms of 2ma."""
    am, dma, ma = (LIBRARY[n] for n in ("am", "dma", "ma"))
    place = np.vstack([am.conformers[0].positions, dma.conformers[0].positions + [5.0, 0, 0]])
    one = Clusters.make([place], [np.concatenate([am.numbers, dma.numbers])])
    assert sorted(one.numbers.tolist()) == sorted([*ma.numbers, *ma.numbers])
    with pytest.raises(InputError, match="its molecules are those of 1am1dma"):
        checked(one.with_columns(composition="2ma"), LIBRARY, "set.npz")
    right = checked(one.with_columns(composition="1dma1am"), LIBRARY, "set.npz")
    assert right.columns["composition"].tolist() == ["1am1dma"]


def test_engines_and_charges_do_not_mix_unasked(tmp_path):
    labels = LabelSet.load(SET)
    half = np.arange(len(labels)) < 6
    for name, part, engine in (
        ("a", half, "tblite 0.8.0"),
        ("b", ~half, "xtb-python 22.1"),
        ("c", ~half, "tblite 0.9"),
    ):
        LabelSet(labels.clusters[part], labels.references, engine).save(tmp_path / f"{name}.npz")
    a, b, c = (tmp_path / f"{n}.npz" for n in "abc")
    with pytest.raises(LevelError, match="different engines: tblite 0.8.0 and xtb-python 22.1.*--mix-engines"):
        prepare([a, b], (), LIBRARY)
    assert len(prepare([a, c], (), LIBRARY).labels) == 12  # another version of one program
    done = sampler("data", "collect", a, b, "-o", tmp_path / "both.npz", "--mix-engines")
    assert done.exit_code == 0, done.exception
    with pytest.raises(LevelError, match="different engines"):  # the set says so still
        prepare([tmp_path / "both.npz"], (), LIBRARY)
    assert len(prepare([tmp_path / "both.npz"], (), LIBRARY, mix_engines=True).labels) == 12
    ion = LIBRARY["amh"]
    charged = Clusters.make(
        [ion.conformers[0].positions], [ion.numbers], charge=[1], energy=[-140.0], level="gfn1-xtb",
        forces=[np.zeros((5, 3))], columns={"composition": np.array(["1amh"])},
    )  # fmt: skip
    LabelSet(charged, {"amh": -140.0}, "tblite 0.8.0").save(tmp_path / "ion.npz")
    with pytest.raises(InputError, match=r"charges 0 and \+1.*--mix-charges"):
        prepare([a, tmp_path / "ion.npz"], (), LIBRARY)
    assert len(prepare([a, tmp_path / "ion.npz"], (), LIBRARY, mix_charges=True).labels) == 7


def test_a_training_with_other_monomer_energies_is_another(tmp_path):
    labels = LabelSet.load(SET)
    settings = SMALL.replace(epochs=3, validation=0.0)
    train(direct_targets(labels, LIBRARY), settings, tmp_path / "run", quiet=True, stop_after=1)
    moved = LabelSet(labels.clusters, {k: e + 0.1 for k, e in labels.references.items()}, labels.engine)
    with pytest.raises(RunError, match="holds another training .differing in monomer energies"):
        train(direct_targets(moved, LIBRARY), settings, tmp_path / "run", quiet=True)
    file = tmp_path / "run" / "training.json"
    plan = json.loads(file.read_text())
    del plan["references_eV"]
    file.write_text(json.dumps(plan))
    with pytest.raises(RunError, match="an older version that does not say its references_eV"):
        train(direct_targets(labels, LIBRARY), settings, tmp_path / "run", quiet=True)


def test_a_sampling_from_other_structures_or_molecules_is_another(tmp_path):
    starts = DATA / "sampling-with-another-start"
    words = ["data", "sample", tmp_path / "s.npz", "-c", "1sa1am=6", "--steps", 5, "--relax", 0, "-j", 1, "-q"]
    done = sampler(*words, "--start", starts / "low.xyz")
    assert done.exit_code == 0, done.exception
    before = (tmp_path / "s.npz").read_bytes()
    done = sampler(*words, "--start", starts / "high.xyz")
    assert "a sampling with other settings (see plan.json: start)" in str(done.exception)
    assert (tmp_path / "s.npz").read_bytes() == before
    # the same structures under another name are the same
    (tmp_path / "copy.xyz").write_bytes((starts / "low.xyz").read_bytes())
    assert sampler(*words, "--start", tmp_path / "copy.xyz").exit_code == 0
    plan = tmp_path / "s.run" / "plan.json"
    held = json.loads(plan.read_text())
    assert held["driver"] == "gfn1-xtb tblite" and set(held["monomers"]) >= {"sa", "am"}
    plan.write_text(json.dumps(held | {"monomers": held["monomers"] | {"am": "0" * 16}}))
    assert "(see plan.json: monomers)" in str(sampler(*words, "--start", starts / "low.xyz").exception)
    del held["start"], held["monomers"]
    plan.write_text(json.dumps(held))
    told = str(sampler(*words, "--start", starts / "low.xyz").exception)
    assert "monomers, which its plan does not name" in told and "start, which" in told


def test_what_label_collects_is_evaluated_and_trained_on(tmp_path):
    frames = DATA / "held-out-under-another-name" / "frames.extxyz"
    done = sampler(
        "label", frames, "--level", "gfn1-xtb", "-o", tmp_path / "l", "--collect", tmp_path / "x.npz", "-j", 1, "-q"
    )
    assert done.exit_code == 0, done.exception
    done = sampler("evaluate", "gfn1-xtb", tmp_path / "x.npz", "--json", "-q")
    assert done.exit_code == 0, done.exception
    report = json.loads(done.stdout)["gfn1-xtb"]
    assert report["all"]["energy"]["structures"] == 6 and report["all"]["energy"]["mae_kcal_mol"] < 1e-3
    assert list(report["by_composition"]) == ["1sa1am"]
    assert sampler("data", "info", tmp_path / "x.npz", "--json").exit_code == 0
    done = sampler("train", tmp_path / "x.npz", "-o", tmp_path / "m", *WORDS)
    assert done.exit_code == 0, done.exception
