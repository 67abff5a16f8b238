"""Which minima of the archive have children in a round."""

from __future__ import annotations

import numpy as np

from ..clusters import Clusters
from ..columns import TRIED, WALKERS


def draw(
    population: Clusters, group: np.ndarray, children: int, walkers: int, kt: float, framework_children: float,
    rng: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """(children,) indices of parents, drawn with Boltzmann weights, first the framework, then the minimum.

    Most minima are variants of few frameworks. Drawn one by one, these would take nearly all children, and the
    more the more variants are known.

    Args:
        population: with the columns ``tried`` and ``walkers`` (:mod:`.archive`) and energies in eV. group: (B,) framework.
        walkers: how many draw, in turn. kt: eV; a framework is drawn by its lowest minimum at this, a minimum at half.
        framework_children: children after which a framework has half of its weight; a single minimum has it after one.
    """
    above = population.energy - np.nanmin(population.energy)
    tried = population.columns[TRIED].astype(float)
    n = group.max() + 1
    lowest = np.full(n, np.inf)
    np.minimum.at(lowest, group, above)
    tired = 1.0 + np.bincount(group, tried, minlength=n) / framework_children
    chosen = np.empty(children, int)
    for walker in range(walkers):
        own = np.flatnonzero((population.columns[WALKERS] >> walker) & 1)
        own = own if len(own) else np.arange(len(population))
        of, least = group[own], np.full(n, np.inf)
        np.minimum.at(least, of, above[own])
        # what is subtracted cancels, and leaves no sum of weights at 0 where the temperature is low
        inner = np.exp(-2.0 * (above[own] - least[of]) / kt) / (1.0 + tried[own])
        outer = np.exp(-(lowest[of] - lowest[of].min()) / kt) / tired[of]
        weight = inner / np.bincount(of, inner, minlength=n)[of] * outer
        places = slice(walker, None, walkers)
        chosen[places] = own[rng.choice(len(own), len(chosen[places]), p=weight / weight.sum())]
    return chosen
