"""The data and models that ship: labels that another calculation reproduces, cards that tell the truth."""

import numpy as np
import pytest

from sampler import resources
from sampler.funnel.protocols.automatic import recommendations
from sampler.learn.evaluate import evaluate
from sampler.learn.labels.dataset import LabelSet, binding_energies
from sampler.learn.labels.teach import engine_of
from sampler.levels import load_level
from sampler.monomers import MonomerLibrary
from sampler.potentials import get_potential
from sampler.potentials.painn.card import load_model
from sampler.potentials.painn.potential import PaiNNPotential
from sampler.potentials.trained import painn
from sampler.units import KCAL_PER_MOL

pytestmark = pytest.mark.once

DATA = sorted(resources.path("data", "training").glob("*.npz"))
MODELS = sorted(p.parent for p in resources.path("data", "models").glob("*/card.toml"))


@pytest.mark.parametrize("file", DATA, ids=lambda p: p.stem)
def test_data_sets_are_sound(file):
    labels = LabelSet.load(file)
    c = labels.clusters
    level = load_level(labels.level)
    for monomer, energy in labels.references.items():
        assert energy == pytest.approx(level.monomers[monomer], abs=1e-5), monomer
    assert np.isfinite(c.energy).all() and np.isfinite(c.forces).all()
    net = np.array([c.forces[c.atoms_of(i)].sum(0) for i in range(len(c))])
    assert np.abs(net).max() < 0.01, np.abs(net).max()  # eV/Å: forces of an isolated cluster cancel
    binding = binding_energies(c.energy, labels.compositions, labels.references, MonomerLibrary.load())
    alone = np.isin(labels.compositions, ["1sa", "1am", "1dma", "1w"])
    assert alone.any() or any(word in file.stem for word in ("large", "more", "held_out", "taught"))
    assert binding[alone].min(initial=0.0) > -1e-3, binding[alone].min()  # nothing lies below the monomers' own minima
    assert file.stat().st_size < 25e6


@pytest.mark.parametrize(("name", "count"), [("gfn1-xtb_sa_am", 8), ("gfn1-xtb_sa_am_large", 2), ("gfn1-xtb_dma_w", 8)])
def test_gfn1_labels_are_what_tblite_computes_again(name, count):
    labels = LabelSet.load(resources.path("data", "training", f"{name}.npz"))
    few = labels.subset(np.random.default_rng(0).choice(len(labels), count, replace=False))
    again = get_potential("gfn1-xtb").evaluate(few.clusters)
    # positions and forces are stored in single precision
    assert np.abs(again.energy - few.clusters.energy).max() < 2e-4, again.energy - few.clusters.energy
    assert np.abs(again.forces - few.clusters.forces).max() < 2e-3


@pytest.mark.parametrize("model", MODELS, ids=lambda p: p.name)
def test_models_load_and_their_cards_name_what_they_were_trained_on(model):
    params, card = load_model(model)
    assert card.errors and card.not_for and card.data_hash and card.notes
    assert {e for m in card.monomers.values() for e in m.formula} == set(card.elements) and card.min_distance > 0.3
    pairs = {"-".join(sorted((a, b))) for a in card.elements for b in card.elements}
    assert set(card.closest) == pairs and all(0.7 < d < 3.0 for d in card.closest.values()), card.closest
    for name, monomer in card.monomers.items():
        base = load_level(card.base_level).monomers[name] if card.base_level else 0.0
        assert monomer.energy == pytest.approx(load_level(card.level).monomers[name] - base, abs=1e-5)


