"""Clusters as whole molecules in their own geometry: taken apart, docked, moved, grown. Molecules stay whole."""

from collections import Counter

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.composition import Composition, Form
from sampler.errors import InputError
from sampler.generate import docking, generate, growth
from sampler.generate.bodies import Bodies, Kinds, from_library, take_apart
from sampler.generate.rigid import Poses, evaluate
from sampler.identify import assign
from sampler.monomers import MonomerLibrary
from sampler.search import moves as hopping

LIBRARY = MonomerLibrary.load()
KINDS = Kinds(LIBRARY)


def bodies_of(name: str, count: int = 6, charge=None) -> tuple[Composition, Clusters, list[Bodies]]:
    composition = Composition.parse(name, LIBRARY, charge)
    made = generate(composition, count, library=LIBRARY, seed=3)
    return composition, made, take_apart(made, composition, KINDS)


def energy_of(bodies: Bodies) -> float:
    quaternions = np.tile([1.0, 0.0, 0.0, 0.0], (1, bodies.molecules, 1))
    poses = Poses(bodies.centres()[None], quaternions, np.ones((1, bodies.molecules)))
    return float(evaluate(bodies.system(), poses)[0][0])


@pytest.mark.parametrize(
    ("name", "charge"), [("2sa2am", None), ("1sa1dma1w", None), ("1sa1b1am", None), ("2sa1am1p", None)]
)
def test_taken_apart_it_is_the_same_cluster_on_the_same_surface(name, charge):
    composition, made, apart = bodies_of(name, charge=charge)
    for i, bodies in enumerate(apart):
        assert bodies.charge == composition.charge
        atoms = made.atoms_of(i)
        assert sorted(map(tuple, bodies.positions)) == sorted(map(tuple, made.positions[atoms]))
        heavy = bodies.numbers != 1
        assert (bodies.held_by[heavy] == np.flatnonzero(heavy)).all()
        d = np.linalg.norm(bodies.positions[~heavy] - bodies.positions[bodies.held_by[~heavy]], axis=1)
        assert 0.9 < d.min() and d.max() < 1.15
        # the surface of the packings, made from the library's own arrays; equivalent atoms share their charges here
        assert energy_of(bodies) == pytest.approx(made.columns["rigid_energy_eV"][i], abs=0.02)


def test_shuffled_atoms_change_nothing():
    composition, made, apart = bodies_of("2sa2am", 3)
    order = np.random.default_rng(0).permutation(made.natoms[0])
    atoms = made.atoms_of(0)
    shuffled = Clusters.make([made.positions[atoms][order]], [made.numbers[atoms][order]], charge=0)
    again = take_apart(shuffled, composition, KINDS)[0]
    assert Counter(again.names) == Counter(apart[0].names)
    assert energy_of(again) == pytest.approx(energy_of(apart[0]), abs=1e-9)


def test_what_is_not_intact_is_not_taken_apart():
    composition = Composition.parse("1sa1am", LIBRARY)
    made = generate(composition, 1, library=LIBRARY, seed=0)
    far = made.positions.copy()
    far[made.numbers == 7] += 30.0
    assert take_apart(made.replace(positions=far), composition, KINDS) == [None]


def test_take_and_join_are_inverse():
    _, _, apart = bodies_of("2sa1am1w", 2)
    one = apart[0]
    parts = [one.take([m]) for m in range(one.molecules)]
    again = Bodies.join(parts)
    for name in ("numbers", "positions", "ptr", "charges", "parameters", "held_by"):
        assert np.array_equal(getattr(again, name), getattr(one, name)), name
    assert one.without([1]).names == tuple(n for m, n in enumerate(one.names) if m != 1)


