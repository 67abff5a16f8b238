"""How far the rounds of ``hop`` scale: the same search cut for 1, 2, 4 and 8 workers; more find no more tasks.

    python benchmarks/hop_scaling.py [--system 4sa4am] [--protocol standard] [--rounds 10] [--out runs/hop-scaling]

Every cut is really run, by one worker; the CPU seconds of each task are those of the run directory. How long a round
takes with so many workers is then computed: each takes the next task when it is free, and the round ends with the last one;
the main process, whose CPU seconds are measured, works between the rounds. Not in it are starting workers and sending
tasks. The results of all cuts are compared, bit for bit.
"""

from __future__ import annotations

import argparse
import heapq
import shutil
import time
from pathlib import Path

import tblite.interface  # noqa: F401  before torch

from sampler.composition import Composition
from sampler.funnel import runner
from sampler.funnel.chunk_runner import COST_FILE
from sampler.funnel.protocols import protocol as protocols
from sampler.monomers import MonomerLibrary
from sampler.rundir.directory import sha256


def makespan(seconds: list[float], workers: int) -> float:
    """Of tasks that are taken in order by whoever is free."""
    free = [0.0] * workers
    for s in seconds:
        heapq.heapreplace(free, free[0] + s)
    return max(free)


def costs(folder: Path) -> list[float]:
    """CPU seconds of the tasks of one round, in order."""
    lines = (folder / COST_FILE).read_text().splitlines()
    return [float(value) for _, value in sorted(line.split(",") for line in lines)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--system", default="4sa4am")
    parser.add_argument("--protocol", default="standard")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path("runs/hop-scaling"))
    asked = parser.parse_args()
    library = MonomerLibrary.load()
    chosen = protocols.load(asked.protocol)
    last = [s.kind for s in chosen.stage].index("hop")
    stages = [s.model_dump(exclude_unset=True) for s in chosen.stage[: last + 1]]
    children, first, done = chosen.stage[last].children, 0.0, set()
    print(f"{asked.system}, {asked.protocol}, {asked.rounds} rounds of {children} children; s a round")
    print(
        "workers  structures in a task  CPU of the tasks  as they run side by side  main process  in all  as fast as one"
    )
    for workers in (1, 1, 2, 4, 8):  # the first one starts processes and loads compiled code
        size = max(2, min(16, -(-children // (2 * workers))))
        stages[last] |= {"chunk": size, "rounds": asked.rounds, "patience": 10**6}
        protocol = protocols.build({"name": "scaling", "description": "to hop", "stage": stages}, "scaling")
        before = time.process_time()
        run = runner.run(Composition.parse(asked.system, library), protocol, asked.out, library=library)
        main_process = (time.process_time() - before) / asked.rounds
        (stage,) = (run.folder / "stages" / r["folder"] for r in run.ledgers if r["kind"] == "hop")
        tasks = [costs(r) for r in sorted(stage.glob("round-*"))[1:]]
        if not done:
            done.add(sha256(stage / "output.npz"))
            shutil.rmtree(stage)
            continue
        done.add(sha256(stage / "output.npz"))
        side = sum(makespan(t, workers) for t in tasks) / len(tasks)
        first = first or side + main_process
        cells = sum(map(sum, tasks)) / len(tasks), side, main_process, side + main_process
        print(f"{workers:7d}  {size:20d}  {cells[0]:16.2f}  {cells[1]:24.2f}  {cells[2]:12.2f}  {cells[3]:6.2f}  {first / cells[3]:14.1f}", flush=True)  # fmt: skip
    assert len(done) == 1, "the cut has changed the result"


if __name__ == "__main__":
    started = time.monotonic()
    main()
    print(f"{time.monotonic() - started:.0f} s")
