"""The exploration: moves that keep clusters whole, distinct minima, and the lowest minimum found."""

import numpy as np
import pytest

from sampler.composition import Composition
from sampler.generate import generate, moves, plan, run_chunk
from sampler.generate.candidates import clusters_from_poses
from sampler.generate.exploration import ExploreParams, explore
from sampler.generate.minima import distinct, places, shape_of
from sampler.generate.packing import pack
from sampler.generate.rigid import Poses, RigidSystem, coordinates, evaluate, minimise, molecule_energies
from sampler.monomers import MonomerLibrary
from sampler.similarity.frameworks import frameworks

LIBRARY = MonomerLibrary.load()


def system_of(name: str, state: int = -1) -> RigidSystem:
    return RigidSystem.build(Composition.parse(name, LIBRARY).states(LIBRARY)[state], LIBRARY)


@pytest.mark.parametrize("move", [moves.reinsert, moves.turn, moves.swap, moves.shake])
def test_moves_change_poses_and_leave_the_parents(move):
    system = system_of("2sa3am", 0)
    parents = pack(system, 30, np.random.default_rng(0))
    before = moves.copy_of(parents)
    children = move(system, parents, np.random.default_rng(1))
    for name in ("translations", "quaternions", "handedness"):
        assert np.array_equal(getattr(parents, name), getattr(before, name)), f"{name} of the parents changed"
    assert np.linalg.norm(children.quaternions, axis=-1) == pytest.approx(1.0)
    assert set(np.unique(children.handedness)) <= {-1.0, 1.0}
    difference = np.abs(coordinates(system, children) - coordinates(system, parents)).max((1, 2))
    assert (difference > 1e-3).all()
    again = move(system, parents, np.random.default_rng(1))
    assert np.array_equal(children.translations, again.translations)


def test_reinsertion_moves_one_molecule_to_the_surface():
    system = system_of("4sa4am")
    parents = minimise(system, pack(system, 40, np.random.default_rng(2))).poses
    children = moves.reinsert(system, parents, np.random.default_rng(3))
    moved = np.abs(children.translations - parents.translations).max(-1) > 1e-9
    assert (moved.sum(1) == 1).all()
    for i in range(40):
        x, of = coordinates(system, children[i : i + 1])[0], system.molecule_of_atom
        new = of == np.flatnonzero(moved[i])[0]
        nearest = np.linalg.norm(x[new][:, None] - x[~new][None], axis=-1).min()
        assert 0.8 < nearest < 5.0, f"nearest atom of the docked molecule at {nearest:.2f} Å"


def test_splicing_takes_whole_molecules_from_both_parents():
    system = system_of("3sa3am")
    first = pack(system, 50, np.random.default_rng(4))
    second = pack(system, 50, np.random.default_rng(5))
    # marked by handedness: +1 from the first, −1 from the second
    first = Poses(first.translations, first.quaternions, np.ones_like(first.handedness))
    second = Poses(second.translations, second.quaternions, -np.ones_like(second.handedness))
    child = moves.splice(system, first, second, np.random.default_rng(6))
    mine = (child.handedness > 0).sum(1)
    assert mine.min() >= 1 and mine.max() <= system.molecules - 1, mine
    # within one kind, no place of a parent is used twice
    for i in range(50):
        for kind in np.unique(system.kind):
            t = child.translations[i, system.kind == kind]
            gap = np.linalg.norm(t[:, None] - t[None], axis=-1) + 9 * np.eye(len(t))
            assert gap.min() > 1e-6


def test_molecule_energies_add_to_twice_the_energy():
    system = system_of("2sa2am1w")
    poses = pack(system, 5, np.random.default_rng(7))
    assert molecule_energies(system, poses).sum(1) == pytest.approx(2 * evaluate(system, poses)[0], abs=1e-9)


def test_the_same_minimum_is_counted_once():
    """Turned, shifted, mirrored and relabelled copies of 20 clusters are 20 minima again."""
    system = system_of("2sa2am")
    rng = np.random.default_rng(8)
    poses = minimise(system, pack(system, 200, rng), fmax=1e-4)
    kept = distinct(poses.energy, shape_of(system, poses.poses))[:20]
    original = poses.poses[kept]
    turned = moves._rotated(original, rng)
    shifted = Poses(original.translations + 5.0, original.quaternions, original.handedness)
    mirrored = Poses(-original.translations, original.quaternions, -original.handedness)
    order = np.array([1, 0, 3, 2])
    relabelled = Poses(*(getattr(original, k)[:, order] for k in ("translations", "quaternions", "handedness")))
    copies = Poses.concatenate([turned, shifted, mirrored, relabelled, original])
    energy = evaluate(system, copies)[0]
    assert energy.reshape(5, 20) == pytest.approx(np.tile(poses.energy[kept], (5, 1)), abs=1e-8)
    found = distinct(energy, shape_of(system, copies))
    assert len(found) == 20 and np.allclose(np.sort(energy[found]), np.sort(poses.energy[kept]))


