"""A composite method as a potential."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...clusters import Clusters
from ...units import BOHR, HARTREE, HARTREE_PER_BOHR
from ..base import Evaluation, evaluate_each
from ..moments import Moments, dipoles_each
from .corrections import correction, require_corrections
from .methods import get_method
from .molecule import build, fitting_basis, require_pyscf


@dataclass(frozen=True)
class CompositePotential:
    """B97-3c, r2SCAN-3c or wB97X-D/6-31++G(d,p) through PySCF, for closed shells.

    Attributes:
        method: one of :data:`sampler.potentials.composite.methods.METHODS`.
        fast: use the project's own driver where it applies (GGA with fitted Coulomb term); the numbers are those of
            PySCF's public interface.
    """

    method: str = "b97-3c"
    fast: bool = True

    def __post_init__(self):
        get_method(self.method)

    @property
    def level(self) -> str:
        return f"{self.method}@pyscf"

    def evaluate(self, clusters: Clusters, forces: bool = True) -> Evaluation:
        """Total energies in eV and forces in eV/Å.

        Raises:
            MissingDependency: pyscf, dftd3 or dftd4 is not installed.
            InputError: an element without functions in the fitting basis.
        """
        self.require(np.unique(clusters.numbers))
        return evaluate_each(clusters, lambda z, r, q: self._one(z, r, q, forces), forces)

    def require(self, numbers: np.ndarray) -> None:
        """Check that the engine is installed and has the elements with the atomic numbers (k,).

        Raises:
            MissingDependency, InputError: as :meth:`evaluate`.
        """
        from ase.data import chemical_symbols

        require_pyscf()
        method = get_method(self.method)
        require_corrections(method)
        fitting_basis(method.fitting, tuple(chemical_symbols[z] for z in numbers))

    def dipoles(self, clusters: Clusters) -> Moments:
        """Dipole moments from the converged density; errors as :meth:`evaluate`."""
        self.require(np.unique(clusters.numbers))
        return dipoles_each(clusters, self._dipole)

    def _dipole(self, numbers, positions, charge):
        from .reference import dipole

        method = get_method(self.method)
        if self.fast and _has_fast_driver(method):
            from .fast import dipole
        return dipole(method, build(method, numbers, positions, charge)) * BOHR

    def _one(self, numbers, positions, charge, forces):
        from .reference import scf

        method = get_method(self.method)
        if self.fast and _has_fast_driver(method):
            from .fast import scf
        molecule = build(method, numbers, positions, charge)
        energy, gradient = scf(method, molecule, forces)
        extra, slope, _ = correction(method, np.asarray(numbers), positions / BOHR, charge)
        total = (energy + extra) * HARTREE
        if not forces:
            return total, None
        return total, -(gradient + slope) * HARTREE_PER_BOHR


def _has_fast_driver(method) -> bool:
    return bool(method.fitting) and method.name == "b97-3c"
