"""The rigid surface of clusters of ions, fitted to relaxed ones (``data/surface.toml``, benchmarks/fit_surface.py).

Repulsion, dispersion and Coulomb factor by pair of types of atoms. Ions in a cluster polarise each other and bend; a surface
of rigid molecules that is to have its low minima where the relaxed ones are must have that in its parameters
(docs/generation.md). It holds only between the molecules that it was fitted to.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .. import resources


@dataclass(frozen=True)
class FittedSurface:
    """T types of atoms.

    Attributes:
        types: molecule -> (n,) type of each atom, in the order of the molecule's file.
        repulsion: (T, T) eV Å¹², dispersion: (T, T) eV Å⁶, coulomb: (T, T) eV Å, all symmetric.
    """

    types: Mapping[str, np.ndarray]
    repulsion: np.ndarray
    dispersion: np.ndarray
    coulomb: np.ndarray

    def pairs(self, types: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(N, N) a, b and c of a/r¹² − b/r⁶ + c/r for atoms of these types."""
        both = np.ix_(types, types)
        return self.repulsion[both], self.dispersion[both], self.coulomb[both]

    def arrays(self, molecule: str) -> list[np.ndarray]:
        """What the surface of this molecule with others depends on; nothing for one without types."""
        if molecule not in self.types:
            return []
        return [self.types[molecule], self.repulsion, self.dispersion, self.coulomb]


@functools.cache
def surface() -> FittedSurface:
    """The one that ships."""
    table = tomllib.loads(resources.path("data", "surface.toml").read_text(encoding="utf-8"))
    types = {name: np.array(of, np.int64) for name, of in table["molecules"].items()}
    return FittedSurface(types, *(np.array(table[k], float) for k in ("repulsion", "dispersion", "coulomb")))
