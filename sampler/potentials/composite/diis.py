"""DIIS whose history outlives a change of the Fock operator by a constant matrix (Pulay 1982, 10.1002/jcc.540030413)."""

from __future__ import annotations

import numpy as np
from pyscf import lib


class CarriedDIIS(lib.diis.DIIS):
    """Extrapolates Fock matrices for PySCF's SCF driver.

    Where the operator becomes F + C with a constant C, as when the correction of a coarse grid is renewed, the Fock matrices
    of earlier densities are known at once; so the SCF goes on from its history and does not begin again.

    Args:
        overlap: (n, n). space: Fock matrices that are kept.
    """

    def __init__(self, overlap: np.ndarray, space: int = 8):
        super().__init__()
        values, vectors = np.linalg.eigh(overlap)
        self.most = space
        self.orthonormal, self.metric = vectors / np.sqrt(values), vectors * np.sqrt(values)
        """X and S X."""
        self.fock: list[np.ndarray] = []
        self.half: list[np.ndarray] = []
        """X^T F D S X of each: the error is this minus its transpose."""
        self.density: list[np.ndarray] = []
        """D S X of each."""

    def update(self, s1e, dm, fock, *args, **kwargs) -> np.ndarray:
        """The Fock matrix of least error in the span of those met."""
        fock, density = np.asarray(fock), dm @ self.metric
        self.fock.append(fock)
        self.density.append(density)
        self.half.append(self.orthonormal.T @ (fock @ density))
        for kept in (self.fock, self.density, self.half):
            del kept[: -self.most]
        errors = [half - half.T for half in self.half]
        n = len(errors)
        products = np.array([[np.vdot(a, b) for a in errors] for b in errors])
        system = np.zeros((n + 1, n + 1))
        system[0, 1:] = system[1:, 0] = 1.0
        system[1:, 1:] = products / max(products.max(), 1e-300)
        weights = np.linalg.lstsq(system, np.eye(n + 1)[0], rcond=1e-14)[0][1:]
        return sum(w * f for w, f in zip(weights, self.fock))

    def add(self, change: np.ndarray) -> None:
        """The operator is another by the constant (n, n) ``change`` from here on."""
        left = self.orthonormal.T @ change
        self.fock = [fock + change for fock in self.fock]
        self.half = [half + left @ density for half, density in zip(self.half, self.density)]
