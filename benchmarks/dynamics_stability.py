"""What becomes of 20 replicas of a cluster at 300 to 800 K, and when; and how far the committee is in doubt on the way.

    python benchmarks/dynamics_stability.py FOLDER --start 7sa7am      # a run, or a file; half an hour to an hour of one core

Each temperature is one `sampler md` in FOLDER/T; stopped, the same command goes on. One model moves the atoms (a third of what
a committee takes, or less); the committee of --judge looks at every frame afterwards. FOLDER/stability.json keeps every number.
"""

# ruff: noqa: E402  threads are set before numpy starts them
from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np

MODEL = "b97-3c_sa_am_dma_w-seed7"
JUDGES = (MODEL, "b97-3c_sa_am_dma_w-seed42", "b97-3c_sa_am_dma_w-seed69")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--start", default="7sa7am", help="of sampler md: a run, a file, a composition")
    parser.add_argument("--temperatures", nargs="+", type=int, default=[300, 400, 500, 600, 700, 800], help="K")
    parser.add_argument("--replicas", type=int, default=20)
    parser.add_argument("--time", type=float, default=2.5, help="ps of each replica")
    parser.add_argument("--step", type=float, default=0.5, help="fs")
    parser.add_argument("--model", default=MODEL, help="moves the atoms")
    parser.add_argument("--judge", nargs="+", default=JUDGES, help="the committee that looks at the frames")
    parser.add_argument("--no-run", action="store_true", help="read what is there")
    options = parser.parse_args()
    found = []
    for kelvin in options.temperatures:
        folder = options.folder / str(kelvin)
        if not options.no_run:
            simulate(options, kelvin, folder)
        if (folder / "replicas.csv").exists():
            found.append({"K": kelvin, **read(folder, options)})
            print(line(found[-1]), flush=True)
    (options.folder / "stability.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(HEAD, *map(line, found), sep="\n")


def simulate(options: argparse.Namespace, kelvin: int, folder: Path) -> None:
    words = ["md", options.start, "--out", folder, "-T", kelvin, "--time", options.time, "--step", options.step, "--replicas",
             options.replicas, "--model", options.model, "--frames", 20, "--stop-at", "evaporated,reacted", "-j", 1]  # fmt: skip
    subprocess.run([sys.executable, "-c", RUN, *map(str, words), "--quiet"], check=True)


def read(folder: Path, options: argparse.Namespace) -> dict:
    """What the files of one temperature say, and the committee of their frames."""
    import csv

    with open(folder / "replicas.csv", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    first, events, drift = [], Counter(), []
    for row in rows:
        place = folder / f"replica-{int(row['replica']):04d}"
        log = np.genfromtxt(place / "log.csv", delimiter=",", names=True)
        drift.append(float(np.abs(log["conserved_kcalmol"]).max()))
        told = place / "events.jsonl"
        mine = [json.loads(one) for one in told.read_text(encoding="utf-8").splitlines()] if told.exists() else []
        for kind in {one["kind"] for one in mine}:
            events[kind] += 1
        failures = [one for one in mine if one["kind"] not in ("proton", "rejoined")]
        first += [failures[0]] if failures else []
    ps = sum(float(row["time_fs"]) for row in rows) / 1000
    spread, atoms = judged(folder, options)
    return {
        "replicas": len(rows), "ps": ps, "ended": Counter(row["ended"] for row in rows), "with": events,
        "first": [(one["time_fs"], one["kind"], one["detail"]) for one in first],
        "protons_per_ps": sum(int(row["protons_moved"]) for row in rows) / ps,
        "drift_kcalmol_per_atom": max(drift) / atoms, "spread": spread,
    }  # fmt: skip


def judged(folder: Path, options: argparse.Namespace) -> tuple[dict, int]:
    """eV/Å: the spread of the force on the worst atom of each frame, over all replicas; and the atoms of a frame."""
    kept = folder / "spread.npz"
    if not kept.exists():
        from ase.io import iread

        from sampler.clusters import Clusters
        from sampler.potentials.painn.potential import CommitteePotential
        from sampler.potentials.trained import model_folder

        committee = CommitteePotential([model_folder(name) for name in options.judge])
        worst, replica, time = [], [], []
        for path in sorted(folder.glob("replica-*/trajectory.xyz.gz")):
            frames = list(iread(path, index=":", format="extxyz"))
            told = committee.evaluate(Clusters.make([f.positions for f in frames], [f.numbers for f in frames]))
            worst += [float(one.max()) for one in np.split(told.force_spread, len(frames))]
            replica += [int(path.parent.name[-4:])] * len(frames)
            time += [f.info["time_fs"] for f in frames]
        np.savez(kept, worst=worst, replica=replica, time=time, atoms=len(frames[0]))
    with np.load(kept) as arrays:
        worst, atoms = arrays["worst"], int(arrays["atoms"])
        good = worst[np.isfinite(worst)]
        return {
            "frames": len(worst), "refused": int((~np.isfinite(worst)).sum()), "median": float(np.median(good)),
            "p99": float(np.percentile(good, 99)), "maximum": float(good.max()),
        }, atoms  # fmt: skip


RUN = "from sampler.cli.app import main; main()"
HEAD = """| K | replicas | ps in all | ended | first failure | protons moved a ps | spread, median / 99 % / maximum | drift |
|---|---|---|---|---|---|---|---|"""


def line(one: dict) -> str:
    ended = ", ".join(f"{n} {how}" for how, n in one["ended"].items())
    first = min(one["first"], default=None)
    what = f"{first[0] / 1000:.2f} ps, {first[1]}" if first else "none"
    s = one["spread"]
    return (
        f"| {one['K']} | {one['replicas']} | {one['ps']:.1f} | {ended} | {what} | {one['protons_per_ps']:.2f} | "
        f"{s['median']:.2f} / {s['p99']:.2f} / {s['maximum']:.2f} | {one['drift_kcalmol_per_atom']:.3f} |"
    )


if __name__ == "__main__":
    main()