def test_ammonia_docks_on_the_hydrogens_of_sulfuric_acid():
    acid, base = from_library(Form("sa", 0), LIBRARY), from_library(Form("am", 0), LIBRARY)
    energy, docked = docking.sites(acid, base, np.random.default_rng(0))
    assert (np.diff(energy) >= 0).all() and len(docked) >= 2
    best = docked[0]
    x, z = best.positions, best.numbers
    hydrogens = [h for h in np.flatnonzero(z == 1) if h < 7]
    nearest = min(np.linalg.norm(x[h] - x[z == 7][0]) for h in hydrogens)
    assert nearest < 2.1, f"N···H {nearest:.2f} Å"
    # both are rigid, mirrored at most, and the energy is that of the surface
    for part, whole in ((slice(0, 7), acid), (slice(7, 11), base)):
        pairs = lambda y: np.linalg.norm(y[:, None] - y[None], axis=-1)  # noqa: E731
        assert pairs(x[part]) == pytest.approx(pairs(whole.positions), abs=1e-9)
    assert energy_of(best) == pytest.approx(energy[0], abs=1e-9)
    rough = [
        energy_of(Bodies.join([acid, docking.turned(base, np.random.default_rng(k)).at(base.positions + 3.0)]))
        for k in range(20)
    ]
    assert energy[0] < min(rough)


@pytest.mark.parametrize("name", ["2sa2am", "1sa1dma2w", "2sa1am1p"])
@pytest.mark.parametrize("move", list(hopping.MOVES))
def test_moves_keep_molecules_whole(move, name):
    composition, made, apart = bodies_of(name)
    done = 0
    for k, bodies in enumerate(apart * 2):
        before = bodies.positions.copy()
        child = hopping.child_of(bodies, move, composition, LIBRARY, np.random.default_rng(k))
        assert np.array_equal(bodies.positions, before), "the parent changed"
        (numbers, positions), how = child
        done += how == move
        found = assign(numbers, positions, composition, LIBRARY, composition.charge)
        assert found.intact, f"{move}: {found.detail}"
        assert Counter(numbers.tolist()) == Counter(bodies.numbers.tolist())
        r = np.linalg.norm(positions[:, None] - positions[None], axis=-1) + 9 * np.eye(len(numbers))
        assert r.min() > 0.7
        old = np.linalg.norm(before[:, None] - before[None], axis=-1) + 9 * np.eye(len(numbers))
        change = np.abs(np.sort(r.ravel()) - np.sort(old.ravel())).max()
        assert change > (0.29 if how in ("redock", "turn", "swap", "rearrange") else 0.02), f"{how}: {change:.3f} Å"
        if move in ("redock", "turn", "swap", "shake", "repoint", "rearrange") and how == move:
            assert found.state == assign(bodies.numbers, before, composition, LIBRARY, composition.charge).state
        again, same = hopping.child_of(bodies, move, composition, LIBRARY, np.random.default_rng(k))
        assert same == how and np.array_equal(again[1], positions)
    if move == "rearrange" and name != "2sa2am":  # its surface is that of ions alone
        assert done == 0
    elif (move, name) not in (("transfer", "2sa1am1p"), ("repoint", "1sa1dma2w")):  # no bond to go over; SO4²⁻
        assert done >= 4, f"{move} was possible in {done} of 12"


def test_a_proton_goes_over_a_hydrogen_bond():
    composition = Composition.parse("1sa1am", LIBRARY)
    acid, base = from_library(Form("sa", 0), LIBRARY), from_library(Form("am", 0), LIBRARY)
    pair = docking.sites(acid, base, np.random.default_rng(0))[1][0]
    numbers, positions = hopping.transfer(pair, LIBRARY, np.random.default_rng(0))
    found = assign(numbers, positions, composition, LIBRARY)
    assert sorted(found.names) == ["amh", "b"], found.state


def test_exchange_of_sites_reaches_other_protonation_states():
    composition, made, apart = bodies_of("2sa2am", 8)
    states = set()
    for k, bodies in enumerate(apart * 3):
        child = hopping.resite(bodies, LIBRARY, np.random.default_rng(k))
        if child is not None:
            found = assign(*child, composition, LIBRARY)
            if found.intact:
                states.add(found.state)
    assert len(states) >= 3, states


