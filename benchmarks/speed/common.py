"""What all parts of the benchmark share: clocks, candidates, and weights of the wanted size."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

import numpy as np

from sampler.clusters import Clusters
from sampler.potentials.painn.parameters import PaiNNParameters

LONG = 3.0
"""s. What takes longer is measured once or twice instead of in every round."""


def candidates(n: int, count: int, seed: int = 1) -> Clusters:
    """Candidates of (H2SO4)n(NH3)n as the funnel makes them: packed, in several protonation states."""
    from sampler.composition import Composition
    from sampler.generate import generate
    from sampler.monomers import MonomerLibrary

    library = MonomerLibrary.load()
    return generate(Composition.parse(f"{n}sa{n}am", library), count, library=library, seed=seed)


def widened(params: PaiNNParameters, features: int = 128, layers: int = 5) -> PaiNNParameters:
    """The same function in a larger network: weights padded with zeros, further layers that add nothing.

    Energies and forces stay what they were, so that relaxations take the same way; the cost becomes that of the larger
    network, since no program looks whether a number is zero.

    Args:
        params: separate filters and interactions for every layer, no more features and layers than wanted.
    """
    from sampler.potentials.painn.widen import widen

    wide = dataclasses.replace(
        params.architecture, n_atom_basis=features, n_interactions=layers, output_widths=(features, features // 2, 1)
    )
    return widen(params, wide, seed=None)


def painn(params: PaiNNParameters, card):
    """The potential of these weights, under the card of the model they come from."""
    from sampler.potentials.painn.potential import PaiNNPotential

    return PaiNNPotential(params, card)


def load(model: str):
    """Weights and card of a shipped model or a model folder."""
    from sampler.potentials.painn.card import load_model
    from sampler.potentials.trained import model_folder

    return load_model(model_folder(model))


def in_turn(entries: dict[str, Callable[[], object]], rounds: int) -> dict[str, np.ndarray]:
    """CPU seconds of a call of each entry, in every round; the entries take turns, so that all see the same machine.

    Short ones are repeated within a round to 20 ms. One that takes longer than :data:`LONG` is called twice in all.
    Returns (rounds,) arrays; missing rounds are NaN.
    """
    repeats, seconds = {}, {name: np.full(rounds, np.nan) for name in entries}
    for name, call in entries.items():
        call()  # compiles, loads, allocates
        seconds[name][0] = cpu(call)
        repeats[name] = max(1, int(0.02 / max(seconds[name][0], 1e-9)))
    for k in range(1, rounds):
        for name, call in entries.items():
            if seconds[name][0] < LONG:
                seconds[name][k] = cpu(call, repeats[name])
    return seconds


def cpu(call: Callable[[], object], times: int = 1) -> float:
    """CPU seconds of this process for one of ``times`` calls."""
    begin = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - begin) / times


def median(seconds: np.ndarray) -> float:
    return float(np.nanmedian(seconds))


def spread(seconds: np.ndarray) -> float:
    """Half the distance of the quartiles over the median."""
    low, middle, high = np.nanpercentile(seconds, [25, 50, 75])
    return float((high - low) / (2 * middle))


def ratio(slow: np.ndarray, fast: np.ndarray) -> float:
    """Median over rounds of the ratio within a round; of the medians where there are too few rounds."""
    both = np.isfinite(slow) & np.isfinite(fast)
    return float(np.median(slow[both] / fast[both])) if both.sum() > 2 else median(slow) / median(fast)


def exponent(atoms: list[int], seconds: list[float]) -> float:
    """Slope of log(seconds) against log(atoms) from 40 atoms on; NaN with fewer than two sizes."""
    kept = [(a, s) for a, s in zip(atoms, seconds) if a >= 40 and np.isfinite(s)]
    return float(np.polyfit(*np.log(np.array(kept)).T, 1)[0]) if len(kept) > 1 else float("nan")


def table(header: list[str], rows: list[list[str]]) -> str:
    """A markdown table."""
    return "\n".join("| " + " | ".join(r) + " |" for r in [header, ["---"] * len(header), *rows])


def show(value: float, digits: int = 3) -> str:
    """``value`` with so many significant digits; '-' where there is none."""
    if not np.isfinite(value):
        return "-"
    return f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:.0f}"
