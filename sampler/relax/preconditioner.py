"""Where L-BFGS starts from: the inverse Hessian before anything was learned."""

from __future__ import annotations

import numpy as np

from .hessian import model_hessian


class Scaled:
    """A multiple of the unit matrix: at first 1/70 Å²/eV, a stiff bond; then from the last step's curvature."""

    scale = 1.0 / 70.0

    def solve(self, vectors: np.ndarray) -> np.ndarray:
        return vectors

    def learn(self, s: np.ndarray, y: np.ndarray) -> None:
        self.scale = (s @ y) / (y @ y)

    def renewed(self, positions: np.ndarray) -> bool:
        return False


class ModelHessian:
    """The inverse of :func:`sampler.relax.hessian.model_hessian` plus a constant for the soft modes.

    It is built anew when an atom has moved ``stale``, since stiff directions turn with their molecules.

    Preconditioned minimisation of molecular systems: Packwood et al., J. Chem. Phys. 144 (2016) 164109,
    DOI 10.1063/1.4947024; with force-field Hessians: Mones, Ortner & Csányi, Sci. Rep. 8 (2018) 13991,
    DOI 10.1038/s41598-018-32105-x.
    """

    scale = 1.0
    soft = 0.5
    """eV/Å²: the curvature of the intermolecular modes, for which the model has next to none."""
    stale = 0.2
    """Å."""

    def __init__(self, numbers: np.ndarray, positions: np.ndarray):
        self._numbers = numbers
        self._build(positions)

    def solve(self, vectors: np.ndarray) -> np.ndarray:
        """(…, 3n) -> (…, 3n), times the inverse, without ``scale``."""
        return vectors @ self._inverse

    def learn(self, s: np.ndarray, y: np.ndarray) -> None:
        pass

    def renewed(self, positions: np.ndarray) -> bool:
        if np.abs(positions - self._at).max() <= self.stale:
            return False
        self._build(positions)
        return True

    def _build(self, positions: np.ndarray) -> None:
        from scipy.linalg.lapack import dpotrf, dpotri

        hessian = model_hessian(self._numbers, positions)
        hessian[np.diag_indices_from(hessian)] += self.soft
        factor, _ = dpotrf(hessian)  # positive definite by construction, so it cannot fail
        upper, _ = dpotri(factor)
        self._inverse = np.triu(upper) + np.triu(upper, 1).T
        self._at = positions
