"""Compiling what is missing, in worker processes side by side: numba compiles one function at a time in a process.

Without it every worker would compile the same functions at the same time, in the middle of the first chunk of a stage,
which would tell the user nothing and upset the time left.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from ...workers.pool import unordered
from ...workers.progress import Progress, duration
from . import kept
from .parts import PARTS

BEAT = 10.0
"""s between two words about how far it is."""


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
    plan = _Plan(planned([PARTS[name].seconds for name in missing], workers), time.monotonic())
    progress.compiling(0, len(missing), plan.left())
    with _now_and_then(lambda: progress.compiling(plan.done, len(missing), plan.left())):
        for index, _ in unordered(compile_part, missing, workers):
            plan.ended(index)
            if plan.done < len(missing):
                progress.compiling(plan.done, len(missing), plan.left())
    seconds = time.monotonic() - plan.started
    progress.compiled(len(missing), seconds)
    return seconds


@dataclass
class _Plan:
    """When each part should be ready, and by how much all this machine is slower than the one that was measured."""

    ends: list[float]
    started: float
    open: set[int] = field(init=False)
    slower: float = 1.0

    def __post_init__(self):
        self.open = set(range(len(self.ends)))

    @property
    def done(self) -> int:
        return len(self.ends) - len(self.open)

    def ended(self, index: int) -> None:
        self.open.remove(index)
        self.slower = (time.monotonic() - self.started) / self.ends[index]

    def left(self) -> float:
        now = time.monotonic() - self.started
        # the next one to be ready may not be more than four fifths done, however late it is
        overdue = now / (0.8 * min((self.ends[i] for i in self.open), default=max(self.ends)))
        return max(max(self.ends) * max(self.slower, overdue) - now, 1.0)


@contextlib.contextmanager
def _now_and_then(say: Callable[[], None]) -> Iterator[None]:
    """Call ``say`` every few seconds, for a part takes long."""
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(BEAT):
            say()

    thread = threading.Thread(target=beat, name="compiling", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


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