def test_distinct_against_the_plain_rule():
    rng = np.random.default_rng(9)
    energy, shape = rng.integers(0, 40, 300) * 1e-3, rng.integers(0, 3, (300, 2)) * 0.011
    kept: list[int] = []
    for i in np.argsort(energy, kind="stable"):
        near = [j for j in kept if energy[i] - energy[j] <= 2e-3 and (np.abs(shape[i] - shape[j]) <= 0.02).all()]
        kept += [] if near else [i]
    assert distinct(energy, shape).tolist() == kept


@pytest.mark.parametrize("name", ["2sa2am", "5w"])
def test_exploration_finds_what_many_packings_find(name):
    system = system_of(name)
    packed = minimise(system, pack(system, 3000, np.random.default_rng(10)), fmax=0.01)
    lowest = packed.energy.min()
    result = explore(system, np.random.default_rng(11), ExploreParams(keep=50, max_evaluations=60_000))
    assert result.energy[0] < lowest + 2e-3, f"exploration {result.energy[0]:.4f} eV, 3000 packings {lowest:.4f} eV"
    assert (np.diff(result.energy) >= 0).all() and len(result.energy) <= 50
    assert result.evaluations < packed.evaluations.sum()
    assert result.energy == pytest.approx(evaluate(system, result.poses)[0], abs=1e-9)


def test_exploration_stops_by_itself_or_at_its_budget():
    system = system_of("1sa1am")
    patient = explore(system, np.random.default_rng(0), ExploreParams(keep=5, population=16, patience=5))
    assert patient.stopped == "patience" and patient.evaluations < 100_000
    short = explore(system_of("3sa3am"), np.random.default_rng(0), ExploreParams(population=16, max_evaluations=5000))
    assert short.stopped == "budget" and short.evaluations < 5000 + 16 * 1200
    alone = explore(system_of("1w"), np.random.default_rng(0), ExploreParams(population=4))
    assert len(alone.energy) == 1 and alone.generations == 0


def test_chunks_of_explorations():
    composition = Composition.parse("2sa2am", LIBRARY)
    options = {"shares": "ions-only", "method": "exploration", "explorations": 3}
    specs = plan(composition, LIBRARY, 60, **options)
    assert [len(s) for s in specs] == [20, 20, 20]
    made = generate(composition, 60, library=LIBRARY, seed=1, **options)
    assert len(made) == 60 and len(set(made.ids)) == 60 and (made.columns["fate"] == "").all()
    again = run_chunk(specs[1], LIBRARY, 1)
    assert np.array_equal(again.positions, made[20:40].positions) and list(again.ids) == list(made.ids[20:40])
    lowest = made.columns["rigid_energy_eV"].reshape(3, 20)[:, 0]
    assert lowest == pytest.approx(lowest.min(), abs=1e-3), f"three explorations end at {lowest} eV"


def test_lowest_of_each_framework_first():
    """More places of molecules among those kept, the same lowest one, and frameworks as relaxed structures have them."""
    system = system_of("4sa4am")
    few = dict(keep=40, max_evaluations=60_000)
    lowest, varied = (explore(system, np.random.default_rng(7), ExploreParams(**few, per_framework=k)) for k in (0, 1))
    assert varied.energy[0] == lowest.energy[0] and (np.diff(varied.energy) >= 0).all() and len(varied.energy) == 40
    different = [int((places(system, found.poses) == 0).sum()) for found in (lowest, varied)]
    assert different[1] == 40 > 1.5 * different[0], different
    candidates = clusters_from_poses(
        Composition.parse("4sa4am", LIBRARY).states(LIBRARY)[-1],
        system, varied.poses, [f"c{k}" for k in range(40)], LIBRARY,
    ).replace(energy=varied.energy)  # fmt: skip
    # heavy atoms' centres there, mass centres here
    found = frameworks(candidates, Composition.parse("4sa4am", LIBRARY), LIBRARY)
    assert len(np.unique(found)) > 30
