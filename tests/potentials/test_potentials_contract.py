"""One contract for every potential of the registry; an engine that is not installed skips."""

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.errors import MissingDependency, PotentialError
from sampler.potentials import Evaluation, Potential, available, check_potential, get_potential

WATER = np.array([[0.03, 0.01, 0.11], [0.02, 0.77, -0.47], [-0.04, -0.74, -0.50]])
AMMONIA = np.array([[0.0, 0.05, 0.12], [0.94, 0.02, -0.27], [-0.47, 0.83, -0.25], [-0.46, -0.80, -0.29]])
OHH, NHHH = np.array([8, 1, 1]), np.array([7, 1, 1, 1])
AMMONIUM = np.array([[0, 0, 0], [0.6, 0.6, 0.59], [-0.6, -0.6, 0.6], [0.6, -0.6, -0.6], [-0.61, 0.6, -0.6]], float)
DELTA = "painn, a committee of corrections to gfn1-xtb"
# eV, eV/Å by which turning the molecules below in the fixed grid of these methods may change the numbers, as stated in
# docs/evidence/b97-3c.md, "Grid"; what check_potential takes by default is distorted further, and turns worse
GRID = {"b97-3c@pyscf": (2e-3, 5e-3), "wb97x-d@pyscf": (2e-3, 8e-3)}
SLOW = {"b97-3c", "pyscf:b97-3c", "r2scan-3c", "wb97x-d"}


def make(name: str, tmp_path) -> Potential:
    try:
        if name == "painn":
            from sampler.potentials.painn.card import ModelCard, save_model
            from sampler.potentials.painn.parameters import Architecture, PaiNNParameters

            weights = PaiNNParameters.random(Architecture(n_atom_basis=16, n_interactions=2), seed=0)
            save_model(tmp_path, weights, ModelCard(level="random", elements=("H", "N", "O"), charges=(0, 1)))
            return get_potential("painn", model=str(tmp_path))
        if name == DELTA:
            from sampler.potentials.painn.card import ModelCard, save_model
            from sampler.potentials.painn.parameters import Architecture, PaiNNParameters

            card = ModelCard(level="random", elements=("H", "N", "O"), charges=(0, 1), base_level="gfn1-xtb")
            for seed in (1, 2):
                weights = PaiNNParameters.random(Architecture(n_atom_basis=16, n_interactions=2), seed=seed)
                save_model(tmp_path / str(seed), weights, card)
            return get_potential("painn", model=[str(tmp_path / str(seed)) for seed in (1, 2)])
        return get_potential(name)
    except MissingDependency as error:
        pytest.skip(str(error))


def names():
    for name in (*available(), DELTA):
        yield pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name


@pytest.fixture(params=names())
def potential(request, tmp_path):
    potential = make(request.param, tmp_path)
    try:
        potential.evaluate(Clusters.make([WATER], [OHH]))
    except MissingDependency as error:
        pytest.skip(str(error))
    return potential


@pytest.fixture
def batch():
    positions = [WATER, AMMONIA, WATER + 5.0, AMMONIUM]
    return Clusters.make(positions, [OHH, NHHH, OHH, np.r_[7, 1, 1, 1, 1]], charge=[0, 0, 0, 1])


def test_keeps_to_what_potentials_promise(potential, batch):
    if potential.level not in GRID:
        check_potential(potential)
        return
    energy, forces = GRID[potential.level]
    check_potential(potential, batch, turned_energy=energy, turned_force=forces)


def test_shapes_and_types(potential, batch):
    assert isinstance(potential, Potential)
    assert potential.level and potential.level == potential.level.lower()
    found = potential.evaluate(batch)
    assert isinstance(found, Evaluation)
    assert found.energy.shape == (4,) and found.energy.dtype == np.float64
    assert found.forces.shape == batch.positions.shape and found.forces.dtype == np.float64
    assert list(found.failure) == [""] * 4
    assert np.isfinite(found.energy).all() and np.isfinite(found.forces).all()


def test_no_structures(potential):
    found = potential.evaluate(Clusters.empty())
    assert found.energy.shape == (0,) and found.forces.shape == (0, 3) and found.failure.shape == (0,)


def test_unknown_names_and_options():
    with pytest.raises(PotentialError, match="known: .*gfn1-xtb"):
        get_potential("gfn3-xtb")
    with pytest.raises(PotentialError, match="accurracy"):
        get_potential("gfn1-xtb", accurracy=0.1)
