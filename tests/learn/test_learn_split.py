"""Splits of data sets: what is test and what is trained on, and that no duplicate of a test structure is trained on."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from sampler.cli.app import app
from sampler.clusters import Clusters
from sampler.errors import CompositionError, InputError, LevelError
from sampler.learn.describe import describe, negative_ions
from sampler.learn.labels.dataset import LabelSet
from sampler.learn.split import AtRandom, ByComposition, ByList, BySize, leaks_between, split
from sampler.monomers import MonomerLibrary
from sampler.similarity.dedupe import DedupeParams, dedupe
from sampler.similarity.overlap import duplicates_between

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "sa_w"


@pytest.fixture(scope="module")
def library():
    return MonomerLibrary.load()


def cluster(library, waters: int, acids: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Molecules on a row, each turned at random, 4 Å apart."""
    rng, parts = np.random.default_rng(seed), []
    for k, name in enumerate(["sa"] * acids + ["w"] * waters):
        m = library[name]
        turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        parts.append((m.numbers, m.conformers[0].positions @ turn.T + [4.0 * k, 0, 0]))
    return np.concatenate([p[0] for p in parts]), np.vstack([p[1] for p in parts])


def make(library, wanted: dict[tuple[int, int], int], level="gfn1-xtb", forces=False) -> LabelSet:
    numbers, positions, names, energies = [], [], [], []
    for (acids, waters), count in wanted.items():
        for k in range(count):
            z, x = cluster(library, waters, acids, 100 * acids + 10 * waters + k)
            numbers.append(z)
            positions.append(x)
            names.append(f"{acids}sa{waters}w" if acids and waters else f"{acids}sa" if acids else f"{waters}w")
            energies.append(-600.0 * acids - 150.0 * waters - 0.1 * k)
    clusters = Clusters.make(
        positions, numbers, energy=energies, level=level, ids=[f"{n}-{i}" for i, n in enumerate(names)],
        forces=[np.ones(x.shape) for x in positions] if forces else None,
        columns={"composition": np.array(names)},
    )  # fmt: skip
    return LabelSet(clusters, {"sa": -600.0, "w": -150.0}, "none")


@pytest.fixture
def labels(library):
    return make(library, {(0, 2): 3, (1, 1): 4, (1, 2): 4, (2, 1): 3, (2, 2): 2, (0, 6): 2})


def counts(part: LabelSet) -> dict:
    names, n = np.unique(part.compositions, return_counts=True)
    return dict(zip(names.tolist(), n.tolist()))


def test_by_size_nothing_that_holds_a_test_cluster_is_trained_on(labels, library):
    found = split(labels, BySize(test=("1sa2w",)), library)
    assert counts(found.test) == {"1sa2w": 4}
    assert counts(found.train) == {"2w": 3, "1sa1w": 4, "2sa1w": 3, "6w": 2}  # 2sa2w holds 1sa2w, six waters do not
    assert found.left_out == 2
    assert counts(split(labels, BySize(largest=4), library).test) == {"2sa2w": 2, "6w": 2}
    assert counts(split(labels, BySize(), library).test) == {"6w": 2}


def test_by_composition_in_any_spelling(labels, library):
    found = split(labels, ByComposition(("2W1SA", "6w")), library)
    assert counts(found.test) == {"1sa2w": 4, "6w": 2} and counts(found.train)["2sa2w"] == 2


def test_at_random_each_structure_once_and_by_the_seed(labels, library):
    one, same, other = (split(labels, AtRandom(0.25, s), library) for s in (1, 1, 2))
    ids = [set(p.clusters.ids.tolist()) for p in (one.train, one.test)]
    assert len(one.test) == round(0.25 * len(labels)) and not ids[0] & ids[1]
    assert ids[0] | ids[1] == set(labels.clusters.ids.tolist())
    assert one.test.digest() == same.test.digest() != other.test.digest()


def test_by_list(labels, library):
    names = labels.clusters.ids.tolist()
    found = split(labels, ByList((names[3], names[0])), library)
    assert found.test.clusters.ids.tolist() == [names[0], names[3]] and len(found.train) == len(labels) - 2
    found = split(labels, ByList((names[0],), (names[1], names[2])), library)
    assert len(found.train) == 2 and found.left_out == len(labels) - 3


