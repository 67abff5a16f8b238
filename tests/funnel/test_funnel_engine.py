"""``--engine``: what is done by whom, and ORCA's jobs run here, with a stand-in for the program."""

import json
import os
import stat

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.composition import Composition
from sampler.errors import PotentialError, ProtocolError
from sampler.funnel.protocols import protocol as protocols
from sampler.funnel.protocols.refinement_engine import with_engine
from sampler.funnel.runner import Start, run
from sampler.monomers import MonomerLibrary
from sampler.potentials import get_potential
from sampler.refine.orca.binary import find_orca
from sampler.rundir.directory import StageDirectory
from sampler.units import HARTREE

# prints what ORCA would: a real output of the same job, or a short one with an energy from a table
STAND_IN = """#!/bin/bash
name=$(basename "$1" .inp)
echo "$name $PWD" >> "$JOURNAL"
[ -f "$REPLAY/$name.out" ] && exec cat "$REPLAY/$name.out"
exit 127
"""
SHORT = """                                 * O   R   C   A *
                         Program Version 5.0.3 -  RELEASE  -
|  1> ! B97-3c TightSCF
|  2>                          ****END OF INPUT****
 Total Charge           Charge          ....    0
 Multiplicity           Mult            ....    1
---------------------------------
CARTESIAN COORDINATES (ANGSTROEM)
---------------------------------
{coordinates}

FINAL SINGLE POINT ENERGY   {energy:18.12f}
                             ****ORCA TERMINATED NORMALLY****
"""


@pytest.fixture(scope="module")
def library():
    return MonomerLibrary.load()


