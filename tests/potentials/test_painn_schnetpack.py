"""The fused kernels and the PyTorch path against SchNetPack itself."""

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.composition import Composition
from sampler.generate import plan, run_chunk
from sampler.monomers import MonomerLibrary
from sampler.potentials.painn.card import ModelCard, load_model
from sampler.potentials.painn.parameters import Architecture, PaiNNParameters
from sampler.potentials.painn.potential import PaiNNPotential
from sampler.potentials.painn.schnetpack_io import from_schnetpack, to_schnetpack
from sampler.potentials.trained import model_folder, shipped

spk = pytest.importorskip("schnetpack")

ARCHITECTURES = {
    "paper": Architecture(),
    "bessel, mollifier, shared filters, odd width": Architecture(
        n_atom_basis=40, n_interactions=2, radial_basis="bessel", cutoff_function="mollifier", cutoff=4.25,
        shared_filters=True,
    ),
    "shared interactions, softplus, centred basis, deep output, mean": Architecture(
        n_atom_basis=32, n_interactions=3, n_rbf=11, shared_interactions=True, activation="shifted_softplus",
        radial_basis="gaussian_centered", output_widths=(32, 20, 7, 1), aggregation="avg", cutoff=6.0,
    ),
    "charges": Architecture(n_atom_basis=32, n_interactions=2, charge_width=0.8),
    "one layer, epsilon, linear output": Architecture(
        n_atom_basis=96, n_interactions=1, epsilon=1e-4, output_widths=(96, 1), n_rbf=30,
    ),
}  # fmt: skip


