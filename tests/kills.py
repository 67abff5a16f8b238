"""Kills a program at random and starts it again until it ends by itself; used by tests of what survives that."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[1]


def killed_at_random(
    command: Sequence[str],
    due: Callable[[], Callable[[], bool]],
    rng: Random,
    longest_pause: float = 0.02,
    most: int = 40,
) -> int:
    """How often it was killed before it ended well.

    Args:
        due: asked after each start; what it gives back says when to kill, after a pause at random besides (seconds).
    """
    for kills in range(most):
        process = subprocess.Popen(command, cwd=ROOT, start_new_session=True)  # its workers go with it
        ready = due()
        while process.poll() is None and not ready():
            time.sleep(0.002)
        time.sleep(rng.random() * longest_pause)
        if process.poll() is not None:
            assert process.returncode == 0
            return kills
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    raise AssertionError(f"it did not end in {most} starts")


def more_files(folder: Path, pattern: str, rng: Random, most: int) -> Callable[[], Callable[[], bool]]:
    """Due when 1 to ``most`` more files match: in the midst of work, wherever that is."""

    def count() -> int:
        while True:
            try:
                return len(list(folder.rglob(pattern)))
            except FileNotFoundError:  # a folder went while it was listed
                continue

    def begin() -> Callable[[], bool]:
        target = count() + rng.randint(1, most)
        return lambda: count() >= target

    return begin
