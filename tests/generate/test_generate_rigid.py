"""The rigid surface against plain sums and numerical derivatives; its minimiser against scipy's."""

import tomllib

import numpy as np
import pytest

from sampler import resources, units
from sampler.composition import Composition
from sampler.funnel.protocols.automatic import resolve
from sampler.funnel.protocols.protocol import load
from sampler.funnel.runner import library_digest, with_surface
from sampler.generate import fitted, generate
from sampler.generate.packing import pack
from sampler.generate.rigid import (
    Poses,
    RigidSystem,
    coordinates,
    evaluate,
    minimise,
    parameters_of,
    random_quaternions,
    rotation_matrices,
    surface_parameters,
)
from sampler.monomers import MonomerLibrary

LIBRARY = MonomerLibrary.load()


def system_of(name: str, state: int = -1) -> RigidSystem:
    return RigidSystem.build(Composition.parse(name, LIBRARY).states(LIBRARY)[state], LIBRARY)


def plain_energy(system: RigidSystem, positions: np.ndarray, monomers) -> float:
    """The sum written out from the numbers in the files."""
    table = tomllib.loads(resources.path("data", "surfaces", f"{LIBRARY.surface}.toml").read_text(encoding="utf-8"))
    fitted = all(m.name in table["molecules"] for m in monomers)
    if fitted:
        kind = [k for m in monomers for k in table["molecules"][m.name]]
    else:
        q, sigma, epsilon = (
            np.concatenate([getattr(m, k) for m in monomers]) for k in ("partial_charges", "sigma", "epsilon")
        )
        # three quarters of an ion's charge, what is taken away comes evenly from its atoms
        q = q - np.concatenate([np.full(len(m.numbers), 0.25 * m.charge / len(m.numbers)) for m in monomers])
    of, total = system.molecule_of_atom, 0.0
    for i in range(len(of)):
        for j in range(i):
            if of[i] != of[j]:
                r = np.linalg.norm(positions[i] - positions[j])
                if fitted:
                    a, b, c = (table[key][kind[i]][kind[j]] for key in ("repulsion", "dispersion", "coulomb"))
                    total += a / r**12 - b / r**6 + c / r
                else:
                    total += units.COULOMB * q[i] * q[j] / r
                    x = (0.5 * (sigma[i] + sigma[j]) / r) ** 6
                    total += 4 * np.sqrt(epsilon[i] * epsilon[j]) * (x * x - x)
    return total


def turn(poses: Poses, molecule: int, axis: int, angle: float) -> Poses:
    """Rotate one molecule about a space axis through its centre, by composing rotation quaternions."""
    half = np.zeros(4)
    half[0], half[1 + axis] = np.cos(angle / 2), np.sin(angle / 2)
    q = poses.quaternions.copy()
    w, v = q[:, molecule, 0], q[:, molecule, 1:]
    q[:, molecule, 0] = half[0] * w - v @ half[1:]
    q[:, molecule, 1:] = half[0] * v + w[:, None] * half[1:] + np.cross(half[1:], v)
    return Poses(poses.translations, q, poses.handedness)


@pytest.mark.parametrize("name", ["1sa1am", "3sa1am2dma", "2sa1am", "2sa1dma2w", "1sa1b1am", "1eda1fa1nta"])
def test_energy_is_the_plain_sum(name):
    state = Composition.parse(name, LIBRARY).states(LIBRARY)[-1]
    system = RigidSystem.build(state, LIBRARY)
    poses = pack(system, 3, np.random.default_rng(1))
    energy, _, _ = evaluate(system, poses)
    monomers = [LIBRARY[f.monomer] for f in state.forms()]
    expected = [plain_energy(system, x, monomers) for x in coordinates(system, poses)]
    # the floor of the repulsion (see RigidSystem.build) adds a little, never more than this where nothing clashes
    assert energy == pytest.approx(expected, abs=0.05), f"compiled {energy}, written out {expected}"
    assert (energy >= np.array(expected) - 1e-9).all()


