"""What a report shows of geometries, compared with other ways to it."""

import itertools

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.composition import Composition
from sampler.monomers import MonomerLibrary
from sampler.report.geometry import bonding, hydrogen_bonds, superposed

WATER = np.array([[0.0, 0.0, 0.0], [0.0, 0.757, 0.586], [0.0, -0.757, 0.586]])


@pytest.fixture(scope="module")
def library():
    return MonomerLibrary.load()


def dimer(gap=2.9, turn=0.0):
    """Two waters, of which the first gives its second hydrogen to the oxygen of the other, on the line between them."""
    along = WATER[1] / np.linalg.norm(WATER[1])
    c, s = np.cos(turn), np.sin(turn)
    other = WATER @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]).T
    return np.concatenate([WATER, other + gap * along]), np.array([8, 1, 1, 8, 1, 1])


def kabsch(a, b):
    """RMSD of a on b in the given order, by a proper rotation."""
    from scipy.spatial.transform import Rotation

    a, b = a - a.mean(0), b - b.mean(0)
    rotation, _ = Rotation.align_vectors(b, a)
    return np.sqrt(((rotation.apply(a) - b) ** 2).sum(1).mean())


def by_trying_all(numbers, a, b):
    """The lowest RMSD of all permutations of like atoms and both mirror images."""
    oxygens, hydrogens = np.flatnonzero(numbers == 8), np.flatnonzero(numbers == 1)
    best = np.inf
    for p in itertools.permutations(oxygens):
        for q in itertools.permutations(hydrogens):
            order = np.empty(len(numbers), int)
            order[oxygens], order[hydrogens] = p, q
            best = min(best, kabsch(a[order], b), kabsch(-a[order], b))
    return best


def test_the_rmsd_is_that_of_all_permutations():
    rng = np.random.default_rng(7)
    base, numbers = dimer()
    shuffled = np.array([3, 5, 4, 0, 2, 1])
    made = [base, -base[shuffled], base + rng.normal(0, 0.25, base.shape), dimer(3.4, 1.1)[0]]
    laid = superposed(Clusters.make(made, [numbers, numbers[shuffled], numbers, numbers]))
    expected = [by_trying_all(numbers, x if i != 1 else x[np.argsort(shuffled)], base) for i, x in enumerate(made)]
    print("ours", laid.rmsd, "all permutations", expected)
    assert laid.rmsd == pytest.approx(expected, abs=2e-4)
    lowest = laid.clusters.positions[:6]
    for i in range(len(made)):
        atoms = laid.clusters.atoms_of(i)
        assert laid.clusters.numbers[atoms].tolist() == numbers.tolist()
        apart = laid.clusters.positions[atoms] - lowest
        assert np.sqrt((apart**2).sum(1).mean()) == pytest.approx(laid.rmsd[i], abs=2e-4)


def test_a_chiral_structure_says_that_it_is_mirrored():
    twisted = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.4, 0.0], [0.2, 0.3, 1.9]])
    numbers = [6, 1, 9, 17]
    laid = superposed(Clusters.make([twisted, twisted * [1, 1, -1]], [numbers, numbers]))
    assert laid.mirrored.tolist() == [False, True] and laid.rmsd.max() < 1e-6


def test_other_atoms_have_no_rmsd():
    laid = superposed(Clusters.make([WATER, WATER], [[8, 1, 1], [16, 1, 1]]))
    assert laid.rmsd[0] == pytest.approx(0, abs=1e-6) and np.isnan(laid.rmsd[1])


def test_bonds_are_those_of_the_library(library):
    for monomer in library:
        clusters = Clusters.make([c.positions for c in monomer.conformers], [monomer.numbers] * len(monomer.conformers),
                                 charge=monomer.charge)  # fmt: skip
        wanted = sorted(tuple(sorted(pair)) for pair in monomer.bonds.tolist())
        for found in bonding(clusters, Composition(((monomer.family, 1),), monomer.charge), library):
            assert sorted(found.bonds) == wanted, monomer.name
            assert [sorted(atoms) for _, atoms in found.molecules] == [list(range(len(monomer.numbers)))]


def test_a_water_dimer_has_one_hydrogen_bond(library):
    x, z = dimer()
    (found,) = bonding(Clusters.make([x], [z]), Composition.parse("2w", library), library)
    ((donor, h, acceptor, distance, angle),) = found.hydrogen_bonds
    assert (donor, h, acceptor) == (0, 1, 3)
    assert distance == pytest.approx(2.9 - np.linalg.norm(WATER[1]), abs=1e-9) and angle == pytest.approx(180, abs=1e-4)
    assert found.molecules == [("H₂O", [0, 1, 2]), ("H₂O", [3, 4, 5])]
    assert not hydrogen_bonds(z, dimer(3.6)[0], found.bonds)


def test_a_ring_of_four_waters_has_four(library):
    """Oxygens on the corners of a square of 2.75 Å; each gives the hydrogen that points to the next one."""
    x, z = [], []
    corners = 2.75 / np.sqrt(2) * np.array([[np.cos(a), np.sin(a), 0] for a in np.arange(4) * np.pi / 2])
    for k, corner in enumerate(corners):
        along = (corners[(k + 1) % 4] - corner) / 2.75
        x += [corner, corner + 0.98 * along, corner + 0.97 * np.array([0.1, 0.1, 1.0 if k % 2 else -1.0]) / 1.0099]
        z += [8, 1, 1]
    (found,) = bonding(Clusters.make([x], [z]), Composition.parse("4w", library), library)
    assert [(d, a) for d, _, a, *_ in found.hydrogen_bonds] == [(0, 3), (3, 6), (6, 9), (9, 0)]


@pytest.mark.parametrize("name", ["sa", "b", "nta", "amh", "dma"])
def test_a_molecule_alone_has_none(library, name):
    if name not in library.names:
        pytest.skip(f"no {name} in the library")
    monomer = library[name]
    positions = [c.positions for c in monomer.conformers]
    clusters = Clusters.make(positions, [monomer.numbers] * len(positions), charge=monomer.charge)
    for found in bonding(clusters, Composition(((monomer.family, 1),), monomer.charge), library):
        assert found.hydrogen_bonds == []


def test_the_nitrogen_of_ammonium_accepts_nothing(library):
    """Water points a hydrogen at the nitrogen of NH4⁺, from between three hydrogens."""
    ammonium = library["amh"]
    n = ammonium.positions if hasattr(ammonium, "positions") else ammonium.conformers[0].positions
    heavy = int(np.flatnonzero(ammonium.numbers == 7)[0])
    h = int(np.flatnonzero(ammonium.numbers == 1)[0])
    away = n[heavy] - n[h]
    away /= np.linalg.norm(away)
    water = np.array([n[heavy] + 3.1 * away, n[heavy] + 2.13 * away, n[heavy] + 3.3 * away + [0.9, 0.2, 0.1]])
    numbers = np.concatenate([ammonium.numbers, [8, 1, 1]])
    shift = len(ammonium.numbers)
    bonds = [*map(tuple, ammonium.bonds.tolist()), (shift, shift + 1), (shift, shift + 2)]
    found = hydrogen_bonds(numbers, np.concatenate([n, water]), bonds)
    assert heavy not in [a for _, _, a, *_ in found]
