"""Conformers are of one molecule: open stereochemistry and frames of diastereomers are refused, with what could be meant."""

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.errors import MonomerError
from sampler.interop.xyz import write_extxyz
from sampler.monomer_builder import MonomerSpec, build, graph
from sampler.monomer_builder.embed import from_smiles

pytest.importorskip("rdkit")


@pytest.mark.parametrize(
    ("smiles", "choices"),
    [
        ("OC(=O)C=CC(=O)O", ["O=C(O)/C=C/C(=O)O", "O=C(O)/C=C\\C(=O)O"]),  # fumaric and maleic acid
        ("CC(O)C(C)O", ["C[C@H](O)[C@@H](C)O", "C[C@H](O)[C@H](C)O"]),  # meso and chiral
        ("OC(=O)[C@H](O)C(O)C(=O)O", ["O=C(O)[C@@H](O)[C@@H](O)C(=O)O"]),  # half of it said
        ("CC1CCC(C)CC1", ["C[C@H]1CC[C@@H](C)CC1", "C[C@H]1CC[C@H](C)CC1"]),
    ],
)
def test_several_molecules_in_one_smiles_string(smiles, choices):
    with pytest.raises(MonomerError, match="molecules of different energies") as error:
        from_smiles(smiles, 2, 1)
    assert all(choice in str(error.value) for choice in choices)
    for choice in choices:
        assert len(from_smiles(choice, 2, 1)[2])


@pytest.mark.parametrize(
    "smiles",
    ["CC(N)C(=O)O", "NC(=N)N", "CC=N", "ON=O", "C1CC2CCC1C2", "CC1=CCC2CC1C2(C)C", "OC(=O)/C=C/C(=O)O", "CS(=O)CC"],
)
def test_one_molecule_or_its_mirror_image(smiles):
    assert len(from_smiles(smiles, 2, 1)[2])


def sound(smiles):
    """Elements and an embedded geometry without squeezed hydrogens."""
    for seed in range(1, 30):
        numbers, bonds, positions, _ = from_smiles(smiles, 1, seed)
        if np.array_equal(graph.bonds_from_distances(numbers, positions[0]), bonds):
            return numbers, positions[0]
    raise AssertionError(smiles)


@pytest.mark.parametrize(
    ("second", "words"),
    [("C[C@H](F)[C@H](C)F", "frame 2 is a diastereomer"), ("C[C@@H](F)[C@H](C)O", None), ("C[C@H](F)[C@@H](C)O", "frame 2 is the mirror")],
)  # fmt: skip
def test_frames_of_different_molecules_are_no_conformers(tmp_path, second, words):
    first = "C[C@H](F)[C@@H](C)F" if second.endswith("F") else "C[C@@H](F)[C@H](C)O"
    numbers, one = sound(first)
    also, two = sound(second)
    assert np.array_equal(numbers, also)
    path = tmp_path / "frames.extxyz"
    write_extxyz(Clusters.make([one, two], [numbers, numbers]), path)
    spec = MonomerSpec(name="x", xyz=path, charges="mulliken", protons=5)  # stops before the optimisation, if at all
    if words is None:
        from sampler.monomer_builder.build import _start

        assert len(_start(spec)[2]) == 2
        return
    with pytest.raises(MonomerError, match=words):
        build(spec)
