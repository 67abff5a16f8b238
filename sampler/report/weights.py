"""How much of an equilibrium mixture each structure is."""

from __future__ import annotations

import numpy as np

from ..units import KB, KCAL_PER_MOL


def boltzmann(relative_kcalmol: np.ndarray, temperature: float) -> np.ndarray:
    """(B,) weights that add to 1, of (B,) relative energies or free energies; NaN where these are.

    Args:
        relative_kcalmol: kcal/mol above any common zero. temperature: K.
    """
    values = np.asarray(relative_kcalmol, float)
    known = np.isfinite(values)
    weights = np.full(values.shape, np.nan)
    if known.any():
        weights[known] = np.exp(-(values[known] - values[known].min()) * KCAL_PER_MOL / (KB * temperature))
        weights[known] /= weights[known].sum()
    return weights
