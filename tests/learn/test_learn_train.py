"""Training: the fused engine against SchNetPack and torch, exact resume, transfer, cards."""

import csv
import dataclasses

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.errors import InputError, LevelError, ModelError, RunError
from sampler.learn.labels.dataset import LabelSet
from sampler.learn.training.optimiser import AdamW, Flat, learning_rate
from sampler.learn.training.settings import RECIPES, TrainSettings
from sampler.learn.training.targets import delta_targets, direct_targets
from sampler.learn.training.train import train
from sampler.monomers import MonomerLibrary
from sampler.potentials import Potential
from sampler.potentials.base import Evaluation, evaluate_each
from sampler.potentials.painn.card import load_model
from sampler.potentials.painn.potential import PaiNNPotential

SMALL = TrainSettings(
    n_atom_basis=16, n_interactions=2, n_rbf=8, epochs=3, batch_size=4, learning_rate=2e-3, schedule="cosine", ema=0.9,
    clip=5.0, warmup=3, energy_share=0.1, seed=3,
)  # fmt: skip


class Springs(Potential):
    """Pairs of atoms on springs with a cutoff: a made-up level that costs nothing."""

    level = "springs"

    def __init__(self, strength=0.5, level="springs"):
        self.strength, self.level = strength, level

    def evaluate(self, clusters, forces=True) -> Evaluation:
        return evaluate_each(clusters, self._one, forces)

    def _one(self, numbers, positions, charge):
        delta = positions[:, None] - positions[None]
        r = np.linalg.norm(delta, axis=-1) + np.eye(len(numbers)) * 99.0
        inside = (r < 4.0) * (4.0 - r)
        pair = np.where(r < 4.0, -2.0 * self.strength * inside / r, 0.0)
        return 0.5 * self.strength * float((inside**2).sum()), -(pair[..., None] * delta).sum(1)


@pytest.fixture(scope="module")
def library():
    return MonomerLibrary.load()


def labels_of(library, count=24, seed=0, potential=None) -> LabelSet:
    potential = potential or Springs()
    rng = np.random.default_rng(seed)
    sa, am = library["sa"], library["am"]
    z, p, names = [], [], []
    for i in range(count):
        second = sa if i % 3 else am
        z.append(np.concatenate([sa.numbers, second.numbers]))
        base = np.vstack([sa.conformers[0].positions, second.conformers[0].positions + [3.6, 0.5, 0]])
        p.append(base + rng.normal(0, 0.08, base.shape))
        names.append("2sa" if i % 3 else "1sa1am")
    clusters = Clusters.make(p, z, columns={"composition": np.asarray(names)})
    found = potential.evaluate(clusters)
    alone = Clusters.make([m.conformers[0].positions for m in (sa, am)], [m.numbers for m in (sa, am)])
    e = potential.evaluate(alone).energy
    clusters = clusters.replace(energy=found.energy, forces=found.forces, level=potential.level)
    return LabelSet(clusters, {"sa": float(e[0]), "am": float(e[1])}, "a test")


def weights(folder):
    return load_model(folder / "model")[0].arrays


def test_springs_have_the_forces_of_their_energy(library):
    c, h = labels_of(library, 1).clusters, 1e-5
    moved = np.repeat(c.positions[None], 2, 0)
    moved[0, 2, 1] += h
    moved[1, 2, 1] -= h
    up, down = (Springs().evaluate(c.replace(positions=p)).energy[0] for p in moved)
    assert c.forces[2, 1] == pytest.approx(-(up - down) / (2 * h), abs=1e-6)


def test_adamw_is_that_of_torch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    start = rng.normal(size=50).astype(np.float32)
    mine = AdamW(start, weight_decay=0.05)
    theirs = torch.nn.Parameter(torch.tensor(start))
    optimiser = torch.optim.AdamW([theirs], lr=0.01, weight_decay=0.05)
    for _ in range(20):
        gradient = rng.normal(size=50).astype(np.float32)
        mine.update(gradient, 0.01, clip=3.0)
        theirs.grad = torch.tensor(gradient)
        torch.nn.utils.clip_grad_norm_([theirs], 3.0)
        optimiser.step()
    rounding = 20 * np.finfo(np.float32).eps * np.abs(start).max()  # one unit in the last place a step
    assert np.abs(mine.weights - theirs.detach().numpy()).max() < rounding


def test_flat_vector_is_a_view():
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.array([7.0])}
    flat = Flat(("a", "b"), {k: v.shape for k, v in arrays.items()})
    vector = flat.pack(arrays)
    flat.view(vector)["a"][1, 2] = -1.0
    assert vector.tolist() == [0, 1, 2, 3, 4, -1, 7]


def test_learning_rate_schedules():
    rate = lambda step, schedule="cosine": learning_rate(step, 110, 1.0, schedule, 0.1, 10, 1.0)  # noqa: E731
    assert [rate(0), rate(4), rate(9)] == pytest.approx([0.1, 0.5, 1.0])
    assert rate(60) == pytest.approx(0.55) and rate(110) == pytest.approx(0.1)
    assert rate(60, "constant") == 1.0


