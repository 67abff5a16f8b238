"""Coefficients of a kernel ridge regression, and its width and regularisation by cross-validation."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...errors import InputError
from ...random_keys import numbered_key
from .kernel_store import KernelPool
from .settings import LARGEST, KrrSettings

_PURPOSE = 32452843  # of the random key


@dataclass(frozen=True)
class KrrFit:
    """
    Attributes:
        width, regularisation: as chosen. coefficients: (n,) eV. rows: (n,) structures of the pool they belong to.
        out_of_fold: (n,) eV, predictions of each by a model that has not seen it.
        grid: (W, L) eV, mean absolute errors of the cross-validation; infinite where a kernel could not be solved.
        seconds: ``representation``, ``kernel``, ``validation`` (with reading the kernels), ``solve``, of one core, kernels found on disk
            with what they cost when they were made.
    """

    width: float
    regularisation: float
    coefficients: np.ndarray
    rows: np.ndarray
    out_of_fold: np.ndarray
    grid: np.ndarray
    seconds: dict[str, float]

    def predict(self, pool: KernelPool, rows: np.ndarray) -> np.ndarray:
        """(R,) eV of further structures of the same pool, by kernels that are kept."""
        return pool.matrix(self.width, np.asarray(rows), self.rows) @ self.coefficients


def solve(kernel: np.ndarray, energy: np.ndarray, regularisation: float) -> np.ndarray | None:
    """(n,) coefficients of (K + λ) a = E by Cholesky; None where the matrix is not positive definite.

    Args:
        kernel: (n, n), symmetric. energy: (n,) eV.
    """
    from scipy.linalg import LinAlgError, cho_factor, cho_solve

    try:
        factor = cho_factor(kernel + regularisation * np.eye(len(kernel)), lower=True, check_finite=False)
    except LinAlgError:
        return None
    found = cho_solve(factor, energy, check_finite=False)
    return found if np.isfinite(found).all() else None


def fit(
    pool: KernelPool,
    energy: np.ndarray,
    rows: np.ndarray,
    settings: KrrSettings,
    advance: Callable[[int], None] | None = None,
) -> KrrFit:
    """Fit the energies of the structures ``rows`` of a pool.

    Args:
        energy: (n,) eV, of ``rows``: binding energies, or differences to a base. advance: called with 1 after each block.

    Raises:
        InputError: fewer structures than folds, more than :data:`.settings.LARGEST`; no pair of width and regularisation
            that can be solved.
    """
    rows, energy = np.asarray(rows), np.asarray(energy, float)
    require_number(len(rows), settings.folds)
    pool.fill(settings.widths, rows, advance)
    start = time.process_time()
    grid, best, guesses = _cross_validate(pool, energy, rows, settings)
    validated = time.process_time()
    if not np.isfinite(grid).any():
        raise InputError(
            "no kernel of these widths and regularisations can be solved; give larger regularisations: "
            "--set regularisations=1e-3,1e-2,1e-1"
        )
    width, regularisation = settings.widths[best[0]], settings.regularisations[best[1]]
    kernel = pool.matrix(width, rows)
    loaded = time.process_time()
    coefficients = solve(kernel, energy, regularisation)
    if coefficients is None:
        raise InputError(
            f"the kernel of width {width:g} cannot be solved with the regularisation {regularisation:g}; give larger ones: "
            "--set regularisations=1e-3,1e-2,1e-1"
        )
    solved = time.process_time()
    seconds = pool.spent(settings.widths, rows) | {"validation": validated - start, "solve": solved - loaded}
    return KrrFit(width, regularisation, coefficients, rows, guesses, grid, seconds)


def require_number(structures: int, folds: int = 2) -> None:
    """
    Raises:
        InputError: too few for the folds, or more than a kernel ridge regression takes.
    """
    if structures < folds:
        raise InputError(f"{structures} structures cannot be divided into {folds} folds; --set folds=2 needs two")
    if structures > LARGEST:
        raise InputError(
            f"{structures} structures; a kernel ridge regression takes at most {LARGEST} here, for its kernel grows as the "
            "square of their number: take a part (sampler data split --by random), or a PaiNN (--engine fast)"
        )


def folds_of(count: int, folds: int, seed: int) -> np.ndarray:
    """(count,) the fold of each structure, at random, of sizes that differ by one at most."""
    order = np.random.default_rng(numbered_key(seed, _PURPOSE)).permutation(count)
    found = np.empty(count, np.int64)
    found[order] = np.arange(count) % folds
    return found


def _cross_validate(
    pool: KernelPool, energy: np.ndarray, rows: np.ndarray, settings: KrrSettings
) -> tuple[np.ndarray, tuple[int, int], np.ndarray]:
    fold = folds_of(len(rows), settings.folds, settings.seed)
    grid = np.full((len(settings.widths), len(settings.regularisations)), np.inf)
    best, guesses = (0, 0), np.full(len(rows), np.nan)
    for w, width in enumerate(settings.widths):
        kernel = pool.matrix(width, rows)
        for r, regularisation in enumerate(settings.regularisations):
            found = _out_of_fold(kernel, energy, fold, settings.folds, regularisation)
            if found is None:
                continue
            grid[w, r] = np.abs(found - energy).mean()
            if grid[w, r] <= grid.min():
                best, guesses = (w, r), found
    return grid, best, guesses


def _out_of_fold(
    kernel: np.ndarray, energy: np.ndarray, fold: np.ndarray, folds: int, regularisation: float
) -> np.ndarray | None:
    found = np.empty(len(energy))
    for k in range(folds):
        held, kept = np.flatnonzero(fold == k), np.flatnonzero(fold != k)
        coefficients = solve(kernel[np.ix_(kept, kept)], energy[kept], regularisation)
        if coefficients is None:
            return None
        found[held] = kernel[np.ix_(held, kept)] @ coefficients
    return found
