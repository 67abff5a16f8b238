"""The structures of data/training/b97-3c_sa_am_dma_w_taught.npz: what the Δ models teach the direct ones.

    python benchmarks/taught_choice.py sampled-1.npz sampled-2.npz pool.npz --runs run-4sa4am run-5sa5am … -n 3600 -o choice.npz
    sampler data teach choice.npz data/models/b97-3c_sa_am_dma_w-delta-gfn1{,-seed42,-seed69} --molecules sa,am,dma,w -o taught.npz

FILES: frames of `sampler data sample` and of taught_pool.py (data/training/README.md), those drawn apart left out; --runs: run
directories of `b97-3c` and `b97-3c-large`, of which 20 of the lowest minima and 20 others are taken. Held-out compositions are left
out. Of all these -n are drawn, minima twice as readily as frames, small clusters more readily than large ones.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from taught_pool import minima_of, plain, some

from sampler.clusters import Clusters
from sampler.errors import FileFormatError
from sampler.learn.labels.dataset import LabelSet
from sampler.learn.labels.label import key

HELD_OUT = ("3sa3dma", "3sa3w", "9sa9am", "10sa10am", "15sa15am")
LOW, OTHERS = 20, 20
SMALL, USUAL = 30, 44
"""Atoms: below the first the size no longer counts; the weight of a structure of the second is one."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--runs", nargs="*", type=Path, default=[])
    parser.add_argument("-n", "--number", type=int, default=3600)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=3)
    asked = parser.parse_args()
    rng, taken = np.random.default_rng(asked.seed), []
    for file in asked.files:
        frames = _read(file)
        origin = np.asarray(frames.columns["origin"], dtype="U12")
        for name in np.unique(origin[origin != "apart"]):
            taken.append(plain(frames[origin == name], name))
    for run in asked.runs:
        found = minima_of(run)
        taken += [plain(found[:LOW], "minimum"), plain(some(found[LOW:], OTHERS, rng), "minimum")]
    pool = Clusters.concatenate(taken)
    pool = pool[~np.isin(pool.columns["composition"], HELD_OUT)]
    _, once = np.unique([key(one.numbers, one.positions, 0) for one in pool], return_index=True)
    pool = pool[np.sort(once)]
    weight = np.where(pool.columns["origin"] == "minimum", 2.0, 1.0) * np.sqrt(USUAL / np.maximum(pool.natoms, SMALL))
    number = min(asked.number, len(pool))
    chosen = pool[np.sort(rng.choice(len(pool), number, replace=False, p=weight / weight.sum()))]
    names = [f"{name}-t{i:04d}" for i, name in enumerate(chosen.columns["composition"])]
    chosen.replace(ids=np.array(names)).save(asked.out)
    print(f"{len(chosen)} of {len(pool)} structures, {chosen.natoms.mean():.0f} atoms on average, in {asked.out}")


def _read(file: Path) -> Clusters:
    """Clusters, labelled or not."""
    try:
        return LabelSet.load(file).clusters
    except FileFormatError:  # structures alone
        return Clusters.load(file)


if __name__ == "__main__":
    main()
