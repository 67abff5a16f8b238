"""Molecules with a stereocentre keep their hand, wherever molecules are placed; others have both."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.composition import Composition
from sampler.generate import docking, growth, moves
from sampler.generate.bodies import Kinds, from_library, take_apart
from sampler.generate.handedness import one_handed
from sampler.generate.packing import random_poses
from sampler.generate.rigid import RigidSystem, coordinates
from sampler.monomers import MonomerLibrary
from sampler.search import moves as hopping


@pytest.fixture(scope="module")
def library():
    """L-alanine, made by ``sampler monomer add ala --smiles "C[C@H](N)C(=O)O"``."""
    return MonomerLibrary.load([Path(__file__).parents[1] / "data" / "alanine"])


def hands(ptr, positions):
    """Sign of the volume that N, carboxyl C and methyl C span about the stereocentre, of each molecule of 13 atoms."""
    found = []
    for first, last in zip(ptr, ptr[1:]):
        if last - first == 13:
            methyl, centre, nitrogen, acid = positions[first : first + 4]
            found.append(int(np.sign(np.linalg.det(np.stack([nitrogen, acid, methyl]) - centre))))
    return found


ALONE = np.array([0, 13])


def rigid(library, name):
    return RigidSystem.build(list(Composition.parse(name, library).states(library))[0], library)


def test_which_molecules_have_one_hand(library):
    assert one_handed(library["ala"])
    assert not any(one_handed(m) for m in MonomerLibrary.load())
    assert not one_handed(replace(library["ala"], smiles="CC(N)C(=O)O"))  # a racemate
    assert one_handed(replace(library["ala"], smiles=""))  # from a file: as it stands there


@pytest.mark.parametrize(("smiles", "one"), [("C[C@H](F)[C@@H](C)F", False), ("C[C@H](F)[C@H](C)F", True)])
def test_a_meso_compound_has_both_hands(library, smiles, one):
    chem = pytest.importorskip("rdkit.Chem")
    embed = pytest.importorskip("rdkit.Chem.AllChem")
    molecule = chem.AddHs(chem.MolFromSmiles(smiles))
    assert embed.EmbedMolecule(molecule, randomSeed=1) == 0
    meso = (
        len(chem.FindMolChiralCenters(molecule)) == 2 and len({c for _, c in chem.FindMolChiralCenters(molecule)}) == 2
    )
    assert meso != one
    conformer = replace(library["ala"].conformers[0], positions=molecule.GetConformer().GetPositions())
    made = replace(
        library["ala"], smiles=smiles, conformers=(conformer,),
        numbers=np.array([a.GetAtomicNum() for a in molecule.GetAtoms()]),
        bonds=np.array([(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in molecule.GetBonds()]),
    )  # fmt: skip
    assert one_handed(made) == one


@pytest.mark.parametrize("symmetric", [0.0, 1.0])
def test_packings_and_moves(library, symmetric):
    system = rigid(library, "2ala1sa")
    (hand,) = hands(ALONE, library["ala"].conformers[0].positions)
    rng = np.random.default_rng(0)
    poses = random_poses(system, 60, rng, 0.6, symmetric)
    made = {"pack": poses}
    for name in ("turn", "swap"):
        made[name] = getattr(moves, name)(system, poses, rng)
    made["dock"] = moves._dock(system, poses, rng.integers(system.molecules, size=60), rng)
    for name, some in made.items():
        for x in coordinates(system, some):
            assert hands(system.ptr, x) == [hand, hand], name
    assert {-1.0, 1.0} <= set(poses.handedness[:, ~system.one_handed].ravel().tolist()) or symmetric


def test_growth_and_hops(library):
    form = rigid(library, "1ala")
    assert form.one_handed.all()
    (hand,) = hands(ALONE, library["ala"].conformers[0].positions)
    state = list(Composition.parse("1ala", library).states(library))[0]
    one = from_library(state.forms()[0], library)
    rng = np.random.default_rng(1)
    for _ in range(20):
        assert hands(ALONE, docking.turned(one, rng).positions) == [hand]
    _, docked = docking.sites(one, docking.turned(one, rng), rng, trials=24, keep=4)
    pairs = [*docked]
    for pair in docked[:2]:
        for _ in range(3):
            numbers, x = hopping.turn(pair, library, rng)
            assert numbers.tolist() == pair.numbers.tolist()
            pairs.append(pair.at(x))
    for pair in pairs:
        assert hands(pair.ptr, pair.positions) == [hand, hand]
    wanted = Composition.parse("3ala", library)
    grown = growth.add(docked[0], wanted, library, rng)
    assert hands(grown.ptr, grown.positions) == [hand] * 3


def test_molecules_taken_out_of_a_cluster_know_their_hand(library):
    rng = np.random.default_rng(2)
    forms = [list(Composition.parse(n, library).states(library))[0].forms()[0] for n in ("1ala", "1sa")]
    _, docked = docking.sites(*(from_library(form, library) for form in forms), rng, trials=24, keep=1)
    cluster = Clusters.make([docked[0].positions], [docked[0].numbers])
    (apart,) = take_apart(cluster, Composition.parse("1ala1sa", library), Kinds(library))
    assert dict(zip(apart.names, apart.one_handed.tolist())) == {"ala": True, "sa": False}
    both = apart.take([1, 0])
    assert dict(zip(both.names, both.one_handed.tolist())) == {"ala": True, "sa": False}
    assert both.system().one_handed.tolist() == both.one_handed.tolist()
    assert both.system([range(2)]).one_handed.tolist() == [True]


@pytest.mark.parametrize(("name", "counted"), [("ala", False), ("sa", True)])
def test_mirror_images_of_a_molecule_with_one_hand_are_not_counted(library, name, counted):
    from sampler.refine.thermo.rrho import Species, Treatment
    from sampler.refine.thermo.study import study
    from sampler.units import KB

    monomer = library[name]
    n = len(monomer.numbers)
    columns = {"numbers": monomer.numbers.tolist(), "positions": monomer.conformers[0].positions.tolist(), "charge": 0}
    one = Species(
        name, -100.0, np.full(3 * n - 6, 500.0), 90.0, np.array([80.0, 100.0, 120.0]), chiral=True, level="x", columns=columns
    )  # fmt: skip
    made = [
        study([one], library, treatment=Treatment(mirror_images=m))[f"1{name}"].mixture.thermo for m in (False, True)
    ]
    assert made[1].entropy - made[0].entropy == pytest.approx(KB * np.log(2) if counted else 0.0, abs=1e-12)
