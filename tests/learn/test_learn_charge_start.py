"""New charges of a network start at those of GFN1-xTB."""

import dataclasses

import numpy as np
import pytest
from test_learn_train import SMALL, labels_of

from sampler.learn.labels.dataset import LabelSet
from sampler.learn.training.charge_start import start_charges
from sampler.learn.training.targets import direct_targets
from sampler.learn.training.train import train
from sampler.monomers import MonomerLibrary
from sampler.potentials.painn.card import load_model
from sampler.potentials.painn.coulomb import interact
from sampler.potentials.painn.network import Network
from sampler.potentials.painn.parameters import CHARGE_BIAS, CHARGE_WEIGHT, Architecture, PaiNNParameters
from sampler.potentials.painn.widen import widen
from sampler.potentials.trained import model_folder
from sampler.potentials.xtb import XTBPotential
from sampler.resources import path

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def library():
    return MonomerLibrary.load()


@pytest.fixture(scope="module")
def targets(library):
    labels = LabelSet.load(path("data", "training", "gfn1-xtb_sa_am.npz"))
    small = np.flatnonzero(labels.clusters.natoms <= 33)
    return direct_targets(labels.subset(small[:: len(small) // 150]), library)


@pytest.mark.parametrize("output", [(24, 12, 1), (24, 20, 7, 1), (24, 1)])
def test_hidden_features_are_those_of_torch(output):
    pytest.importorskip("torch")
    from sampler.potentials.painn.torch_path import TorchNetwork

    architecture = Architecture(n_atom_basis=24, n_interactions=2, charge_width=1.0, output_widths=output)
    params = PaiNNParameters.random(architecture, seed=1)
    rng = np.random.default_rng(0)
    x, z = rng.normal(scale=2.0, size=(9, 3)), np.array([1, 8, 7, 16, 1, 1, 8, 8, 1])
    fused, torch = Network(params, np.float64), TorchNetwork(params, np.float64)
    fused.forward(z, fused.pairs(x, np.array([0, 9])))
    pairs = torch.pairs(x, np.array([0, 9]))
    wanted = torch.hidden(torch._index(z), torch.torch.tensor(x), torch._index(pairs.i), torch._index(pairs.j))
    assert fused.hidden(9) == pytest.approx(wanted.numpy(), abs=1e-7)


def test_charges_of_gfn1_and_nearly_the_old_energies(targets):
    charged, _ = load_model(model_folder("b97-3c_sa_am_dma_w-seed42"))
    architecture = charged.architecture
    plain = dataclasses.replace(
        charged,
        architecture=dataclasses.replace(architecture, charge_width=0.0),
        arrays={name: array for name, array in charged.arrays.items() if name not in (CHARGE_WEIGHT, CHARGE_BIAS)},
    )
    params = start_charges(widen(plain, architecture), targets, seed=0)
    c, network = targets.clusters, Network(params, np.float64)
    pairs = network.pairs(c.positions, c.ptr)
    energy = network.forward(c.numbers, pairs).energy
    charges = network.hidden(len(c.numbers)) @ params.arrays[CHARGE_WEIGHT][0]
    for atoms in map(c.atoms_of, range(len(c))):
        charges[atoms] -= charges[atoms].mean()
    reference = XTBPotential().charges(c)
    known = np.isfinite(reference)
    error = (charges - reference)[known]
    coulomb = np.zeros(len(c))
    interact(c.positions, c.ptr, charges, 1.8, coulomb)
    off = energy - Network(plain, np.float64).forward(c.numbers, pairs).energy
    print("charges", reference[known].std(), error.std(), "energies", coulomb.std(), off.std())
    assert error.std() < 0.15 * reference[known].std()
    assert off.std() < 0.15 * coulomb.std() and abs(off.mean()) < 0.5


def test_training_starts_there_and_resumes_to_the_same_weights(tmp_path, library, monkeypatch):
    targets = direct_targets(labels_of(library), library)
    settings, asked = SMALL.replace(charge_width=1.5), []
    original = XTBPotential.charges
    monkeypatch.setattr(XTBPotential, "charges", lambda self, c: asked.append(len(c)) or original(self, c))
    train(targets, settings, tmp_path / "whole", quiet=True)
    assert asked == [len(targets)]
    for _ in range(settings.epochs):
        train(targets, settings, tmp_path / "parts", quiet=True, stop_after=1)
    assert len(asked) == 2  # a run that goes on has its charges
    a, b = (load_model(tmp_path / f / "model")[0].arrays for f in ("whole", "parts"))
    assert all(np.array_equal(a[k], b[k]) for k in a)
    train(targets, settings.replace(epochs=1), tmp_path / "next", init=tmp_path / "whole" / "model", quiet=True)
    assert len(asked) == 2  # nor does a start with charges need new ones
