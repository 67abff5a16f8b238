"""Configurations of a tuning, from the best to the worst, and how fast each came near the best."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .training import DONE

MAE, FORCES = "validation_mae_energy_kcal_mol", "validation_mae_forces_kcal_mol_A"
TEST_MAE, TEST_FORCES = "mae_energy_kcal_mol", "mae_forces_kcal_mol_A"
NEAR = 0.1
"""A training is near the best where its error is within this share of it."""


@dataclass
class Configuration:
    """
    Attributes:
        chosen: name -> value of what is varied. rows: of its trainings that are done. lost: of its others.
        epochs, seconds: after which each training of ``rows`` came near the best of its seed; None for one that did not.
    """

    chosen: dict[str, Any]
    rows: list[dict[str, Any]] = field(default_factory=list)
    lost: list[dict[str, Any]] = field(default_factory=list)
    epochs: list[int | None] = field(default_factory=list)
    seconds: list[float | None] = field(default_factory=list)

    def mean(self, column: str) -> float:
        """Over its seeds; NaN where a number does not exist."""
        values = self.values(column)
        return float(np.mean(values)) if values else float("nan")

    def std(self, column: str) -> float | None:
        values = self.values(column)
        return float(np.std(values, ddof=1)) if len(values) > 1 else None

    def values(self, column: str) -> list[float]:
        return [r[column] for r in self.rows if r.get(column) is not None]

    def near(self) -> tuple[float, float] | None:
        """Mean epochs and seconds after which it came near the best; None unless every training of it did."""
        if not self.rows or None in self.epochs:
            return None
        return float(np.mean([e or 0 for e in self.epochs])), float(np.mean([s or 0.0 for s in self.seconds]))

    def told(self) -> dict[str, Any]:
        """As a row of a table."""
        near = self.near()
        row: dict[str, Any] = {**self.chosen, "seeds": len(self.rows), "not_finished": len(self.lost)}
        for column in (MAE, FORCES, TEST_MAE, TEST_FORCES):
            if self.values(column):
                row |= {column: self.mean(column), f"{column}_std": self.std(column)}
        row |= {"best_epoch": self.mean("best_epoch"), "train_seconds": self.mean("train_seconds")} if self.rows else {}
        return row | ({"near_best_epochs": near[0], "near_best_seconds": near[1]} if near else {})


def ranked(rows: Sequence[dict[str, Any]], chosen: Sequence[dict[str, Any]]) -> list[Configuration]:
    """By the mean validation MAE of ΔE; those with more seeds come first, those that never finished last.

    Args:
        chosen: what is varied, of each row. Equal ones are one configuration.
    """
    found: dict[str, Configuration] = {}
    for row, values in zip(rows, chosen):
        one = found.setdefault(json.dumps(values, sort_keys=True), Configuration(values))
        if row["status"] != DONE:
            one.lost.append(row)
        elif all(row["seed"] != r["seed"] for r in one.rows):  # a search may try a configuration twice
            one.rows.append(row)
    best = _best_of_seeds([r for c in found.values() for r in c.rows])
    for one in found.values():
        for row in one.rows:
            epoch, seconds = _came_near(row, (1 + NEAR) * best[row["seed"]])
            one.epochs.append(epoch)
            one.seconds.append(seconds)
    return sorted(found.values(), key=lambda c: (-len(c.rows), c.mean(MAE) if c.rows else 0.0))


def _best_of_seeds(rows: Sequence[dict[str, Any]]) -> dict[int, float]:
    """The smallest error that any training of a seed had after any epoch."""
    best: dict[int, float] = {}
    for row in rows:
        values = [v for v in (*row.get("curve", {}).get(MAE, ()), row.get(MAE)) if v is not None]
        best[row["seed"]] = min([best.get(row["seed"], np.inf), *values])
    return best


def _came_near(row: dict[str, Any], limit: float) -> tuple[int | None, float | None]:
    curve = row.get("curve") or {}
    for k, value in enumerate(curve.get(MAE, ())):
        if value is not None and value <= limit:
            return k + 1, curve["seconds"][k]
    return None, None


def leaders(order: Sequence[Configuration], name: str) -> dict[Any, Configuration]:
    """The best configuration of each value of one setting."""
    found: dict[Any, Configuration] = {}
    for one in order:
        if one.rows and name in one.chosen:
            found.setdefault(one.chosen[name], one)
    return dict(sorted(found.items(), key=lambda pair: (isinstance(pair[0], str), pair[0])))
