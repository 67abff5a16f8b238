"""SLURM profiles: mistakes, the job script that dask-jobqueue makes, and a run over a stand-in for sbatch."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from sampler.composition import Composition
from sampler.errors import InputError, RunError
from sampler.funnel.protocols import protocol as protocols
from sampler.funnel.runner import run
from sampler.monomers import MonomerLibrary
from sampler.workers.slurm import SlurmProfile, load_profile, make_cluster, worker_script, workers_of

ROOT = Path(__file__).resolve().parents[2]
PROFILE = {
    "jobs": 2,
    "cores": 4,
    "memory": "8 GB",
    "walltime": "02:00:00",
    "queue": "small",
    "account": "project_1",
    "job_extra_directives": ["--nice=10"],
    "job_script_prologue": ["module load python", "export X=1"],
}


def write(folder, table):
    path = folder / "profile.toml"
    path.write_text("".join(f"{k} = {json.dumps(v)}\n" for k, v in table.items()))
    return path


def test_a_profile(tmp_path):
    profile = load_profile(write(tmp_path, PROFILE))
    assert profile == SlurmProfile(**PROFILE)
    assert profile.arguments()["processes"] == profile.arguments()["cores"] == 4


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"jobs": 0}, "jobs = 0"),
        ({"cores": None}, "cores is missing"),
        ({"memory": "8"}, 'memory = .8.: expected a number and a unit, such as "16 GB"'),
        ({"walltime": "two hours"}, "walltime = 'two hours': expected"),
        ({"partition": "small"}, "partition is not a parameter; known: jobs, cores"),
        ({"job_extra_directives": ["#SBATCH --nice=3"]}, "leave out #SBATCH: '--nice=3'"),
        ({"job_directives_skip": [""]}, "an entry is empty"),
        ({"job_extra_directives": ["--mem-per-cpu=1G"]}, "'8 GB' is more than 4 cores have with '--mem-per-cpu=1G'"),
        ({"job_extra_directives": ["-p large"]}, "'-p large', which queue or account says already"),
    ],
)
def test_mistakes_in_a_profile(tmp_path, change, says):
    table = {k: v for k, v in (PROFILE | change).items() if v is not None}
    with pytest.raises(InputError, match=says) as caught:
        load_profile(write(tmp_path, table))
    assert "profile.toml" in str(caught.value) and "\n" not in str(caught.value)


def test_unreadable_profiles(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load_profile(tmp_path / "absent.toml")
    (tmp_path / "bad.toml").write_text("jobs = = 2")
    with pytest.raises(InputError, match="not valid TOML"):
        load_profile(tmp_path / "bad.toml")


def test_without_sbatch(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RunError, match="needs the command sbatch"), workers_of(write(tmp_path, PROFILE)):
        pass


def test_the_job_script(tmp_path):
    """Against the options of sbatch, and of dask's worker, that the profile asks for."""
    pytest.importorskip("dask_jobqueue")
    before = signal.getsignal(signal.SIGINT)
    with make_cluster(SlurmProfile(**PROFILE)) as cluster:
        script, address = worker_script(cluster), cluster.scheduler_address
    assert signal.getsignal(signal.SIGINT) is before  # dask-jobqueue makes Ctrl-C an exit with 0
    lines = script.splitlines()
    assert lines[0].startswith("#!")
    directives = ("-J sampler", "-p small", "-A project_1", "--cpus-per-task=4", "--mem=8G", "-t 02:00:00", "--nice=10")
    for line in (*(f"#SBATCH {d}" for d in directives), "module load python", "export X=1"):
        assert line in lines, script
    worker = next(line for line in lines if "dask_worker" in line)
    assert lines.index("export X=1") < lines.index(worker)
    assert worker.startswith(f"{sys.executable} -m distributed.cli.dask_worker {address} ")
    for words in ("--nthreads 1", "--nworkers 4", "--nanny"):
        assert words in worker
    assert "--name" not in worker  # the same script is submitted many times, and names must differ