@pytest.mark.parametrize("model, data, composition", [
    ("gfn1-xtb_sa_am", "gfn1-xtb_sa_am", "2sa2am"), ("gfn1-xtb_sa_am_dma_w", "gfn1-xtb_sa_am", "2sa2am"),
    ("gfn1-xtb_sa_am_dma_w", "gfn1-xtb_dma_w", "2sa2dma"), ("gfn1-xtb_sa_am_dma_w", "gfn1-xtb_dma_w", "6w"),
    ("gfn1-xtb_sa_am_dma_w-large", "gfn1-xtb_sa_am", "2sa2am"),
])  # fmt: skip
def test_the_gfn1_models_have_the_errors_of_their_cards(model, data, composition):
    folder = resources.path("data", "models", model)
    labels = LabelSet.load(resources.path("data", "training", f"{data}.npz"))
    some = labels.subset(np.random.default_rng(1).choice(np.flatnonzero(labels.compositions == composition), 60, False))
    report = evaluate(PaiNNPotential(folder), some, MonomerLibrary.load()).report()["all"]
    card = load_model(folder)[1]
    found = report["forces"]["mae_kcal_mol_A"]
    # most of these were trained on: not worse than twice what the card says of unseen ones
    assert found < 2 * card.errors["validation_mae_forces_kcal_mol_A"], found
    assert report["energy"]["mae_kcal_mol"] * KCAL_PER_MOL < 0.2


@pytest.mark.parametrize("composition", ["5sa5am", "2sa2dma"])
def test_what_the_delta_models_taught_is_what_they_say_and_no_held_out_size(composition):
    taught = LabelSet.load(resources.path("data", "training", "b97-3c_sa_am_dma_w_taught.npz"))
    teacher = painn(next(r["options"]["model"] for r in recommendations() if r.get("delta")))
    assert taught.engine == engine_of(teacher)
    assert not set(taught.compositions) & {"9sa9am", "10sa10am", "15sa15am", "3sa3dma", "3sa3w"}
    few = taught.subset(np.flatnonzero(taught.compositions == composition)[:4])
    found = teacher.evaluate(few.clusters)
    assert found.energy == pytest.approx(few.clusters.energy, abs=2e-4)  # positions are stored in single precision
    assert found.forces == pytest.approx(few.clusters.forces, abs=2e-3)


@pytest.mark.parametrize("kind, sizes", [
    ("sa_am", ("9sa9am", "10sa10am")), ("15sa15am", ("15sa15am",)), ("dma_w", ("3sa3dma", "3sa3w")),
])  # fmt: skip
def test_the_held_out_sizes_are_held_out_and_their_errors_those_of_the_cards(kind, sizes):
    folder = resources.path("data", "training")
    held_out = LabelSet.load(folder / f"b97-3c_{kind}_held_out.npz")
    assert set(held_out.compositions) == set(sizes)
    assert not set(held_out.compositions) & set(LabelSet.load(folder / "b97-3c_sa_am_dma_w.npz").compositions)
    for seed in (7, 42):
        model = resources.path("data", "models", f"b97-3c_sa_am_dma_w-seed{seed}")
        report, card = (
            evaluate(PaiNNPotential(model), held_out, MonomerLibrary.load()).report()["all"],
            load_model(model)[1],
        )
        assert not any(f" {size}" in card.notes for size in sizes)
        name = f"held_out_{'_'.join(sizes)}_mae"
        assert report["energy"]["mae_kcal_mol"] == pytest.approx(card.errors[f"{name}_energy_kcal_mol"], abs=0.02)
        assert report["forces"]["mae_kcal_mol_A"] == pytest.approx(card.errors[f"{name}_forces_kcal_mol_A"], abs=0.01)


def test_a_correction_by_name_is_never_taken_for_a_whole_potential():
    from sampler.errors import LevelError

    name = "b97-3c_sa_am_dma_w-delta-gfn1"
    labels = LabelSet.load(resources.path("data", "training", "b97-3c_sa_am_dma_w.npz"))
    some = labels.subset(np.flatnonzero(labels.compositions == "2sa2am")[:3])
    whole = get_potential("painn", model=name)
    found = whole.evaluate(some.clusters).energy
    assert np.abs(found - some.clusters.energy).max() < 0.5, (
        found - some.clusters.energy
    )  # eV; the base is 17,000 eV off
    assert [m.card.weights_sha256 for m in whole.models] == [
        load_model(resources.path("data", "models", name))[1].weights_sha256
    ]
    with pytest.raises(
        LevelError, match="delta-gfn1: b97-3c@pyscf as a correction .* of gfn1-xtb; .*seed7: b97-3c@pyscf"
    ):
        get_potential("painn", model=[name, "b97-3c_sa_am_dma_w-seed7"])
