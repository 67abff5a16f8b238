"""Candidates: sane structures of every protonation state, shares honoured, the same for any number of workers."""

import pickle
import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.composition import Composition, state_label
from sampler.errors import InputError
from sampler.generate import generate, molecule_index, plan, run_chunk
from sampler.generate.packing import nearest_contacts, pack, sound, sphere_radius
from sampler.generate.rigid import RigidSystem, coordinates, radius
from sampler.generate.shares import apportion, state_weights
from sampler.monomers import MonomerLibrary

LIBRARY = MonomerLibrary.load()
SYSTEMS = ["1sa1am", "3sa3am", "2sa1ma1dma", "1sa4w", "1sa1b1am", "1sa2am1p", "1msa1fa1eda", "1w"]


def parse(name: str) -> Composition:
    return Composition.parse(name, LIBRARY)


def same(a: Clusters, b: Clusters) -> bool:
    arrays = [(a.positions, b.positions), (a.ids, b.ids), *((a.columns[k], b.columns[k]) for k in a.columns)]
    return all(np.array_equal(x, y) for x, y in arrays)


@pytest.mark.parametrize("name", SYSTEMS)
def test_candidates_are_sound(name):
    composition = parse(name)
    states = composition.states(LIBRARY)
    made = generate(composition, max(40, len(states)), library=LIBRARY, seed=1, shares="uniform")
    assert (made.columns["fate"] == "").all()
    assert (made.charge == composition.charge).all()
    assert set(made.columns["state"]) == {state_label(s.monomers, LIBRARY) for s in states}
    expected = composition.atoms(LIBRARY)
    for i in range(len(made)):
        atoms = made.atoms_of(i)
        z, x = made.numbers[atoms], made.positions[atoms]
        assert {int(k): int(n) for k, n in zip(*np.unique(z, return_counts=True))} == expected
        of = molecule_index(str(made.columns["molecules"][i]), LIBRARY)
        assert len(of) == len(z)
        distance = np.linalg.norm(x[:, None] - x[None], axis=-1)
        between = of[:, None] != of[None]
        hydrogen = (z[:, None] == 1) | (z[None] == 1)
        nearest = [np.min(distance[between & mask], initial=9.0) for mask in (hydrogen, ~hydrogen)]
        assert nearest[0] > 1.2 and nearest[1] > 2.0, (
            f"{made.ids[i]}: nearest H {nearest[0]:.2f}, heavy {nearest[1]:.2f} Å"
        )
        # connected: walk from molecule to molecule over contacts below the sum of van der Waals radii + 30 %
        r = radius(z)
        touch = distance < 1.3 * (r[:, None] + r[None])
        reached, front = {0}, [0]
        while front:
            near = set(of[touch[of == front.pop()].any(0)].tolist()) - reached
            reached |= near
            front += near
        assert reached == set(of.tolist()), f"{made.ids[i]} is in pieces"


def test_geometries_are_those_of_the_library():
    made = generate(parse("2sa1am1w"), 30, library=LIBRARY, seed=2, shares="uniform")
    for i in range(len(made)):
        x, text = made.positions[made.atoms_of(i)], str(made.columns["molecules"][i])
        of, molecule = molecule_index(text, LIBRARY), 0
        for token in text.split():
            count = int("".join(c for c in token.split(":")[0] if c.isdigit()))
            name = "".join(c for c in token if c.isalpha())
            shape = LIBRARY[name].conformers[int(token.split(":")[1]) if ":" in token else 0].positions
            expected = np.linalg.norm(shape[:, None] - shape[None], axis=-1)
            for _ in range(count):
                y = x[of == molecule]
                assert np.linalg.norm(y[:, None] - y[None], axis=-1) == pytest.approx(expected, abs=1e-9)
                molecule += 1


