"""The rigid surfaces of clusters of ions, fitted to relaxed ones (``data/surfaces``, benchmarks/fit_surface.py).

Repulsion, dispersion and Coulomb factor by pair of types of atoms. Ions in a cluster polarise each other and bend; a surface
of rigid molecules that is to have its low minima where the relaxed ones are must have that in its parameters
(docs/concepts/generation.md). It holds only between the molecules that it was fitted to, and for the level of theory that relaxed them.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .. import resources

SURFACES = ("gfn1-xtb", "b97-3c")
_STRIDE = 1000


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


def name_for(level: str) -> str:
    """The surface for structures of a level of theory: that of B97-3c for all but tight binding, which has its own."""
    return "gfn1-xtb" if not level or level.lower().startswith("gfn") else "b97-3c"


@functools.cache
def surface(name: str) -> FittedSurface:
    """One of those that ship."""
    table = tomllib.loads(resources.path("data", "surfaces", f"{name}.toml").read_text(encoding="utf-8"))
    types = {molecule: np.array(of, np.int64) for molecule, of in table["molecules"].items()}
    return FittedSurface(types, *(np.array(table[k], float) for k in ("repulsion", "dispersion", "coulomb")))


def marks(name: str, molecule: str, atoms: int) -> np.ndarray:
    """(atoms,) a number for each atom that tells its type and the surface; −1 for a molecule without types."""
    types = surface(name).types.get(molecule)
    return np.full(atoms, -1) if types is None else types + _STRIDE * SURFACES.index(name)


def pairs(marks: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As :meth:`FittedSurface.pairs`, for atoms of one surface with these :func:`marks`."""
    which, types = np.divmod(marks, _STRIDE)
    assert (which == which[0]).all(), "molecules of two surfaces"
    return surface(SURFACES[which[0]]).pairs(types)
