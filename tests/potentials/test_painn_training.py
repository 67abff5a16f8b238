"""Loss and weight gradients against SchNetPack's autograd."""

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.errors import InputError, ModelError
from sampler.potentials.painn.parameters import Architecture, PaiNNParameters
from sampler.potentials.painn.schnetpack_io import to_schnetpack
from sampler.potentials.painn.training import Trainer

spk = pytest.importorskip("schnetpack")

ARCHITECTURES = {
    "plain": Architecture(n_atom_basis=64, n_interactions=3),
    "charges": Architecture(n_atom_basis=64, n_interactions=3, charge_width=1.0),
    "odd width, shared filters, bessel": Architecture(
        n_atom_basis=24, n_interactions=2, shared_filters=True, radial_basis="bessel", cutoff=4.5, n_rbf=8
    ),
    "shared interactions, softplus, mean": Architecture(
        n_atom_basis=32, n_interactions=3, shared_interactions=True, activation="shifted_softplus",
        output_widths=(32, 20, 7, 1), aggregation="avg", cutoff_function="mollifier",
    ),
}  # fmt: skip


def population(sizes, seed=0) -> Clusters:
    rng = np.random.default_rng(seed)
    positions, numbers = [], []
    for n in sizes:
        side, found = (n * 9.0) ** (1 / 3), []
        while len(found) < n:
            trial = rng.uniform(0, side, 3)
            if all(np.linalg.norm(trial - p) > 0.95 for p in found):
                found.append(trial)
            side *= 1.0002
        positions.append(np.array(found))
        numbers.append(rng.choice([1, 7, 8, 16], n))
    return Clusters.make(positions, numbers)


def autograd(params, clusters, energy_target, force_target, weights, losses, per_atom, dtype):
    """Loss and gradients of SchNetPack's model and torch's losses."""
    import torch
    from ase import Atoms

    kind = getattr(torch, dtype)
    model = to_schnetpack(params).to(kind)
    model.train()
    converter = spk.interfaces.AtomsConverter(
        spk.transform.ASENeighborList(cutoff=params.architecture.cutoff), dtype=kind
    )
    frames = [Atoms(clusters.numbers[clusters.atoms_of(i)], clusters.positions[clusters.atoms_of(i)])
              for i in range(len(clusters))]  # fmt: skip
    out = model(converter(frames))
    loss_of = {"mse": torch.nn.functional.mse_loss, "mae": torch.nn.functional.l1_loss}
    scale = torch.tensor(1.0 / clusters.natoms if per_atom else np.ones(len(clusters)))
    target = torch.tensor(energy_target)
    loss = weights[0] * loss_of[losses[0]](out["energy"] * scale, target * scale)
    if force_target is not None:
        loss = loss + weights[1] * loss_of[losses[1]](out["forces"], torch.tensor(force_target).to(kind))
    loss.backward()
    named = dict(model.named_parameters())
    return float(loss.detach()), {k: named[k].grad.numpy() for k in params.trainable}


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize(
    "losses, per_atom, forces",
    [(("mse", "mse"), False, True), (("mae", "mae"), True, True), (("mse", "mse"), True, False)],
)
def test_gradients_are_those_of_schnetpack(name, losses, per_atom, forces):
    params = PaiNNParameters.random(ARCHITECTURES[name], seed=1, mean=0.5)
    clusters = population([1, 5, 11, 30, 2, 22], seed=3)
    rng = np.random.default_rng(0)
    energy_target = rng.normal(size=len(clusters))
    force_target = rng.normal(size=(len(clusters.numbers), 3)) if forces else None
    weights = (0.3, 2.0)
    expected_loss, expected = autograd(
        params, clusters, energy_target, force_target, weights, losses, per_atom, "float64"
    )
    size = np.sqrt(sum(float((g**2).sum()) for g in expected.values()))
    single = 4e-3 if name == "charges" else 3e-3
    for dtype, whole, each in ((np.float64, 5e-7, 2e-5), (np.float32, single, 0.1)):
        loss, found, _ = Trainer(params, dtype).loss_and_gradients(
            clusters, energy_target, force_target, energy_weight=weights[0], force_weight=weights[1],
            energy_loss=losses[0], force_loss=losses[1], energy_per_atom=per_atom,
        )  # fmt: skip
        assert loss == pytest.approx(expected_loss, rel=1e-5)
        assert set(found) == set(params.trainable) == set(expected)
        square = 0.0
        for key, gradient in expected.items():
            assert found[key].shape == gradient.shape
            wrong = np.linalg.norm(found[key] - gradient)
            square += wrong**2
            own = max(np.linalg.norm(gradient), 1e-3 * size)
            assert wrong < each * own, (dtype.__name__, key, wrong, np.linalg.norm(gradient))
        assert np.sqrt(square) < whole * size, (dtype.__name__, np.sqrt(square) / size)


def test_the_gradient_is_downhill():
    """A step against the gradient lowers the loss by what the gradient says; no other code involved."""
    params = PaiNNParameters.random(ARCHITECTURES["plain"], seed=2)
    clusters = population([11, 22], seed=1)
    targets = np.zeros(2), np.zeros((33, 3))
    trainer = Trainer(params, np.float64)
    loss, gradients, report = trainer.loss_and_gradients(clusters, *targets)
    assert loss == pytest.approx(report.energy_loss + report.force_loss)
    square = sum(float((g**2).sum()) for g in gradients.values())
    h = 1e-5 / np.sqrt(square)
    sides = []
    for sign in (1, -1):
        trainer.set_weights({k: params.arrays[k].astype(np.float64) + sign * h * g for k, g in gradients.items()})
        sides.append(trainer.loss_and_gradients(clusters, *targets)[0])
    assert (sides[0] - sides[1]) / (2 * h) == pytest.approx(square, rel=1e-4)


def test_what_does_not_fit_is_refused():
    trainer = Trainer(PaiNNParameters.random(Architecture(n_atom_basis=32, n_interactions=1)))
    clusters = population([3])
    with pytest.raises(InputError, match="do not fit"):
        trainer.loss_and_gradients(clusters, np.zeros(2))
    with pytest.raises(InputError, match="unknown loss"):
        trainer.loss_and_gradients(clusters, np.zeros(1), energy_loss="huber")
    with pytest.raises(ModelError, match="radial basis"):
        Trainer(PaiNNParameters.random(Architecture(n_atom_basis=32, n_interactions=1, trainable_basis=True)))