@pytest.mark.parametrize(("name", "turns"), [("b", 12), ("sa", 12), ("nta", 6), ("w", 1), ("amh", 1), ("dma", 1)])
def test_oxygens_are_exchanged_by_the_rotations_of_their_skeleton(name, turns):
    """Of a tetrahedron twelve, of a planar triangle six; a molecule without a choice of oxygens has one."""
    one = from_library(Form(name, 0), LIBRARY)
    (found,) = one.exchanges
    assert len(found) == turns
    oxygen = one.positions[one.numbers == 8]
    ends = set()
    for centre, rotation in found[1:]:
        moved = (oxygen - centre) @ rotation.T + centre
        apart = np.linalg.norm(moved[:, None] - oxygen[None], axis=-1)
        assert sorted(apart.argmin(1)) == list(range(len(oxygen))) and apart.min(1).max() < 0.5
        ends.add(tuple(apart.argmin(1)))
    assert len(ends) == turns - 1 and tuple(range(len(oxygen))) not in ends


def test_repoint_leaves_the_oxygens_and_the_bases_alone():
    composition, made, apart = bodies_of("3sa3am")
    pointed = 0
    for k, bodies in enumerate(apart):
        numbers, positions = hopping.repoint(bodies, LIBRARY, np.random.default_rng(k))
        assert np.array_equal(numbers, bodies.numbers)
        for family in (7, 16):  # nitrogen and sulfur; and the hydrogens of the bases
            assert np.array_equal(positions[numbers == family], bodies.positions[numbers == family])
        held_by_n = bodies.numbers[bodies.held_by] == 7
        assert np.array_equal(positions[held_by_n], bodies.positions[held_by_n])
        o = numbers == 8
        apart_by = np.linalg.norm(positions[o][:, None] - bodies.positions[o][None], axis=-1).min(1)
        assert apart_by.max() < 0.5
        hydroxyl = (numbers == 1) & ~held_by_n
        pointed += int((np.linalg.norm(positions - bodies.positions, axis=1)[hydroxyl] > 0.5).sum() > 1)
    assert pointed > len(apart) / 2, "several at once"
    assert hopping.repoint(bodies_of("2am2w")[2][0], LIBRARY, np.random.default_rng(0)) is None


def test_rearranged_is_a_low_minimum_of_the_fitted_surface_and_another_one():
    """Lower on average than what turning or docking one molecule gives, and never the parent's own minimum."""
    composition, made, apart = bodies_of("4sa4am", 12)
    ions = [b for b in apart if set(b.names) == {"b", "amh"}][:3]
    assert ions
    ends = {move: [] for move in ("rearrange", "turn")}
    for bodies in ions:
        for move in ends:
            for k in range(6):
                (numbers, positions), how = hopping.child_of(
                    bodies, move, composition, LIBRARY, np.random.default_rng(k)
                )
                child = take_apart(Clusters.make([positions], [numbers], charge=0), composition, KINDS)[0]
                assert (how == move or move == "turn") and Counter(child.names) == Counter(bodies.names)
                quaternions = np.tile([1.0, 0.0, 0.0, 0.0], (1, child.molecules, 1))
                poses = Poses(child.centres()[None], quaternions, np.ones((1, child.molecules)))
                energy, force, _ = evaluate(child.system(), poses)
                if move == "rearrange":
                    assert np.linalg.norm(force[0], axis=1).max() < 0.15, "eV/Å"
                ends[move].append(energy[0])
    assert np.mean(ends["rearrange"]) < np.mean(ends["turn"]) - 0.05, "eV"


def test_unknown_moves_are_refused():
    with pytest.raises(InputError, match="no move is called 'fly'"):
        hopping.check_shares({"fly": 1.0})
    with pytest.raises(InputError, match="at least one above 0"):
        hopping.check_shares(dict.fromkeys([*hopping.MOVES, "md"], 0.0))
    hopping.check_shares(hopping.SHARES)


