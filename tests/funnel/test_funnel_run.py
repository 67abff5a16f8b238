"""The run directory: interrupted runs end like uninterrupted ones, damage is noticed, and nothing is done twice."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import pytest
from kills import killed_at_random, more_files

from sampler.clusters import Clusters
from sampler.composition import Composition
from sampler.errors import RunBusy, RunError, StorageError
from sampler.funnel.protocols import protocol as protocols
from sampler.funnel.protocols.protocol import Protocol
from sampler.funnel.runner import run
from sampler.funnel.stages.base import Stage
from sampler.monomers import MonomerLibrary
from sampler.rundir.directory import RunDirectory, read_ledgers, read_manifest, read_result
from sampler.workers.progress import Progress

ROOT = Path(__file__).resolve().parents[2]

TOY = {
    "name": "toy",
    "description": "fast stages for tests",
    "stage": [
        {"kind": "generate", "candidates": 60, "chunk": 6},
        {"kind": "relax", "potential": "lennard-jones", "max_steps": 40, "chunk": 2},
        {"kind": "select", "count": 20},
    ],
}


class Recorder(Progress):
    """Remembers what was said and how much was computed afresh."""

    def __init__(self):
        self.messages, self.fresh, self.skipped = [], 0, []

    def advance(self, n, found=False):
        self.fresh += 0 if found else n

    def skip(self, position, of, kind, ledger):
        self.skipped.append(kind)

    def message(self, text):
        self.messages.append(text)


@pytest.fixture(scope="module")
def library():
    return MonomerLibrary.load()


def go(folder, library, table=TOY, workers=1, seed=0, **options):
    recorder = Recorder()
    wanted = Composition.parse("1sa1am", library)
    protocol = table if isinstance(table, Protocol) else protocols.build(table, "toy")
    finished = run(wanted, protocol, folder, library=library, seed=seed, workers=workers, progress=recorder, **options)
    return finished, recorder


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a run but the lock, the timings and the costs."""
    left_out = {".lock", "timing.json", "cpu_seconds.csv"}
    files = (f for f in sorted(folder.rglob("*")) if f.is_file() and f.name not in left_out)
    return {str(f.relative_to(folder)): f.read_bytes() for f in files}


@pytest.fixture(scope="module")
def finished(tmp_path_factory, library):
    folder = tmp_path_factory.mktemp("reference") / "run"
    go(folder, library)
    return folder


def test_a_second_run_does_nothing(finished, library):
    before = contents(finished)
    result, recorder = go(finished, library)
    assert recorder.fresh == 0
    assert recorder.skipped == ["generate", "relax", "select"]
    assert contents(finished) == before
    assert len(result.clusters) == 20
    assert np.all(np.diff(read_result(finished).energy) >= 0)


def test_the_number_of_workers_does_not_matter(finished, library, tmp_path):
    go(tmp_path / "run", library, workers=2)
    assert contents(tmp_path / "run") == contents(finished)


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_between_the_last_chunk_and_the_output_of_a_stage(finished, library, tmp_path, workers):
    shutil.copytree(finished, tmp_path / "run")
    for left in ("*/output.npz", "*/ledger.json"):
        found = list((tmp_path / "run").rglob(left))
        assert found
        for path in found:
            path.unlink()
    _, recorder = go(tmp_path / "run", library, workers=workers)
    assert recorder.fresh == 0
    assert contents(tmp_path / "run") == contents(finished)


def test_another_seed_gives_another_result(finished, library, tmp_path):
    go(tmp_path / "run", library, seed=1)
    assert not np.array_equal(read_result(tmp_path / "run").positions, read_result(finished).positions)


