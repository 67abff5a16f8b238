"""Duplicates found, distinct minima kept, broken input set aside."""

import dataclasses

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from sampler.clusters import Clusters
from sampler.errors import InputError
from sampler.similarity import DedupeParams, dedupe
from sampler.units import HARTREE, KCAL_PER_MOL


def sa_am_conformers(reference, every=1):
    from ase.io import read

    frames = read(reference / "acdb2_wb97xd" / "conformers_sa_am.extxyz", f"::{every}", format="extxyz")
    return Clusters.make(
        [f.positions for f in frames],
        [f.numbers for f in frames],
        ids=[f.info["name"] for f in frames],
        energy=[f.info["wb97xd_electronic_energy_Eh"] * HARTREE for f in frames],
        level="wB97X-D/6-31++G(d,p)",
    )


def minima(count, n=14, seed=0):
    """Random, distinct, well-separated structures with energies 1 kcal/mol apart."""
    rng = np.random.default_rng(seed)
    z = np.array([1] * (n // 2) + [7, 8, 8, 8, 16, 16, 16][: n - n // 2])
    grid = np.stack(np.meshgrid(*[np.arange(4)] * 3), -1).reshape(-1, 3) * 1.3
    positions = [rng.permutation(grid)[:n] + rng.uniform(-0.2, 0.2, (n, 3)) for _ in range(count)]
    return Clusters.make(positions, [z] * count, energy=np.arange(count) * KCAL_PER_MOL, level="toy")


def copies(clusters, source, jitter=0.02, seed=1):
    """Turned, mirrored (every second), shuffled and jittered copies of the structures ``source``."""
    rng = np.random.default_rng(seed)
    positions, numbers = [], []
    for k, i in enumerate(source):
        atoms = clusters.atoms_of(i)
        shuffle = rng.permutation(atoms.stop - atoms.start)
        turn = Rotation.random(random_state=int(rng.integers(2**31))).as_matrix() * (-1) ** k
        x = clusters.positions[atoms] @ turn + rng.normal(0, jitter, (len(shuffle), 3)) + rng.normal(0, 3, 3)
        positions.append(x[shuffle])
        numbers.append(clusters.numbers[atoms][shuffle])
    energy = clusters.energy[source] + rng.uniform(0, 1e-4, len(source))
    return Clusters.make(positions, numbers, energy=energy, level=clusters.level)


def test_groups_of_disturbed_copies_are_the_originals():
    source = np.random.default_rng(0).permutation(np.repeat(np.arange(30), 6))
    population = copies(minima(30), source)
    result = dedupe(population)
    assert len(result.representatives) == 30
    for s in range(30):
        assert len(set(result.group[source == s])) == 1, f"copies of minimum {s} are split"
    np.testing.assert_array_equal(result.representatives.columns["times_found"], 6)
    kept = result.duplicate_of == ""
    assert kept.sum() == 30
    np.testing.assert_array_equal(result.representatives.ids[result.group[~kept]], result.duplicate_of[~kept])
    for g in range(30):
        members = population.energy[result.group == g]
        assert result.representatives.energy[g] == members.min(), "the lowest member must represent"
    assert np.all(np.diff(result.representatives.energy) >= 0)


def test_what_is_known_to_be_distinct_is_not_compared_again():
    """An archive of distinct minima, all at one energy, and children that are copies of some, and of one new one."""
    archive = minima(30).replace(energy=np.zeros(30))
    children = copies(minima(31).replace(energy=np.full(31, 1e-3)), [3, 3, 17, 30, 30])
    both = Clusters.concatenate([archive, children])
    whole, less = dedupe(both), dedupe(both, distinct=30)
    for name in ("group", "duplicate_of", "rmsd", "mirrored"):
        np.testing.assert_array_equal(getattr(less, name), getattr(whole, name))
    assert len(less.representatives) == 31 and less.pairs <= whole.pairs
    # it is taken at its word: copies among what is said to be distinct stay
    assert len(dedupe(copies(minima(1), [0, 0, 0]), distinct=3).representatives) == 3


def test_mirror_images_are_counted():
    one = minima(1)
    population = copies(one, np.zeros(8, int), jitter=0.0)
    result = dedupe(population)
    lowest = int(np.argmin(population.energy))
    other_hand = np.arange(8) % 2 != lowest % 2
    np.testing.assert_array_equal(result.mirrored, other_hand)
    assert result.representatives.columns["mirror_count"].tolist() == [4]


def test_counts_are_carried_through_a_second_removal():
    population = copies(minima(3), np.repeat(np.arange(3), 4))
    once = dedupe(population)
    parts = [dedupe(population[::2]).representatives, dedupe(population[1::2]).representatives]
    twice = dedupe(Clusters.concatenate(parts))
    for name in ("times_found", "mirror_count"):
        first, second = once.representatives.columns[name], twice.representatives.columns[name]
        np.testing.assert_array_equal(first, second, err_msg=name)


def test_a_chain_does_not_merge_its_ends():
    base = minima(1)
    step = np.random.default_rng(5).normal(0, 1, base.positions.shape)
    step -= step.mean(0)
    step *= 0.09 / np.sqrt((step**2).sum(1).mean())  # 0.09 Å a step
    chain = Clusters.make(
        [base.positions + k * step for k in range(9)], [base.numbers] * 9, energy=np.arange(9) * 1e-4, level="toy"
    )
    params = DedupeParams(max_displacement=2.0)
    for linkage in ("leader", "complete", "average"):
        result = dedupe(chain, dataclasses.replace(params, linkage=linkage))
        assert result.group[0] != result.group[-1], linkage
        assert len(result.representatives) >= 4, linkage
    leader = dedupe(chain, params)
    assert leader.rmsd.max() <= params.rmsd
    again = dedupe(leader.representatives, params)
    assert len(again.representatives) == len(leader.representatives), "two representatives are duplicates"


def test_energies_must_agree():
    pair = copies(minima(1), np.zeros(2, int))
    apart = pair.replace(energy=np.array([0.0, 0.3 * KCAL_PER_MOL]))
    assert len(dedupe(apart).representatives) == 2
    assert len(dedupe(apart, DedupeParams(energy_window=0.4 * KCAL_PER_MOL)).representatives) == 1
    assert len(dedupe(apart, DedupeParams(energy_window=None)).representatives) == 1


def test_windows_slide():
    """Two near-equal energies on either side of any bin edge are still together."""
    pair = copies(minima(1), np.zeros(2, int), jitter=0.002)
    for edge in np.linspace(-1, 1, 41):
        split = pair.replace(energy=np.array([edge - 1e-5, edge + 1e-5]))
        assert len(dedupe(split).representatives) == 1, edge


def test_one_atom_far_off_is_not_forgiven():
    """In a large cluster, one moved proton is a small RMSD but another minimum."""
    rng = np.random.default_rng(8)
    grid = np.stack(np.meshgrid(*[np.arange(6)] * 3), -1).reshape(-1, 3)[:165] * 1.4
    x = grid + rng.uniform(-0.2, 0.2, (165, 3))
    y = x.copy()
    y[0] += [0.0, 0.0, -1.0]
    z = np.array([1] * 75 + [8] * 60 + [7] * 15 + [16] * 15)
    pair = Clusters.make([x, y], [z, z], energy=[0.0, 0.001], level="toy")
    assert len(dedupe(pair).representatives) == 2
    assert len(dedupe(pair, DedupeParams(max_displacement=3.0)).representatives) == 1


def test_states_charges_and_compositions_are_kept_apart():
    same = copies(minima(1), np.zeros(4, int), jitter=0.0).with_columns(state=np.array(["a", "b", "a", "b"]))
    assert len(dedupe(same).representatives) == 2
    charged = same.replace(charge=np.array([0, 0, 1, 1]), columns={})
    assert len(dedupe(charged).representatives) == 2
    mixed = Clusters.concatenate([minima(2), minima(2, n=8), minima(1, n=1), minima(1, n=2)])
    assert len(dedupe(mixed).representatives) == 6
    assert len(dedupe(Clusters.concatenate([minima(1, n=1)] * 3)).representatives) == 1


def test_broken_structures_are_set_aside():
    population = copies(minima(2), np.array([0, 1, 0, 1, 0]))
    positions, energy = population.positions.copy(), population.energy.copy()
    positions[population.ptr[2] + 3, 1] = np.nan
    energy[3] = np.inf
    result = dedupe(population.replace(positions=positions, energy=energy))
    assert result.set_aside.tolist() == ["", "", "coordinates not finite", "energy not finite", ""]
    assert result.group.tolist()[2:4] == [-1, -1] and result.duplicate_of.tolist()[2:4] == ["", ""]
    assert result.representatives.columns["times_found"].tolist() == [2, 1]
    everything = population.replace(energy=np.full(5, np.nan))
    assert len(dedupe(everything).representatives) == 0
    assert len(dedupe(everything, DedupeParams(energy_window=None)).representatives) == 2


def test_empty_and_atomless():
    result = dedupe(Clusters.empty())
    assert len(result.representatives) == len(result.group) == len(result.duplicate_of) == 0
    hollow = Clusters.make([np.zeros((0, 3))], [[]], energy=[0.0])
    assert dedupe(hollow).set_aside.tolist() == ["no atoms"]


def test_coincident_atoms_do_not_crash():
    z = np.array([1, 1, 8, 8, 16])
    collapsed = Clusters.make([np.zeros((5, 3)), np.zeros((5, 3))], [z, z], energy=[0.0, 0.0])
    assert len(dedupe(collapsed).representatives) == 1


def test_result_does_not_depend_on_workers_or_order():
    source = np.repeat(np.arange(60), 5)
    population = copies(minima(60), source)
    one, two = dedupe(population, n_jobs=1), dedupe(population, n_jobs=2)
    for name in ("group", "duplicate_of", "rmsd", "mirrored"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name), err_msg=name)
    order = np.random.default_rng(4).permutation(len(population))
    shuffled = dedupe(population[order])
    np.testing.assert_array_equal(shuffled.group, one.group[order])
    np.testing.assert_array_equal(shuffled.representatives.ids, one.representatives.ids)


def test_many_tasks_give_the_same_as_one(monkeypatch):
    import sys

    from sampler.similarity import dedupe as package_function  # noqa: F401

    population = copies(minima(40), np.repeat(np.arange(40), 3))
    whole = dedupe(population)
    monkeypatch.setattr(sys.modules["sampler.similarity.dedupe"], "_TASK_MEMBERS", 1)
    np.testing.assert_array_equal(dedupe(population, n_jobs=2).group, whole.group)


@pytest.mark.parametrize("bad", [{"rmsd": 0}, {"rmsd": np.nan}, {"energy_window": -1.0}, {"linkage": "single"}])
def test_bad_parameters_are_refused(bad):
    with pytest.raises(InputError, match=next(iter(bad))):
        DedupeParams(**bad)


def test_disturbed_copies_of_real_minima(reference):
    """Every minimum comes back once: none missed, none merged; the count of originals is taken before disturbing."""
    distinct = dedupe(sa_am_conformers(reference)).representatives
    source = np.repeat(np.arange(len(distinct)), 4)
    result = dedupe(copies(distinct, source))
    split = [s for s in range(len(distinct)) if len(set(result.group[source == s])) > 1]
    assert len(result.representatives) == len(distinct), f"split: {distinct.ids[split]}"
    assert not split


def test_energy_and_shape_of_removed_structures_agree(reference):
    """On real conformers, removed and kept structures share what no superposition can change: sorted pair distances."""
    clusters = sa_am_conformers(reference, every=2)
    result = dedupe(clusters)
    index = {str(name): i for i, name in enumerate(clusters.ids)}

    def distances(i):
        atoms = clusters.atoms_of(i)
        x = clusters.positions[atoms]
        return np.sort(np.linalg.norm(x[:, None] - x, axis=2)[np.triu_indices(len(x), 1)])

    removed = np.flatnonzero(result.duplicate_of != "")
    assert len(removed) > 100
    for i in removed:
        j = index[str(result.duplicate_of[i])]
        n = int(clusters.natoms[i])
        assert abs(clusters.energy[i] - clusters.energy[j]) <= 0.25 * KCAL_PER_MOL
        bound = np.sqrt(((distances(i) - distances(j)) ** 2).sum()) / n
        assert bound <= result.rmsd[i] + 1e-6 <= 0.125 + 2e-6, f"bound {bound:.4f}, RMSD {result.rmsd[i]:.4f} Å"
