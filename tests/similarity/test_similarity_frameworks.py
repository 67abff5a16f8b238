"""Frameworks: the same places of the molecules, whatever their orientation, order or handedness."""

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.composition import Composition
from sampler.errors import InputError
from sampler.generate import generate
from sampler.monomers import MonomerLibrary
from sampler.similarity.frameworks import fingerprints, frameworks, places

LIBRARY = MonomerLibrary.load()
SYSTEM = Composition.parse("2sa2am", LIBRARY)


@pytest.fixture(scope="module")
def packed():
    made = generate(SYSTEM, 12, library=LIBRARY, seed=3, shares="ions-only")
    return made.replace(energy=np.arange(12.0))


def _turned_in_place(clusters, rng):
    """Every molecule turned about its centre, the order of atoms changed within each cluster, the whole mirrored."""
    from scipy.spatial.transform import Rotation

    from sampler.generate.bodies import Kinds, take_apart

    positions, numbers = [], []
    for bodies in take_apart(clusters, SYSTEM, Kinds(LIBRARY)):
        x = bodies.positions.copy()
        for m in range(bodies.molecules):
            mine = np.arange(bodies.ptr[m], bodies.ptr[m + 1])
            heavy = mine[bodies.numbers[mine] != 1]
            centre = x[heavy].mean(0)
            # a little: far enough to be another minimum, near enough to stay in one piece
            x[mine] = Rotation.from_rotvec(rng.normal(0, 0.1, 3)).apply(x[mine] - centre) + centre
        order = rng.permutation(len(x))
        positions.append(x[order] * [-1.0, 1.0, 1.0])
        numbers.append(bodies.numbers[order])
    return Clusters.make(positions, numbers, ids=[f"turned-{i}" for i in range(len(positions))])


def test_turned_molecules_and_mirror_images_share_a_framework(packed):
    other = _turned_in_place(packed, np.random.default_rng(0))
    np.testing.assert_allclose(fingerprints(other, SYSTEM, LIBRARY), fingerprints(packed, SYSTEM, LIBRARY), atol=1e-9)
    both = Clusters.concatenate([packed.replace(columns={}), other.replace(energy=12.0 + np.arange(12.0))])
    group = frameworks(both, SYSTEM, LIBRARY)
    np.testing.assert_array_equal(group[:12], group[12:])


def test_fingerprints_are_the_sorted_distances_by_family(packed):
    from scipy.spatial.distance import pdist

    one = packed[0]
    sulfur = one.positions[one.numbers == 16]
    nitrogen = one.positions[one.numbers == 7]
    (mark,) = fingerprints(packed[np.array([0])], SYSTEM, LIBRARY)
    assert mark.shape == (6,)
    # the centre of ammonia is its nitrogen; that of sulfuric acid lies within its oxygens, near the sulfur
    assert np.abs(mark - pdist(nitrogen)[0]).min() < 1e-9
    assert np.abs(mark - pdist(sulfur)[0]).min() < 0.2


def test_moved_molecules_make_another_framework_and_the_lowest_lead(packed):
    x = packed.positions.copy()
    sulfur = np.flatnonzero(packed.numbers == 16)
    assert len(sulfur) == 24
    group = frameworks(packed, SYSTEM, LIBRARY, threshold=1e-6)
    assert group.tolist() == list(range(12))
    loose = frameworks(packed, SYSTEM, LIBRARY, threshold=100.0)
    assert (loose == 0).all()
    backwards = frameworks(packed.replace(energy=-packed.energy, positions=x), SYSTEM, LIBRARY, threshold=1e-6)
    assert backwards.tolist() == list(range(12))[::-1]


def test_broken_structures_are_frameworks_of_their_own(packed):
    x = packed.positions.copy()
    first = packed.atoms_of(0)
    hydrogen = np.flatnonzero(packed.numbers[first] == 1)[0]
    x[np.arange(len(x))[first][hydrogen]] += 30.0  # a proton far away
    group = frameworks(packed.replace(positions=x), SYSTEM, LIBRARY, threshold=100.0)
    assert group[0] == 0 and (group[1:] == 1).all()


def test_one_molecule_and_none():
    alone = Composition.parse("1sa", LIBRARY)
    made = generate(alone, 3, library=LIBRARY).replace(energy=np.zeros(3))
    assert (frameworks(made, alone, LIBRARY) == 0).all()
    assert frameworks(Clusters.empty(), SYSTEM, LIBRARY).shape == (0,)


def test_another_composition_is_refused(packed):
    with pytest.raises(InputError):
        frameworks(packed, Composition.parse("1sa1am", LIBRARY), LIBRARY)


def test_places_count_within_a_framework():
    assert places(np.array([0, 1, 0, 0, 2, 1])).tolist() == [0, 0, 1, 2, 0, 1]
    assert places(np.array([], int)).tolist() == []