@pytest.mark.parametrize(
    "change",
    [
        {"job_extra_directives": ["--mem-per-cpu=2G"]},
        {"job_extra_directives": ["--mem-per-cpu 2048"], "job_directives_skip": ["--mem"]},
        {"job_directives_skip": ["--mem"]},
    ],
)
def test_sites_that_count_memory_by_core(tmp_path, change):
    """sbatch takes --mem and --mem-per-cpu together for a fatal error."""
    pytest.importorskip("dask_jobqueue")
    with make_cluster(load_profile(write(tmp_path, PROFILE | change))) as cluster:
        script = worker_script(cluster)
    asked = [line for line in script.splitlines() if line.startswith("#SBATCH") and "--mem" in line]
    assert asked == [f"#SBATCH {line}" for line in change.get("job_extra_directives", ())]
    assert "--memory-limit" in script and "#SBATCH --cpus-per-task=4" in script


SBATCH = """#!{python}
import os, pathlib, subprocess, sys
here = pathlib.Path({folder!r})
process = subprocess.Popen(["bash", "-c", open(sys.argv[-1]).read()], start_new_session=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
(here / f"job-{{process.pid}}").write_text("")
print(process.pid)
"""
SQUEUE = """#!{python}
import os, pathlib
for path in pathlib.Path({folder!r}).glob("job-*"):
    number = path.name.removeprefix("job-")
    if os.path.exists("/proc/" + number):
        print(number + "|RUNNING|None")
"""
SCANCEL = """#!{python}
import os, pathlib, signal, sys
for number in sys.argv[1:]:
    try:
        os.killpg(int(number), signal.SIGKILL)
    except ProcessLookupError:
        pass
    (pathlib.Path({folder!r}) / f"cancelled-{{number}}").write_text("")
"""


@pytest.mark.slow
def test_a_run_in_jobs_that_a_stand_in_for_sbatch_starts(tmp_path, monkeypatch):
    """Where no SLURM is: what is asked of its commands is done by three small programs."""
    pytest.importorskip("dask_jobqueue")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("sbatch", SBATCH), ("squeue", SQUEUE), ("scancel", SCANCEL)):
        (programs / name).write_text(text.format(python=sys.executable, folder=str(tmp_path)))
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT", "300s")  # a busy machine starts processes slowly
    table = {"jobs": 2, "cores": 1, "memory": "1 GB", "walltime": "00:10:00"}
    table["local_directory"] = str(tmp_path / "scratch")
    stages = [
        {"kind": "generate", "candidates": 8, "chunk": 4},
        {"kind": "relax", "potential": "lennard-jones", "max_steps": 5, "chunk": 2},
    ]
    library = MonomerLibrary.load()
    protocol = protocols.build({"name": "toy", "description": "fast", "stage": stages}, "toy")
    wanted = Composition.parse("1sa1am", library)
    try:
        with workers_of(write(tmp_path, table)) as address:
            there = run(wanted, protocol, tmp_path / "there", library=library, workers=address)
        jobs = {p.name.removeprefix("job-") for p in tmp_path.glob("job-*")}
        deadline = time.monotonic() + 60
        while jobs != (gone := {p.name.removeprefix("cancelled-") for p in tmp_path.glob("cancelled-*")}):
            assert time.monotonic() < deadline, (jobs, gone)
            time.sleep(0.1)
    finally:
        for path in tmp_path.glob("job-*"):
            try:
                os.killpg(int(path.name.removeprefix("job-")), signal.SIGKILL)
            except ProcessLookupError:
                pass
    assert len(jobs) >= 2
    here = run(wanted, protocol, tmp_path / "here", library=library)
    assert [ledger["output_sha256"] for ledger in there.ledgers] == [ledger["output_sha256"] for ledger in here.ledgers]
