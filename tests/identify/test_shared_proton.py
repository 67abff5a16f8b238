"""A proton midway between two molecules: one structure, whatever side noise gives the proton to."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampler.clusters import Clusters
from sampler.columns import OTHER_STATES
from sampler.composition import Composition
from sampler.identify import identify
from sampler.learn.labels.dataset import LabelSet
from sampler.monomers import MonomerLibrary
from sampler.resources import path
from sampler.similarity import DedupeParams, dedupe
from sampler.units import KCAL_PER_MOL

COPIES = Path(__file__).parents[1] / "data" / "shared-proton" / "copies.xyz"
LIBRARY = MonomerLibrary.load()
PAIR = Composition.parse("1sa1am", LIBRARY)
ION_PAIR, NEUTRAL = "1 HSO4⁻ · 1 NH4⁺", "1 H2SO4 · 1 NH3"


def copies() -> Clusters:
    """Four copies of a GFN1-xTB minimum with O–H 1.22 and N–H 1.23 Å, three of them with noise of up to 0.02 Å."""
    from ase.io import read

    frames = read(COPIES, ":")
    return Clusters.make(
        [f.positions for f in frames], [f.numbers for f in frames], energy=[f.get_potential_energy() for f in frames]
    )


def moved(positions, numbers, rng, noise=0.0):
    """The structure turned, shifted, its atoms in another order, mirrored or not."""
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    order = rng.permutation(len(numbers))
    return ((positions + rng.normal(0, noise, positions.shape)) @ q.T + rng.normal(size=3))[order], numbers[order]


def test_noise_changes_the_label_but_makes_no_second_structure():
    found = identify(copies(), PAIR, LIBRARY)
    assert set(found.columns["state"].tolist()) == {ION_PAIR, NEUTRAL}  # the edge of the band lies between them
    assert set(found.columns[OTHER_STATES].tolist()) == {ION_PAIR, NEUTRAL}  # and each knows of the other label
    everything = dedupe(found, DedupeParams(energy_window=1.0 * KCAL_PER_MOL))
    assert len(everything.representatives) == 1, everything.representatives.columns
    # by the default window of 0.25 kcal/mol two are left, 0.34 apart, and they bear one label
    two = dedupe(found).representatives
    assert len(two) == 2 and np.ptp(two.energy) > DedupeParams().energy_window
    assert len(set(two.columns["state"].tolist())) == 1, two.columns["state"]


def test_a_proton_that_hopped_is_another_structure_still():
    """Two labels without a shared proton stay apart, also where a third structure has both."""
    shared = copies()[[0]]
    z, x = shared.numbers, shared.positions
    n = int(np.flatnonzero(z == 7)[0])
    distance = np.linalg.norm(x - x[n], axis=1)
    proton = int(np.flatnonzero(z == 1)[np.argsort(distance[z == 1])[3]])
    o = int(np.flatnonzero(z == 8)[np.argmin(np.linalg.norm(x[z == 8] - x[proton], axis=1))])
    axis = (x[n] - x[o]) / np.linalg.norm(x[n] - x[o])
    made = []
    for reach in (-0.16, 0.0, 0.16):
        other = x.copy()
        other[proton] += reach * axis
        made.append(other)
    three = Clusters.make(made, [z] * 3, energy=[0.0, 0.001, 0.002])
    found = identify(three, PAIR, LIBRARY)
    assert found.columns["state"].tolist()[::2] == [NEUTRAL, ION_PAIR]
    assert found.columns[OTHER_STATES].tolist()[::2] == ["", ""]
    ends = dedupe(found[[0, 2]])
    assert len(ends.representatives) == 2
    for order in ([0, 1, 2], [0, 2, 1]):
        some = found[order].replace(energy=np.array([0.0, 0.001, 0.002]))
        result = dedupe(some)
        assert len(result.representatives) == 2
        kept = result.representatives.columns["state"].tolist()
        assert sorted(kept) == sorted([NEUTRAL, ION_PAIR])
    assert len(dedupe(found.replace(columns={})).representatives) == 1  # geometry alone does not tell them apart


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(2, 6))
@settings(max_examples=15, deadline=None)
def test_copies_are_one_structure_in_any_order(seed, count):
    rng = np.random.default_rng(seed)
    whole = copies()
    x, z = whole.positions[whole.atoms_of(0)], whole.numbers[whole.atoms_of(0)]
    every = [moved(x, z, rng, 0.012) for _ in range(count)]
    many = Clusters.make([p for p, _ in every], [n for _, n in every], energy=rng.uniform(0, 0.2 * KCAL_PER_MOL, count))
    result = dedupe(identify(many, PAIR, LIBRARY))
    assert len(result.representatives) == 1, result.rmsd
    assert result.representatives.columns["times_found"].tolist() == [count]


def test_without_a_shared_proton_there_is_no_such_column():
    """So that what no shared proton touches is kept, and hashed, as it is."""
    m = LIBRARY["sa"]
    one = Clusters.make([m.conformers[0].positions], [m.numbers], energy=[0.0])
    found = identify(one, Composition.parse("1sa", LIBRARY), LIBRARY)
    assert OTHER_STATES not in found.columns


@pytest.mark.parametrize("name", ["gfn1-xtb_sa_am", "gfn1-xtb_dma_w"])
def test_disturbed_copies_of_shipped_minima_are_one_structure(name):
    """Twelve copies of each GFN1-xTB minimum in the training data with forces below 0.1 eV/Å."""
    labels = LabelSet.load(path("data", "training", f"{name}.npz"))
    c = labels.clusters
    norm = np.linalg.norm(c.forces, axis=1)
    minima = [i for i in range(len(c)) if norm[c.atoms_of(i)].max() < 0.1 and c.natoms[i] > 7]
    rng, extra, flips = np.random.default_rng(1), [], []
    for i in minima[:: 3 if len(minima) > 150 else 2]:
        x, z = c.positions[c.atoms_of(i)], c.numbers[c.atoms_of(i)]
        every = [moved(x, z, rng, 0.012 * (k > 0)) for k in range(13)]
        many = Clusters.make([p for p, _ in every], [n for _, n in every], energy=np.zeros(13))
        found = identify(many, Composition.parse(str(labels.compositions[i]), LIBRARY), LIBRARY)
        flips += [i] if len(set(found.columns["state"].tolist())) > 1 else []
        left = len(dedupe(found).representatives)
        extra += [(i, str(labels.compositions[i]), left)] if left > 1 else []
    print(f"{name}: {len(minima)} minima, {len(flips)} with two labels")
    assert not extra, extra


def test_the_command_keeps_one_copy_within_the_window(tmp_path):
    """From the file as it came: energies under ``energy=``, as ASE writes and reads them, in eV."""
    import csv

    from typer.testing import CliRunner

    from sampler.cli.app import app

    protocol = tmp_path / "p.toml"
    stages = ("generate", "candidates = 8"), ("identify", ""), ("dedupe", ""), ("select", "count = 10")
    text = "".join(f'[[stage]]\nkind = "{kind}"\n{more}\n' for kind, more in stages)
    protocol.write_text(f'name = "unique"\ndescription = "what is distinct"\n{text}')
    words = [
        "-p",
        protocol,
        "--from",
        COPIES,
        "--stage",
        "identify",
        "--level",
        "gfn1-xtb",
        "-o",
        tmp_path / "run",
        "-q",
    ]
    done = CliRunner().invoke(app, ["run", "1sa1am", *map(str, words)])
    assert done.exit_code == 0, done.exception
    rows = list(csv.DictReader((tmp_path / "run" / "ranking.csv").open()))
    assert [row["id"] for row in rows] == ["copy0", "copy2"] and {row["state"] for row in rows} == {ION_PAIR}
