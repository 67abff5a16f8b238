"""Resumable work: in pieces, a file each, found again after a kill.

Whoever has such work looks for the files that are there, and hands the rest to :func:`finish`. A file is written whole
or not at all, in the worker where that sees the folder, else here (dask). Processes that share a folder share its work
through claims (:class:`Shared`). A piece that kills its worker comes back as :class:`.worker.Died`: to be cut, recorded
or named to the user, as the work demands.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .claims import Claims
from .pool import unordered
from .worker import Died

_SHORTEST, _LONGEST = 0.05, 5.0
"""s, between two looks for what other processes make."""


def own_save(path: Path, content: Any) -> None:
    """For contents that can save themselves, as ``Clusters`` can."""
    content.save(path)


@dataclass(frozen=True)
class Work:
    """How the pieces of some work are done; pieces are known by an index.

    Attributes:
        function: makes ``(content, note)`` of a task. The content goes to the file of the piece, the note comes back. A
            content of None leaves no file. Importable by name, as is ``save``: workers get both.
        task: the task of a piece; asked for when a worker is free.
        path: the file of a piece; None where it is not to be kept.
        save: writes to a path a content, whole or not at all.
    """

    function: Callable[[Any], tuple[Any, Any]]
    task: Callable[[int], Any]
    path: Callable[[int], Path | None]
    save: Callable[[Path, Any], None] = own_save


@dataclass(frozen=True)
class Shared:
    """Work that other processes may do at the same time.

    Attributes:
        claims: of this process. folder: where the claims of this work are kept, below the root of ``claims``.
        found: whether the file of a piece is there and usable; where it is, it takes it into account.
        waiting: called with the number of pieces that others have claimed, whenever there is nothing else to do.
        release: remove a claim when its piece is done. Else it stays until the folder is tidied up, which is safer where
            a file system shows new files late, and too much where there are many pieces.
    """

    claims: Claims
    folder: str
    found: Callable[[int], bool]
    waiting: Callable[[int], None] = lambda number: None
    release: bool = False


def finish(
    work: Work,
    missing: Sequence[int],
    workers: int | str,
    *,
    shared: Shared | None = None,
    in_this_process: bool = False,
    say: Callable[[str], None] = lambda text: None,
    reuse: bool = True,
) -> Iterator[tuple[int, Any]]:
    """Do the pieces ``missing``; yields (index, note or :class:`.worker.Died`) as they are done here, their files written.

    With ``shared`` it does what no other process has claimed, and ends when all files are there: those of others are
    told to ``shared.found``, and are not yielded. A caller that makes the file of a piece that died does so before it
    asks for the next one.

    Args:
        workers: processes on this machine, or the address of a dask scheduler (``dask://host:port``).
        in_this_process: one worker is this process itself.
        say, reuse: see :func:`.pool.unordered`.

    Raises:
        SamplerError: what ``work.function`` and ``work.save`` raise.
    """
    queue = _Queue(work, missing, shared)
    while queue.missing:
        yield from _done(work, queue, workers, in_this_process, say, reuse)
        queue.wait()


class _Queue:
    """The pieces that are left, handed out one by one: ``missing`` keeps those that other processes do."""

    def __init__(self, work: Work, missing: Sequence[int], shared: Shared | None):
        self.work, self.missing, self.shared = work, list(missing), shared

    def take(self) -> Iterator[int]:
        """Pieces to do here; claimed as they are asked for, which is when a worker is free."""
        if self.shared is None:
            mine, self.missing = self.missing, []
            yield from mine
            return
        claims, folder, found = self.shared.claims, self.shared.folder, self.shared.found
        numbers = claims.numbers(folder)
        theirs: list[int] = []
        for index in self.missing:
            name = self._path(index).stem
            if found(index):
                continue
            if not claims.take(folder, name, numbers.get(name, -1)):
                theirs.append(index)
            elif found(index):  # finished between the two looks
                self.done(index)
            else:
                yield index
                theirs = [i for i in theirs if not found(i)]
        self.missing = theirs

    def done(self, index: int) -> None:
        """The file of a piece is there: its claim has done its duty."""
        if self.shared is not None and self.shared.release:
            self.shared.claims.drop(self.shared.folder, self._path(index).stem)

    def wait(self) -> None:
        """Come back when a piece of another process is there, or its owner is not."""
        if not self.missing or self.shared is None:
            return
        self.shared.waiting(len(self.missing))
        claims, folder, pause = self.shared.claims, self.shared.folder, _SHORTEST
        paths = [self._path(i) for i in self.missing]
        while True:
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST)
            if not set(paths).isdisjoint(_listed({p.parent for p in paths})):
                return
            numbers = claims.numbers(folder)
            if not all(p.stem in numbers and claims.owner(folder, p.stem, numbers[p.stem]) for p in paths):
                return

    def _path(self, index: int) -> Path:
        path = self.work.path(index)
        assert path is not None  # what is shared is kept
        return path


def _listed(folders: Iterable[Path]) -> Iterator[Path]:
    """What is in the folders; a listing is not cached as a look at one name may be."""
    for folder in folders:
        with contextlib.suppress(FileNotFoundError):
            yield from (folder / name for name in os.listdir(folder))


def _done(work, queue: _Queue, workers, in_this_process, say, reuse) -> Iterator[tuple[int, Any]]:
    """(index, note or Died) of one pass through the queue."""
    begun: list[int] = []  # the piece behind each job
    most = len(queue.missing)

    def begin() -> Iterator[int]:
        for index in queue.take():
            begun.append(index)
            yield index

    results: Iterator[tuple[int, Any]]
    if isinstance(workers, str):
        results = _from_afar(work, begin(), begun, workers, say)
    elif in_this_process and workers == 1:
        results = ((number, _here(job)) for number, job in enumerate(_jobs(work, begin())))
    else:
        results = unordered(_here, _jobs(work, begin()), min(workers, most), say, reuse)
    for number, note in results:
        yield begun[number], note
        queue.done(begun[number])


def _jobs(work: Work, indices: Iterable[int]) -> Iterator[tuple]:
    for index in indices:
        path = work.path(index)  # absolute: a worker that is used again may stand in another folder
        yield work.function, work.task(index), work.save, path and path.absolute()


def _here(job: tuple) -> Any:
    """Do a piece and leave it on disk; in a worker process, or in this one. Returns its note."""
    function, task, save, path = job
    content, note = function(task)
    if path is not None and content is not None:
        save(path, content)
    return note


def _from_afar(work: Work, indices: Iterator[int], begun: list[int], address: str, say) -> Iterator[tuple[int, Any]]:
    """The same on other machines, which need not see the folder: this process writes."""
    for number, result in unordered(_there, ((work.function, work.task(i)) for i in indices), address, say):
        if isinstance(result, Died):
            yield number, result
            continue
        content, note = result
        path = work.path(begun[number])
        if path is not None and content is not None:
            work.save(path, content)
        yield number, note


def _there(job: tuple) -> tuple[Any, Any]:
    function, task = job
    return function(task)