@pytest.mark.parametrize("name", ["1sa1am", "2sa2dma", "3w"])
def test_forces_and_torques_are_derivatives(name):
    system = system_of(name)
    poses = pack(system, 4, np.random.default_rng(2))
    _, force, torque = evaluate(system, poses)
    h = 1e-5
    for m in range(system.molecules):
        for axis in range(3):
            ends = []
            for sign in (1, -1):
                t = poses.translations.copy()
                t[:, m, axis] += sign * h
                ends.append(evaluate(system, Poses(t, poses.quaternions, poses.handedness))[0])
            numerical = -(ends[0] - ends[1]) / (2 * h)
            assert force[:, m, axis] == pytest.approx(numerical, abs=1e-6), f"force {force[:, m, axis]} vs {numerical}"
            ends = [evaluate(system, turn(poses, m, axis, sign * h))[0] for sign in (1, -1)]
            numerical = -(ends[0] - ends[1]) / (2 * h)
            assert torque[:, m, axis] == pytest.approx(numerical, abs=1e-6), (
                f"torque {torque[:, m, axis]} vs {numerical}"
            )
    assert force.sum(1) == pytest.approx(0.0, abs=1e-9)


def test_minimum_is_where_scipy_finds_it():
    from scipy.optimize import minimize

    system = system_of("1sa1am1w")
    start = minimise(system, pack(system, 5, np.random.default_rng(3)), fmax=1e-4)
    assert (start.largest < 1e-4).all()

    def energy_of(x, p):
        t, q = x[:9].reshape(1, 3, 3), x[9:].reshape(1, 3, 4)
        q = q / np.linalg.norm(q, axis=-1, keepdims=True)
        return evaluate(system, Poses(t, q, p))[0][0]

    for i in range(5):
        x0 = np.concatenate([start.poses.translations[i].ravel(), start.poses.quaternions[i].ravel()])
        again = minimize(energy_of, x0, args=(start.poses.handedness[i : i + 1],), method="BFGS")
        assert start.energy[i] == pytest.approx(again.fun, abs=2e-5), f"ours {start.energy[i]}, scipy {again.fun}"


@pytest.mark.parametrize("name", ["2sa2am", "15sa15am"])
def test_minimisation_descends_and_keeps_molecules_rigid(name):
    system = system_of(name)
    poses = pack(system, 3, np.random.default_rng(4))
    before = evaluate(system, poses)[0]
    copy = poses.translations.copy()
    result = minimise(system, poses, fmax=0.02)
    assert np.array_equal(poses.translations, copy), "the input must stay as it was"
    assert (result.energy < before).all() and (result.largest < 0.02).all(), (before, result.energy, result.largest)
    assert result.energy == pytest.approx(evaluate(system, result.poses)[0], abs=1e-9)
    x = coordinates(system, result.poses)
    for m in range(system.molecules):
        a = slice(system.ptr[m], system.ptr[m + 1])
        local = system.local[a]
        expected = np.linalg.norm(local[:, None] - local[None], axis=-1)
        found = np.linalg.norm(x[:, a, None] - x[:, None, a], axis=-1)
        assert found == pytest.approx(np.broadcast_to(expected, found.shape), abs=1e-10)


def test_a_candidate_does_not_depend_on_its_neighbours():
    system = system_of("2sa2am")
    poses = pack(system, 6, np.random.default_rng(5))
    together, alone = minimise(system, poses), minimise(system, poses[3:4])
    assert together.energy[3] == alone.energy[0]
    assert np.array_equal(together.poses.translations[3], alone.poses.translations[0])


def test_handedness_mirrors():
    system = system_of("1sa1am", 0)
    q = random_quaternions((1, 2), np.random.default_rng(6))
    t = np.array([[[0.0, 0, 0], [4.0, 0, 0]]])
    right, left = (coordinates(system, Poses(t, q, np.full((1, 2), s))) for s in (1.0, -1.0))
    # the mirror image of everything has the mirrored centres too: compare molecule by molecule
    centre = np.repeat(t[0], np.diff(system.ptr), axis=0)
    assert right[0] - centre == pytest.approx(-(left[0] - centre), abs=1e-12)


def test_orientations_are_rotations_and_uniform():
    r = rotation_matrices(random_quaternions((20000,), np.random.default_rng(7)))
    assert r @ r.swapaxes(-1, -2) == pytest.approx(np.broadcast_to(np.eye(3), r.shape), abs=1e-12)
    assert np.linalg.det(r) == pytest.approx(1.0)
    # uniform: every element averages to 0 and its square to 1/3
    assert r.mean(0) == pytest.approx(np.zeros((3, 3)), abs=0.02)
    assert (r**2).mean(0) == pytest.approx(np.full((3, 3), 1 / 3), abs=0.02)