def test_a_changed_parameter_redoes_only_what_depends_on_it(library, tmp_path):
    go(tmp_path / "run", library)
    changed = TOY | {"stage": [*TOY["stage"][:2], {"kind": "select", "count": 5}]}
    result, recorder = go(tmp_path / "run", library, changed)
    assert recorder.skipped == ["generate", "relax"]
    assert len(result.clusters) == 5
    assert any("earlier parameters are kept" in m for m in recorder.messages)
    go(tmp_path / "run", library, changed, clean=True)
    assert len(list((tmp_path / "run" / "stages").iterdir())) == 3


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_at_random_it_ends_bit_identically(finished, tmp_path, workers):
    protocol = tmp_path / "toy.toml"
    lines = ['name = "toy"', 'description = "fast stages for tests"']
    for stage in TOY["stage"]:
        lines += ["[[stage]]", *(f"{k} = {json.dumps(v)}" for k, v in stage.items())]
    protocol.write_text("\n".join(lines))
    folder = tmp_path / "run"
    script = (
        "import sys; from pathlib import Path; from sampler.funnel.protocols import protocol; from sampler.funnel.runner import run;"
        "from sampler.monomers import MonomerLibrary; from sampler.composition import Composition;"
        "l = MonomerLibrary.load();"
        "run(Composition.parse('1sa1am', l), protocol.load(sys.argv[1]), sys.argv[2], library=l, workers=int(sys.argv[3]))"
    )
    command = [sys.executable, "-c", script, str(protocol), str(folder), str(workers)]
    rng = random.Random(7 + workers)
    kills = killed_at_random(command, more_files(folder, "chunk-*.npz", rng, 12), rng)
    assert kills >= 2
    assert contents(folder) == contents(finished)


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty"])
def test_damage_is_noticed_said_and_mended(finished, library, tmp_path, damage):
    folder = tmp_path / "run"
    go(folder, library)
    relaxed = next((folder / "stages").glob("02-relax-*"))
    for path in (relaxed / "chunk-00003.npz", relaxed / "output.npz"):
        raw = bytearray(path.read_bytes())
        raw[len(raw) // 2] ^= 0xFF
        path.write_bytes({"truncate": raw[: len(raw) // 2], "flip": bytes(raw), "empty": b""}[damage])
    _, recorder = go(folder, library)
    assert any("output.npz" in m for m in recorder.messages), recorder.messages
    assert any("chunk-00003.npz" in m for m in recorder.messages), recorder.messages
    assert recorder.fresh == 2
    assert contents(folder) == contents(finished)


def test_a_directory_in_use(library, tmp_path):
    with RunDirectory.open(tmp_path / "run", {"format": "sampler-run-1", "composition": "1sa1am"}):
        script = "import sys; from sampler.rundir.directory import RunDirectory\nwith RunDirectory.open(sys.argv[1], {}): pass"
        other = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / "run")], cwd=ROOT, capture_output=True, text=True
        )
    assert "RunBusy" in other.stderr and "in use by another" in other.stderr
    assert issubclass(RunBusy, RunError)


def test_foreign_directories_are_left_alone(finished, library, tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(RunError, match="not empty and not a run directory"):
        go(tmp_path, library)
    assert os.listdir(tmp_path) == ["thesis.tex"] or sorted(os.listdir(tmp_path)) == [".lock", "thesis.tex"]
    wanted = Composition.parse("1sa2am", library)
    with pytest.raises(RunError, match="holds a run of 1sa1am, not of 1sa2am"):
        run(wanted, protocols.build(TOY, "toy"), finished, library=library)
    with pytest.raises(RunError, match="not a run directory"):
        read_manifest(tmp_path)


def test_a_place_that_cannot_be_written(library, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        go(tmp_path / "file" / "run", library)


def test_nothing_left_says_why(library, tmp_path):
    strict = [
        TOY["stage"][0],
        {"kind": "relax", "potential": "lennard-jones", "max_steps": 1, "keep_unconverged": False},
    ]
    with pytest.raises(RunError, match=r"no structure is left after stage 2 \(relax\).*not_converged"):
        go(tmp_path / "run", library, TOY | {"stage": strict})


class Deadly(Stage):
    """Kills its process on some structures, as a segmentation fault in an engine would."""

    kind: Literal["deadly"] = "deadly"
    per_chunk: ClassVar[bool] = True

    def tasks(self, incoming, context):
        return incoming.chunks(4)

    def run(self, task, context):
        if any(i.endswith(("3", "7")) for i in task.ids):
            os.kill(os.getpid(), signal.SIGKILL)
        return task.with_columns(fate="")


class Failing(Deadly):
    kind: Literal["failing"] = "failing"

    def run(self, task, context):
        raise StorageError("the disk is full")


def custom(*stages):
    first = protocols.build(TOY | {"stage": [{"kind": "generate", "candidates": 8, "chunk": 8}]}, "toy")
    return first.model_copy(update={"stage": (*first.stage, *stages)})


@pytest.mark.parametrize("workers", [1, 2])
def test_a_deadly_structure_costs_itself_alone(library, tmp_path, workers):
    result, recorder = go(tmp_path / "run", library, custom(Deadly()), workers=workers)
    ledger = read_ledgers(tmp_path / "run")[-1]
    assert ledger["dropped"] == {"crashed": 2}
    assert len(result.clusters) == 6
    assert any("a worker died" in m for m in recorder.messages)


def test_an_error_in_a_worker_arrives_as_itself(library, tmp_path):
    with pytest.raises(StorageError, match="the disk is full"):
        go(tmp_path / "run", library, custom(Failing()), workers=2)


def test_ledger_counts_add_up(finished):
    for ledger in read_ledgers(finished):
        assert ledger["in"] == ledger["out"] + sum(ledger["dropped"].values())
    assert isinstance(read_result(finished), Clusters)
