"""How far predictions are from labels: errors of energies and forces, overall and by composition."""

from __future__ import annotations

import numpy as np

from ..units import KCAL_PER_MOL

SMALL_FORCE = 0.05
"""eV/Å; the direction of a shorter force is not judged."""


def energy_metrics(predicted: np.ndarray, wanted: np.ndarray) -> dict[str, float]:
    """Errors of (B,) energies in eV, as kcal/mol.

    ``relative`` errors are those left after the mean deviation is taken off: what matters for ranking.
    ``pearson`` and ``spearman`` are correlations; NaN for fewer than three structures.
    """
    error = (predicted - wanted) / KCAL_PER_MOL
    relative = error - error.mean()
    enough = len(error) > 2 and np.ptp(wanted) > 0 and np.ptp(predicted) > 0
    return {
        "structures": len(error),
        "mae_kcal_mol": float(np.abs(error).mean()),
        "rmse_kcal_mol": float(np.sqrt((error**2).mean())),
        "max_kcal_mol": float(np.abs(error).max()),
        "mean_kcal_mol": float(error.mean()),
        "relative_mae_kcal_mol": float(np.abs(relative).mean()),
        "relative_rmse_kcal_mol": float(np.sqrt((relative**2).mean())),
        "pearson": float(np.corrcoef(predicted, wanted)[0, 1]) if enough else float("nan"),
        "spearman": float(np.corrcoef(_ranks(predicted), _ranks(wanted))[0, 1]) if enough else float("nan"),
    }


def force_metrics(predicted: np.ndarray, wanted: np.ndarray) -> dict[str, float]:
    """Errors of (n, 3) forces in eV/Å, component-wise as kcal/mol/Å, and the angle between them in degrees.

    The mean angle is over atoms with a wanted force above :data:`SMALL_FORCE`; ``pearson`` is the correlation of the
    components.
    """
    error = (predicted - wanted) / KCAL_PER_MOL
    size, other = np.linalg.norm(wanted, axis=1), np.linalg.norm(predicted, axis=1)
    judged = (size > SMALL_FORCE) & (other > 1e-12)
    cosine = (predicted * wanted).sum(1)[judged] / (size * other)[judged]
    return {
        "mae_kcal_mol_A": float(np.abs(error).mean()),
        "rmse_kcal_mol_A": float(np.sqrt((error**2).mean())),
        "max_kcal_mol_A": float(np.abs(error).max()),
        "mean_angle_deg": float(np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean()) if judged.any() else float("nan"),
        "pearson": float(np.corrcoef(predicted.ravel(), wanted.ravel())[0, 1]) if wanted.any() else float("nan"),
        "label_rms_kcal_mol_A": float(np.sqrt((wanted**2).mean()) / KCAL_PER_MOL),
    }


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 0; equal values share their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return ((ends - counts + ends - 1) / 2.0)[inverse]