def test_settings_are_checked_and_the_paper_is_the_default():
    paper = RECIPES["paper"]
    assert (paper.n_atom_basis, paper.n_interactions, paper.n_rbf, paper.cutoff) == (128, 5, 20, 5.0)
    assert (paper.learning_rate, paper.batch_size, paper.validation, paper.schedule) == (1e-4, 2, 0.1, "constant")
    assert paper.energy_share == 0.01 and paper.loss == "mae"
    for wrong in (
        {"engine": "magic"}, {"energy_share": 1.5}, {"batch_size": 0}, {"loss": "l3"}, {"seed": -1},
        {"early_stopping": -1}, {"schedule": "plateau", "patience": 0}, {"clip": -1.0}, {"weight_decay": -0.1},
        {"warmup": -5}, {"clip": float("nan")}, {"learning_rate": float("inf")}, {"charge_width": -1.0},
    ):  # fmt: skip
        with pytest.raises(InputError, match=list(wrong)[-1]):
            TrainSettings(**wrong)


def test_targets_are_binding_energies_and_differences(library):
    labels = labels_of(library)
    targets = direct_targets(labels, library)
    c = labels.clusters
    expected = c.energy[1] - 2 * labels.references["sa"]
    assert labels.compositions[1] == "2sa" and targets.energy[1] == pytest.approx(expected, abs=1e-12)
    base = Springs(0.2, "weak springs")
    delta = delta_targets(labels, base, library)
    low = labels_of(library, potential=base)
    # the monomers of the base lie at the library's geometry in both, so the differences agree exactly
    assert np.allclose(delta.energy, targets.energy - direct_targets(low, library).energy, atol=1e-9)
    assert np.allclose(delta.forces, c.forces - low.clusters.forces, atol=1e-12)
    with pytest.raises(LevelError):
        delta_targets(labels, Springs(), library)


def test_labels_without_forces_are_targets_where_energies_alone_are_learnt(library):
    whole = labels_of(library)
    labels = LabelSet(whole.clusters.replace(forces=None), whole.references)
    base = Springs(0.2, "weak springs")
    for made in (
        lambda x, **how: direct_targets(x, library, **how),
        lambda x, **how: delta_targets(x, base, library, **how),
    ):
        with pytest.raises(InputError, match="hold no forces"):
            made(labels)
        energies = made(labels, energies_only=True)
        assert not energies.has_forces and made(whole).has_forces and not energies.forces.any()
        np.testing.assert_array_equal(energies.energy, made(whole).energy)


def test_training_learns_and_the_model_reproduces_its_errors(tmp_path, library):
    targets = direct_targets(labels_of(library, 40), library)
    settings = SMALL.replace(epochs=25, learning_rate=5e-3)
    done = train(targets, settings, tmp_path / "run", quiet=True)
    rows = list(csv.DictReader((tmp_path / "run" / "curves.csv").open()))
    assert len(rows) == 25 and (tmp_path / "run" / "curves.png").stat().st_size > 1000
    first, best = float(rows[0]["validation_loss"]), min(float(r["validation_loss"]) for r in rows)
    assert best < 0.5 * first, (first, best)
    # the potential made from the folder predicts total energies: labels minus predictions give the card's errors
    potential = PaiNNPotential(done.model)
    from sampler.learn.labels.dataset import split

    chosen = split(len(targets), settings.validation, settings.seed)[1]
    c = targets.clusters[chosen]
    error = np.abs(potential.evaluate(c).energy - c.energy).mean() * 23.060547830619
    assert error == pytest.approx(done.errors["validation_mae_energy_kcal_mol"], rel=2e-3)
    card = potential.card
    assert card.level == "springs" and set(card.elements) == {"H", "N", "O", "S"} and card.data_hash == targets.digest


def test_the_card_says_how_close_each_pair_of_elements_came(tmp_path, library):
    from ase import Atoms

    targets = direct_targets(labels_of(library, 6), library)
    card = PaiNNPotential(train(targets, SMALL.replace(epochs=1), tmp_path, quiet=True).model).card
    found = {}
    for one in targets.clusters:
        atoms = Atoms(one.numbers, one.positions)
        d = atoms.get_all_distances()
        for i in range(len(atoms)):
            for j in range(i):
                pair = "-".join(sorted((atoms.symbols[i], atoms.symbols[j])))
                found[pair] = min(found.get(pair, 99.0), d[i, j])
    assert set(card.closest) == set(found)
    assert all(0 <= found[pair] - distance < 0.0011 for pair, distance in card.closest.items()), (found, card.closest)
    assert card.min_distance == pytest.approx(0.98 * min(found.values()), abs=0.002)


def test_no_validation_holds_none_out(tmp_path, library):
    done = train(
        direct_targets(labels_of(library, 8), library), SMALL.replace(epochs=1, validation=0), tmp_path, quiet=True
    )
    assert load_model(done.model)[1].training["structures"] == 8
    assert all(name.startswith("training_") for name in done.errors)


