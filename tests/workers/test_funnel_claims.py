"""Claims: one owner at a time, dead owners are followed, and processes that share a run end with the result of one."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sampler.composition import Composition
from sampler.errors import RunBusy
from sampler.funnel.protocols import protocol as protocols
from sampler.funnel.runner import run
from sampler.monomers import MonomerLibrary
from sampler.rundir.directory import RunDirectory, digest_of
from sampler.storage import write_atomic
from sampler.workers.claims import Claims, Others, tidy
from sampler.workers.progress import Progress

pytestmark = pytest.mark.once

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


class Clock:
    """Seconds that pass when told."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def other_host(folder, clock, host, **options):
    """A process on another machine, as its claims show it; its heart beats only when told."""
    return Claims(folder, host=host, clock=clock, beat=1e6, stale=100, **options)


def beats(claims):
    told = json.loads(claims._life.path.read_text())
    claims._life._tell(told["beat"] + 1)


def test_one_owner(tmp_path):
    clock = Clock()
    with other_host(tmp_path, clock, "a") as one, other_host(tmp_path, clock, "b") as two:
        assert one.take("stage", "chunk-0")
        assert not two.take("stage", "chunk-0")
        assert two.owner("stage", "chunk-0", 0) == one.token
        assert two.take("stage", "chunk-1")
        assert not one.alone() and one.numbers("stage") == {"chunk-0": 0, "chunk-1": 0}


def test_a_process_that_ended_is_followed_at_once(tmp_path):
    clock = Clock()
    with other_host(tmp_path, clock, "b") as two:
        with other_host(tmp_path, clock, "a") as one:
            assert one.take("stage", "chunk-0")
        clock.now += 1
        assert two.alone()
        assert two.take("stage", "chunk-0")
        assert two.numbers("stage") == {"chunk-0": 1}


def test_silence_counts_as_death_only_after_a_while(tmp_path):
    clock = Clock()
    with other_host(tmp_path, clock, "a") as one, other_host(tmp_path, clock, "b") as two:
        assert one.take("stage", "chunk-0")
        for _ in range(5):  # far longer than the limit, with signs of life
            clock.now += 60
            beats(one)
            assert not two.take("stage", "chunk-0")
        clock.now += 99
        assert not two.take("stage", "chunk-0")
        clock.now += 2
        assert two.take("stage", "chunk-0")
        beats(one)  # it was asleep: what it had is not its own any more
        clock.now += 1
        assert not one.take("stage", "chunk-0")