@pytest.fixture
def orca(tmp_path, monkeypatch):
    """A folder for outputs to replay, with an `orca` on PATH that does so, and the journal of its calls."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "orca"
    program.write_text(STAND_IN)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("REPLAY", str(folder))
    monkeypatch.setenv("JOURNAL", str(tmp_path / "journal"))
    monkeypatch.delenv("ORCA", raising=False)
    return folder


def built(*stages):
    first = {"kind": "generate", "candidates": 6, "chunk": 6}
    return protocols.build({"name": "toy", "description": "", "stage": [first, *stages]}, "toy")


def water_dimers():
    rng = np.random.default_rng(3)
    dimer = np.array([[0, 0, 0], [0.76, 0.59, 0], [-0.76, 0.59, 0], [0, -2.9, 0], [0.4, -3.2, 0.8], [0.4, -3.2, -0.8]])
    return Clusters.make(
        [dimer + rng.normal(scale=0.03, size=(6, 3)) for _ in range(5)], [[8, 1, 1, 8, 1, 1]] * 5,
        ids=[f"w-{i}" for i in range(5)],
    )  # fmt: skip


def short_output(one: Clusters, energy_eh: float) -> str:
    from ase.data import chemical_symbols

    rows = [
        f"  {chemical_symbols[z]:2s} {x:12.6f} {y:12.6f} {w:12.6f}" for z, (x, y, w) in zip(one.numbers, one.positions)
    ]
    return SHORT.format(coordinates="\n".join(rows), energy=energy_eh)


# ---- translation -----------------------------------------------------------------------------------------------------


def test_refine_becomes_orca_here():
    protocol = built({"kind": "refine", "count": 3}, {"kind": "refine", "mode": "optimise"}, {"kind": "dedupe"})
    changed = with_engine(protocol, "orca")
    assert [s.kind for s in changed.stage] == ["generate", "orca", "orca", "dedupe"]
    first, second = changed.stage[1:3]
    assert (first.preset, first.where, first.count, first.cores) == ("sp", "here", 3, 1)
    assert (second.preset, second.count) == ("opt", None)
    again = protocols.build(json.loads(json.dumps(changed.dump())), "dump")  # as the manifest keeps it
    assert again.dump() == changed.dump()


def test_orca_becomes_refine():
    protocol = built({"kind": "orca", "preset": "sp"}, {"kind": "orca", "preset": "opt-partial", "count": 2})
    first, second = with_engine(protocol, "pyscf").stage[1:]
    assert (first.kind, first.potential, first.mode) == ("refine", "b97-3c", "single-point")
    assert (second.mode, second.max_steps, second.count) == ("optimise", 40, 2)


def test_other_potentials_stay():
    protocol = built({"kind": "refine", "potential": "gfn2-xtb"}, {"kind": "refine"})
    assert [s.kind for s in with_engine(protocol, "orca").stage[1:]] == ["refine", "orca"]


@pytest.mark.parametrize(
    "engine, stages, words",
    [
        ("gaussian", [{"kind": "refine"}], "known: orca, pyscf"),
        ("orca", [{"kind": "dedupe"}], "no use for it"),
        ("orca", [{"kind": "refine", "potential": "wb97x-d"}], "stage 2 .* no ORCA preset"),
        ("pyscf", [{"kind": "orca", "preset": "dlpno-ccsd(t)"}], "needs ORCA"),
        ("orca", [{"kind": "refine"}, {"kind": "refine"}], "same preset"),
    ],
)
def test_what_an_engine_cannot_do(engine, stages, words):
    with pytest.raises(ProtocolError, match=words):
        with_engine(built(*stages), engine)


# ---- the program -----------------------------------------------------------------------------------------------------


def test_no_orca_is_said_before_the_run_starts(library, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("ORCA", raising=False)
    protocol = with_engine(built({"kind": "refine"}), "orca")
    with pytest.raises(PotentialError, match="no orca on PATH.*--engine pyscf"):
        run(Composition.parse("2w", library), protocol, tmp_path / "run", library=library)
    assert not (tmp_path / "run").exists()
    monkeypatch.setenv("ORCA", "/nowhere/orca")
    with pytest.raises(PotentialError, match="ORCA names '/nowhere/orca'"):
        find_orca()


def test_the_screen_reader_is_not_taken_for_orca(orca):
    (orca / "orca").write_text(
        "#!/usr/bin/python3\nimport gi\nfrom gi.repository import Atspi\nfrom orca import main\n"
    )
    with pytest.raises(PotentialError, match="screen reader"):
        find_orca()


def test_jobs_run_here_and_finished_ones_are_not_repeated(library, orca, tmp_path):
    dimers = water_dimers()
    energies = {}
    for k, one in enumerate(dimers):
        name = str(one.ids[0])
        energies[name] = -152.8 - 0.001 * ((k * 3) % 5)
        if k != 2:  # one job fails
            (orca / f"{name}.out").write_text(short_output(one, energies[name]))
    known = get_potential("gfn1-xtb").evaluate(dimers, forces=False).energy
    start = Start(dimers.replace(energy=known, level="gfn1-xtb"), "0", "test", "orca")
    protocol = with_engine(built({"kind": "refine", "count": 4}), "orca")
    wanted = Composition.parse("2w", library)
    finished = run(wanted, protocol, tmp_path / "run", library=library, workers=2, start=start)
    ledger = finished.ledgers[-1]
    lowest = np.array(dimers.ids)[np.argsort(known)][:4]
    assert ledger["dropped"]["not_selected"] == 1
    assert sorted(finished.clusters.ids) == sorted(set(lowest) - {"w-2"})
    assert finished.clusters.level == "b97-3c@orca5"
    for name, energy in zip(finished.clusters.ids.tolist(), finished.clusters.energy):
        assert energy == pytest.approx(energies[name] * HARTREE, abs=1e-8)
    assert ledger["ranking"]["level_before"] == "gfn1-xtb" and ledger["ranking"]["ranked"] == len(finished.clusters)
    journal = (tmp_path / "journal").read_text().splitlines()
    assert len(journal) == 4 and len({line.split()[1] for line in journal}) == 4  # each in a folder of its own
    # killed before the stage's output was written: the jobs that are done stay done
    stage = StageDirectory(tmp_path / "run" / "stages" / ledger["folder"])
    stage.ledger_path.unlink()
    again = run(wanted, protocol, tmp_path / "run", library=library, workers=1, start=start)
    assert again.ledgers[-1]["output_sha256"] == ledger["output_sha256"]
    repeated = (tmp_path / "journal").read_text().splitlines()[4:]
    assert {line.split()[0] for line in repeated} <= {"w-2"}


def test_real_outputs_replayed(reference, library, orca, tmp_path):
    """20 jobs of ORCA 5.0.3 on SA4AM4, and the one that failed."""
    from ase.io import read

    raw = reference / "sa_am" / "orca503_b973c_engrad"
    for path in (raw / "raw").glob("*.out"):
        (orca / path.name).write_bytes(path.read_bytes())
    frames = read(raw / "sa4am4_b973c_engrad.extxyz", ":")
    clusters = Clusters.make(
        [f.positions for f in frames] + [frames[0].positions + 0.01], [f.numbers for f in frames] + [frames[0].numbers],
        ids=[f.info["name"] for f in frames] + ["4sa4am-44_2_772"],
        energy=[f.info["gfn1xtb_energy_Eh"] * HARTREE for f in frames] + [0.0], level="gfn1-xtb",
    )  # fmt: skip
    protocol = with_engine(built({"kind": "refine"}), "orca")
    start = Start(clusters, "0", "test", "orca")
    finished = run(
        Composition.parse("4sa4am", library), protocol, tmp_path / "run", library=library, workers=2, start=start
    )
    expected = {f.info["name"]: f.info["b973c_electronic_energy_Eh"] * HARTREE for f in frames}
    assert len(finished.clusters) == 20
    for name, energy in zip(finished.clusters.ids.tolist(), finished.clusters.energy):
        assert energy == pytest.approx(expected[name], abs=1e-8)
    ranking = finished.ledgers[-1]["ranking"]
    assert (ranking["spearman"], ranking["kendall"]) == (pytest.approx(0.519, abs=1e-3), pytest.approx(0.347, abs=1e-3))
    assert sum(finished.ledgers[-1]["dropped"].values()) == 1
