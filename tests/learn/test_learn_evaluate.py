"""Evaluation: metrics against scipy and by hand, and the commands from labels to a judged model."""

import dataclasses
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from sampler.cli.app import app
from sampler.clusters import Clusters
from sampler.errors import InputError, LevelError, ModelError
from sampler.learn.evaluate import evaluate, open_base, open_potential, relax_known
from sampler.learn.labels.dataset import LabelSet
from sampler.learn.metrics import energy_metrics, force_metrics
from sampler.learn.parity import parity_plot
from sampler.levels import load_level
from sampler.monomers import MonomerLibrary
from sampler.potentials import Potential, get_potential
from sampler.potentials.base import Evaluation
from sampler.potentials.painn.card import load_model, save_model
from sampler.potentials.painn.potential import CommitteePotential, PaiNNPotential
from sampler.potentials.trained import model_folder, painn
from sampler.units import KCAL_PER_MOL


@pytest.fixture(scope="module")
def library():
    return MonomerLibrary.load()


@pytest.fixture(scope="module")
def labels(library) -> LabelSet:
    """Twelve GFN1-xTB labels of 1sa and 1am, moved from their minima."""
    rng = np.random.default_rng(4)
    numbers, positions, names = [], [], []
    for i in range(12):
        monomer = library["sa" if i % 2 else "am"]
        numbers.append(monomer.numbers)
        positions.append(monomer.conformers[0].positions + rng.normal(0, 0.03, (len(monomer.numbers), 3)))
        names.append(f"1{monomer.name}")
    clusters = Clusters.make(positions, numbers, columns={"composition": np.asarray(names)})
    found = get_potential("gfn1-xtb").evaluate(clusters)
    level = load_level("gfn1-xtb")
    clusters = clusters.replace(energy=found.energy, forces=found.forces, level="gfn1-xtb")
    return LabelSet(clusters, {m: level.monomers[m] for m in ("sa", "am")}, level.engine)


class Shifted(Potential):
    """Labels plus a known error."""

    level = "gfn1-xtb"

    def __init__(self, labels, energy, forces):
        self.labels, self.energy, self.forces = labels, energy, forces

    def evaluate(self, clusters, forces=True) -> Evaluation:
        c = self.labels.clusters
        failure = np.full(len(c), "", dtype="U20")
        failure[-1] = "scf_failed: no"
        energy = np.where(failure == "", c.energy + self.energy, np.nan)
        return Evaluation(energy, c.forces + self.forces, failure)


def test_energy_metrics_agree_with_scipy():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    wanted = rng.normal(size=50).round(1)  # with ties
    predicted = wanted + rng.normal(0, 0.5, 50).round(1)
    found = energy_metrics(predicted, wanted)
    assert found["spearman"] == pytest.approx(stats.spearmanr(predicted, wanted)[0], abs=1e-12)
    assert found["pearson"] == pytest.approx(stats.pearsonr(predicted, wanted)[0], abs=1e-12)
    assert found["rmse_kcal_mol"] ** 2 == pytest.approx(
        found["mean_kcal_mol"] ** 2 + found["relative_rmse_kcal_mol"] ** 2
    )


def test_force_metrics_of_a_turned_force():
    wanted = np.array([[1.0, 0, 0], [0, 2.0, 0], [0.01, 0, 0]])  # the last is too short to have a direction
    predicted = np.array([[0.0, 1.0, 0], [0, 2.0, 0], [0, 0.01, 0]])
    found = force_metrics(predicted, wanted)
    assert found["mean_angle_deg"] == pytest.approx(45.0)
    assert found["max_kcal_mol_A"] == pytest.approx(1.0 / KCAL_PER_MOL)


