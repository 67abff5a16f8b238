"""What latent charges cost: CPU time of an evaluation with forces of two networks that differ in them alone.

    python benchmarks/charges.py

`b97-3c_sa_am_dma_w-seed42` with and without its charges on about 300 atoms of one size from the training data, in turn; medians of
25 turns, and the median of the ratio of each turn. Without charges its energies mean nothing, but cost the same.
"""

from __future__ import annotations

import dataclasses
import time

import numpy as np

from sampler import resources
from sampler.learn.labels.dataset import LabelSet
from sampler.potentials.painn.card import load_model
from sampler.potentials.painn.parameters import CHARGE_BIAS, CHARGE_WEIGHT
from sampler.potentials.painn.potential import PaiNNPotential
from sampler.potentials.trained import model_folder

MODEL, DATA = "b97-3c_sa_am_dma_w-seed42", "b97-3c_sa_am_dma_w"
SIZES = {11: DATA, 44: DATA, 77: f"{DATA}_taught", 154: f"{DATA}_taught"}
TURNS = 25


def main() -> None:
    params, card = load_model(model_folder(MODEL))
    less = dataclasses.replace(
        params,
        architecture=dataclasses.replace(params.architecture, charge_width=0.0),
        arrays={name: array for name, array in params.arrays.items() if name not in (CHARGE_WEIGHT, CHARGE_BIAS)},
    )
    plain, charged = PaiNNPotential(less, card), PaiNNPotential(params, card)
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
