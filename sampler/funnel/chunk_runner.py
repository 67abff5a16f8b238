"""The chunks of a stage: found from an earlier run, computed in worker processes, or by other processes that share."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..clusters import Clusters
from ..rundir.directory import StageDirectory
from ..workers.pool import unordered
from ..workers.progress import Progress
from ..workers.worker import Died
from .stages.base import Stage
from .stages.context import Context

COST_FILE = "cpu_seconds.csv"
_SHORTEST, _LONGEST = 0.05, 5.0


def run_chunks(stage: Stage, tasks: list, here: StageDirectory, context: Context, progress: Progress) -> Clusters:
    """What ``stage`` makes of ``tasks``, in their order; every chunk becomes a file in ``here``.

    Where processes share the run directory (``here.claims``), this one computes what no other has claimed, and comes
    back when all chunks are there.

    Raises:
        SamplerError: what the stage raises.
    """
    context = replace(context, parents=())  # tasks are made already; workers have no use for them
    parts: dict[int, Clusters] = {}
    told: set[int] = set()

    def found(index: int) -> bool:
        part, wrong = here.read_chunk(index)
        if wrong and index not in told:
            told.add(index)
            progress.message(f"a chunk is done again: {wrong}")
        if part is not None:
            parts[index] = part
            progress.advance(len(part), found=True)
        return part is not None

    def free(missing: list[int], ours: list[int]) -> Iterator[Any]:
        for index in missing if here.claims is None else _claimed(here, missing, found):
            ours.append(index)
            yield tasks[index]

    for index in range(len(tasks)):
        found(index)
    while len(parts) < len(tasks):
        missing = [i for i in range(len(tasks)) if i not in parts]
        ours: list[int] = []  # the chunk behind each job
        for number, result in _results(stage, free(missing, ours), ours, len(missing), here, context, progress):
            index = ours[number]
            if isinstance(result, Died):
                progress.message(f"a worker died on chunk {index}; its structures are tried one by one")
                parts[index] = _one_by_one(stage, tasks[index], context)
                parts[index].save(here.chunk_path(index))
            else:
                parts[index], seconds = result
                _note(here, index, seconds)
            progress.advance(len(parts[index]))
        missing = [i for i in missing if i not in parts]
        if missing:
            if -1 not in told:
                told.add(-1)
                progress.message(f"{len(missing)} chunk(s) are with other processes; waiting for them")
            _wait(here, missing)
    return Clusters.concatenate([parts[i] for i in range(len(tasks))])


def _results(stage, tasks, ours, count, here, context, progress) -> Iterator[tuple[int, Any]]:
    """(number, (chunk, CPU seconds) or Died) of each task; the chunk is on disk."""
    if context.scheduler:  # its workers need not see the run directory
        jobs = ((stage, task, context) for task in tasks)
        for number, result in unordered(measure, jobs, context.scheduler, progress.message):
            if not isinstance(result, Died):
                result[0].save(here.chunk_path(ours[number]))
            yield number, result
        return
    # absolute: a worker that is used again may stand in another folder. ours grows with every task that is taken
    jobs = ((stage, task, context, here.chunk_path(ours[-1]).resolve()) for task in tasks)
    for number, result in unordered(work, jobs, min(context.workers, count)):
        if not isinstance(result, Died):
            result = Clusters.load(here.chunk_path(ours[number])), result
        yield number, result


def work(job: tuple[Stage, Any, Context, Path]) -> float:
    """Run one chunk and leave it on disk; called in a worker process. Returns CPU seconds."""
    stage, task, context, path = job
    result, seconds = measure((stage, task, context))
    result.save(path)
    return seconds


def measure(job: tuple[Stage, Any, Context]) -> tuple[Clusters, float]:
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
    for number, result in unordered(measure, [(stage, piece, context) for piece in pieces], 1):
        died = isinstance(result, Died)
        results[number] = stage.crashed(pieces[number], result.reason, context) if died else result[0]
    return Clusters.concatenate([results[i] for i in range(len(pieces))])


def _claimed(here: StageDirectory, missing: list[int], found) -> Iterator[int]:
    """Chunks that this process has claimed, one by one; asked for when a worker is free."""
    folder = claim_folder(here)
    numbers = here.claims.numbers(folder)
    for index in missing:
        name = here.chunk_path(index).stem
        if here.chunk_path(index).exists() and found(index):
            continue
        if here.claims.take(folder, name, numbers.get(name, -1)) and not found(index):
            yield index


def _wait(here: StageDirectory, missing: list[int]) -> None:
    """Come back when a missing chunk is there, or its owner is not."""
    folder, pause = claim_folder(here), _SHORTEST
    names = {here.chunk_path(i).name: here.chunk_path(i).stem for i in missing}
    while True:
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST)
        with contextlib.suppress(FileNotFoundError):
            if names.keys() & set(os.listdir(here.folder)):  # a listing is not cached as a look at one name may be
                return
        numbers = here.claims.numbers(folder)
        if not all(s in numbers and here.claims.owner(folder, s, numbers[s]) for s in names.values()):
            return


def claim_folder(here: StageDirectory) -> str:
    """Where the claims of a stage, or of a round of it, are kept."""
    return str(here.folder.relative_to(here.claims.root.parent))


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