@pytest.mark.parametrize(
    "how, told",
    [
        (ByList(("1sa1w-3",), ("1sa1w-3", "1sa1w-4")), "1 ids are on the list of the test and on that to train on"),
        (ByList(("nobody",)), "holds no structure with the id 'nobody'"),
        (ByList(()), "list of the test is empty"),
        (BySize(test=("3sa3w",)), "holds no 3sa3w"),
        (BySize(largest=9), "no cluster of 9 molecules or more; its largest have 6"),
        (BySize(test=("2w",), largest=2), "not both"),
        (ByComposition(()), "no composition is named"),
        (ByComposition(("2w", "1sa1w", "1sa2w", "2sa1w", "2sa2w", "6w")), "nothing is left to train on"),
        (AtRandom(0.0), "must lie between 0 and 1"),
        (AtRandom(0.99), "nothing is left to train on"),
    ],
)
def test_what_cannot_be_split_is_one_clear_line(labels, library, how, told):
    with pytest.raises(InputError, match=told) as error:
        split(labels, how, library, source="x.npz")
    assert "\n" not in str(error.value)


def test_a_name_that_is_no_composition(labels, library):
    with pytest.raises(CompositionError):
        split(labels, ByComposition(("3xyz",)), library)


def with_copies(labels: LabelSet, rows: list[int], jitter: float, off: float = 0.0) -> LabelSet:
    """``labels`` and, at their end, copies of some: mirrored, turned, atoms in another order, shaken."""
    rng, c = np.random.default_rng(5), labels.clusters
    numbers, positions = [], []
    for i in rows:
        atoms = np.arange(c.ptr[i], c.ptr[i + 1])
        order = rng.permutation(atoms)
        turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        positions.append(c.positions[order] @ turn.T + rng.normal(0, jitter, (len(order), 3)))
        numbers.append(c.numbers[order])
    more = Clusters.make(
        positions, numbers, energy=c.energy[rows] + off, level=c.level, ids=[f"copy of {c.ids[i]}" for i in rows],
        columns={"composition": labels.compositions[rows]},
    )  # fmt: skip
    return LabelSet(Clusters.concatenate([c, more]), labels.references, labels.engine)


def test_duplicates_of_the_test_are_not_trained_on(labels, library):
    every = with_copies(labels, [4, 8], 0.01)
    listed = ByList(tuple(labels.clusters.ids[[4, 8, 0]].tolist()))
    found = split(every, listed, library)
    assert found.leaks == 2 and len(found.train) == len(labels) - 3
    assert set(found.pairs) == {(f"copy of {labels.clusters.ids[i]}", str(labels.clusters.ids[i])) for i in (4, 8)}
    assert (leaks_between(found.test, found.train) < 0).all()
    with pytest.raises(InputError, match="2 structures to train on are duplicates of structures of the test"):
        split(every, listed, library, leaks="refuse")
    # another energy than the funnel's window allows, or another place: no duplicate
    assert split(with_copies(labels, [4, 8], 0.01, off=0.1), listed, library).leaks == 0
    assert split(with_copies(labels, [4, 8], 0.3), listed, library).leaks == 0


def test_nothing_but_duplicates_to_train_on(labels, library):
    every = with_copies(labels.subset(np.arange(2)), [0, 1], 0.01)
    with pytest.raises(InputError, match="all 2 structures to train on are duplicates"):
        split(every, ByList(tuple(labels.clusters.ids[:2].tolist())), library)


def test_pairs_are_those_that_the_funnel_finds_two_by_two(library):
    rng = np.random.default_rng(3)
    z, x = cluster(library, 1, 1, 0)
    positions = [x + rng.normal(0, s, x.shape) for s in np.linspace(0.02, 0.12, 14)]
    every = Clusters.make(positions, [z] * 14)
    params = DedupeParams(energy_window=None)
    first, second = every[:5], every[5:]
    found = duplicates_between(first, second, params)
    for i in range(9):
        twins = [
            j for j in range(5) if len(dedupe(Clusters.concatenate([first[[j]], second[[i]]]), params).representatives) == 1
        ]  # fmt: skip
        assert (found[i] in twins) if twins else found[i] == -1
    assert (found >= 0).any() and (found < 0).any()


