"""A real dask cluster on loopback: the same results, also when one of its workers is killed in mid-run."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import pytest
import test_funnel_killed as killed

from sampler.clusters import Clusters
from sampler.composition import Composition
from sampler.errors import InputError, NoWorkers, StorageError
from sampler.funnel.protocols import protocol as protocols
from sampler.funnel.runner import run
from sampler.funnel.stages.base import Stage
from sampler.learn.labels.label import collect, label
from sampler.monomers import MonomerLibrary
from sampler.potentials import get_potential
from sampler.rundir.directory import read_ledgers
from sampler.workers.dask_pool import _call, address_of
from sampler.workers.pool import unordered
from sampler.workers.progress import Progress

pytestmark = pytest.mark.once

distributed = pytest.importorskip("distributed")
ROOT = Path(__file__).resolve().parents[2]

TOY = {
    "name": "toy",
    "description": "fast stages for tests",
    "stage": [
        {"kind": "generate", "candidates": 24, "chunk": 4},
        {"kind": "relax", "potential": "lennard-jones", "max_steps": 20, "chunk": 2},
        {"kind": "select", "count": 10},
    ],
}

SEARCH = TOY | {
    "stage": [
        {"kind": "generate", "candidates": 8},
        {"kind": "hop", "potential": "lennard-jones", "options": {"epsilon": 1e-5, "sigma": 0.9}, "children": 8,
         "rounds": 4, "chunk": 2, "md_steps": 2},
    ],
}  # fmt: skip


def start(*words, cwd):
    tests = ROOT / "tests"
    here = os.pathsep.join(map(str, [ROOT, tests, tests / "workers", tests / "funnel"]))  # what this module imports
    patient = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "300s"}  # a busy machine starts processes slowly
    return subprocess.Popen(
        [sys.executable, "-m", *map(str, words)], cwd=cwd, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **patient, "PYTHONPATH": here},
    )  # fmt: skip


def address_in(path):
    """Of the scheduler, once its file is written; it is not written at one blow."""
    try:
        return json.loads(path.read_text())["address"]
    except (OSError, ValueError):
        return ""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Address of a scheduler with two worker processes, each watched by a nanny that replaces it."""
    folder = tmp_path_factory.mktemp("dask")
    where = folder / "scheduler.json"
    common = ("--scheduler-file", where, "--no-dashboard")
    processes = [start("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", 0, *common, cwd=folder)]
    try:
        deadline = time.monotonic() + 300
        while not (address := address_in(where)) and time.monotonic() < deadline:
            time.sleep(0.05)
        workers = ("--nworkers", 2, "--nthreads", 1, "--memory-limit", 0)
        processes.append(start("distributed.cli.dask_worker", *workers, *common, cwd=folder))
        with distributed.Client(address, timeout=300, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=300)
        yield address.replace("tcp:", "dask:")
    finally:
        for process in processes:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    monkeypatch.setattr("sampler.workers.dask_pool._CONNECT", 300)


@pytest.fixture(scope="module")
def library():
    return MonomerLibrary.load()


def go(folder, library, protocol=None, progress=None, **options):
    wanted = Composition.parse("1sa1am", library)
    return run(wanted, protocol or protocols.build(TOY, "toy"), folder, library=library, progress=progress, **options)


def contents(folder):
    left_out = {".lock", "timing.json", "cpu_seconds.csv"}
    files = (f for f in sorted(folder.rglob("*")) if f.is_file() and f.name not in left_out and "-of-" not in f.name)
    return {str(f.relative_to(folder)): f.read_bytes() for f in files}


def pids(address):
    with distributed.Client(address.replace("dask:", "tcp:"), set_as_default=False) as client:
        client.wait_for_workers(2, timeout=300)
        return list(client.run(os.getpid).values())


class Killer(Progress):
    """Kills a worker of the cluster when so many structures of a stage have been computed afresh."""

    def __init__(self, victims, stage, after):
        self.victims, self.stage, self.after, self.kind, self.fresh = victims, stage, after, "", 0

    def start(self, position, of, kind, total):
        self.kind, self.fresh = kind, 0

    def advance(self, n, found=False):
        self.fresh += n
        if self.kind == self.stage and self.fresh >= self.after and self.victims:
            os.kill(self.victims.pop(), signal.SIGKILL)


def test_a_worker_killed_in_mid_run_costs_nothing(cluster, library, tmp_path):
    go(tmp_path / "here", library)
    killer = Killer(pids(cluster)[:1], "relax", 6)
    go(tmp_path / "there", library, workers=cluster, progress=killer)
    assert not killer.victims
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
    go(tmp_path / "there", library, workers=cluster)  # complete: no chunk is left for anybody
    assert contents(tmp_path / "there") == contents(tmp_path / "here")


def test_a_worker_killed_in_a_round_of_moves_costs_nothing(cluster, library, tmp_path):
    search = protocols.build(SEARCH, "toy")
    go(tmp_path / "here", library, search)
    killer = Killer(pids(cluster)[:1], "hop, round 2", 2)
    go(tmp_path / "there", library, search, workers=cluster, progress=killer)
    assert not killer.victims
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
    assert len(list((tmp_path / "there").glob("stages/*-hop-*/round-*"))) == 5  # what came in, and four rounds


