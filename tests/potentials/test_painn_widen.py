"""A small network as the start of a larger one."""

import dataclasses

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.errors import ModelError
from sampler.potentials.painn.card import ModelCard
from sampler.potentials.painn.parameters import Architecture, PaiNNParameters
from sampler.potentials.painn.potential import PaiNNPotential
from sampler.potentials.painn.widen import widen


def energies(params, clusters):
    return PaiNNPotential(params, ModelCard("gfn1-xtb", ("H", "N", "O", "S"), (0,))).evaluate(clusters)


@pytest.fixture
def clusters():
    rng = np.random.default_rng(3)
    grid = np.stack(np.meshgrid(*[np.arange(2)] * 3), -1).reshape(-1, 3) * 1.6
    positions = [grid[:n] + 0.1 * rng.normal(size=(n, 3)) for n in (5, 8)]
    return Clusters.make(positions, [rng.choice([1, 7, 8, 16], n) for n in (5, 8)])


def network(features, layers, seed=1, **more):
    return PaiNNParameters.random(Architecture(n_atom_basis=features, n_interactions=layers, **more), seed=seed)


@pytest.mark.parametrize("features, layers", [(48, 1), (32, 3), (48, 4), (32, 2)])
@pytest.mark.parametrize("seed", [0, None])
def test_a_wider_network_computes_the_same(clusters, features, layers, seed):
    small = network(32, min(layers, 2))
    for name in small.arrays:
        small.arrays[name] = small.arrays[name] * np.float32(0.5 if small.arrays[name].ndim == 2 else 1)
    for name in small.arrays:  # biases of a fresh network are zero: no test
        if name.endswith("bias"):
            small.arrays[name] += np.random.default_rng(4).normal(size=small.arrays[name].shape).astype(np.float32)
    large = widen(small, Architecture(n_atom_basis=features, n_interactions=layers), seed)
    assert (large.architecture.n_atom_basis, large.architecture.n_interactions) == (features, layers)
    here, there = energies(small, clusters), energies(large, clusters)
    assert np.abs(here.energy).min() > 0.01
    np.testing.assert_allclose(there.energy, here.energy, atol=2e-5, rtol=1e-5)
    np.testing.assert_allclose(there.forces, here.forces, atol=2e-5, rtol=1e-4)


def test_new_features_are_not_alike():
    """Features of equal weights would stay equal in training; new interactions are closed to the old features."""
    large = widen(network(32, 2), Architecture(n_atom_basis=48, n_interactions=3), seed=5).arrays
    for name, array in large.items():
        if array.ndim == 2 and "outnet.1" not in name:
            new = array.reshape(-1, 48, array.shape[1])[:, 32:] if len(array) % 48 == 0 else array[:, 32:].T[None]
            assert all(len(np.unique(rows, axis=0)) == len(rows) for rows in new), name
    last = large["representation.interactions.2.interatomic_context_net.1.weight"].reshape(3, 48, 48)
    assert not last[:, :32].any() and last[:, 32:].all()


@pytest.mark.parametrize("change", [{"cutoff": 6.0}, {"n_rbf": 24}, {"n_atom_basis": 16}, {"n_interactions": 1}])
def test_only_sizes_may_grow(change):
    wanted = dataclasses.replace(Architecture(n_atom_basis=48, n_interactions=3), output_widths=(), **change)
    wanted = dataclasses.replace(wanted, output_widths=(wanted.n_atom_basis, wanted.n_atom_basis // 2, 1))
    with pytest.raises(ModelError, match="cannot be widened"):
        widen(network(32, 2), wanted)
