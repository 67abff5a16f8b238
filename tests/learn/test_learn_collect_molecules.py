"""``sampler data collect``: which molecules labels of a plain file are made of, where atoms alone do not tell."""

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.learn.labels.labels_file import label_set
from sampler.monomers import MonomerLibrary

LIBRARY = MonomerLibrary.load()


def beside(*names, apart=6.0):
    """Molecules in a row, Å."""
    parts = [(LIBRARY[n].conformers[0].positions + [apart * k, 0, 0], LIBRARY[n].numbers) for k, n in enumerate(names)]
    return np.concatenate([x for x, _ in parts]), np.concatenate([z for _, z in parts])


@pytest.fixture
def labelled():
    pairs = [beside("ma", "ma"), beside("am", "dma"), beside("sa", "am")]
    assert sorted(pairs[0][1]) == sorted(pairs[1][1])  # C2H10N2, both
    made = Clusters.make(
        [x for x, _ in pairs], [z for _, z in pairs], energy=np.full(3, -1.0), ids=np.array(["a", "b", "c"])
    )
    return made.replace(level="gfn1-xtb")


def test_bonds_tell_molecules_of_like_atoms(labelled):
    found = label_set(labelled, LIBRARY, engine="none")
    assert found.compositions.tolist() == ["2ma", "1am1dma", "1sa1am"]


def test_molecules_that_were_named_are_not_mistaken_for_others(labelled):
    found = label_set(labelled, LIBRARY, ["am", "dma"], engine="none")
    assert found.clusters.ids.tolist() == ["b"] and found.compositions.tolist() == ["1am1dma"]


def test_the_command_takes_any_molecules(sampler, labelled, tmp_path):
    from sampler.interop import write_any

    write_any(labelled.without_energies(), tmp_path / "pairs.xyz")
    assert sampler("label", "pairs.xyz", "--level", "gfn1-xtb", "--out", "labels", "-j", 1, "-q")[0] == 0
    status, out, err = sampler("data", "collect", "labels", "-o", "pairs.npz")
    assert status == 0 and "3 labels at gfn1-xtb" in out and "left out: none" in out, err