def test_packings_have_the_density_asked_for_and_no_clash():
    system = RigidSystem.build(parse("4sa4am").states(LIBRARY)[-1], LIBRARY)
    extent = {}
    for density in (0.2, 0.6):
        poses = pack(system, 200, np.random.default_rng(0), density)
        nearest = nearest_contacts(system, coordinates(system, poses)).min((1, 2))
        assert nearest.min() > 0.5, (
            f"density {density}: nearest contact {nearest.min():.2f} of the van der Waals distance"
        )
        distance = np.linalg.norm(poses.translations, axis=-1)
        assert distance.max() < sphere_radius(system, density) * 1.15
        extent[density] = np.sqrt((distance**2).mean())
    ratio, expected = extent[0.2] / extent[0.6], 3 ** (1 / 3)
    assert ratio == pytest.approx(expected, rel=0.15), f"extents grow {ratio:.2f} times, volume says {expected:.2f}"


def test_volume_of_water():
    """Union of spheres at 0.957 Å and 104.5°: 1.10 and 1.52 Å radii. Monte Carlo instead of the grid."""
    system = RigidSystem.build(parse("1w").states(LIBRARY)[0], LIBRARY)
    points = np.random.default_rng(0).uniform(-3, 3, (200000, 3))
    r = radius(system.numbers)
    inside = (np.linalg.norm(points[:, None] - system.local[None], axis=-1) < r).any(1)
    assert system.volume[0] == pytest.approx(inside.mean() * 216, rel=0.02)


def test_one_broken_piece_is_seen():
    system = RigidSystem.build(parse("2sa2am").states(LIBRARY)[-1], LIBRARY)
    poses = pack(system, 4, np.random.default_rng(0))
    assert sound(system, poses).all()
    poses.translations[1, 3] += 25.0
    poses.translations[2, 1] = poses.translations[2, 0]
    assert sound(system, poses).tolist() == [True, False, False, True]


def test_anions_alone_are_unsound_not_fatal():
    made = generate(parse("5b"), 4, library=LIBRARY, shares={"5 HSO4⁻": 1.0})
    assert (made.columns["fate"] == "unsound").all()


def test_the_result_depends_on_the_seed_and_nothing_else():
    composition = parse("2sa2am")
    specs = plan(composition, LIBRARY, 60, chunk_size=16)
    assert sum(len(s) for s in specs) == 60 and [len(s) for s in specs] == [16, 16, 16, 12]
    whole = generate(composition, 60, library=LIBRARY, seed=5, chunk_size=16)
    assert len(set(whole.ids)) == 60 and whole.ids[17] == "2sa2am-0001_0001"
    shuffled = random.Random(0).sample(specs, len(specs))
    with ThreadPoolExecutor(2) as pool:
        parts = list(pool.map(lambda s: run_chunk(pickle.loads(pickle.dumps(s)), LIBRARY, 5), shuffled))
    again = Clusters.concatenate(sorted(parts, key=lambda p: p.columns["seed_chunk"][0]))
    assert same(whole, again)
    other = generate(composition, 60, library=LIBRARY, seed=6, chunk_size=16)
    assert not np.allclose(whole.positions, other.positions)
    first, second = run_chunk(specs[0], LIBRARY, 5), run_chunk(specs[1], LIBRARY, 5)
    assert not np.allclose(first.positions, second.positions)


def test_every_chunk_samples_all_states():
    specs = plan(parse("2sa2am"), LIBRARY, 400, chunk_size=100, shares="uniform")
    counts = [{state: n for state, n in s.groups} for s in specs]
    for state in {state for c in counts for state in c}:
        per_chunk = [c.get(state, 0) for c in counts]
        assert max(per_chunk) - min(per_chunk) <= 1, per_chunk


