"""The fast engine trains every shape of the grid of the paper: its smallest and its largest, against SchNetPack."""

from pathlib import Path

import numpy as np
import pytest
from small_sets import write

from sampler.cli.common import library
from sampler.learn.training.settings import TrainSettings
from sampler.learn.training.train import train
from sampler.potentials.painn.card import load_model
from sampler.study.data import open_data, pair_of

pytestmark = pytest.mark.once


def schnetpack_energies(params, clusters):
    """(B,) of the same weights in SchNetPack."""
    import schnetpack as spk
    import torch

    from sampler.potentials.painn.schnetpack_io import to_schnetpack

    model = to_schnetpack(params).eval()
    neighbours = spk.transform.MatScipyNeighborList(cutoff=params.architecture.cutoff)
    inputs = spk.interfaces.AtomsConverter(neighbours, dtype=torch.float32)(clusters.to_ase())
    return model(inputs)["energy"].detach().numpy().astype(float)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(32, 3, 10), (128, 4, 20), (512, 5, 30)])
def test_it_learns_and_is_the_same_network_elsewhere(shape, tmp_path):
    (tmp_path / "sets").mkdir()
    file, _ = write(tmp_path / "sets", train=12, test=4)
    pair = pair_of(open_data([Path(file)], None, library(None)), library(None))
    basis, interactions, functions = shape
    settings = TrainSettings(
        n_atom_basis=basis, n_interactions=interactions, n_rbf=functions, epochs=4, batch_size=5, seed=7,
        learning_rate=1e-3 if basis < 512 else 1e-4,
    )  # fmt: skip
    losses = []
    done = train(pair.train, settings, tmp_path / "t", quiet=True, after_epoch=lambda rows: losses.append(rows[-1]))
    told = [row["train_loss"] for row in losses]
    print(shape, told)
    assert told[-1] < told[0] and np.isfinite(told).all()
    params = load_model(done.model)[0]
    a = params.architecture
    assert (a.n_atom_basis, a.n_interactions, a.n_rbf) == shape
    from sampler.learn.training.fast_engine import validation_errors

    some = np.arange(6)
    part, energy, _ = pair.train.take(some)
    mine = validation_errors(params, pair.train, some)[0] + energy
    other = schnetpack_energies(params, part)
    print(mine - other)
    assert mine == pytest.approx(other, abs=5e-5)
