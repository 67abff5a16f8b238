"""The label farm: GFN1-xTB and B97-3c labels of all molecules, in the background, for as long as the machine is there.

python benchmarks/label_farm start FOLDER      # both, detached, at the lowest priority; again after a stop: goes on
python benchmarks/label_farm harvest FOLDER    # what is new, as one small file a level in benchmarks/label_queue/harvest
python benchmarks/label_farm status FOLDER
python benchmarks/label_farm merge FOLDER      # all harvests as one data set a level, FOLDER/LEVEL.npz: what models are trained on
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import b97
import gfn1

LEVELS = {"gfn1-xtb": gfn1, "b97-3c": b97}


def start(folder: Path) -> None:
    """One process a level, in a session of its own, idle priority; logs beside the data."""
    folder.mkdir(parents=True, exist_ok=True)
    for level in LEVELS:
        log = (folder / f"{level}.log").open("a")
        command = [sys.executable, str(Path(__file__).parent), "work", str(folder), "--level", level]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        process = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, env=environment
        )
        print(f"{level}: process {process.pid}, log {log.name}")


def lowest_priority() -> None:
    from sampler.learn.labels.label import lower_priority, lower_session

    lower_priority()
    lower_session()
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=("start", "work", "harvest", "status", "merge"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--level", choices=sorted(LEVELS), help="work: which level")
    given = parser.parse_args()
    if given.verb == "start":
        start(given.folder)
    elif given.verb == "work":
        lowest_priority()
        LEVELS[given.level].work(given.folder)
    elif given.verb == "merge":
        from merge import merge

        for level in LEVELS:
            print(f"{level}: {merge(level, given.folder)}")
    else:
        for level, farm in LEVELS.items():
            print(f"{level}: {getattr(farm, given.verb)(given.folder)}")


if __name__ == "__main__":
    main()
