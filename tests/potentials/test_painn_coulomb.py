"""Latent charges: Coulomb's law by hand, numerical derivatives, and what a cutoff cannot see."""

import numpy as np
import pytest
from scipy.special import erf

from sampler.clusters import Clusters
from sampler.errors import InputError
from sampler.potentials.painn.card import ModelCard, load_model, save_model
from sampler.potentials.painn.coulomb import interact
from sampler.potentials.painn.parameters import CHARGE_BIAS, CHARGE_WEIGHT, Architecture, PaiNNParameters
from sampler.potentials.painn.potential import PaiNNPotential
from sampler.potentials.painn.widen import widen
from sampler.units import BOHR, HARTREE

CHARGED = Architecture(n_atom_basis=32, n_interactions=2, charge_width=0.9)


def random_charges(sizes, seed=0):
    rng = np.random.default_rng(seed)
    ptr = np.concatenate([[0], np.cumsum(sizes)])
    return rng.uniform(0, 6, (ptr[-1], 3)), ptr, rng.normal(size=ptr[-1])


def by_hand(positions, ptr, charges, width):
    energy = []
    for start, stop in zip(ptr[:-1], ptr[1:]):
        r = np.linalg.norm(positions[start:stop, None] - positions[None, start:stop], axis=-1)
        np.fill_diagonal(r, np.inf)
        q = charges[start:stop] - charges[start:stop].mean()
        energy.append(0.5 * HARTREE * BOHR * (q[:, None] * q * erf(r / (np.sqrt(2) * width)) / r).sum())
    return np.array(energy)


def test_energy_is_coulombs_law():
    positions, ptr, charges = random_charges([1, 2, 7, 30])
    energy = np.zeros(4)
    interact(positions, ptr, charges, 0.9, energy)
    expected = by_hand(positions, ptr, charges, 0.9)
    print(energy, expected)
    assert energy == pytest.approx(expected, abs=1e-9)
    far = np.array([[0.0, 0, 0], [30.0, 0, 0]])
    energy = np.zeros(1)
    interact(far, np.array([0, 2]), np.array([1.0, -1.0]), 1.0, energy)
    assert energy[0] == pytest.approx(-HARTREE * BOHR / 30.0)  # point charges, far apart


def test_derivatives_are_numerical_ones():
    positions, ptr, charges = random_charges([3, 9], seed=1)
    slope, gradient = interact(positions, ptr, charges, 0.7, np.zeros(2))
    h = 1e-5
    for a in range(len(charges)):
        up, down = charges.copy(), charges.copy()
        up[a] += h
        down[a] -= h
        change = (by_hand(positions, ptr, up, 0.7) - by_hand(positions, ptr, down, 0.7)).sum() / (2 * h)
        assert slope[a] == pytest.approx(change, abs=1e-6)
        for x in range(3):
            up, down = positions.copy(), positions.copy()
            up[a, x] += h
            down[a, x] -= h
            change = (by_hand(up, ptr, charges, 0.7) - by_hand(down, ptr, charges, 0.7)).sum() / (2 * h)
            assert gradient[a, x] == pytest.approx(change, abs=1e-6)


def potential(engine="auto", dtype="float64", architecture=CHARGED, seed=2):
    params = PaiNNParameters.random(architecture, seed=seed)
    card = ModelCard(level="test", elements=("H", "N", "O", "S"), element_energies=dict.fromkeys("HNOS", 0.0))
    return PaiNNPotential(params, card, engine=engine, dtype=dtype, min_distance=0.0)


def some_clusters(seed=3):
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(3)] * 3), -1).reshape(-1, 3) * 1.4
    positions = [grid[:n] + rng.normal(scale=0.1, size=(n, 3)) for n in (4, 11, 27)]
    return Clusters.make(positions, [rng.choice([1, 7, 8, 16], len(p)) for p in positions])


def test_forces_are_the_gradient():
    clusters, model, h = some_clusters(), potential(), 1e-4
    forces = model.evaluate(clusters).forces
    for a in (0, 6, 20, 41):
        for x in range(3):
            step = np.zeros_like(clusters.positions)
            step[a, x] = h
            up, down = (
                model.evaluate(clusters.replace(positions=clusters.positions + s), forces=False).energy.sum()
                for s in (step, -step)
            )
            assert forces[a, x] == pytest.approx(-(up - down) / (2 * h), abs=1e-6)


@pytest.mark.parametrize("output", [(32, 16, 1), (32, 1)])
def test_fused_and_torch_agree(output):
    pytest.importorskip("torch")
    architecture = Architecture(n_atom_basis=32, n_interactions=2, charge_width=0.9, output_widths=output)
    clusters = some_clusters()
    a, b = (potential(engine, architecture=architecture).evaluate(clusters) for engine in ("fused", "torch"))
    assert a.energy == pytest.approx(b.energy, abs=1e-8)
    assert a.forces == pytest.approx(b.forces, abs=1e-6)
    single = potential("fused", "float32", architecture).evaluate(clusters)
    assert single.forces == pytest.approx(a.forces, abs=5e-3)


def test_charges_are_felt_beyond_the_cutoff():
    two = np.array([[0.0, 0, 0], [20.0, 0, 0]])
    pair = Clusters.make([two, two[:1], two[1:]], [[8, 7], [8], [7]])
    for architecture, felt in ((CHARGED, True), (Architecture(n_atom_basis=32, n_interactions=2), False)):
        e = potential(architecture=architecture).evaluate(pair, forces=False).energy
        assert (abs(e[0] - e[1] - e[2]) > 1e-3) == felt


def test_on_disk(tmp_path):
    model = potential(dtype="float32")
    save_model(tmp_path / "m", model.params, model.card)
    params, _ = load_model(tmp_path / "m")
    assert params.architecture == CHARGED
    clusters = some_clusters()
    again = PaiNNPotential(tmp_path / "m", min_distance=0.0).evaluate(clusters)
    assert (again.energy == model.evaluate(clusters).energy).all()


def test_a_network_without_charges_can_get_some():
    plain = PaiNNParameters.random(Architecture(n_atom_basis=32, n_interactions=2), seed=4)
    wide = widen(plain, Architecture(n_atom_basis=48, n_interactions=2, charge_width=1.0), seed=1)
    assert 0 < np.abs(wide.arrays[CHARGE_WEIGHT]).max() < 0.1 and not wide.arrays[CHARGE_BIAS].any()
    silent = wide.replace(arrays={**wide.arrays, CHARGE_WEIGHT: np.zeros_like(wide.arrays[CHARGE_WEIGHT])})
    card = potential().card
    clusters = some_clusters()
    a, b = (PaiNNPotential(p, card, dtype="float64", min_distance=0.0).evaluate(clusters) for p in (plain, silent))
    assert b.energy == pytest.approx(a.energy, abs=1e-6)
    wider = widen(wide, Architecture(n_atom_basis=64, n_interactions=3, charge_width=1.0), seed=1)
    c, d = (PaiNNPotential(p, card, dtype="float64", min_distance=0.0).evaluate(clusters) for p in (wide, wider))
    assert d.energy == pytest.approx(c.energy, abs=1e-6)


@pytest.mark.parametrize("options", [dict(charge_width=-1.0), dict(charge_width=1.0, aggregation="avg")])
def test_what_makes_no_sense(options):
    with pytest.raises(InputError, match="charge"):
        Architecture(**options)
