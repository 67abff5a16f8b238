"""A worker process: what it does first, and what is said of one that died."""

from __future__ import annotations

import os
from dataclasses import dataclass

ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")}


@dataclass(frozen=True)
class Died:
    """The worker died on this task, also when the task was alone."""

    reason: str


def prepare_worker() -> None:
    """First thing in every worker: one thread each, and imports in the order that works."""
    os.environ.update(ONE_THREAD)
    try:
        import tblite.interface  # noqa: F401  before torch, whose libgomp would break it
    except ImportError:
        pass
