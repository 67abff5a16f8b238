"""Stages one by one, on small populations whose outcome is known."""

from pathlib import Path

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.composition import Composition
from sampler.errors import PotentialError, WaitingForJobs
from sampler.funnel.stages.context import Context
from sampler.funnel.stages.registry import STAGES
from sampler.monomers import MonomerLibrary
from sampler.units import HARTREE, KCAL_PER_MOL


@pytest.fixture(scope="module")
def library():
    return MonomerLibrary.load()


@pytest.fixture
def context(library, tmp_path):
    return Context(Composition.parse("1w", library), library, 0, tmp_path / "run")


def waters(library, energies, jitter=0.0):
    w = library["w"]
    rng = np.random.default_rng(0)
    positions = [w.conformers[0].positions + jitter * rng.normal(size=(3, 3)) for _ in energies]
    return Clusters.make(
        positions,
        [w.numbers] * len(energies),
        ids=[f"1w-{i}" for i in range(len(energies))],
        energy=[e * KCAL_PER_MOL for e in energies],
        level="toy",
    )


def fates(stage, clusters, context):
    done = stage.run(clusters, context)
    return dict(zip(done.ids.tolist(), done.columns["fate"].tolist()))


def test_select_by_window_and_count(library, context):
    clusters = waters(library, [3.0, 0.0, 1.0, 9.0, np.nan, 2.0])
    stage = STAGES["select"](kind="select", count=3, window_kcalmol=5.0)
    assert fates(stage, clusters, context) == {
        "1w-1": "", "1w-2": "", "1w-5": "", "1w-0": "not_selected", "1w-3": "above_window", "1w-4": "no_energy",
    }  # fmt: skip


def test_select_diverse_keeps_the_lowest(library, context):
    clusters = waters(library, range(20), jitter=0.2)
    stage = STAGES["select"](kind="select", count=6, diverse=0.5)
    kept = [name for name, fate in fates(stage, clusters, context).items() if not fate]
    assert len(kept) == 6 and "1w-0" in kept


def test_select_takes_the_lowest_of_every_framework_first(library, tmp_path):
    """Ten water dimers with their oxygens 2.8 Å apart, and one with 3.3 Å that lies higher than all of them."""
    w = library["w"]
    x = w.conformers[0].positions
    clusters = Clusters.make(
        [np.concatenate([x, x + [0, 0, r]]) for r in (*[2.8] * 10, 3.3)], [np.tile(w.numbers, 2)] * 11,
        ids=[f"2w-{i}" for i in range(11)], energy=np.arange(11) * KCAL_PER_MOL, level="toy",
    )  # fmt: skip
    context = Context(Composition.parse("2w", library), library, 0, tmp_path / "run")
    stage = STAGES["select"](kind="select", count=4, per_framework=2)
    kept = [name for name, fate in fates(stage, clusters, context).items() if not fate]
    assert kept == ["2w-0", "2w-1", "2w-2", "2w-10"]
    with pytest.raises(ValueError, match="per_framework needs count"):
        STAGES["select"](kind="select", window_kcalmol=4.0, per_framework=2)


def test_dedupe_says_of_what(library, context):
    clusters = waters(library, [0.0, 0.01, 5.0])
    done = STAGES["dedupe"](kind="dedupe").run(clusters, context)
    told = dict(zip(done.ids.tolist(), zip(done.columns["fate"].tolist(), done.columns["fate_detail"].tolist())))
    assert told == {"1w-0": ("", ""), "1w-1": ("duplicate", "1w-0"), "1w-2": ("", "")}
    assert done.columns["times_found"][done.ids == "1w-0"] == 2


def test_identify_drops_what_reacted(library, context):
    clusters = waters(library, [0.0, 0.0])
    broken = clusters.positions.copy()
    broken[5] += 15.0  # a hydrogen of the second molecule
    stage = STAGES["identify"](kind="identify")
    done = stage.run(clusters.replace(positions=broken), context)
    assert done.columns["fate"][0] == "" and done.columns["fate"][1] != ""
    assert done.columns["state"][0] == "1 H2O"


def orca_output(energy_hartree: float, numbers, positions) -> str:
    """The lines of an ORCA single point that matter, in ORCA's form."""
    from ase.data import chemical_symbols

    atoms = "\n".join(
        f"  {chemical_symbols[z]:2}  {p[0]:12.6f} {p[1]:12.6f} {p[2]:12.6f}" for z, p in zip(numbers, positions)
    )
    return f"""
                                 *****************
                                 * O   R   C   A *
                                 *****************
                         Program Version 5.0.3 -  RELEASE  -
================================================================================
                                       INPUT FILE
================================================================================
NAME = x.inp
|  1> ! B97-3c TightSCF
|  2>                          ****END OF INPUT****
---------------------------------
CARTESIAN COORDINATES (ANGSTROEM)
---------------------------------
{atoms}

 Total Charge           Charge          ....    0
 Multiplicity           Mult            ....    1
               *        SUCCESS           *
FINAL SINGLE POINT ENERGY {energy_hartree:20.12f}
                             ****ORCA TERMINATED NORMALLY****
"""


def test_orca_elsewhere_waits_and_then_goes_on(library, context):
    clusters = waters(library, [0.0, 1.0, 2.0], jitter=0.02)
    stage = STAGES["orca"](kind="orca", preset="sp")
    with pytest.raises(WaitingForJobs, match="3 of 3 ORCA outputs are not in .*orca-sp"):
        stage.run(clusters, context)
    folder = Path(context.folder) / "orca-sp"
    for i, energy in enumerate((-76.30, -76.40)):
        text = orca_output(energy, clusters.numbers[clusters.atoms_of(i)], clusters.positions[clusters.atoms_of(i)])
        (folder / f"1w-{i}.out").write_text(text)
    with pytest.raises(WaitingForJobs, match="1 of 3"):
        stage.run(clusters, context)
    (folder / "1w-2.out").write_text(text.split("Total Charge")[0])
    done = stage.run(clusters, context)
    kept = done[done.columns["fate"] == ""]
    assert list(kept.ids) == ["1w-0", "1w-1"]
    assert kept.energy == pytest.approx([-76.30 * HARTREE, -76.40 * HARTREE])
    assert kept.level.startswith("b97-3c@orca")
    assert done.columns["fate"][done.ids == "1w-2"][0] not in ("", "failed")


def test_orca_here_needs_orca(library, context, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    stage = STAGES["orca"](kind="orca", preset="sp", where="here")
    with pytest.raises(PotentialError, match="ORCA is not found"):
        stage.run(waters(library, [0.0]), context)
