"""The chunks of a stage: found from an earlier run, computed in worker processes, or by other processes that share."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..clusters import Clusters
from ..rundir.directory import StageDirectory
from ..workers.claims import Claims
from ..workers.pool import unordered
from ..workers.progress import Progress
from ..workers.resumable import Shared, Work, finish
from ..workers.worker import Died
from .stages.base import Stage
from .stages.context import Context

COST_FILE = "cpu_seconds.csv"


def run_chunks(stage: Stage, tasks: list, here: StageDirectory, context: Context, progress: Progress) -> Clusters:
    """What ``stage`` makes of ``tasks``, in their order; every chunk becomes a file in ``here``.

    Where processes share the run directory (``here.claims``), this one computes what no other has claimed, and comes
    back when all chunks are there.

    Raises:
        SamplerError: what the stage raises.
    """
    context = replace(context, parents=())  # tasks are made already; workers have no use for them
    chunks = _Chunks(here, progress)
    missing = [index for index in range(len(tasks)) if not chunks.found(index)]
    work = Work(_measured, lambda index: (stage, tasks[index], context), here.chunk_path)
    shared = None
    if here.claims is not None:
        shared = Shared(here.claims, claim_folder(here, here.claims), chunks.found, chunks.waiting)
    # the address of a scheduler, whose workers need not see the run directory, or processes here
    workers, say = (context.scheduler, progress.message) if context.scheduler else (context.workers, _silent)
    for index, seconds in finish(work, missing, workers, shared=shared, say=say):
        if isinstance(seconds, Died):
            progress.message(f"a worker died on chunk {index}; its structures are tried one by one")
            _one_by_one(stage, tasks[index], context).save(here.chunk_path(index))
        else:
            _note(here, index, seconds)
        chunks.computed(index)
    return Clusters.concatenate([chunks.parts[i] for i in range(len(tasks))])


@dataclass
class _Chunks:
    """The chunks of a stage that are there, and what the user has been told of them."""

    here: StageDirectory
    progress: Progress
    parts: dict[int, Clusters] = field(default_factory=dict)
    told: set[int] = field(default_factory=set)

    def found(self, index: int) -> bool:
        """Take in a chunk that an earlier run or another process has made; False if there is none, or a damaged one."""
        part, wrong = self.here.read_chunk(index)
        if wrong and index not in self.told:
            self.told.add(index)
            self.progress.message(f"a chunk is done again: {wrong}")
        if part is None:
            return False
        self.parts[index] = part
        self.progress.advance(len(part), found=True)
        return True

    def computed(self, index: int) -> None:
        """Take in a chunk that was made for this process."""
        self.parts[index] = Clusters.load(self.here.chunk_path(index))
        self.progress.advance(len(self.parts[index]))

    def waiting(self, number: int) -> None:
        if -1 not in self.told:
            self.told.add(-1)
            self.progress.message(f"{number} chunk(s) are with other processes; waiting for them")


def _silent(text: str) -> None: ...


def _measured(job: tuple[Stage, Any, Context]) -> tuple[Clusters, float]:
    """Run one chunk; called in a worker process. Returns it with its CPU seconds."""
    stage, task, context = job
    started = _cpu_seconds()
    return stage.run(task, context), _cpu_seconds() - started


def _cpu_seconds() -> float:
    """Of this process and of those it has waited for, such as external engines."""
    return sum(os.times()[:4])


def _one_by_one(stage: Stage, task: Any, context: Context) -> Clusters:
    pieces = stage.split(task)
    results: dict[int, Clusters] = {}
    for number, result in unordered(_measured, [(stage, piece, context) for piece in pieces], 1):
        died = isinstance(result, Died)
        results[number] = stage.crashed(pieces[number], result.reason, context) if died else result[0]
    return Clusters.concatenate([results[i] for i in range(len(pieces))])


def claim_folder(here: StageDirectory, claims: Claims) -> str:
    """Where the claims of a stage, or of a round of it, are kept."""
    return str(here.folder.relative_to(claims.root.parent))


def _note(here: StageDirectory, index: int, seconds: float) -> None:
    """The cost of a chunk, beside it: the chunk itself is the same for every run of the same thing."""
    with contextlib.suppress(OSError), open(here.folder / COST_FILE, "a", encoding="utf-8") as handle:
        handle.write(f"{here.chunk_path(index).stem},{seconds:.3f}\n")


def cpu_seconds(folder: Path) -> float:
    """CPU seconds of the chunks in a stage folder and in its rounds; where a chunk was done twice, the last time."""
    total = 0.0
    for path in folder.rglob(COST_FILE):
        seconds: dict[str, float] = {}
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            chunk, _, value = line.partition(",")
            with contextlib.suppress(ValueError):  # a line that a killed process has not finished
                seconds[chunk] = float(value)
        total += sum(seconds.values())
    return total