@pytest.mark.parametrize("engine", ["fast", pytest.param("schnetpack", marks=pytest.mark.slow)])
def test_energies_alone_are_enough_for_a_loss_of_energies(tmp_path, library, engine):
    labels = labels_of(library, 12)
    labels = dataclasses.replace(labels, clusters=labels.clusters.replace(forces=None))
    settings = SMALL.replace(epochs=2, energy_share=1.0, engine=engine)
    done = train(direct_targets(labels, library, energies_only=True), settings, tmp_path, quiet=True)
    assert done.errors["validation_mae_energy_kcal_mol"] > 0 and not any("forces" in name for name in done.errors)
    assert (tmp_path / "curves.png").exists()


@pytest.mark.parametrize("engine", ["fast", pytest.param("schnetpack", marks=pytest.mark.slow)])
def test_a_killed_training_ends_with_the_same_weights(tmp_path, library, engine):
    targets = direct_targets(labels_of(library), library)
    settings = SMALL.replace(engine=engine)
    train(targets, settings, tmp_path / "whole", quiet=True)
    for _ in range(settings.epochs):
        train(targets, settings, tmp_path / "parts", quiet=True, stop_after=1)
    a, b = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert all(np.array_equal(a[k], b[k]) for k in a)


def test_a_killed_fine_tuning_ends_with_the_same_weights(tmp_path, library):
    """The model that it starts from is opened anew at each start."""
    targets = direct_targets(labels_of(library), library)
    train(targets, SMALL.replace(epochs=2), tmp_path / "first", quiet=True)
    more = SMALL.replace(epochs=3, clip=1.0)
    start = tmp_path / "first" / "model"
    train(targets, more, tmp_path / "whole", init=start, quiet=True)
    for _ in range(more.epochs):
        train(targets, more, tmp_path / "parts", init=start, quiet=True, stop_after=1)
    a, b = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert all(np.array_equal(a[k], b[k]) for k in a)


def test_a_folder_belongs_to_one_training(tmp_path, library):
    targets = direct_targets(labels_of(library, 8), library)
    train(targets, SMALL.replace(epochs=1), tmp_path, quiet=True)
    with pytest.raises(RunError, match="learning_rate"):
        train(targets, SMALL.replace(epochs=1, learning_rate=1e-4), tmp_path, quiet=True)
    other = direct_targets(labels_of(library, 8, seed=5), library)
    with pytest.raises(RunError, match="data"):
        train(other, SMALL.replace(epochs=1), tmp_path, quiet=True)


def test_transfer_starts_from_the_given_weights(tmp_path, library):
    targets = direct_targets(labels_of(library), library)
    train(targets, SMALL.replace(epochs=6), tmp_path / "first", quiet=True)
    more = SMALL.replace(epochs=1, learning_rate=1e-9, warmup=0, ema=0.0)
    train(targets, more, tmp_path / "second", init=tmp_path / "first" / "model", quiet=True)
    a, b = weights(tmp_path / "first"), weights(tmp_path / "second")
    assert max(np.abs(a[k] - b[k]).max() for k in a) < 1e-6
    assert load_model(tmp_path / "second" / "model")[1].training["init"].startswith("springs ")
    with pytest.raises(ModelError, match="architecture"):
        train(targets, more.replace(n_atom_basis=8), tmp_path / "third", init=tmp_path / "first" / "model")


def test_charges_are_for_neutral_clusters(tmp_path, library):
    targets = direct_targets(labels_of(library, 8), library)
    ions = dataclasses.replace(targets, clusters=targets.clusters.replace(charge=np.arange(8) == 3))
    with pytest.raises(InputError, match=f"{targets.clusters.ids[3]} is an ion"):
        train(ions, SMALL.replace(charge_width=1.0), tmp_path, quiet=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("charge_width", [0.0, 1.5])
def test_both_engines_walk_the_same_path(tmp_path, library, charge_width):
    """Same seed, same order, same rates: after 18 steps the weights agree but for rounding."""
    targets = direct_targets(labels_of(library), library)
    settings = SMALL.replace(
        loss="mse", charge_width=charge_width
    )  # smooth, so that rounding is not blown up by the sign of a small error
    for engine in ("fast", "schnetpack"):
        train(targets, settings.replace(engine=engine), tmp_path / engine, quiet=True)
    a, b = weights(tmp_path / "fast"), weights(tmp_path / "schnetpack")
    start = weights_at_start(settings)
    moved = np.sqrt(sum(((a[k] - start[k]) ** 2).sum() for k in a))
    apart = np.sqrt(sum(((a[k] - b[k]) ** 2).sum() for k in a))
    assert apart < 0.02 * moved, (apart, moved)
    rows = [list(csv.DictReader((tmp_path / e / "curves.csv").open())) for e in ("fast", "schnetpack")]
    for fast, other in zip(*rows):
        for key in ("train_loss", "validation_loss", "validation_mae_forces_kcal_mol_A"):
            assert float(fast[key]) == pytest.approx(float(other[key]), rel=0.01), (key, fast, other)


def weights_at_start(settings):
    from sampler.learn.training.train import _start

    return _start(settings, None)[0].arrays
