"""A real SLURM, where it is installed: runs in its jobs and in the elements of an array, killed, requeued, cancelled.

The results are compared with those of processes that are alone and are left in peace (tests/funnel/test_funnel_killed.py).
"""

import os
import random
import re
import signal
import subprocess
import sys
import time

import pytest
import test_funnel_killed as killed
from private_slurm import NoSlurm, private_slurm
from test_funnel_killed import ROOT, contents, peace, table  # noqa: F401 - a fixture
from test_funnel_slurm import write

from sampler.composition import Composition
from sampler.errors import RunError
from sampler.funnel.protocols import protocol as protocols
from sampler.funnel.runner import run
from sampler.monomers import MonomerLibrary
from sampler.workers.progress import Progress
from sampler.workers.slurm import workers_of

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX processes")]
PROFILE = {"jobs": 2, "cores": 2, "memory": "4 GB", "walltime": "00:10:00", "log_directory": "logs"}
SECONDS = 400


@pytest.fixture(scope="module")
def slurm():
    with pytest.MonkeyPatch.context() as patch:
        try:
            with private_slurm() as environment:
                for name, value in environment.items():
                    patch.setenv(name, value)
                patch.setenv("PYTHONPATH", str(ROOT))
                patch.setenv("OMP_NUM_THREADS", "1")
                # a busy machine starts processes slowly
                patch.setenv("DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT", "300s")
                yield
        except NoSlurm as why:
            pytest.skip(str(why))


@pytest.fixture
def folder(slurm, peace, tmp_path, monkeypatch):  # noqa: F811
    for name in ("toy.toml", "search.toml"):
        (tmp_path / name).write_text((peace / name).read_text())
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "sampler"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT / "cli.py"}" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    command("scancel", f"--user={os.getuid()}")
    wait_until(lambda: not queue(), "jobs are left")


def command(*words):
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=120).stdout


def queue(*words):
    """Jobs and elements of arrays that have not ended."""
    return command("squeue", "--noheader", "--array", "--format=%i", *words).split()


def wait_until(true, otherwise):
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.2)


class Killer(Progress):
    """Does harm to the jobs in the middle of each round of moves."""

    def __init__(self, harm):
        self.harm = list(harm)

    def advance(self, n, found=False):
        if self.harm and self.kind.startswith("hop"):
            words = self.harm.pop(0)
            command(*words, random.choice(queue("--states=RUNNING")))

    def start(self, position, of, kind, total):
        self.kind = kind


def test_jobs_that_are_cancelled_and_requeued_are_replaced(folder, peace, monkeypatch):  # noqa: F811
    pytest.importorskip("dask_jobqueue")
    monkeypatch.setattr("sampler.workers.slurm_jobs.POLL_SECONDS", 1.0)
    library, said = MonomerLibrary.load(), []
    killer = Killer([("scancel",), ("scontrol", "requeue")])
    with workers_of(write(folder, PROFILE | {"local_directory": str(folder / "scratch")}), said.append) as address:
        first = set(queue())
        wanted, search = Composition.parse("1sa", library), protocols.load("search.toml")
        run(wanted, search, folder / "1sa", library=library, workers=address, progress=killer)
        wait_until(lambda: len(queue()) == 2 and set(queue()) != first, "the cancelled job is not replaced")
        assert not killer.harm
        # all jobs are lost, and with them all workers
        command("scancel", *queue())
        small = killed.TOY.replace("candidates = 12", "candidates = 9")
        (folder / "small.toml").write_text(small)
        run(wanted, protocols.load("small.toml"), folder / "small", library=library, workers=address)
    wait_until(lambda: not queue(), "jobs are left")
    assert contents(folder / "1sa" / "stages") == contents(peace / "1sa" / "stages")
    alone = run(wanted, protocols.load("small.toml"), folder / "alone" / "small", library=library, workers=1)
    assert contents(folder / "small") == contents(alone.folder)


