"""Weights that processes share: the same numbers, one copy in memory, and nobody can spoil them for another."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.potentials.painn.card import ModelCard, save_model
from sampler.potentials.painn.parameters import Architecture, PaiNNParameters
from sampler.potentials.painn.potential import CommitteePotential, PaiNNPotential

SMALL = Architecture(n_atom_basis=32, n_interactions=2)
WATER = Clusters.make([[[0.0, 0.0, 0.1], [0.0, 0.8, -0.5], [0.0, -0.8, -0.5]]], [[8, 1, 1]])


def model(folder: Path, seed: int = 0) -> Path:
    save_model(folder, PaiNNParameters.random(SMALL, seed=seed), ModelCard(level="test", elements=("H", "O")))
    return folder


def shared(folder: Path, where: Path) -> PaiNNPotential:
    potential = PaiNNPotential(folder)
    potential.share(where)
    return potential


def mapped(path: Path) -> dict[str, int]:
    """kB of the mappings of ``path`` in this process, by /proc/self/smaps."""
    smaps = Path("/proc/self/smaps")
    if not smaps.exists():
        pytest.skip("needs /proc/self/smaps")
    found, inside = {}, False
    for line in smaps.read_text().splitlines():
        key, _, value = line.partition(":")
        if "-" in key.split(" ")[0]:
            inside = line.endswith(str(path))
        elif inside and value.endswith("kB"):
            found[key] = found.get(key, 0) + int(value.split()[0])
    return found


def test_the_numbers_are_the_same_and_the_memory_is_one(tmp_path):
    folder = model(tmp_path / "m")
    alone = PaiNNPotential(folder).evaluate(WATER)
    first, second = shared(folder, tmp_path), pickle.loads(pickle.dumps(shared(folder, tmp_path)))
    for potential in (first, second):
        found = potential.evaluate(WATER)
        assert np.array_equal(found.energy, alone.energy) and np.array_equal(found.forces, alone.forces)
    (path,) = tmp_path.glob("*.npy")
    kb = mapped(path)
    size = (first.network.weights.nbytes + first.network.table.nbytes) / 1024
    assert kb["Rss"] > 1.8 * size, "both are mapped"
    assert kb["Private_Dirty"] + kb["Private_Clean"] < 0.1 * size, kb
    assert kb["Pss"] < 0.6 * kb["Rss"], kb


def test_new_weights_of_one_are_not_those_of_the_other(tmp_path):
    folder = model(tmp_path / "m")
    first, second = shared(folder, tmp_path), shared(folder, tmp_path)
    before = first.evaluate(WATER), second.evaluate(WATER)
    second.network.set_weights(PaiNNParameters.random(SMALL, seed=5).arrays)
    assert second.evaluate(WATER).energy[0] != before[1].energy[0]
    assert np.array_equal(first.evaluate(WATER).forces, before[0].forces)
    third = shared(folder, tmp_path)
    assert np.array_equal(third.evaluate(WATER).forces, before[0].forces)


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty", "other"])
def test_a_file_that_is_not_these_weights_is_replaced(tmp_path, damage):
    folder = model(tmp_path / "m")
    expected = shared(folder, tmp_path).evaluate(WATER)
    (path,) = tmp_path.glob("*.npy")
    raw = bytearray(path.read_bytes())
    good = bytes(raw)
    raw[len(raw) // 2] ^= 0x40
    other = b"not an array"
    path.unlink()  # those who have it mapped keep it
    path.write_bytes({"truncate": good[: len(good) // 2], "flip": bytes(raw), "empty": b"", "other": other}[damage])
    found = shared(folder, tmp_path).evaluate(WATER)
    assert np.array_equal(found.energy, expected.energy) and np.array_equal(found.forces, expected.forces)
    assert path.read_bytes() == good


def test_without_the_folder_every_process_has_its_own(tmp_path):
    folder = model(tmp_path / "m")
    found = shared(folder, tmp_path / "absent").evaluate(WATER)
    assert np.array_equal(found.energy, PaiNNPotential(folder).evaluate(WATER).energy)
    assert not (tmp_path / "absent").exists()


def test_a_committee_shares_every_member(tmp_path):
    committee = CommitteePotential([model(tmp_path / f"m{s}", s) for s in range(3)])
    expected = committee.evaluate(WATER)
    other = pickle.loads(pickle.dumps(committee))
    other.share(tmp_path)
    assert np.array_equal(other.evaluate(WATER).forces, expected.forces)
    assert len(list(tmp_path.glob("*.npy"))) == 3
