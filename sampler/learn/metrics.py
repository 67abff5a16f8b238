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

    Mean and median angle are over atoms with a wanted force above :data:`SMALL_FORCE` (``angle_atoms`` of them); the weighted
    mean is over all atoms, each with the length of its wanted force. ``pearson`` is the correlation of the components.
    """
    error = (predicted - wanted) / KCAL_PER_MOL
    angle, size = angles(predicted, wanted)
    known = np.isfinite(angle)
    judged = angle[known & (size > SMALL_FORCE)]
    weight = size[known]
    return {
        "mae_kcal_mol_A": float(np.abs(error).mean()),
        "rmse_kcal_mol_A": float(np.sqrt((error**2).mean())),
        "max_kcal_mol_A": float(np.abs(error).max()),
        "mean_angle_deg": float(judged.mean()) if len(judged) else float("nan"),
        "median_angle_deg": float(np.median(judged)) if len(judged) else float("nan"),
        "angle_atoms": len(judged),
        "weighted_angle_deg": float(np.average(angle[known], weights=weight)) if weight.sum() > 0 else float("nan"),
        "pearson": float(np.corrcoef(predicted.ravel(), wanted.ravel())[0, 1]) if wanted.any() else float("nan"),
        "label_rms_kcal_mol_A": float(np.sqrt((wanted**2).mean()) / KCAL_PER_MOL),
    }


def angles(predicted: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) degrees between (n, 3) forces, NaN where one of the two is zero, and (n,) lengths of the wanted ones."""
    size, other = np.linalg.norm(wanted, axis=1), np.linalg.norm(predicted, axis=1)
    known = (size > 1e-12) & (other > 1e-12)
    found = np.full(len(size), np.nan)
    cosine = (predicted[known] * wanted[known]).sum(1) / (size * other)[known]
    found[known] = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    return found, size


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 0; equal values share their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return ((ends - counts + ends - 1) / 2.0)[inverse]
