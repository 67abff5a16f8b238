"""Where new charges of a network start: at those of GFN1-xTB.

The energy is quadratic in the charges, so at small charges it has next to no gradient and they stay small: a network
whose charges started at random, below 0.1 e, had none above 0.01 e a hundred epochs later. Charges fitted to Mulliken
charges start where the physics is, and training makes of them what lowers the loss.
"""

from __future__ import annotations

import numpy as np

from ...errors import InputError
from ...potentials.painn.coulomb import interact
from ...potentials.painn.network import Network
from ...potentials.painn.parameters import CHARGE_BIAS, CHARGE_WEIGHT, PaiNNParameters
from ...random_keys import numbered_key
from .targets import Targets

STRUCTURES = 400
_DAMPING = 1e-3, 1e-2  # of the two fits: nothing is known to better than this of either


def start_charges(params: PaiNNParameters, targets: Targets, seed: int) -> PaiNNParameters:
    """``params`` with charges like those of GFN1-xTB, and atomic energies that make up for their interaction.

    Both are fits, linear in the last hidden layer, over at most :data:`STRUCTURES` of ``targets``, drawn with ``seed``.

    Args:
        params: a network with charges (``charge_width``).

    Raises:
        InputError: GFN1-xTB fails on all structures.
    """
    from ...potentials.xtb import XTBPotential

    chosen = np.random.default_rng(numbered_key(seed, 15485863)).permutation(len(targets))[:STRUCTURES]
    clusters = targets.take(np.sort(chosen))[0]
    reference = XTBPotential().charges(clusters)
    usable = np.isfinite(reference[clusters.ptr[:-1]])
    if not usable.any():
        raise InputError("GFN1-xTB, whose charges a network with charges starts from, fails on all structures")
    network = Network(params, np.float64)
    hidden, charges, within, kept = [], [], [], []
    for i in np.flatnonzero(usable):
        atoms = clusters.atoms_of(i)
        z, x = clusters.numbers[atoms], clusters.positions[atoms]
        network.forward(z, network.pairs(x, np.array([0, len(z)])))
        h = network.hidden(len(z))
        hidden.append(h)
        within.append(h - h.mean(0))  # charges count from their mean, see painn.coulomb
        charges.append(reference[atoms] - reference[atoms].mean())
        kept.append(x)
    weight = _fit(np.concatenate(within), np.concatenate(charges), _DAMPING[0])
    bias = -float(np.concatenate(hidden).mean(0) @ weight)
    energy = np.zeros(len(hidden))
    for k, (h, x) in enumerate(zip(hidden, kept)):
        interact(x, np.array([0, len(x)]), h @ weight, params.architecture.charge_width, energy[k : k + 1])
    sums = np.array([np.append(h.sum(0), len(h)) for h in hidden])
    shift = _fit(sums, -energy, _DAMPING[1])
    last = f"output_modules.0.outnet.{len(params.architecture.output_widths) - 2}"
    arrays = params.arrays
    return params.replace(
        arrays={
            **arrays,
            CHARGE_WEIGHT: weight[None].astype(np.float32),
            CHARGE_BIAS: np.array([bias], np.float32),
            f"{last}.weight": (arrays[f"{last}.weight"] + shift[None, :-1]).astype(np.float32),
            f"{last}.bias": (arrays[f"{last}.bias"] + shift[-1:]).astype(np.float32),
        }
    )


def _fit(matrix: np.ndarray, wanted: np.ndarray, damping: float) -> np.ndarray:
    """Ridge regression."""
    return np.linalg.solve(matrix.T @ matrix + damping * np.eye(matrix.shape[1]), matrix.T @ wanted)