def test_screens_share_a_scheduler_and_a_folder(cluster, tmp_path):
    """Several systems at a time on one cluster: the same command several times, with --join."""
    alone, joined = tmp_path / "alone", tmp_path / "joined"
    words = ("screen", "1sa", "0-2am", "-p", "toy.toml")
    for folder, where, times in ((alone, "1", 1), (joined, cluster, 2)):
        folder.mkdir()
        (folder / "toy.toml").write_text(killed.TOY)
        more = ("--workers", where, *["--join"] * (times > 1))
        processes = [killed.sampler(*words, *more, cwd=folder) for _ in range(times)]
        said = [p.communicate(timeout=600)[1] for p in processes]
        assert [p.returncode for p in processes] == [0] * times, said
    assert killed.table(joined / "screen") == killed.table(alone / "screen")
    assert killed.contents(joined / "screen") == killed.contents(alone / "screen")


def test_labels_come_back(cluster, tmp_path):
    rng = np.random.default_rng(0)
    positions = [rng.uniform(0, 3, size=(4, 3)) + 3 * np.arange(4)[:, None] for _ in range(5)]
    structures = Clusters.make(positions, [[18] * 4] * 5)
    potential = get_potential("lennard-jones")
    label(structures, potential, tmp_path / "here", workers=2)
    result = label(structures, potential, tmp_path / "there", workers=cluster)
    assert (result.computed, result.failed) == (5, 0)
    here, there = collect(tmp_path / "here"), collect(tmp_path / "there")
    np.testing.assert_array_equal(there.energy, here.energy)
    np.testing.assert_array_equal(there.forces, here.forces)


class DeadlyStructure(Stage):
    """Kills its process on one structure, as a segmentation fault in an engine would."""

    kind: Literal["deadly"] = "deadly"
    per_chunk: ClassVar[bool] = True

    def tasks(self, incoming, context):
        return incoming.chunks(4)

    def run(self, task, context):
        if any(i.endswith("3") for i in task.ids):
            os.kill(os.getpid(), signal.SIGKILL)
        return task.with_columns(fate="")


class FailingStage(DeadlyStructure):
    kind: Literal["failing"] = "failing"

    def run(self, task, context):
        raise StorageError("the disk is full")


def custom(stage):
    first = protocols.build(TOY | {"stage": [{"kind": "generate", "candidates": 8, "chunk": 8}]}, "toy")
    return first.model_copy(update={"stage": (*first.stage, stage)})


def test_an_error_on_a_worker_arrives_as_itself(cluster, library, tmp_path):
    with pytest.raises(StorageError, match="the disk is full"):
        go(tmp_path / "run", library, custom(FailingStage()), workers=cluster)


@pytest.mark.slow
def test_a_deadly_structure_costs_itself_alone(cluster, library, tmp_path):
    """Its chunk kills worker after worker, four times and, alone, four times again; the nannies replace them."""
    result = go(tmp_path / "run", library, custom(DeadlyStructure()), workers=cluster)
    assert read_ledgers(tmp_path / "run")[-1]["dropped"] == {"crashed": 1}
    assert len(result.clusters) == 7


def triple(x):
    return 3 * x


def test_tasks_are_taken_as_workers_become_free(cluster):
    taken = []

    def source():
        for i in range(30):
            taken.append(i)
            yield i

    results = unordered(triple, source(), cluster)
    index, value = next(results)
    assert value == 3 * index and len(taken) <= 2 * 2 + 2
    assert dict([(index, value), *results]) == {i: 3 * i for i in range(30)}
    assert list(unordered(triple, [], "dask://nowhere:1")) == []  # nothing to do: nobody is asked


def test_no_scheduler(monkeypatch):
    monkeypatch.setattr("sampler.workers.dask_pool._CONNECT", 0.5)
    with pytest.raises(NoWorkers, match="no dask scheduler answers at dask://127.0.0.1:9.*dask scheduler"):
        list(unordered(triple, [1], "dask://127.0.0.1:9"))


@pytest.mark.parametrize("text", ["dask://host", "dask:host:1", "tcp://host:1", "dask://host:99999", "dask://:1"])
def test_addresses(text):
    assert address_of("dask://node-1.site:8786") == "tcp://node-1.site:8786"
    assert address_of("dask://[::1]:8786") == "tcp://[::1]:8786"
    with pytest.raises(InputError, match="expected dask://HOST:PORT"):
        address_of(text)


def test_another_version_is_refused():
    with pytest.raises(NoWorkers, match="install the same version"):
        _call("0.0.0", triple, 1)


def test_workers_with_threads_are_refused():
    with distributed.LocalCluster(n_workers=1, threads_per_worker=3, processes=False, dashboard_address=":0",
                                  protocol="tcp", host="127.0.0.1") as threads:  # fmt: skip
        with pytest.raises(NoWorkers, match="have 3 threads each.*--nthreads 1"):
            list(unordered(triple, [1], threads.scheduler_address.replace("tcp:", "dask:")))


def test_a_scheduler_that_goes_away(monkeypatch):
    """One line that says so; the tasks that were done are done."""
    monkeypatch.setattr("sampler.workers.dask_pool._PATIENCE", 0.5)
    monkeypatch.setattr("sampler.workers.dask_pool._ANSWER", 5.0)
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0",
                                  protocol="tcp", host="127.0.0.1") as short:  # fmt: skip
        results = unordered(triple, range(20), short.scheduler_address.replace("tcp:", "dask:"))
        index, value = next(results)
        assert value == 3 * index
        short.close()
        with pytest.raises(NoWorkers, match="is gone or has dropped the tasks.*same command goes on"):
            list(results)
