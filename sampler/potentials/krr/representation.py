"""FCHL19: what surrounds each atom, as a vector (Christensen et al. 2020, doi:10.1063/1.5126701), by qmllib."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...clusters import Clusters
from ...errors import InputError, MissingDependency


@dataclass(frozen=True)
class Representation:
    """Elements that may be there, and the hyperparameters of the publication (qmllib's defaults).

    Attributes:
        elements: atomic numbers, ascending. cutoff: Å, of two-body and three-body terms.
        radial: number of two-body functions; angular: of radial functions in three-body terms.
    """

    elements: tuple[int, ...]
    cutoff: float = 8.0
    radial: int = 24
    angular: int = 20

    def __post_init__(self) -> None:
        if not 0.0 < self.cutoff < 100.0:
            raise InputError(f"the cutoff of the representation is {self.cutoff:g} Å; it must be positive")

    @property
    def size(self) -> int:
        """Length of the vector of an atom."""
        e = len(self.elements)
        return e * self.radial + e * (e + 1) * self.angular

    def of(self, clusters: Clusters) -> Atoms:
        """The vectors of all atoms.

        Raises:
            MissingDependency: qmllib is not installed. InputError: an element that is not among ``elements``.
        """
        generate = _generator()
        foreign = sorted(set(np.unique(clusters.numbers).tolist()) - set(self.elements))
        if foreign:
            raise InputError(f"the representation has no place for the elements {foreign}; it has {self.elements}")
        vectors = np.zeros((len(clusters.numbers), self.size))
        for i in range(len(clusters)):
            atoms = clusters.atoms_of(i)
            vectors[atoms] = generate(
                clusters.numbers[atoms].astype(np.int32), np.ascontiguousarray(clusters.positions[atoms], float),
                elements=list(self.elements), nRs2=self.radial, nRs3=self.angular, rcut=self.cutoff, acut=self.cutoff,
            )  # fmt: skip
        return Atoms(vectors, clusters.numbers, clusters.ptr)


@dataclass(frozen=True)
class Atoms:
    """Vectors (N, D) of the atoms of B structures, their elements (N,), and where each structure begins (B + 1,)."""

    vectors: np.ndarray
    numbers: np.ndarray
    ptr: np.ndarray

    def __len__(self) -> int:
        return len(self.ptr) - 1

    def take(self, start: int, stop: int) -> Atoms:
        """The structures ``start`` to ``stop``."""
        first, last = int(self.ptr[start]), int(self.ptr[stop])
        return Atoms(self.vectors[first:last], self.numbers[first:last], self.ptr[start : stop + 1] - first)


def _generator():
    try:
        from qmllib.representations import generate_fchl19
    except ImportError as error:
        raise MissingDependency("qmllib", "kernel ridge regression", "krr") from error
    return generate_fchl19
