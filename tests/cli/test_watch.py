"""``sampler watch``: a run at work, finished, killed, stopped, failed, elsewhere; a screen; nothing is written or locked."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import sampler
from sampler.cli import watch as module
from sampler.errors import RunError
from sampler.rundir import ledger as ledgers
from sampler.rundir import live
from sampler.rundir.directory import RunDirectory, read_manifest
from sampler.rundir.state import state_of

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]
TOY = """
name = "toy"
description = "fast stages for tests"
[[stage]]
kind = "generate"
candidates = 12
chunk = 3
[[stage]]
kind = "relax"
potential = "lennard-jones"
max_steps = {steps}
fmax = 1e-9
chunk = 3
[[stage]]
kind = "select"
count = 6
"""


def toy(folder, steps=3):
    path = folder / "toy.toml"
    path.write_text(TOY.format(steps=steps))
    return path


def listing(folder):
    return {str(p): (p.stat().st_mtime_ns, p.stat().st_size) for p in sorted(folder.rglob("*"))}


@pytest.fixture
def finished(tmp_path):
    sampler.run("1sa1am", toy(tmp_path), tmp_path / "1sa1am", workers=1, quiet=True)
    return tmp_path / "1sa1am"


def test_a_finished_run(words, finished):
    before = listing(finished)
    status, out, err = words("watch", finished)
    assert status == 0 and not err and "finished; the result: sampler show" in out
    told = json.loads(words("watch", finished, "--json")[1])
    assert told["status"] == "finished" and not told["going"]
    ledgers = json.loads((finished / "ledger.json").read_text())
    assert [s["ledger"]["out"] for s in told["stages"]] == [one["out"] for one in ledgers]
    assert listing(finished) == before
    assert not (finished / live.NAME).exists()  # it goes when the run has ended well


def test_at_work_killed_taken_up(words, tmp_path):
    """Seen from another process: running, then killed with what to do, then finished as if nothing had been."""
    run = tmp_path / "1sa1am"
    command = [
        sys.executable,
        ROOT / "cli.py",
        "run",
        "1sa1am",
        "-p",
        toy(tmp_path, 2000),
        "-j",
        "1",
        "-q",
        "--out",
        run,
    ]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        state = until(run, lambda s: s.status == "running" and s.now is not None and s.now.kind == "relax")
        assert (
            state.now.total == 12
            and state.stages[0].ledger.out == 12
            and state.who.startswith(f"process {process.pid}")
        )
        status, out, _ = words("watch", run, "--once")
        assert status == 0 and "running: process" in out and "of 12 done" in out and "to come" in out
    finally:
        process.kill()
        process.wait()
    assert not (run / "ledger.json").exists(), "too fast to be killed: raise the steps"
    before = quiet(run)
    status, out, _ = words("watch", run)
    assert status == 0 and f"killed: process {process.pid}" in out and "the same command goes on where it was" in out
    assert "killed: " in next(line for line in out.splitlines() if " relax " in line) and listing(run) == before
    sampler.run("1sa1am", tmp_path / "toy.toml", run, workers=2, quiet=True)
    assert state_of(run).status == "finished"


def test_time_left_is_that_of_the_pace_since_the_stage_began(words, tmp_path):
    """Four chunks of three; one was there before: three more in 60 s are followed by the last in 20 s."""
    run = tmp_path / "1sa1am"
    manifest = {
        "format": "sampler-run-1", "composition": "1sa1am", "charge": 0, "seed": 0,
        "protocol": {"name": "toy", "stage": [{"kind": "generate"}, {"kind": "hop", "rounds": 10}]},
    }  # fmt: skip
    with RunDirectory.open(run, manifest) as directory, live.live(run) as sign:
        here = directory.stage(1, "generate", "0" * 12)
        sign.at(1, "generate", here.folder.name, 12)
        assert state_of(run).now.left is None and "s left" not in words("watch", run)[1]
        for k in range(3):
            sampler.Clusters.make([np.zeros((1, 3))] * 3, [[8]] * 3).save(here.chunk_path(k))
        os.utime(here.chunk_path(0), (1e9, 1e9))
        sign.tell(since=time.time() - 60.0)
        assert state_of(run).now.left == pytest.approx(30.0, abs=1.0)  # 6 in 60 s, 3 are left
        out = words("watch", run)[1]
        assert "9 of 12 done, about 30 s left" in out or "about 31 s left" in out, out
        assert json.loads(words("watch", run, "--json")[1])["stages"][0]["seconds_left"] == pytest.approx(30, abs=5)

        search = directory.stage(2, "hop", "0" * 12)
        sign.at(2, "hop", search.folder.name, None)
        for k in (1, 2):
            part = search.part(f"round-{k:04d}", 1)
            part.folder.mkdir()
            ledgers.write(part.ledger_path, ledgers.RoundLedger(round=k))
        sign.tell(since=time.time() - 60.0)
        assert state_of(run).now.left == pytest.approx(240.0, abs=2.0)  # 30 s a round, 8 to come
        assert "at most about" in " ".join(words("watch", run)[1].split())


def quiet(run, seconds=60.0):
    """What is in the folder when the worker that the kill has left alone has ended, too."""
    end, before = time.monotonic() + seconds, listing(run)
    while time.monotonic() < end:
        time.sleep(3.0)
        if (now := listing(run)) == before:
            return before
        before = now
    raise AssertionError(f"it still changes after {seconds} s")


def until(run, good, seconds=120.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            state = state_of(run)
            if good(state):
                return state
        except RunError:  # not begun yet
            pass
        time.sleep(0.02)
    raise AssertionError(f"not seen in {seconds} s")


def test_it_neither_needs_nor_takes_the_lock(finished):
    manifest = read_manifest(finished)
    with RunDirectory.open(finished, manifest):  # held by this process
        assert state_of(finished).status in ("finished", "not finished")
    with RunDirectory.open(finished, manifest):  # and nobody else has it afterwards
        pass


def test_stopped_and_failed_say_so(words, tmp_path):
    with pytest.raises(KeyboardInterrupt), live.live(tmp_path):
        raise KeyboardInterrupt
    assert live.read(tmp_path)["ended"] == "stopped"
    path = tmp_path / "strict.toml"  # the toy potential leaves no molecule whole
    path.write_text(TOY.format(steps=300) + '[[stage]]\nkind = "identify"\n')
    status, _, err = words("run", "1sa1am", "-p", path, "-j", 1, "-q")
    assert status != 0 and "no structure is left" in err
    status, out, _ = words("watch", "1sa1am")
    assert status == 0 and "failed: 1sa1am: no structure is left after stage 4 (identify)" in " ".join(out.split())


def test_another_machine_is_judged_by_its_signs(finished):
    folder = finished
    (folder / "ledger.json").rename(folder / "away.json")
    told = {"host": "elsewhere", "pid": 1, "born": "", "started": time.time(), "stages": []}
    (folder / live.NAME).write_text(json.dumps(told))
    assert state_of(folder).status == "running"
    long_ago = time.time() - 4000
    for top, _, _ in os.walk(folder):
        os.utime(top, (long_ago, long_ago))
    state = state_of(folder)
    assert state.status == "not finished" and "elsewhere is another machine" in state.why


def test_a_run_of_a_version_that_said_nothing(words):
    run = ROOT / "tests" / "data" / "run-0.1" / "1sa1am"
    status, out, _ = words("watch", run)
    assert status == 0 and "relax" in out


def test_a_screen(words, tmp_path):
    assert words("screen", "1sa", "0-1am", "-p", toy(tmp_path), "-j", 1, "-q")[0] == 0
    before = listing(tmp_path / "screen")
    status, out, _ = words("watch", "screen")
    assert status == 0 and "screen: 2 finished" in out and "all done" in out and listing(tmp_path / "screen") == before
    # its process died at the second system: the table says running for ever
    table = tmp_path / "screen" / "screen.csv"
    table.write_text(table.read_text().replace("1sa1am,finished", "1sa1am,running"))
    run = tmp_path / "screen" / "1sa1am"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (run / "ledger.json").unlink()
    sign = {"host": __import__("socket").gethostname(), "pid": ended.pid, "born": "1", "stages": []}
    (run / live.NAME).write_text(json.dumps(sign))
    told = json.loads(words("watch", "screen", "--json")[1])
    assert told["counts"] == {"finished": 1, "killed": 1} and not told["going"]
    out = words("watch", "screen")[1]
    assert "1 to go; nothing runs here: the same sampler screen command goes on" in " ".join(out.split())


def test_in_a_terminal_it_follows_and_ends_with_the_run_or_ctrl_c(words, finished, monkeypatch):
    looks = []

    def look(folder):
        looks.append(folder)
        return {"going": len(looks) < 3}, [f"look {len(looks)}"]

    monkeypatch.setattr(module, "_look_at_run", look)
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(module.sys.stdout.__class__, "isatty", lambda self: True)
    status, out, _ = words("watch", finished)
    assert status == 0 and len(looks) == 3 and out.endswith("look 3\n")

    def stop(seconds):
        raise KeyboardInterrupt

    looks.clear()
    monkeypatch.setattr(module.time, "sleep", stop)
    status, out, err = words("watch", finished)
    assert status == 0 and "the run itself is left alone" in out and "Traceback" not in err


def test_ctrl_c_of_a_real_process(tmp_path, finished):
    """In a pseudo terminal: it shows, ends on SIGINT with status 0, and leaves the run alone."""
    pty = pytest.importorskip("pty")
    (finished / "ledger.json").rename(finished / "away.json")
    told = {"host": __import__("socket").gethostname(), "pid": os.getpid(), "born": "", "stages": []}
    (finished / live.NAME).write_text(json.dumps(told))
    before = listing(finished)
    main, side = pty.openpty()
    # a shell's background jobs ignore Ctrl-C, and what they start inherits that
    heed = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
    command = [sys.executable, ROOT / "cli.py", "watch", finished, "--every", "0.2"]
    process = subprocess.Popen(command, stdout=side, stderr=side, preexec_fn=heed)
    os.close(side)
    seen = b""
    while b"running: process" not in seen:
        seen += os.read(main, 4096)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 0
    os.close(main)
    assert listing(finished) == before


def test_what_is_no_run(words, tmp_path):
    status, _, err = words("watch", tmp_path)
    assert status == 1 and "is not a run directory" in err
