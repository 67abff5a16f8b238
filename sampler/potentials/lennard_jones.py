"""A Lennard-Jones toy: fast, smooth and with known minima, the potential of the tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..clusters import Clusters
from .base import Evaluation, Potential, StructureFailure, evaluate_each


@dataclass(frozen=True)
class LennardJones(Potential):
    """4ε[(σ/r)¹² − (σ/r)⁶] between all atoms of a structure, whatever their element.

    Attributes:
        epsilon: eV. sigma: Å.
    """

    epsilon: float = 0.01
    sigma: float = 2.0
    level: str = "lennard-jones"

    def evaluate(self, clusters: Clusters, forces: bool = True) -> Evaluation:
        return evaluate_each(clusters, self._one, forces)

    def _one(self, numbers: np.ndarray, positions: np.ndarray, charge: int) -> tuple[float, np.ndarray]:
        delta = positions[:, None] - positions[None]
        r2 = (delta**2).sum(-1)
        np.fill_diagonal(r2, np.inf)
        if r2.size and r2.min() < 1e-6:
            raise StructureFailure("clash: two atoms lie at the same place")
        s6 = (self.sigma**2 / r2) ** 3
        energy = 2.0 * self.epsilon * float((s6**2 - s6).sum())
        pair = 24.0 * self.epsilon * (2.0 * s6**2 - s6) / r2
        return energy, (pair[..., None] * delta).sum(1)