def test_charges_never_fall_into_each_other():
    """A monomer whose hydrogens have no Lennard-Jones terms (usual in water models) must not collapse."""
    from dataclasses import replace

    water = LIBRARY["w"]
    bare = replace(water, sigma=np.array([3.15, 0.0, 0.0]), epsilon=np.array([0.0066, 0.0, 0.0]))
    library = MonomerLibrary((bare,))
    system = RigidSystem.build(Composition.parse("6w", library).states(library)[0], library)
    start = pack(system, 50, np.random.default_rng(8))
    crushed = Poses(0.6 * start.translations, start.quaternions, start.handedness)
    x = coordinates(system, minimise(system, crushed).poses)
    of = system.molecule_of_atom
    distance = np.linalg.norm(x[:, :, None] - x[:, None], axis=-1)[:, of[:, None] != of[None]]
    assert distance.min() > 1.2, f"nearest atoms of different molecules: {distance.min():.2f} Å"


@pytest.mark.parametrize("name", fitted.SURFACES)
def test_a_fitted_surface(name):
    surface = fitted.surface(name)
    known = surface.types
    assert set(known) == {"b", "amh", "dmah"}
    for molecule, types in known.items():
        assert len(types) == len(LIBRARY[molecule].numbers)
        a, b, c = surface.pairs(types)
        assert (a > 0).all() and (b >= 0).all() and all(np.array_equal(x, x.T) for x in (a, b, c))
        # a pair of opposite charges alone stays at 1.3 Å or more
        pull = c < 0
        assert ((12 * a[pull] / -c[pull]) ** (1 / 11) > 1.29).all()
    # as many cations as anions have no net charge: what the Coulomb factors of all their atoms add up to is nothing
    anions = known["b"]
    for cations in (known["amh"], known["dmah"], np.concatenate([known["amh"], known["dmah"], anions])):
        _, _, c = surface.pairs(np.concatenate([anions, cations]))
        assert abs(c.sum()) < 1e-3 * np.abs(surface.pairs(anions)[2].sum())


@pytest.mark.parametrize("name", fitted.SURFACES)
def test_fitted_parameters_only_where_all_molecules_have_some(name):
    ions = parameters_of(LIBRARY["b"], name), parameters_of(LIBRARY["amh"], name)
    numbers = np.concatenate([LIBRARY["b"].numbers, LIBRARY["amh"].numbers])
    _, _, of_ions = surface_parameters(numbers, np.concatenate(ions))
    water = LIBRARY["w"]
    _, _, with_water = surface_parameters(
        np.concatenate([numbers, water.numbers]), np.concatenate([*ions, parameters_of(water, name)])
    )
    types = [fitted.surface(name).types[k] for k in ("b", "amh")]
    assert np.array_equal(of_ions, fitted.surface(name).coulomb[np.ix_(*2 * [np.concatenate(types)])])
    n = len(numbers)
    plain = units.COULOMB * np.outer(*(2 * [np.concatenate([LIBRARY[k].surface_charges for k in ("b", "amh")])]))
    assert np.allclose(with_water[:n, :n], plain) and not np.allclose(of_ions, plain)


def test_candidates_are_for_the_level_that_judges_them_first():
    composition = Composition.parse("2sa2am", LIBRARY)
    surfaces = {}
    for name in ("quick", "standard", "b97-3c", "gfn1", "wu2023"):
        surfaces[name] = with_surface(LIBRARY, resolve(load(name), composition, LIBRARY)).surface
    assert surfaces == {
        "quick": "b97-3c", "standard": "b97-3c", "b97-3c": "b97-3c", "gfn1": "gfn1-xtb", "wu2023": "gfn1-xtb"
    }  # fmt: skip
    energies = [
        generate(composition, 4, library=LIBRARY.on(s), shares="ions-only").columns["rigid_energy_eV"]
        for s in fitted.SURFACES
    ]
    assert not np.allclose(*energies)
    digests = [library_digest(LIBRARY.on(s), composition) for s in fitted.SURFACES]
    assert {k for k in digests[0] if digests[0][k] != digests[1][k]} == {"b", "amh"}