def test_a_killed_process_of_this_machine_is_known_at_once(tmp_path):
    script = (
        "import sys, os, signal; from pathlib import Path; from sampler.workers.claims import Claims\n"
        "with Claims(Path(sys.argv[1])) as c: c.take('s', 'x'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT)
    deadline = time.monotonic() + 120
    while not process_ended(process.pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    with Claims(tmp_path) as mine:  # also while it is a zombie
        assert mine.take("s", "x")
        process.wait()
        assert mine.numbers("s") == {"x": 1}


def process_ended(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_nobody_wins_twice(tmp_path):
    """Many takers of the same stale claims at the same time: each is taken by exactly one."""
    clock = Clock()
    names = [f"chunk-{i}" for i in range(40)]
    dead = other_host(tmp_path, clock, "dead")
    for name in names:
        assert dead.take("s", name)  # it has never shown life
    takers = [other_host(tmp_path, clock, f"h{i}") for i in range(6)]
    won = {t.token: [] for t in takers}
    ready = threading.Barrier(len(takers))

    def go(taker):
        with taker:
            ready.wait()
            won[taker.token] += [name for name in names if taker.take("s", name)]
            ready.wait()

    threads = [threading.Thread(target=go, args=(t,)) for t in takers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(name for got in won.values() for name in got) == sorted(names)


def test_without_hard_links(tmp_path, monkeypatch):
    def refused(*_):
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(os, "link", refused)
    clock = Clock()
    with other_host(tmp_path, clock, "a") as one, other_host(tmp_path, clock, "b") as two:
        assert one.take("s", "x") and not two.take("s", "x")


def test_a_turn_is_given_back(tmp_path):
    clock = Clock()
    with other_host(tmp_path, clock, "a") as one, other_host(tmp_path, clock, "b") as two:
        with one.turn("s", "stage", wait=pytest.fail):
            assert not two.take("s", "stage")
        clock.now += 1
        with two.turn("s", "stage", wait=pytest.fail):
            assert not one.take("s", "stage")


def test_tidy_leaves_what_is_being_written(tmp_path):
    """By whoever shows no life here: a worker, an export, another process that has left already."""
    (tmp_path / "run").mkdir()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()

    def others_tidy_up(handle):
        name = next((tmp_path / "run").glob(".f.*.part")).name
        mine = f"-{os.getpid()}."
        assert mine in name
        dead = tmp_path / "run" / name.replace(mine, f"-{ended.pid}.")
        elsewhere, unnamed, old = (tmp_path / "run" / n for n in (".f.01234567-1.a.part", ".f.a.part", ".f.b.part"))
        for path in (dead, elsewhere, unnamed, old):
            path.write_text("x")
        os.utime(old, (1e9, 1e9))
        tidy(tmp_path / "run")
        assert not dead.exists() and not old.exists() and elsewhere.exists() and unnamed.exists()
        handle.write(b"whole")

    write_atomic(tmp_path / "run" / "f", others_tidy_up)
    assert (tmp_path / "run" / "f").read_text() == "whole"


def test_who_comes_while_another_removes_the_claims(tmp_path, monkeypatch):
    """The folder goes between its making and the file in it, for the sign of life and for a claim."""
    real, gone = Path.write_text, []

    def late(path, *words, **options):
        if len(gone) < 2 and path.parent.name in ("processes", "s") and path.parent.name not in gone:
            gone.append(path.parent.name)
            shutil.rmtree(path.parent)
        return real(path, *words, **options)

    monkeypatch.setattr(Path, "write_text", late)
    with Claims(tmp_path) as claims:
        assert claims.take("s", "x") and claims.alone()
        assert gone == ["processes", "s"] and claims.numbers("s") == {"x": 0}


# runs


class Recorder(Progress):
    def __init__(self, on_message=lambda text: None):
        self.fresh, self.messages, self.on_message = 0, [], on_message

    def advance(self, n, found=False):
        self.fresh += 0 if found else n

    def message(self, text):
        self.messages.append(text)
        self.on_message(text)


@pytest.fixture(scope="module")
def library():
    return MonomerLibrary.load()


def go(folder, library, progress=None, **options):
    wanted = Composition.parse("1sa1am", library)
    return run(wanted, protocols.build(TOY, "toy"), folder, library=library, progress=progress, **options)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, library):
    folder = tmp_path_factory.mktemp("reference") / "run"
    go(folder, library)
    return folder


def contents(folder):
    left_out = {".lock", "timing.json", "cpu_seconds.csv"}
    files = (f for f in sorted(folder.rglob("*")) if f.is_file() and f.name not in left_out)
    return {str(f.relative_to(folder)): f.read_bytes() for f in files}


def test_one_process_that_shares_ends_like_one_that_does_not(finished, library, tmp_path):
    go(tmp_path / "run", library, join=True)
    assert contents(tmp_path / "run") == contents(finished)
    assert not (tmp_path / "run" / ".claims").exists()


def test_chunks_of_a_live_process_are_waited_for_and_not_computed(finished, library, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    stage = next((folder / "stages").glob("02-relax-*"))
    taken = [stage / f"chunk-{i:05d}.npz" for i in (1, 4)]
    for path in (*taken, stage / "output.npz", stage / "ledger.json"):
        path.unlink()
    manifest = json.loads((folder / "manifest.json").read_text())
    with Claims(folder, digest_of(manifest), host="elsewhere") as other:
        for path in taken:
            assert other.take(str(stage.relative_to(folder)), path.stem)

        def deliver(text):
            if "waiting for them" in text:
                for path in taken:
                    shutil.copy(finished / path.relative_to(folder), path)

        recorder = Recorder(deliver)
        go(folder, library, recorder, join=True)
    assert recorder.fresh == 0
    assert any("2 chunk(s) are with other processes" in m for m in recorder.messages)
    shutil.rmtree(folder / ".claims")  # the other was there to the end, so nobody tidied up
    assert contents(folder) == contents(finished)


def test_who_may_not_be_there_at_the_same_time(finished, library, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    with RunDirectory.join(folder, manifest):
        with pytest.raises(RunBusy, match="in use"):  # the lock of this machine
            go(folder, library)
        with pytest.raises(RunBusy, match="with other parameters"):
            go(folder, library, seed=5, join=True)
    with RunDirectory.open(folder, manifest), pytest.raises(RunBusy, match="does not share it"):
        go(folder, library, join=True)
    with Claims(folder, "", host="elsewhere"), pytest.raises(RunBusy, match="on elsewhere.*--join"):
        go(folder, library)  # no lock reaches here from there: its sign of life does
    with Claims(folder, "", host="elsewhere") as lost:
        os.utime(lost._life.path, (1e9, 1e9))  # silent since long
        go(folder, library)
    assert not Others(folder / ".claims" / "processes").alive()


@pytest.mark.parametrize("join", [False, True])
def test_results_are_written_while_the_directory_is_held(library, tmp_path, join):
    def leave(done):
        assert (done.folder / "ledger.json").exists()
        with pytest.raises(RunBusy):  # by somebody who wants it alone
            go(tmp_path / "run", library)
        assert not join or len(Others(done.folder / ".claims" / "processes").alive()) == 1
        left.append(done.folder)

    left = []
    go(tmp_path / "run", library, join=join, leave=leave)
    assert left == [tmp_path / "run"] and not (tmp_path / "run" / ".claims").exists()


def test_two_that_leave_at_the_same_time(finished, library, tmp_path, monkeypatch):
    """The other has removed the claims after this one has seen them."""
    folder, scandir = tmp_path / "run", os.scandir
    shutil.copytree(finished, folder)
    left = folder / "stages" / ".ledger.json.abc.part"
    left.write_text("by a killed writer")
    os.utime(left, (1e9, 1e9))

    def leaving(path="."):
        if Path(str(path)) == folder / ".claims" and not list((folder / ".claims" / "processes").iterdir()):
            monkeypatch.undo()
            shutil.rmtree(folder / ".claims")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", leaving)
    go(folder, library, join=True)
    assert os.scandir is scandir, "they met"
    assert not left.exists() and contents(folder) == contents(finished)


SCRIPT = """
import sys
from sampler.composition import Composition
from sampler.funnel.protocols import protocol
from sampler.funnel.runner import run
from sampler.monomers import MonomerLibrary
library = MonomerLibrary.load()
run(Composition.parse('1sa1am', library), protocol.load(sys.argv[1]), sys.argv[2], library=library, join=True)
"""


@pytest.mark.slow
def test_three_processes_killed_at_random_end_like_one(finished, tmp_path):
    protocol, folder = tmp_path / "toy.toml", tmp_path / "run"
    lines = ['name = "toy"', 'description = "fast stages for tests"']
    for stage in TOY["stage"]:
        lines += ["[[stage]]", *(f"{k} = {json.dumps(v)}" for k, v in stage.items())]
    protocol.write_text("\n".join(lines))
    command = [sys.executable, "-c", SCRIPT, str(protocol), str(folder)]
    rng, kills, running, ended = random.Random(11), 0, [], 0

    def done():  # not rglob: the last process removes the claims under it
        return len(list(folder.glob("stages/*/chunk-*.npz")))

    def start():
        running.append(subprocess.Popen(command, cwd=ROOT, start_new_session=True))

    for _ in range(3):
        start()
    while running:
        target = done() + rng.randint(1, 4)
        pause = rng.random() * 0.02
        while done() < target and all(p.poll() is None for p in running):
            time.sleep(0.002)
        for process in [p for p in running if p.poll() is not None]:
            assert process.returncode == 0
            running.remove(process)
            ended += 1
        if running and kills < 6 and not ended:
            time.sleep(pause)
            victim = rng.choice(running)
            if victim.poll() is None:
                os.killpg(victim.pid, signal.SIGKILL)
                victim.wait()
                running.remove(victim)
                kills += 1
                start()
    assert ended >= 1 and kills >= 2
    assert contents(folder) == contents(finished)
    assert not (folder / ".claims").exists()
