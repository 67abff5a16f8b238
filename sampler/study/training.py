"""One training of a study: what it is, and the row of numbers that is left of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..learn.training.targets import Targets

DONE, DIVERGED, PRUNED = "done", "diverged", "pruned"
ROWS = "trainings"
"""Folder of the rows, in that of a study."""
COLUMNS = (
    "name", "engine", "target", "size", "repeat", "seed", "status", "epochs", "best_epoch",
    "mae_energy_kcal_mol", "rmse_energy_kcal_mol", "max_energy_kcal_mol", "relative_mae_energy_kcal_mol",
    "mae_forces_kcal_mol_A", "rmse_forces_kcal_mol_A",
    "validation_mae_energy_kcal_mol", "validation_mae_forces_kcal_mol_A",
    "train_seconds", "predict_seconds", "predicted", "reason",
)  # fmt: skip
"""Of ``trainings.csv``, settings that differ between trainings besides. Errors are those of the test set; a column is empty
where the numbers do not exist. ``predict_seconds`` is the time that ``predicted`` energies and forces of the test take."""


@dataclass(frozen=True)
class Training:
    """
    Attributes:
        name: unique in the study. engine: one of :data:`.engines.ENGINES`. target: what is learnt, as the study names it.
        size: structures trained and validated on. repeat: from 1. seed: of split, weights and order.
        settings: of the engine, all of them, as plain values. work: units that stand for its time.
        asked: structures that are predicted besides the test; see :class:`Task`.
    """

    name: str
    engine: str
    target: str
    size: int
    repeat: int
    seed: int
    settings: dict[str, Any] = field(default_factory=dict)
    work: int = 1
    asked: int = 0

    def row(self) -> dict[str, Any]:
        told = asdict(self)
        return {k: told[k] for k in ("name", "engine", "target", "size", "repeat", "seed")}


@dataclass(frozen=True)
class Task:
    """A training with its data; sent to a worker.

    Attributes:
        train, test: targets. rows: (n,) of ``train`` in its pool, which is what kernels are shared by.
        pool: targets that a kernel is shared among, for engines that have one. folder: of checkpoints; a worker that does not see
            it uses one of its own. model: where the model is to be kept, None: nowhere. kernels: folder shared by trainings.
        curve: the row is to hold the validation errors of every epoch. each: the errors of every structure of the test are
            kept in a file beside the row (:mod:`.errors`), and those of ``asked``, which are predicted for that alone.
    """

    training: Training
    train: Targets
    test: Targets
    folder: Path
    model: Path | None = None
    pool: Targets | None = None
    rows: np.ndarray | None = None
    kernels: Path | None = None
    curve: bool = False
    each: bool = False
    asked: Targets | None = None


def read_row(path: Path) -> dict[str, Any] | None:
    """None where there is none, or a damaged one."""
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
        return row if isinstance(row, dict) and row.get("status") in (DONE, DIVERGED, PRUNED) else None
    except (OSError, ValueError):
        return None
