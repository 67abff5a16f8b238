"""How far the force on an atom is off where the committee differs by so much: on labels that no member was trained on.

python benchmarks/dynamics_spread.py data/training/b97-3c_*held_out.npz        # a minute
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from sampler.learn.labels.dataset import LabelSet
from sampler.potentials.painn.potential import CommitteePotential
from sampler.potentials.trained import model_folder

JUDGES = ("b97-3c_sa_am_dma_w-seed7", "b97-3c_sa_am_dma_w-seed42", "b97-3c_sa_am_dma_w-seed69")
EDGES = np.array([0.0, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, np.inf])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", nargs="+", type=Path)
    parser.add_argument("--judge", nargs="+", default=JUDGES)
    options = parser.parse_args()
    committee = CommitteePotential([model_folder(name) for name in options.judge])
    spread, error = [], []
    for path in options.labels:
        labels = LabelSet.load(path)
        told = committee.evaluate(labels.clusters)
        off = np.linalg.norm(told.needed_forces - labels.clusters.forces, axis=1)
        known = np.isfinite(off)
        spread.append(told.force_spread[known])
        error.append(off[known])
    spread, error = np.concatenate(spread), np.concatenate(error)
    print("| spread, eV/Å | atoms | error of the force: median | 90 % | largest, eV/Å |\n|---|---|---|---|---|")
    for low, high in zip(EDGES[:-1], EDGES[1:]):
        mine = error[(spread >= low) & (spread < high)]
        if len(mine):
            print(
                f"| {low:g} to {high:g} | {len(mine)} | {np.median(mine):.3f} | {np.percentile(mine, 90):.3f} | {mine.max():.2f} |"
            )
    print(f"rank correlation {_ranks(spread, error):.2f}", file=sys.stderr)


def _ranks(a: np.ndarray, b: np.ndarray) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(a, b)[0])


if __name__ == "__main__":
    main()
