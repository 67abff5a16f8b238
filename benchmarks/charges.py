"""What latent charges cost: CPU time of an evaluation with forces of two networks that differ in them alone.

    python benchmarks/charges.py

`gfn1-xtb_sa_am-wide` and `gfn1-xtb_sa_am-charged` (96 features, 4 interactions) on about 300 atoms of one size from the training
data, in turn; medians of 25 turns, and the median of the ratio of each turn.
"""

from __future__ import annotations

import time

import numpy as np

from sampler import resources
from sampler.learn.dataset import LabelSet
from sampler.potentials.painn.potential import PaiNNPotential
from sampler.potentials.trained import model_folder

SIZES = {11: "b97-3c_sa_am", 44: "b97-3c_sa_am", 77: "b97-3c_sa_am_taught", 154: "b97-3c_sa_am_taught"}
TURNS = 25


def main() -> None:
    plain, charged = (PaiNNPotential(model_folder(f"gfn1-xtb_sa_am-{name}")) for name in ("wide", "charged"))
    print("| atoms | structures | plain, ms | with charges, ms | ratio |\n|---|---|---|---|---|")
    for natoms, name in SIZES.items():
        clusters = LabelSet.load(resources.path("data", "training", f"{name}.npz")).clusters
        some = clusters[np.flatnonzero(clusters.natoms == natoms)[: max(1, 300 // natoms)]]
        spent = []
        for _ in range(TURNS + 1):
            turn = []
            for model in (plain, charged):
                started = time.process_time()
                model.evaluate(some)
                turn.append(time.process_time() - started)
            spent.append(turn)
        a, b = np.array(spent[1:]).T  # the first turn compiles
        print(
            f"| {natoms} | {len(some)} | {1e3 * np.median(a):.2f} | {1e3 * np.median(b):.2f} | {np.median(b / a):.3f} |"
        )


if __name__ == "__main__":
    main()