def test_both_files_say_where_they_come_from(labels, library, tmp_path):
    found = split(labels, AtRandom(0.25, 7), library, source="all.npz")
    found.test.save(tmp_path / "t.npz")
    origin = LabelSet.load(tmp_path / "t.npz").origin
    assert origin["source"] == "all.npz" and origin["source_sha256"] == labels.digest()
    assert (origin["by"], origin["seed"], origin["part"]) == ("AtRandom", 7, "test")


def test_the_command_splits_and_describes(labels, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    labels.save(tmp_path / "all.npz")
    run = CliRunner().invoke
    done = run(app, ["data", "split", "all.npz", "--by", "size", "--test", "1sa2w", "--json"])
    said = json.loads(done.stdout)
    assert (said["structures_train"], said["structures_test"], said["left_out"]) == (12, 4, 2)
    plot = tmp_path / "a.svg"
    done = run(app, ["data", "describe", "all-train.npz", "all-test.npz", "--json", "--plot", str(plot)])
    files = json.loads(done.stdout)["files"]
    row = files["all-test.npz"]["compositions"][0]
    assert (row["composition"], row["molecules"], row["atoms"], row["structures"]) == ("1sa2w", 3, 13, 4)
    assert row["lowest_binding_kcal_mol"] == pytest.approx(100.0 - 100.0 - 0.3 * 23.0605, abs=1e-3)
    assert plot.read_text().lstrip().startswith("<?xml")
    text = run(app, ["data", "describe", "all-test.npz"]).stdout
    assert "all.npz (BySize)" in text and "1sa2w" in text


def test_labels_of_two_levels_are_not_split_together(labels, library, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    labels.save(tmp_path / "a.npz")
    make(library, {(1, 1): 2}, level="gfn2-xtb").save(tmp_path / "b.npz")
    done = CliRunner().invoke(app, ["data", "split", "a.npz", "b.npz", "--by", "random"])
    assert isinstance(done.exception, LevelError) and done.exception.exit_code == 2
    assert "labels of different levels cannot be joined: gfn1-xtb, gfn2-xtb" in str(done.exception)
    assert not (tmp_path / "a-train.npz").exists()


def test_describe_counts_states_and_forces(library):
    labels = make(library, {(1, 1): 2, (0, 2): 1}, forces=True)
    said = describe(labels, library)
    assert said["molecules"] == {"2": 3} and said["charges"] == {"0": 3}
    assert said["compositions"][1]["states"] == {"1 H2SO4 · 1 H2O": 2}
    assert said["all"]["rms_force_kcal_mol_A"] == pytest.approx(23.0605, abs=1e-3)
    assert negative_ions("1 H2SO4 · 2 HSO4⁻ · 1 SO4²⁻ · 4 H3O⁺") == 3


@pytest.mark.skipif(not REFERENCE.is_dir(), reason="no reference data beside the checkout")
def test_the_published_water_acid_database(tmp_path, library, monkeypatch):
    """1,684 structures without SA4W5, which is the test; energies against the monomers of ωB97X-D/6-31++G(d,p)."""
    monkeypatch.chdir(tmp_path)
    folder = REFERENCE / "equilibrium_wb97xd_gfn1"
    for name, file in (("sa_w", "a.npz"), ("sa4w5", "b.npz")):
        done = CliRunner().invoke(
            app,
            ["data", "import", str(folder / f"{name}_equilibrium.extxyz"), "-o", file, "--level", "wb97x-d@gaussian16",
             "--molecules", "sa,w", "--energy", "wb97xd_electronic_energy_Eh", "--energy-unit", "Eh"],
        )  # fmt: skip
        assert done.exit_code == 0, done.output
    done = CliRunner().invoke(app, ["data", "split", "a.npz", "b.npz", "--by", "size", "--test", "4sa5w", "--json"])
    said = json.loads(done.stdout)
    assert (said["structures_train"], said["structures_test"], said["leaks_removed"]) == (1682, 39, 0)
