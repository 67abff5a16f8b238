"""Stopped from outside: workers end with the process they work for, and the user is told that work is kept."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.once, pytest.mark.skipif(not hasattr(os, "getpgid"), reason="needs POSIX process groups")]
ROOT = Path(__file__).resolve().parents[2]

_TWO_WORKERS = """
import sys, time
from pathlib import Path
from sampler.workers.pool import unordered

def forever(folder):
    import os, time
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(600)

from joblib.externals.loky import set_loky_pickler
set_loky_pickler("cloudpickle")
list(unordered(forever, [sys.argv[1]] * 2, 2))
"""

_PROTOCOL = """
name = "toy"
description = "chunks of a second or so"
[[stage]]
kind = "generate"
candidates = 8
chunk = 8
[[stage]]
kind = "relax"
potential = "gfn1-xtb"
max_steps = 30
chunk = 1
"""


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, ProcessLookupError):
        return False


def _until(condition, seconds=60.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_workers_end_when_their_process_is_killed(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", _TWO_WORKERS, str(tmp_path)], stderr=subprocess.DEVNULL)
    assert _until(lambda: len(list(tmp_path.iterdir())) == 2)
    workers = [int(path.name) for path in tmp_path.iterdir()]
    assert all(map(_alive, workers))
    process.kill()
    process.wait()
    assert _until(lambda: not any(map(_alive, workers)), 20)


@pytest.mark.parametrize(("how", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_the_end_of_a_batch_job_and_ctrl_c(tmp_path, how, status):
    """One line, the status of the signal, no process left; the same command goes on."""
    (tmp_path / "toy.toml").write_text(_PROTOCOL)
    command = [sys.executable, str(ROOT / "cli.py"), "run", "3sa3am", "-p", "toy.toml", "-o", "out", "-j", "2"]
    # a shell's background jobs ignore Ctrl-C, and what they start inherits that
    heed = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
    with open(tmp_path / "told", "w") as told:
        process = subprocess.Popen(
            command, cwd=tmp_path, stderr=told, stdout=told, start_new_session=True, preexec_fn=heed
        )
    assert _until(lambda: list((tmp_path / "out" / "stages").glob("*relax*/chunk*.npz")))
    process.send_signal(how)
    assert process.wait(timeout=60) == status
    text = (tmp_path / "told").read_text()
    assert "finished work is kept, the same command goes on from here" in text and "Traceback" not in text
    assert _until(lambda: not _group(process.pid), 20)
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "out" / "ranking.csv").exists()


_DEAF = """
import time
from sampler.cli import app as module

def deaf(**options):
    try:
        print("ready", flush=True)
        time.sleep(60)
    except KeyboardInterrupt:  # lost, as in a callback from compiled code
        time.sleep(60)

module.app, module._AGAIN_SECONDS = deaf, 0.2
module.main()
"""


def test_the_end_of_a_batch_job_is_said_until_it_is_heard():
    process = subprocess.Popen([sys.executable, "-c", _DEAF], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 143 and "finished work is kept" in told


def _group(leader: int) -> bool:
    """Whether a process of this group is left."""
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return False
    return True
