"""Compiling what is missing, in worker processes side by side: numba compiles one function at a time in a process.

Without it every worker would compile the same functions at the same time, in the middle of the first chunk of a stage,
which would tell the user nothing and upset the time left.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from ...workers.pool import unordered
from ...workers.progress import Progress, duration
from . import kept
from .parts import PARTS


def prepare(names: Sequence[str], workers: int, progress: Progress) -> float:
    """Compile those of the parts that this machine has not compiled. Returns the seconds that it took, 0 for none."""
    missing = [name for name in PARTS if name in names and not kept.compiled(name)]
    if not missing:
        return 0.0
    if kept.writable() is None:
        progress.message(
            f"no folder for compiled code can be written: every process compiles its own, about "
            f"{duration(sum(PARTS[name].seconds for name in missing))}; NUMBA_CACHE_DIR may name a folder"
        )
        return 0.0
    ends = planned([PARTS[name].seconds for name in missing], workers)
    progress.compiling(0, len(missing), max(ends))
    started = time.monotonic()
    for done, (index, _) in enumerate(unordered(compile_part, missing, workers), start=1):
        now = time.monotonic() - started
        if done < len(missing):
            progress.compiling(done, len(missing), max(ends) * now / ends[index] - now)
    seconds = time.monotonic() - started
    progress.compiled(len(missing), seconds)
    return seconds


def compile_part(name: str) -> float:
    """Compile one part in this process, unless another process of the machine does. Returns its CPU seconds."""
    import gc

    started = time.process_time()
    with kept.alone(name):
        gc.disable()  # a tenth of the time: what numba allocates lives until it is done
        try:
            PARTS[name].use()
        finally:
            gc.enable()
        kept.note(name)
    return time.process_time() - started


def planned(seconds: Sequence[float], workers: int) -> list[float]:
    """When each of some tasks is done that workers take in this order, each the next one when it is free."""
    free = [0.0] * max(1, workers)
    ends = []
    for one in seconds:
        first = free.index(min(free))
        free[first] += one
        ends.append(free[first])
    return ends
