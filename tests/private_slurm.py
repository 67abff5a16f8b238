"""A SLURM of its own for tests: munged, slurmctld and two slurmd on loopback, with free ports, in a folder of its own."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

CONFIGURATION = """
ClusterName=private
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={control}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=10
CredType=cred/munge
StateSaveLocation={folder}
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerType=sched/builtin
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=5
MailProg=/bin/true
NodeName=n0 NodeHostname={host} NodeAddr=127.0.0.1 Port={first} CPUs=4 RealMemory=64000
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={second} CPUs=4 RealMemory=64000
PartitionName=small Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


class NoSlurm(Exception):
    """Why none can be started here."""


@contextlib.contextmanager
def private_slurm():
    """The environment that makes SLURM's commands talk to it. Nothing of it is left running afterwards.

    Raises:
        NoSlurm: not installed, or it does not come up.
    """
    path = os.pathsep.join([os.environ["PATH"], "/usr/local/sbin", "/usr/sbin", "/sbin"])  # where daemons are
    programs = {name: shutil.which(name, path=path) for name in ("munged", "slurmctld", "slurmd", "sbatch", "squeue")}
    absent = [name for name, found in programs.items() if not found]
    if absent or not Path("/proc/self/environ").exists():
        raise NoSlurm(f"SLURM is not installed here: no {', '.join(absent) or '/proc'}")
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))  # a short name: that of a socket may have 107 letters
    environment, running = {**os.environ, "SLURM_CONF": f"{folder}/slurm.conf"}, []
    try:
        _configure(folder)
        munge = [programs["munged"], "--foreground", "--force", f"--socket={folder}/munge.socket"]
        munge += [f"--{name}-file={folder}/munge.{name}" for name in ("key", "pid", "log", "seed")]
        daemons = [munge, [programs["slurmctld"], "-D"], *([programs["slurmd"], "-D", "-N", n] for n in ("n0", "n1"))]
        for number, words in enumerate(daemons):
            with open(folder / f"daemon-{number}.log", "wb") as log:
                process = subprocess.Popen(words, env=environment, stdout=log, stderr=log, start_new_session=True)
            running.append(process)
            deadline = time.monotonic() + 30
            while number == 0 and not (folder / "munge.socket").exists() and time.monotonic() < deadline:
                time.sleep(0.1)
        _wait_for_nodes(folder, environment)
        yield environment
    finally:
        _end(folder)
        for process in running:
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _configure(folder):
    free = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    control, first, second = (s.getsockname()[1] for s in free)
    for s in free:
        s.close()
    for name in ("n0", "n1"):
        (folder / name).mkdir()
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o400)
    host = socket.gethostname().partition(".")[0]
    text = CONFIGURATION.format(
        host=host, folder=folder, user=f"{os.getuid()}", control=control, first=first, second=second
    )
    (folder / "slurm.conf").write_text(text)


def _wait_for_nodes(folder, environment):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        done = subprocess.run(["sinfo", "-h", "-N", "-o", "%t"], env=environment, capture_output=True, text=True)
        if done.stdout.split() == ["idle", "idle"]:
            return
        time.sleep(0.5)
    logs = "".join(path.read_text(errors="replace")[-400:] for path in sorted(folder.glob("daemon-*.log")))
    raise NoSlurm(f"SLURM does not come up here: {done.stdout}{done.stderr}{logs}")


def _end(folder):
    """Kill the daemons, the jobs and what these have started: all that has this SLURM in its environment."""
    mark = f"SLURM_CONF={folder}/slurm.conf".encode()
    for _attempt in range(20):  # what is about to fork is there the next time
        left = [int(p.name) for p in Path("/proc").glob("[0-9]*") if mark in _environment(p) and _lives(p)]
        for pid in set(left) - {os.getpid()}:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if not set(left) - {os.getpid()}:
            return
        time.sleep(0.1)


def _environment(process):
    try:
        return (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return []


def _lives(process):
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
