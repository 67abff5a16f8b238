"""A SLURM profile (a TOML file), and the dask scheduler and the job script that dask-jobqueue makes of it."""

from __future__ import annotations

import contextlib
import logging
import re
import shutil
import signal
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, field_validator, model_validator

from ..errors import InputError, MissingDependency, NoWorkers, RunError
from .slurm_jobs import COMMANDS, Jobs

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_MEMORY = re.compile(r"\d+(\.\d+)?\s*(k|M|G|T)i?B", re.IGNORECASE)
_MEMORY_PER_CPU = re.compile(r"--mem-per-cpu[=\s]\s*(\d+(?:\.\d+)?)\s*([KMGT]?)B?", re.IGNORECASE)
_SLURM_UNITS = {"K": 2**10, "": 2**20, "M": 2**20, "G": 2**30, "T": 2**40}
_WALLTIME = re.compile(r"(\d+-)?\d{1,2}:\d{2}(:\d{2})?|\d+")


class SlurmProfile(BaseModel):
    """Jobs that run worker processes of one thread each. Names are those of dask-jobqueue's ``SLURMCluster``.

    Attributes:
        jobs: how many are kept in the queue or running; one that ends (its walltime) is submitted again.
        cores: of a job; as many worker processes. memory: of a job, such as "16 GB".
        walltime: of a job, as sbatch takes it: "HH:MM:SS", "D-HH:MM" or minutes.
        queue: the partition. account: what is charged. interface: network of the cluster, such as "ib0".
        job_extra_directives: further ``#SBATCH`` lines, without that word. Where they ask for memory (``--mem-per-cpu``),
            the line ``--mem`` is left out, which sbatch does not take beside it.
        job_directives_skip: lines of the script that contain one of these words are left out, but for the further ones.
        job_script_prologue: shell lines before the worker starts, such as "module load …".
        local_directory: scratch of the workers. log_directory: for the jobs' output.
        python: of the workers; by default the one that runs this command.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    jobs: PositiveInt
    cores: PositiveInt
    memory: str
    walltime: str
    queue: str | None = None
    account: str | None = None
    interface: str | None = None
    job_extra_directives: tuple[str, ...] = ()
    job_directives_skip: tuple[str, ...] = ()
    job_script_prologue: tuple[str, ...] = ()
    local_directory: str | None = None
    log_directory: str | None = None
    python: str | None = None
    job_name: Annotated[str, Field(pattern=r"^[\w.-]+$")] = "sampler"

    @field_validator("memory")
    @classmethod
    def _memory(cls, text: str) -> str:
        if not _MEMORY.fullmatch(text.strip()):
            raise ValueError('expected a number and a unit, such as "16 GB"')
        return text

    @field_validator("walltime")
    @classmethod
    def _walltime(cls, text: str) -> str:
        if not _WALLTIME.fullmatch(text.strip()):
            raise ValueError('expected "HH:MM:SS", "D-HH:MM" or minutes, such as "04:00:00"')
        return text

    @field_validator("job_extra_directives", "job_directives_skip")
    @classmethod
    def _bare(cls, lines: tuple[str, ...]) -> tuple[str, ...]:
        for line in lines:
            if not line.strip():
                raise ValueError("an entry is empty")
            if line.lstrip().startswith("#SBATCH"):
                raise ValueError(f"leave out #SBATCH: {line.replace('#SBATCH', '').strip()!r}")
        return lines

    @model_validator(mode="after")
    def _one_source(self) -> SlurmProfile:
        given = {"-p": self.queue, "--partition": self.queue, "-A": self.account, "--account": self.account}
        for line in self.job_extra_directives:
            option = re.split(r"[\s=]", line.strip())[0]
            if given.get(option):
                raise ValueError(f"job_extra_directives has {line!r}, which queue or account says already")
        return self

    @model_validator(mode="after")
    def _enough(self) -> SlurmProfile:
        """Workers believe what ``memory`` says: SLURM must not kill them for having it."""
        for line in self.job_extra_directives:
            told = _MEMORY_PER_CPU.fullmatch(line.strip())
            if told and self.cores * float(told[1]) * _SLURM_UNITS[told[2].upper()] < 0.95 * _bytes(self.memory):
                raise ValueError(f"memory = {self.memory!r} is more than {self.cores} cores have with {line!r}")
        return self

    def arguments(self) -> dict[str, Any]:
        """For ``dask_jobqueue.SLURMCluster``."""
        given = self.model_dump(exclude={"jobs"}, exclude_none=True)
        if any(line.strip().startswith("--mem") for line in self.job_extra_directives):
            given["job_directives_skip"] = tuple(dict.fromkeys((*self.job_directives_skip, "--mem=")))
        if not given["job_directives_skip"]:  # dask-jobqueue's own configuration may say some
            del given["job_directives_skip"]
        lists = {k: list(v) for k, v in given.items() if isinstance(v, tuple)}
        return given | lists | {"processes": self.cores}


def _bytes(memory: str) -> float:
    """``16 GB`` (decimal) or ``16 GiB`` (binary)."""
    match = re.fullmatch(r"([\d.]+)\s*(\w+)", memory.strip())
    assert match  # the field's pattern holds
    number, unit = match.groups()
    base = 1024 if unit.lower().endswith("ib") else 1000
    return float(number) * base ** ("kmgt".index(unit[0].lower()) + 1)


def load_profile(path: Path | str) -> SlurmProfile:
    """The profile in a TOML file.

    Raises:
        InputError: no such file, not TOML, or mistakes in it (all of them named).
    """
    path = Path(path)
    try:
        return SlurmProfile(**tomllib.loads(path.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: not valid TOML: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    except ValidationError as error:
        raise InputError(f"{path}: " + "; ".join(_line(item) for item in error.errors())) from error


def make_cluster(profile: SlurmProfile):
    """A ``SLURMCluster`` whose scheduler runs in this process; no job is submitted yet.

    Raises:
        MissingDependency: dask-jobqueue is not installed. RunError: the scheduler cannot be started.
    """
    interrupt = signal.getsignal(signal.SIGINT)
    try:
        from dask_jobqueue import SLURMCluster
    except ImportError as error:
        raise MissingDependency("dask-jobqueue", "--slurm", "slurm") from error
    finally:
        if signal.getsignal(signal.SIGINT) is not interrupt:  # its import makes a silent success of Ctrl-C
            signal.signal(signal.SIGINT, interrupt)
    try:
        return SLURMCluster(**profile.arguments(), scheduler_options={"dashboard": False, "dashboard_address": ":0"})
    except (OSError, ValueError, RuntimeError) as error:
        raise RunError(f"the dask scheduler for SLURM cannot be started: {error}") from error


@contextlib.contextmanager
def workers_of(path: Path | str, say: Callable[[str], None] = lambda text: None) -> Iterator[str]:
    """Submit the jobs of a profile; gives the address of their scheduler (``dask://host:port``); cancels them after.

    Args:
        say: called with what the user should know, such as why no job starts; from another thread.

    Raises:
        InputError: see :func:`load_profile`. MissingDependency: see :func:`make_cluster`.
        RunError: SLURM's commands are not here; sbatch refuses. NoWorkers: job after job ends and no worker comes.
    """
    profile = load_profile(path)
    absent = [name for name in COMMANDS if not shutil.which(name)]
    if absent:
        raise RunError(
            f"--slurm needs the command {absent[0]}, which is not on PATH; run sampler on a node of the cluster"
        )
    with make_cluster(profile) as cluster:
        folder = f"{profile.log_directory}/{profile.job_name}-" if profile.log_directory else ""
        jobs = Jobs(
            worker_script(cluster),
            profile.jobs,
            say=say,
            arrived=lambda: len(cluster.scheduler_info["workers"]),
            give_up=lambda: _end(cluster),
            output=f"{folder}{{}}.err" if folder else "slurm-{}.out",
        )
        with jobs:
            try:
                yield "dask://" + cluster.scheduler_address.partition("://")[2]
            except NoWorkers as error:
                if jobs.failure:
                    raise jobs.failure from error
                raise


def worker_script(cluster) -> str:
    """The script of a job; its workers are named by their addresses, as the same script is submitted many times."""
    return cluster.job_script().replace(" --name dummy-name", "")


def _end(cluster) -> None:
    """Close the scheduler, of which whoever waits for results learns; without a traceback from his client."""
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    cluster.close()


def _line(item: ErrorDetails) -> str:
    name = ".".join(str(p) for p in item["loc"])
    if item["type"] == "missing":
        return f"{name} is missing"
    if item["type"] == "extra_forbidden":
        return f"{name} is not a parameter; known: {', '.join(SlurmProfile.model_fields)}"
    text = item["msg"].removeprefix("Value error, ")
    return f"{name} = {item['input']!r}: {text}" if name else text
