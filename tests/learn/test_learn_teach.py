"""A model teaches another: its labels, their resume, and a training that never validates on them."""

import json

import numpy as np
import pytest
from test_learn_train import SMALL, labels_of

from sampler.errors import InputError, LevelError, RunError
from sampler.learn.labels import teach
from sampler.learn.labels.dataset import LabelSet, split
from sampler.learn.training.targets import direct_targets
from sampler.learn.training.train import train
from sampler.monomers import MonomerLibrary
from sampler.potentials import get_potential
from sampler.potentials.trained import model_folder, painn

DELTA = "b97-3c_sa_am_dma_w-delta-gfn1"
DIRECT = "b97-3c_sa_am_dma_w-seed7"


@pytest.fixture(scope="module")
def library():
    return MonomerLibrary.load()


@pytest.fixture(scope="module")
def structures():
    from sampler.resources import path

    return LabelSet.load(path("data", "training", "b97-3c_sa_am_dma_w.npz")).clusters[np.arange(0, 300, 12)]


def test_labels_are_what_the_model_says_and_a_run_resumes(tmp_path, structures):
    model = painn(DIRECT)
    run = teach.TeachingRun(tmp_path, structures, teach.engine_of(model))
    it = run.run(model)
    assert next(it) == (teach.CHUNK, False)
    it.close()
    again = list(teach.TeachingRun(tmp_path, structures, teach.engine_of(model)).run(model))
    assert [before for _, before in again] == [True, False, False] and sum(n for n, _ in again) == len(structures)
    found, expected = run.collect(), model.evaluate(structures)
    assert found.energy == pytest.approx(expected.energy, abs=1e-6)
    assert found.forces == pytest.approx(expected.forces, abs=1e-5)
    assert np.abs(found.energy - structures.energy).max() > 1e-3  # and not the labels that were there
    with pytest.raises(RunError, match="other structures or of another model"):
        teach.TeachingRun(tmp_path, structures[::-1], teach.engine_of(model))


def test_the_engine_is_the_model(structures):
    sha = painn(DELTA).correction.card.weights_sha256[:16]
    assert teach.engine_of(painn(DELTA)) == f"model b97-3c@pyscf on gfn1-xtb {sha}"
    assert len(teach.engine_of(painn([DIRECT, "b97-3c_sa_am_dma_w-seed42"])).split()) == 4
    with pytest.raises(LevelError, match="sampler label"):
        teach.engine_of(get_potential("gfn1-xtb"))


def test_taught_structures_are_never_validated_on(tmp_path, library):
    whole = LabelSet.join([labels_of(library, 12), labels_of(library, 30, seed=9)])
    seen = {}

    def watch(params, targets, train_on, validate_on, *rest, **options):
        seen.update(train=train_on, validate=validate_on)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("sampler.learn.training.fast_engine.train_fast", watch)
        train(direct_targets(whole, library), SMALL, tmp_path, taught=30, quiet=True)
    own = split(12, SMALL.validation, SMALL.seed)
    assert seen["validate"].tolist() == own[1].tolist()
    assert seen["train"].tolist() == own[0].tolist() + list(range(12, 42))
    with pytest.raises(RunError, match="taught"):
        train(direct_targets(whole, library), SMALL, tmp_path, quiet=True)


def test_the_commands(tmp_path, structures):
    from typer.testing import CliRunner

    from sampler.cli.app import app

    def sampler(*words):
        return CliRunner().invoke(app, [str(w) for w in words])

    structures.save(tmp_path / "s.npz")
    taught, delta = tmp_path / "taught.npz", model_folder(DELTA)
    told = sampler("data", "teach", tmp_path / "s.npz", delta, "-o", taught, "-j", 1, "-q")
    assert told.exit_code == 0, told.output
    labels = LabelSet.load(taught)
    assert (
        labels.engine.startswith("model b97-3c@pyscf on gfn1-xtb") and f"{len(labels)} structures of 25" in told.output
    )
    own = delta.parents[1] / "training" / "b97-3c_sa_am_held_out.npz"
    options = ["--recipe", "quick", "--epochs", 1, "-q", "--set", "n_atom_basis=16", "--set", "n_interactions=1"]
    told = sampler("train", own, "--taught", taught, "-o", tmp_path / "m", *options)
    assert told.exit_code == 0, told.exception
    assert json.loads((tmp_path / "m" / "training.json").read_text())["taught"] == len(labels)
    assert f"taught = {len(labels)}" in (tmp_path / "m" / "model" / "card.toml").read_text()
    told = sampler("train", taught, "-o", tmp_path / "e", *options)
    assert isinstance(told.exception, LevelError) and "labelled by a model" in str(told.exception)
    told = sampler("data", "collect", own, taught, "-o", tmp_path / "f.npz")
    assert isinstance(told.exception, LevelError) and "train --taught" in str(told.exception)
    told = sampler("evaluate", model_folder(DIRECT), taught)
    assert told.exit_code == 0 and "what a model says: model b97-3c@pyscf on gfn1-xtb" in told.output
    told = sampler("train", own, "--taught", taught, "-o", tmp_path / "d", "--delta", "gfn1-xtb", *options)
    assert isinstance(told.exception, InputError) and "--taught is for direct models" in str(told.exception)
