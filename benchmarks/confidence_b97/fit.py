"""The error under which the high-level minima of labelled systems most likely lie where they do."""

from __future__ import annotations

import numpy as np

from sampler.funnel.stages.minimum_probability import minimum_probabilities


def fitted_error(minima: list[tuple[np.ndarray, int, float]]) -> float:
    """The error per square root of a molecule under which the high-level minima most likely lie where they do.

    Args:
        minima: for each reference system the low-level energies (n,), the index of its high-level minimum, and its
            number of molecules.

    Returns: in the unit of the energies.
    """
    from scipy.optimize import minimize_scalar

    def cost(log_s: float) -> float:
        p = [minimum_probabilities(e, np.exp(log_s) * np.sqrt(m))[i] for e, i, m in minima]
        return -float(np.log(np.maximum(p, 1e-300)).sum())

    grid = np.log(np.geomspace(0.02, 10.0, 13))
    start = grid[int(np.argmin([cost(g) for g in grid]))]
    return float(
        np.exp(minimize_scalar(cost, bounds=(start - 0.55, start + 0.55), method="bounded", options={"xatol": 3e-3}).x)
    )
