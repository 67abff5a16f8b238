"""Runs a ``sampler`` command in several processes at once and kills some of them at random; used by tests.

    python tests/deadly.py '{"words": ["run", "1sa1am", "--join"], "processes": 3, "kills": 4, "seed": 1, "watch": "*/x"}'

A victim is killed when so many more files match ``watch`` (below the working folder), and another process takes its
place. Nobody is killed any more when the first has come to its end, so there may be fewer kills than asked for. Prints how
many there were and the exit statuses of the others; what they say on standard error is in ``deadly.err``. A program of
its own: it imports everything once and forks, which pytest with its threads must not do.
"""

import contextlib
import json
import os
import random
import signal
import sys
import time
from pathlib import Path


def child(words: list[str]) -> int:
    """Start the command in a process (and a process group) of its own; returns its number."""
    pid = os.fork()
    if pid:
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)  # in both, whoever comes first
        return pid
    status = 70
    try:
        os.setpgid(0, 0)
        # who waits for the end of a pipe would wait for orphaned workers, too
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(os.open("deadly.err", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
        sys.argv = ["sampler", *words]
        try:
            main()
            status = 0
        except SystemExit as end:
            status = end.code or 0
    finally:
        os._exit(status if isinstance(status, int) else 1)


def go(words: list[str], processes: int, kills: int, seed: int, watch: str) -> dict:
    rng, running, ended, killed = random.Random(seed), set(), [], 0

    def done() -> int:
        return len(list(Path(".").glob(watch)))

    def start() -> None:
        running.add(child(words))

    def reap() -> None:
        for pid in list(running):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                running.remove(pid)
                ended.append(os.waitstatus_to_exitcode(status))

    for _ in range(processes):
        start()
    while running:
        target, pause = done() + rng.randint(1, 4), rng.random() * 0.05
        while done() < target and running and not ended:
            time.sleep(0.005)
            reap()
        time.sleep(pause)
        reap()
        if running and killed < kills and not ended:
            victim = rng.choice(sorted(running))
            # with its worker, or without: that one is to end by itself, and may finish what it is at
            (os.killpg if rng.random() < 0.5 else os.kill)(victim, signal.SIGKILL)
            os.waitpid(victim, 0)
            running.remove(victim)
            killed += 1
            start()
    return {"killed": killed, "ended": ended}


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import tblite.interface  # noqa: F401 - before torch, as conftest.py says

    import sampler.funnel.runner
    import sampler.identify
    import sampler.potentials
    import sampler.relax
    import sampler.screen.runner
    import sampler.similarity  # noqa: F401
    from sampler.cli.app import main

    json.dump(go(**json.loads(sys.argv[1])), sys.stdout)
