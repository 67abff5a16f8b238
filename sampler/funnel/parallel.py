"""Running chunks in worker processes: joblib's loky, one thread a worker, and a worker's death costs little.

A worker can die (a segmentation fault in an engine, the kernel's out-of-memory killer). Then the pool is broken and
the tasks in it are lost. They are tried again in a fresh pool, then one at a time, and a task that kills its worker
even alone is given back as :class:`Died` for the caller to split or to record.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

_ONE_THREAD = {
    name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
}
_IDLE_SECONDS = 300


@dataclass(frozen=True)
class Died:
    """The worker died on this task, also when the task was alone."""

    reason: str


def cores() -> int:
    """Cores this process may use (affinity and container limits included)."""
    from joblib import cpu_count

    return cpu_count()


def unordered(function: Callable[[Any], Any], tasks: Sequence[Any], workers: int) -> Iterator[tuple[int, Any]]:
    """Yield (index, result) of ``function(task)`` as the tasks finish.

    An exception raised by ``function`` is raised here at once; unfinished tasks are cancelled. A task whose worker
    dies even when it runs alone yields :class:`Died`.
    """
    waiting = list(range(len(tasks)))
    if not waiting:  # a run killed after its last chunk has nothing left to do; a pool of no workers is an error
        return
    for _attempt in range(2):
        finished: set[int] = set()
        for index, result in _pool(function, tasks, waiting, workers):
            finished.add(index)
            yield index, result
        waiting = [i for i in waiting if i not in finished]
        if not waiting:
            return
    for index in waiting:
        alone = dict(_pool(function, tasks, [index], 1))
        yield index, alone.get(index, Died("the worker process died"))


def _pool(function, tasks, indices, workers) -> Iterator[tuple[int, Any]]:
    """One pass over a pool; ends early, without an exception, when the pool breaks."""
    from concurrent.futures import as_completed
    from concurrent.futures.process import BrokenProcessPool

    from joblib.externals.loky import get_reusable_executor

    executor = get_reusable_executor(
        max_workers=min(workers, len(indices)), timeout=_IDLE_SECONDS, env=_ONE_THREAD, initializer=_start_worker
    )
    clean = False
    try:
        futures = {executor.submit(function, tasks[i]): i for i in indices}
        for future in as_completed(futures):
            yield futures[future], future.result()
        clean = True
    except BrokenProcessPool:
        pass
    finally:
        if not clean:  # broken, interrupted or failed: what still runs must not write behind our back
            executor.shutdown(wait=True, kill_workers=True)


def _start_worker() -> None:
    """First thing in every worker: low priority for the OOM killer's sake is not ours to set; import order is."""
    os.environ.update(_ONE_THREAD)
    try:
        import tblite.interface  # noqa: F401  before torch, whose libgomp would break it
    except ImportError:
        pass
