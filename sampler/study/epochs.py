"""What is kept of the epochs of a training: its errors after each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

CURVE = ("seconds", "validation_loss", "validation_mae_energy_kcal_mol", "validation_mae_forces_kcal_mol_A")


def read_epochs(folder: Path) -> list[dict[str, float]]:
    """The row of each epoch of a training, over all its starts (see :mod:`sampler.learn.training.curves`)."""
    import csv

    with open(folder / "curves.csv", encoding="utf-8", newline="") as handle:
        return [{k: float(v or "nan") for k, v in row.items()} for row in csv.DictReader(handle)]


def curve_of(epochs: Sequence[Mapping[str, float]]) -> dict[str, list[float | None]]:
    """A list of a number an epoch for each of CURVE, as a row keeps them; None where a number does not exist."""
    return {k: [r[k] if np.isfinite(r[k]) else None for r in epochs] for k in CURVE}