def test_a_known_error_is_found_and_a_failure_left_out(labels, library, tmp_path):
    shift = np.where(labels.compositions == "1sa", 0.1, -0.2)
    found = evaluate(Shifted(labels, shift, 0.5), labels, library)
    report = found.report()
    assert report["failures"] == {"scf_failed": 1} and report["structures"] == 11
    by = report["by_composition"]
    assert list(by) == ["1am", "1sa"]
    assert by["1sa"]["energy"]["mae_kcal_mol"] == pytest.approx(0.1 / KCAL_PER_MOL, rel=1e-6)
    assert by["1am"]["energy"]["mean_kcal_mol"] == pytest.approx(-0.2 / KCAL_PER_MOL, rel=1e-6)
    assert by["1am"]["energy"]["relative_mae_kcal_mol"] == pytest.approx(0.0, abs=1e-6)
    assert report["all"]["forces"]["mae_kcal_mol_A"] == pytest.approx(0.5 / KCAL_PER_MOL, rel=1e-6)
    for name, start in (("p.png", b"\x89PNG"), ("p.pdf", b"%PDF"), ("p.svg", b"<?xml")):
        parity_plot(found, tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(start)
    with pytest.raises(InputError, match=r"\.png, \.pdf, \.svg"):
        parity_plot(found, tmp_path / "p.jpeg")


def test_relaxing_a_minimum_with_its_own_potential_leaves_it_there(library):
    sa = library["sa"]
    minima = Clusters.make([sa.conformers[0].positions], [sa.numbers], columns={"composition": np.array(["1sa"])})
    found = relax_known(get_potential("gfn1-xtb"), minima, fmax=0.005)
    assert found.converged.all() and found.rmsd[0] < 0.01, found.rmsd
    moved = minima.replace(
        positions=minima.positions + np.random.default_rng(0).normal(0, 0.05, minima.positions.shape)
    )
    found = relax_known(get_potential("gfn1-xtb"), moved, fmax=0.005)
    assert found.rmsd[0] > 0.01 and found.energy_kcal_mol[0] < -1.0


def test_progress_counts_every_structure_and_changes_nothing(labels, library):
    done = []
    counted = evaluate(get_potential("gfn1-xtb"), labels, library, done.append)
    whole = evaluate(get_potential("gfn1-xtb"), labels, library)
    assert sum(done) == len(labels) and len(done) > 1
    assert np.array_equal(counted.predicted, whole.predicted) and np.array_equal(counted.forces, whole.forces)


def test_models_that_ship_and_levels_are_opened_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert open_potential(["b97-3c_sa_am_dma_w-seed7"]).level == "b97-3c@pyscf"
    assert len(open_potential(["b97-3c_sa_am_dma_w-seed7", "b97-3c_sa_am_dma_w-seed42"]).members) == 2
    assert open_potential(["b97-3c@pyscf"]).level == "b97-3c@pyscf"
    with pytest.raises(ModelError, match="did you mean b97-3c_sa_am_dma_w-seed.*models that ship: .*b97-painn-7"):
        open_potential(["b97-3c_sa_am_dma_w-seed8"])


def test_a_correction_is_learnt_on_top_of_a_method_not_of_a_model(tmp_path):
    assert open_base("gfn1-xtb").level == "gfn1-xtb" and open_base("b97-3c").level == "b97-3c@pyscf"
    for name in ("gfn1-xtb_sa_am", "b97-3c_sa_am_dma_w-delta-gfn1"):
        with pytest.raises(LevelError, match=f"{name} is a trained model"):
            open_base(name)


def test_a_correction_on_top_of_dft_opens_its_base(tmp_path):
    params, card = load_model(model_folder("b97-3c_sa_am_dma_w-delta-gfn1"))
    save_model(tmp_path / "m", params, card.replace(level="better", base_level="b97-3c@pyscf"))
    assert painn(tmp_path / "m").base.level == "b97-3c@pyscf"
    save_model(tmp_path / "n", params, card.replace(base_level="magic"))
    with pytest.raises(ModelError, match="on top of 'magic' cannot be used"):
        painn(tmp_path / "n")


def test_monomers_of_another_reference_set_are_no_silent_zero(labels, library, tmp_path):
    params, card = load_model(model_folder("gfn1-xtb_sa_am"))
    assert evaluate(PaiNNPotential(params, card), labels, library).report()["structures"] > 0
    sa = dataclasses.replace(card.monomers["sa"], energy=-1.0)
    wrong = PaiNNPotential(params, card.replace(monomers={**card.monomers, "sa": sa}))
    with pytest.raises(LevelError, match="-1.000000 eV for the monomer sa at gfn1-xtb"):
        evaluate(wrong, labels, library)
    with pytest.raises(LevelError, match="monomer sa"):
        evaluate(CommitteePotential([PaiNNPotential(params, card), wrong]), labels, library)


def test_committees_are_made_of_models_alone():
    with pytest.raises(InputError, match="committee"):
        open_potential(["gfn1-xtb", "gfn2-xtb"])


def test_commands_from_labels_to_a_judged_model(labels, tmp_path):
    run = CliRunner().invoke
    data, out = tmp_path / "labels.npz", tmp_path / "run"
    labels.save(data)
    shown = run(app, ["data", "info", str(data), "--json"])
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.stdout)["structures"] == 12
    options = ["--recipe", "quick", "--epochs", "2", "--quiet", "--json"]
    small = [x for s in ("n_atom_basis=8", "n_interactions=1", "n_rbf=6", "batch_size=4") for x in ("--set", s)]
    trained = run(app, ["train", str(data), "-o", str(out), *options, *small])
    assert trained.exit_code == 0, trained.output
    assert json.loads(trained.stdout)["epochs"] == 2
    judged = run(app, ["evaluate", str(out / "model"), str(data), "--baseline", "gfn1-xtb", "--json"])
    assert judged.exit_code == 0, judged.output
    reports = json.loads(judged.stdout)
    assert reports["gfn1-xtb"]["all"]["energy"]["mae_kcal_mol"] < 1e-3  # its own labels, in single precision
    assert reports[str(out / "model")]["all"]["energy"]["mae_kcal_mol"] > 1e-2
    tuned = run(app, ["train", str(data), "-o", str(tmp_path / "b"), "--init", str(out / "model"), *options,
                      "--set", "batch_size=4"])  # fmt: skip
    assert tuned.exit_code == 0, tuned.output


def test_commands_name_what_is_wrong(labels, tmp_path):
    data = tmp_path / "labels.npz"
    labels.save(data)
    for arguments, word in [
        (["train", str(data), "-o", str(tmp_path / "r"), "--set", "n_atoms=3"], "n_atoms"),
        (["train", str(data), "-o", str(tmp_path / "r"), "--recipe", "magic"], "magic"),
        (["train", str(data), "-o", str(tmp_path / "r"), "--hold-out", "1sa", "--hold-out", "1am"], "0 structures"),
        (["evaluate", str(data)], "MODEL DATA"),
        (["data", "info", str(tmp_path / "none.npz")], "does not exist"),
        (["data", "sample", str(tmp_path / "s.npz"), "-c", "2sa2am"], "2sa2am=500"),
    ]:
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code != 0 and word in str(result.exception), (arguments, result.exception)
