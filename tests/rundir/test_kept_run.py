"""A finished run of version 0.1.0, kept: whatever the code has become, it is found finished, and its stages are left.

Its tables may gain columns: they are then written once more, with the same clusters, and left from there on.
"""

import csv
import json
import shutil
from pathlib import Path

import pytest

from sampler.composition import Composition
from sampler.funnel import results, runner
from sampler.funnel.protocols import protocol as protocols
from sampler.monomers import MonomerLibrary
from sampler.rundir.directory import read_ledgers, read_manifest, read_result
from sampler.workers.progress import Progress

# made with `sampler run 1sa1am --protocol toy.toml`, less the chunks and the archives of rounds: a finished run needs none
KEPT = Path(__file__).parents[1] / "data" / "run-0.1"
STAGES = ["generate", "relax", "identify", "dedupe", "hop", "select", "refine"]


class Recorder(Progress):
    def __init__(self):
        self.skipped, self.computed = [], []

    def skip(self, position, of, kind, ledger):
        self.skipped.append((kind, ledger["out"]))

    def start(self, position, of, kind, total):
        self.computed.append(kind)


TABLES = ("ranking.csv", "structures.xyz", "results.json", "orca/")


def contents(folder: Path) -> dict[str, bytes]:
    files = (f for f in sorted(folder.rglob("*")) if f.is_file() and f.name != ".lock")
    return {str(f.relative_to(folder)): f.read_bytes() for f in files}


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(KEPT / "1sa1am", tmp_path / "1sa1am")
    return tmp_path / "1sa1am"


def test_it_is_found_finished_and_its_stages_are_left(folder, monkeypatch):
    monkeypatch.setattr(runner, "__version__", read_manifest(folder)["sampler_version"])
    library, recorder = MonomerLibrary.load(), Recorder()
    composition, protocol = Composition.parse("1sa1am", library), protocols.load(str(KEPT / "toy.toml"))

    def again():
        return runner.run(
            composition, protocol, folder, library=library, progress=recorder,
            leave=lambda run: results.write(run, protocol, library, composition),
        )  # fmt: skip

    before, rows = contents(folder), list(csv.DictReader((folder / "ranking.csv").open()))
    finished = again()
    assert recorder.computed == [] and [kind for kind, _ in recorder.skipped] == STAGES
    assert len(finished.clusters) == 2 and finished.clusters.level == "lennard-jones"
    after = contents(folder)
    assert after.keys() == before.keys()
    assert [name for name in before if not name.startswith(TABLES) and after[name] != before[name]] == []
    now = list(csv.DictReader((folder / "ranking.csv").open()))
    assert [{column: row[column] for column in ("rank", "id", "state", "level", "rank_before")} for row in rows] == [
        {column: row[column] for column in ("rank", "id", "state", "level", "rank_before")} for row in now
    ]
    assert [float(row["energy_eV"]) for row in now] == pytest.approx(
        [float(row["energy_eV"]) for row in rows], rel=1e-3
    )
    again()
    assert contents(folder) == after


def test_what_it_says(folder):
    ledgers = read_ledgers(folder)
    assert [ledger["kind"] for ledger in ledgers] == STAGES
    assert [ledger["out"] for ledger in ledgers] == [4, 4, 4, 4, 8, 4, 2]
    assert ledgers[4]["limits"] == {"rounds": 2, "patience": 8, "budget": None} and ledgers[4]["found"] == 4
    assert ledgers[5]["dropped"] == {"not_selected": 4} and ledgers[5]["confidence"]["kept"] == 4
    assert read_result(folder).ids.tolist() == ["1sa1am-hop002_0001", "1sa1am-hop001_0001"]
    assert json.loads(json.dumps(results.summary(folder, MonomerLibrary.load())))["ledger"][6]["refined"] == 2