def test_an_interrupted_command_cancels_its_jobs_and_goes_on(folder, peace):  # noqa: F811
    pytest.importorskip("dask_jobqueue")
    write(folder, PROFILE)
    words = ["sampler", "run", "1sa", "-p", "search.toml", "--slurm", "profile.toml"]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, start_new_session=True)
    wait_until(lambda: list(folder.glob("1sa/stages/*/**/chunk-*.npz")) or process.poll() is not None, "no chunk")
    os.kill(process.pid, signal.SIGINT)
    said = process.communicate(timeout=SECONDS)[1]
    assert process.returncode == 130 and "the same command goes on" in said, said
    wait_until(lambda: not queue(), "jobs are left")
    subprocess.run(words, check=True, capture_output=True, timeout=SECONDS)
    assert contents(folder / "1sa") == contents(peace / "1sa")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"queue": "nowhere"}, "sbatch fails .*: invalid partition specified: nowhere"),
        ({"memory": "900 GB"}, "sbatch fails .*: Memory specification can not be satisfied"),
        ({"job_script_prologue": ["exit 3"]}, r"SLURM jobs in a row have ended .*: logs/sampler-\d+.err"),
    ],
)
def test_what_slurm_refuses_and_what_never_works(folder, monkeypatch, change, says):
    pytest.importorskip("dask_jobqueue")
    monkeypatch.setattr("sampler.workers.slurm_jobs.POLL_SECONDS", 1.0)
    library, toy = MonomerLibrary.load(), protocols.load("toy.toml")
    with pytest.raises(RunError, match=says), workers_of(write(folder, PROFILE | change)) as address:
        run(Composition.parse("1sa", library), toy, folder / "1sa", library=library, workers=address)
    wait_until(lambda: not queue(), "jobs are left")


def scripts():
    """The job scripts of the guide, as they stand there."""
    guide = (ROOT / "docs" / "guides" / "many-machines.md").read_text(encoding="utf-8")
    return re.findall(r"^```bash\n(#!/bin/bash\n.*?)^```$", guide, re.MULTILINE | re.DOTALL)


def chunks(folder):
    """How many there are; unlike rglob, walk bears that folders vanish."""
    return sum(name.startswith("chunk-") for _, _, names in os.walk(folder) for name in names)


def harm(folder, seed, times):
    """Kill, cancel and requeue elements of the array when there are so many more chunks in the folder."""
    rng, done = random.Random(seed), 0
    deadline = time.monotonic() + SECONDS
    while queue() and done < times:
        target = chunks(folder) + rng.randint(1, 3)
        while queue() and chunks(folder) < target:
            assert time.monotonic() < deadline, "the array does not go on"
            time.sleep(0.05)
        running = queue("--states=RUNNING")
        if running:
            # the first gives no time to say goodbye
            how = rng.choice([("scancel", "--full", "--signal=USR1"), ("scancel",), ("scontrol", "requeue")])
            subprocess.run([*how, rng.choice(running)], capture_output=True)  # it may have ended just now
            done += 1
    return done


@pytest.mark.parametrize("which", [0, 1])
def test_an_array_that_is_killed_and_submitted_again(folder, peace, which):  # noqa: F811
    words = (
        "sampler screen 1sa 0-2am -p toy.toml --workers 1 --join --quiet",
        f"sampler run 1sa1am -p search.toml --parents {peace / '1sa'} --workers 1 --join --quiet",
    )[which]
    text = scripts()[which]
    assert len(re.findall("^sampler .*--workers 1 --join --quiet$", text, re.MULTILINE)) == 1
    text = re.sub("^sampler .*$", words, text, flags=re.MULTILINE)
    (folder / "array.sh").write_text(re.sub("--array=0-[0-9]+", "--array=0-3", text))
    result = ("screen", "1sa1am")[which]
    command("sbatch", "array.sh")
    assert harm(folder / result, seed=which, times=6) > 0
    command("sbatch", "array.sh")
    wait_until(lambda: not queue(), "the array does not end")
    assert contents(folder / result) == contents(peace / result)
    if result == "screen":
        assert table(folder / result) == table(peace / result)