def test_a_single_water_has_no_move():
    composition, _, apart = bodies_of("1w", 1)
    assert hopping.child_of(apart[0], "redock", composition, LIBRARY, np.random.default_rng(0)) is None


# ---- growth ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("parents", "wanted", "charge"), [
    (["1sa1am"], "2sa1am", None), (["2sa2am", "2sa1am"], "3sa3am", None), (["1sa1am"], "1sa1am1w", None),
    (["1sa1am"], "1sa1b1am", None), (["1w"], "2w", None),
])  # fmt: skip
def test_growth_gives_whole_clusters_of_the_composition(parents, wanted, charge):
    composition = Composition.parse(wanted, LIBRARY, charge)
    pool = [b for name in parents for b in bodies_of(name, 4)[2]]
    ways = Counter()
    for k in range(10):
        chosen = [pool[i] for i in np.random.default_rng(k).choice(len(pool), 1 + k % 2)]
        grown, how = growth.grow(chosen, composition, LIBRARY, np.random.default_rng(k))
        ways[how] += 1
        found = assign(grown.numbers, grown.positions, composition, LIBRARY, composition.charge)
        assert found.intact and grown.charge == composition.charge
        assert Counter(LIBRARY[n].family for n in grown.names) == dict(composition.counts)
        again, _ = growth.grow(chosen, composition, LIBRARY, np.random.default_rng(k))
        assert np.array_equal(again.positions, grown.positions)
    assert ways["add"] >= 5
    if wanted == "3sa3am":
        assert ways["splice"] >= 3, ways


def test_adding_leaves_the_parent_as_it_is():
    composition = Composition.parse("2sa2am", LIBRARY)
    parent = bodies_of("2sa1am", 1)[2][0]
    grown = growth.add(parent, composition, LIBRARY, np.random.default_rng(1))
    n = len(parent.numbers)
    pairs = lambda y: np.linalg.norm(y[:, None] - y[None], axis=-1)  # noqa: E731
    assert pairs(grown.positions[:n]) == pytest.approx(pairs(parent.positions), abs=1e-9)
    assert grown.names[:3] == parent.names and grown.molecules == 4


def test_splicing_takes_molecules_of_both_parents():
    composition = Composition.parse("2sa2am", LIBRARY)
    first, second = bodies_of("2sa2am", 2)[2]
    marked = [b.at(b.positions) for b in (first, second)]
    # a mark that survives rigid motion: the bond lengths of the second parent are a little longer
    centres = np.repeat(second.centres(), np.diff(second.ptr), axis=0)
    marked[1] = second.at(centres + 1.01 * (second.positions - centres))
    both = 0
    for k in range(8):
        made = growth.splice(*marked, composition, LIBRARY, np.random.default_rng(k))
        if made is None:
            continue
        size = [
            np.linalg.norm(made.positions[made.ptr[m]] - made.positions[made.ptr[m] + 1]) for m in range(made.molecules)
        ]
        own = [min(abs(s - np.linalg.norm(p.positions[p.ptr[j]] - p.positions[p.ptr[j] + 1])) < 1e-6
                   for j in range(p.molecules)) or any(
                   abs(s - np.linalg.norm(p.positions[p.ptr[j]] - p.positions[p.ptr[j] + 1])) < 1e-6
                   for j in range(p.molecules)) for s in size for p in marked]  # fmt: skip
        pairs = np.array(own).reshape(-1, 2)
        assert pairs.any(1).all(), "a molecule of neither parent"
        both += pairs[:, 0].any() and pairs[:, 1].any()
    assert both >= 2


def test_nothing_to_add():
    composition = Composition.parse("2sa2am", LIBRARY)
    parent = bodies_of("2sa2am", 1)[2][0]
    assert growth.add(parent, composition, LIBRARY, np.random.default_rng(0)) is None
