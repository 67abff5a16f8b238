"""How the atoms of a batch of clusters move: kinetic energies, temperatures, momenta, velocities drawn at random.

Sums over the atoms of a cluster are made in their order (``bincount``), so that they do not depend on the rest of the batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..clusters import Clusters
from ..units import KB


@dataclass(frozen=True)
class Masses:
    """The masses of a batch and what is counted with them.

    Attributes:
        mass: (N,) amu, standard atomic weights. owner: (N,) the cluster of each atom. count: B clusters.
    """

    mass: np.ndarray
    owner: np.ndarray
    count: int

    @classmethod
    def of(cls, clusters: Clusters) -> Masses:
        from ase.data import atomic_masses

        return cls(atomic_masses[clusters.numbers].astype(float), clusters.structure_of_atom, len(clusters))

    @cached_property
    def atoms(self) -> np.ndarray:
        """(B,) atoms of each cluster."""
        return np.bincount(self.owner, minlength=self.count)

    def sum(self, values: np.ndarray) -> np.ndarray:
        """(B,) or (B, k): per-atom values (N,) or (N, k), summed over each cluster."""
        if values.ndim == 1:
            return np.bincount(self.owner, weights=values, minlength=self.count)
        return np.stack([self.sum(column) for column in values.T], axis=1)

    def kinetic(self, velocities: np.ndarray) -> np.ndarray:
        """(B,) eV."""
        return 0.5 * self.sum(self.mass * np.einsum("ij,ij->i", velocities, velocities))

    def freedom(self, positions: np.ndarray, overall: bool) -> np.ndarray:
        """(B,) degrees of freedom; without ``overall`` those of the motion of the whole are left out: 3 and 3, or 2 of a line."""
        every = 3 * self.atoms
        return every if overall else np.maximum(every - 3 - self._turns(positions), 0)

    def without_overall_motion(self, positions: np.ndarray, velocities: np.ndarray) -> np.ndarray:
        """The velocities less those of a rigid body with the same momentum and angular momentum."""
        total = self.sum(self.mass)
        centre = self.sum(self.mass[:, None] * positions) / total[:, None]
        drift = self.sum(self.mass[:, None] * velocities) / total[:, None]
        x, v = positions - centre[self.owner], velocities - drift[self.owner]
        spin = self.sum(self.mass[:, None] * np.cross(x, v))
        values, axes = self._inertia(x)
        real = values > 1e-6 * np.maximum(values[:, 2:], 1e-12)
        along = np.einsum("bji,bj->bi", axes, spin)
        turning = np.einsum("bij,bj->bi", axes, np.where(real, along / np.where(real, values, 1.0), 0.0))
        return v - np.cross(turning[self.owner], x)

    def _inertia(self, centred: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Principal moments (B, 3), ascending, and axes (B, 3, 3) in columns."""
        square = np.einsum("ij,ij->i", centred, centred)
        tensor = np.empty((self.count, 3, 3))
        for i in range(3):
            for j in range(3):
                tensor[:, i, j] = self.sum(self.mass * ((i == j) * square - centred[:, i] * centred[:, j]))
        return np.linalg.eigh(tensor)

    def _turns(self, positions: np.ndarray) -> np.ndarray:
        """(B,) axes about which a cluster can turn: 3, 2 of a line, 0 of an atom."""
        centre = self.sum(self.mass[:, None] * positions) / self.sum(self.mass)[:, None]
        values, _ = self._inertia(positions - centre[self.owner])
        return (values > 1e-6 * np.maximum(values[:, 2:], 1e-12)).sum(1)


def temperature(kinetic: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    """(B,) K; 0 where nothing can move."""
    return 2.0 * kinetic / (np.maximum(freedom, 1) * KB)


def drawn_velocities(clusters: Clusters, kelvin: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """(N, 3) from Maxwell and Boltzmann, without net momentum and rotation, scaled to exactly ``kelvin`` (B,).

    Args:
        normal: (N, 3) normal deviates.
    """
    masses = Masses.of(clusters)
    raw = normal * np.sqrt(KB * kelvin[masses.owner] / masses.mass)[:, None]
    v = masses.without_overall_motion(clusters.positions, raw)
    now = temperature(masses.kinetic(v), masses.freedom(clusters.positions, overall=False))
    scale = np.sqrt(np.where(now > 0, kelvin / np.where(now > 0, now, 1.0), 0.0))
    return v * scale[masses.owner][:, None]
