"""Running tasks in worker processes, here (joblib's loky) or elsewhere (dask); a worker's death costs little.

A worker can die (a segmentation fault in an engine, the kernel's out-of-memory killer). Then the pool is broken and
the tasks in it are lost. They are tried again in a fresh pool, then one at a time, and a task that kills its worker
even alone is given back as :class:`Died` for the caller to split or to record.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any

from . import dask_pool as remote
from .worker import ONE_THREAD, Died, prepare_worker

_IDLE_SECONDS = 300
_WATCH_SECONDS = 1.0
_LEAK_BYTES = 4 << 30


def cores() -> int:
    """Cores this process may use (affinity and container limits included)."""
    from joblib import cpu_count

    return cpu_count()


def unordered(
    function: Callable[[Any], Any],
    tasks: Iterable[Any],
    workers: int | str,
    say: Callable[[str], None] = lambda text: None,
    reuse: bool = True,
) -> Iterator[tuple[int, Any]]:
    """Yield (index, result) of ``function(task)`` as the tasks finish.

    Tasks are taken from the iterable as workers become free, at most one ahead, so that it may decide late.

    Args:
        function: importable by name, with one argument; it and the tasks are pickled.
        workers: processes on this machine, or the address of a dask scheduler (``dask://host:port``).
        say: called with what the user should know, such as that no worker is there.
        reuse: leave the worker processes of this machine to the next caller; not if the tasks change them.

    An exception raised by ``function`` is raised here at once; unfinished tasks are cancelled. A task whose worker
    dies even when it runs alone yields :class:`Died`.
    """
    if isinstance(workers, str):
        yield from remote.unordered(function, tasks, workers, say)
        return
    if isinstance(tasks, Sized):
        if not len(tasks):  # a run killed after its last chunk has nothing left to do; a pool of no workers is an error
            return
        workers = min(workers, len(tasks))
    source = _Source(tasks)
    tries: dict[int, int] = {}
    while source.more():
        for index, result in _pool(function, source, workers, reuse):
            yield index, result
        for index, task in source.lost():  # the pool broke; who is to blame is unknown
            tries[index] = tries.get(index, 0) + 1
            if tries[index] < 2:
                source.again(index, task)
                continue
            alone = _Source([task])
            outcome = dict(_pool(function, alone, 1, reuse))
            yield index, outcome.get(0, Died("the worker process died"))


class _Source:
    """Numbered tasks, taken one by one; those of a broken pool come back."""

    def __init__(self, tasks: Iterable[Any]):
        self._fresh = enumerate(tasks)
        self._back: list[tuple[int, Any]] = []
        self._running: dict[int, Any] = {}

    def more(self) -> bool:
        if not self._back:
            self._back.extend(item for item in (next(self._fresh, None),) if item is not None)
        return bool(self._back)

    def take(self) -> tuple[int, Any]:
        index, task = self._back.pop(0)
        self._running[index] = task
        return index, task

    def done(self, index: int) -> None:
        del self._running[index]

    def lost(self) -> list[tuple[int, Any]]:
        lost, self._running = sorted(self._running.items(), key=lambda item: item[0]), {}
        return lost

    def again(self, index: int, task: Any) -> None:
        self._back.append((index, task))


def _pool(function, source: _Source, workers: int, reuse: bool) -> Iterator[tuple[int, Any]]:
    """Run the source empty; ends early, without an exception, when the pool breaks."""
    import warnings
    from concurrent.futures import FIRST_COMPLETED, wait
    from concurrent.futures.process import BrokenProcessPool

    from joblib.externals.loky import get_reusable_executor

    # loky renews a worker whose memory has grown, and an idle one; its task is not lost, and nobody needs to know
    warnings.filterwarnings("ignore", message="A worker stopped while some jobs were given")
    executor = get_reusable_executor(
        max_workers=workers,
        timeout=_IDLE_SECONDS,
        env=ONE_THREAD,
        initializer=_start_worker,
        initargs=(os.getpid(),),
    )
    clean = False
    running: dict[Any, int] = {}
    try:
        while True:
            while len(running) <= workers and source.more():  # one more than workers: none waits for this process
                index, task = source.take()
                running[executor.submit(function, task)] = index
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                result = future.result()
                index = running.pop(future)
                source.done(index)
                yield index, result
        clean = True
    except BrokenProcessPool:
        pass
    finally:
        if not clean:  # broken, interrupted or failed: what still runs must not write behind our back
            with _quiet_threads():
                executor.shutdown(wait=True, kill_workers=True)
        elif not reuse:
            executor.shutdown(wait=True)


@contextlib.contextmanager
def _quiet_threads() -> Iterator[None]:
    """No traceback from the thread of a pool that is torn down: it may be handing out a task that is gone."""
    before, threading.excepthook = threading.excepthook, lambda args: None
    try:
        yield
    finally:
        threading.excepthook = before


def _start_worker(parent: int) -> None:
    from joblib.externals.loky import process_executor

    prepare_worker()
    # loky takes a growth of 0.3 GB for a leak and starts the worker anew: DFT of a larger structure after a smaller one
    process_executor._MAX_MEMORY_LEAK_SIZE = _LEAK_BYTES
    threading.Thread(target=_end_with, args=(parent,), name="parent watch", daemon=True).start()


def _end_with(parent: int) -> None:
    """End this worker when the process it works for is gone: killed, that cannot stop its workers itself."""
    while os.getppid() == parent:
        time.sleep(_WATCH_SECONDS)
    os._exit(1)
