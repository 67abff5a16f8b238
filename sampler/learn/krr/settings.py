"""How a kernel ridge regression is trained."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import InputError

LARGEST = 2000
"""Structures to train on: kernels and their solution grow as the square and the cube of this number."""


@dataclass(frozen=True)
class KrrSettings:
    """
    Attributes:
        widths, regularisations: σ and λ among which cross-validation chooses the pair of smallest mean absolute error.
        folds: of the cross-validation. seed: of its random folds.
        cutoff: Å, of the representation. precision: of kernels on disk, float64 or float32.
    """

    widths: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 16.0)
    regularisations: tuple[float, ...] = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
    folds: int = 5
    seed: int = 42
    cutoff: float = 8.0
    precision: str = "float64"

    def __post_init__(self) -> None:
        for name in ("widths", "regularisations"):
            values = getattr(self, name)
            if not values or not all(0.0 < v < float("inf") for v in values):
                raise InputError(f"{name} are {values}; they must be positive numbers")
        if self.folds < 2:
            raise InputError(f"folds is {self.folds}; at least two are needed")
        if self.seed < 0:
            raise InputError(f"the seed is {self.seed}; it must not be negative")
        if self.precision not in ("float64", "float32"):
            raise InputError(f"precision is {self.precision!r}; possible: float64, float32")