def test_shares():
    composition = parse("2sa2am")
    label = lambda s: state_label(s.monomers, LIBRARY)  # noqa: E731
    total = lambda shares: {  # noqa: E731
        name: sum(w for s, w in state_weights(composition, LIBRARY, shares) if label(s) == name)
        for name in {label(s) for s, _ in state_weights(composition, LIBRARY, shares)}
    }
    labels = {label(s) for s in composition.states(LIBRARY)}
    assert total("uniform") == pytest.approx({name: 1 / len(labels) for name in labels})
    assert total("ions-only") == pytest.approx({"2 HSO4⁻ · 2 NH4⁺": 1.0})
    ions = total("ions-first")
    assert ions["2 HSO4⁻ · 2 NH4⁺"] == pytest.approx(4 * ions["2 H2SO4 · 2 NH3"])
    table = {"2 HSO4⁻ · 2 NH4⁺": 3, "2 H2SO4 · 2 NH3": 1}
    assert total(table) == pytest.approx({"2 HSO4⁻ · 2 NH4⁺": 0.75, "2 H2SO4 · 2 NH3": 0.25})
    made = generate(composition, 40, library=LIBRARY, shares=table)
    assert (made.columns["state"] == "2 HSO4⁻ · 2 NH4⁺").sum() == 30


@pytest.mark.parametrize(
    "name, label",
    [
        ("4sa5am", "3 HSO4⁻ · 1 SO4²⁻ · 5 NH4⁺"),
        ("5sa4am", "1 H2SO4 · 4 HSO4⁻ · 4 NH4⁺"),
        ("2sa2am3w", "2 HSO4⁻ · 2 NH4⁺ · 3 H2O"),
        ("1sa1am1p", "1 H2SO4 · 1 NH4⁺"),
        ("2sa2w", "2 H2SO4 · 2 H2O"),
    ],
)
def test_ions_only(name, label):
    labels = {state_label(s.monomers, LIBRARY) for s, _ in state_weights(parse(name), LIBRARY, "ions-only")}
    assert labels == {label}


def test_apportion():
    assert apportion([1, 1, 1], 10).sum() == 10
    assert apportion([98, 1, 1], 10).tolist() == [8, 1, 1]
    assert apportion([1, 5, 3], 2).tolist() == [0, 1, 1]
    assert apportion([0.5, 0.25, 0.25], 8).tolist() == [4, 2, 2]


def test_shares_do_not_collapse_where_states_are_many():
    composition, ions = parse("8sa8am"), "8 HSO4⁻ · 8 NH4⁺"
    for options in ({}, {"method": "exploration", "explorations": 4}):
        specs = plan(composition, LIBRARY, 200, **options)
        counts = [(state, n) for s in specs for state, n in s.groups]
        per_state = {}
        for state, n in counts:
            name = state_label(state.monomers, LIBRARY)
            per_state[name] = per_state.get(name, 0) + n
        assert sum(per_state.values()) == 200 and len(counts) <= 50
        assert per_state[ions] == max(per_state.values()) >= 20, per_state
    few = plan(parse("3sa3am"), LIBRARY, 1600, method="exploration", explorations=4)
    assert len(few) == 4 * len(parse("3sa3am").states(LIBRARY))


@pytest.mark.parametrize(
    "options, word",
    [
        ({"shares": "ions"}, "ions-only"),
        ({"shares": {"2 HSO4": 1.0}}, "2 HSO4⁻"),
        ({"shares": {"2 HSO4⁻ · 2 NH4⁺": -1.0}}, "above 0"),
        ({"shares": {}}, "above 0"),
        ({"n": 0}, "at least 1"),
        ({"density": 3.0}, "0.9"),
        ({"fmax": float("nan")}, "fmax"),
    ],
)
def test_bad_input_says_what_is_wrong(options, word):
    options = {"n": 10, **options}
    with pytest.raises(InputError, match=word):
        plan(parse("2sa2am"), LIBRARY, options.pop("n"), **options)


def test_large_clusters():
    made = generate(parse("15sa15am"), 6, library=LIBRARY, shares="ions-only")
    assert (made.columns["fate"] == "").all() and (made.natoms == 165).all()
    assert (made.columns["rigid_fmax_eV_per_A"] < 0.02).all()