def packing(n: int, seed: int, closest: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """n atoms of H, N, O, S at random, no two closer than ``closest`` Å, at the density of a cluster."""
    rng = np.random.default_rng(seed)
    side, positions = (n * 9.0) ** (1 / 3), []
    while len(positions) < n:
        trial = rng.uniform(0, side, 3)
        if all(np.linalg.norm(trial - p) > closest for p in positions):
            positions.append(trial)
        side *= 1.0002
    return rng.choice([1, 1, 1, 7, 8, 8, 16], n), np.array(positions)


def population(sizes, seed=0) -> Clusters:
    parts = [packing(n, seed + i) for i, n in enumerate(sizes)]
    return Clusters.make([p for _, p in parts], [z for z, _ in parts])


def card(level="test") -> ModelCard:
    return ModelCard(level=level, elements=("H", "N", "O", "S"))


def schnetpack_says(model, clusters: Clusters, cutoff: float, dtype: str):
    """Energies (B,) and forces (N, 3) of SchNetPack, one structure after the other, in the model's unit."""
    import torch
    from ase import Atoms

    converter = spk.interfaces.AtomsConverter(spk.transform.ASENeighborList(cutoff=cutoff), dtype=getattr(torch, dtype))
    model = model.to(getattr(torch, dtype))
    energy, forces = [], []
    for i in range(len(clusters)):
        atoms = clusters.atoms_of(i)
        out = model(converter(Atoms(clusters.numbers[atoms], clusters.positions[atoms])))
        energy.append(float(out["energy"].detach()))
        forces.append(out["forces"].detach().numpy())
    return np.array(energy), np.concatenate(forces)


@pytest.mark.parametrize("engine, dtype", [("fused", "float32"), ("fused", "float64"), ("torch", "float64")])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_random_weights_give_schnetpacks_energies_and_forces(name, engine, dtype):
    architecture = ARCHITECTURES[name]
    atomref = np.linspace(-1.0, 2.0, architecture.max_z)
    params = PaiNNParameters.random(architecture, seed=5, mean=0.25, atomref=atomref)
    clusters = population([1, 2, 3, 11, 44, 30, 1, 7])
    energy, forces = schnetpack_says(to_schnetpack(params), clusters, architecture.cutoff, dtype)
    found = PaiNNPotential(params, card(), engine=engine, dtype=dtype).evaluate(clusters)
    assert list(found.failure) == [""] * len(clusters)
    per_atom = np.abs(found.energy - energy) / clusters.natoms
    worst = np.abs(found.forces - forces).max()
    scale = max(1.0, np.abs(forces).max())
    e_limit, f_limit = (3e-6, 2e-5) if dtype == "float32" else (1e-9, 2e-7)
    assert per_atom.max() < e_limit, (found.energy, energy)
    assert worst < f_limit * scale, (worst, scale)


@pytest.mark.parametrize("size", [165, 330])
def test_large_clusters(size):
    params = PaiNNParameters.random(ARCHITECTURES["paper"], seed=1)
    clusters = population([size])
    energy, forces = schnetpack_says(to_schnetpack(params), clusters, 5.0, "float32")
    found = PaiNNPotential(params, card()).evaluate(clusters)
    assert abs(found.energy[0] - energy[0]) < 1e-5 * size, (found.energy, energy)
    assert np.abs(found.forces - forces).max() < 1e-4


def test_isolated_atoms_and_pairs_at_the_cutoff():
    architecture = ARCHITECTURES["paper"]
    params = PaiNNParameters.random(architecture, seed=2)
    apart = np.array([[0, 0, 0], [0, 0, 40.0], [30.0, 0, 0]])
    at_cutoff = [np.array([[0.1, 0.2, 0.3], [0.1, 0.2, 0.3 + d]]) for d in (5.0, 5.0 - 1e-6, 5.0 + 1e-6, 4.999, 4.9)]
    clusters = Clusters.make([apart, *at_cutoff], [[1, 8, 16]] + [[8, 1]] * len(at_cutoff))
    energy, forces = schnetpack_says(to_schnetpack(params), clusters, architecture.cutoff, "float64")
    found = PaiNNPotential(params, card(), dtype="float64").evaluate(clusters)
    assert np.abs(found.energy - energy).max() < 1e-9, (found.energy, energy)
    assert np.abs(found.forces - forces).max() < 1e-8, (found.forces, forces)
    alone = PaiNNPotential(params, card(), dtype="float64").evaluate(Clusters.make([[[0, 0, 0]]] * 3, [[1], [8], [16]]))
    assert found.energy[0] == pytest.approx(alone.energy.sum(), abs=1e-10)


def test_weights_go_to_schnetpack_and_back():
    for architecture in ARCHITECTURES.values():
        params = PaiNNParameters.random(architecture, seed=7, mean=-0.5, atomref=np.arange(100.0))
        back = from_schnetpack(to_schnetpack(params), "kcal/mol")
        assert _same(back.architecture, architecture), back.architecture
        assert back.mean == params.mean and np.array_equal(back.atomref, params.atomref)
        assert back.energy_unit == pytest.approx(0.0433641043)
        for name, array in params.arrays.items():
            assert np.array_equal(array, back.arrays[name]), name


def _same(a: Architecture, b: Architecture) -> bool:
    from dataclasses import asdict

    return all(
        x == pytest.approx(y, rel=1e-6) if isinstance(x, float) else x == y
        for x, y in zip(asdict(a).values(), asdict(b).values())
    )


def test_schnetpacks_own_state_dict_has_the_same_names():
    """The names are SchNetPack's, so that a checkpoint can be exchanged without a table of names."""
    params = PaiNNParameters.random(Architecture(n_atom_basis=16, n_interactions=2))
    state = to_schnetpack(params).state_dict()
    assert set(params.arrays) <= set(state)


def test_foreign_parts_are_refused():
    import torch

    from sampler.errors import ModelError

    model = to_schnetpack(PaiNNParameters.random(Architecture(n_atom_basis=16, n_interactions=2)))
    model.representation.radial_basis = torch.nn.Identity()
    with pytest.raises(ModelError, match="radial basis Identity"):
        from_schnetpack(model)


@pytest.mark.parametrize("name", shipped())
def test_the_models_that_ship(name):
    """Trained weights on clusters as the funnel makes them, from a dimer to thirty molecules."""
    library = MonomerLibrary.load()
    params, _ = load_model(model_folder(name))
    parts = [
        run_chunk(plan(Composition.parse(c, library), library, 2, 2, "ions-first")[0], library, 3)
        for c in ("1sa1am", "4sa4am", "15sa15am")
    ]
    clusters = Clusters.make(
        [p.positions[p.atoms_of(i)] for p in parts for i in range(len(p))],
        [p.numbers[p.atoms_of(i)] for p in parts for i in range(len(p))],
    )
    energy, forces = schnetpack_says(to_schnetpack(params), clusters, params.architecture.cutoff, "float32")
    found = PaiNNPotential(params, card()).evaluate(clusters)
    assert list(found.failure) == [""] * len(clusters)
    apart = np.abs(found.energy - energy * params.energy_unit) / clusters.natoms
    assert apart.max() < 1e-5, apart
    assert np.abs(found.forces - forces * params.energy_unit).max() < 1e-4
