"""A composite method as a potential."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...clusters import Clusters
from ...errors import InputError, PotentialError
from ...units import BOHR, HARTREE, HARTREE_PER_BOHR
from ..base import Evaluation, Moments, Potential, evaluate_each
from ..moments import dipoles_each
from .corrections import correction, require_corrections
from .methods import get_method
from .molecule import build, fitting_basis, require_pyscf

DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class CompositePotential(Potential):
    """B97-3c, r2SCAN-3c or wB97X-D/6-31++G(d,p) through PySCF, for closed shells.

    Attributes:
        method: one of :data:`sampler.potentials.composite.methods.METHODS`.
        fast: use the project's own driver where it applies (GGA with fitted Coulomb term); the numbers are those of
            PySCF's public interface.
        device: ``cpu``, ``cuda`` (through gpu4pyscf; the numbers are the same), or ``auto``: ``cuda`` where it is there.
    """

    method: str = "b97-3c"
    fast: bool = True
    device: str = "auto"

    def __post_init__(self):
        get_method(self.method)
        if self.device not in DEVICES:
            raise InputError(f"device is {self.device!r}; possible: {', '.join(DEVICES)}")

    @property
    def level(self) -> str:
        return f"{self.method}@pyscf"

    def evaluate(self, clusters: Clusters, forces: bool = True) -> Evaluation:
        """Total energies in eV and forces in eV/Å; an element without functions is the failure of its structure.

        Raises:
            MissingDependency: pyscf, dftd3 or dftd4 is not installed.
            PotentialError: the device is ``cuda`` and there is none, or no gpu4pyscf.
        """
        self.require()
        return evaluate_each(clusters, lambda z, r, q: self._one(z, r, q, forces), forces)

    def require(self, numbers: Sequence[int] | np.ndarray = ()) -> None:
        """Check that the engine is installed and has the elements with the atomic numbers (k,).

        Raises:
            MissingDependency, PotentialError: as :meth:`evaluate`.
            InputError: an element without functions in the fitting basis.
        """
        from ase.data import chemical_symbols

        require_pyscf()
        self._driver()
        method = get_method(self.method)
        require_corrections(method)
        fitting_basis(method.fitting, tuple(chemical_symbols[z] for z in numbers))

    def dipoles(self, clusters: Clusters) -> Moments:
        """Dipole moments from the converged density; errors as :meth:`evaluate`."""
        self.require()
        return dipoles_each(clusters, self._dipole)

    def _dipole(self, numbers, positions, charge):
        method = get_method(self.method)
        return self._driver().dipole(method, build(method, numbers, positions, charge)) * BOHR

    def _one(self, numbers, positions, charge, forces):
        method = get_method(self.method)
        molecule = build(method, numbers, positions, charge)
        # first: an element that it lacks fails before the hours of an SCF
        extra, slope, _ = correction(method, np.asarray(numbers), positions / BOHR, charge)
        energy, gradient = self._driver().scf(method, molecule, forces)
        total = (energy + extra) * HARTREE
        if not forces:
            return total, None
        return total, -(gradient + slope) * HARTREE_PER_BOHR

    @property
    def on_gpu(self) -> bool:
        """Whether structures are computed on a CUDA device here."""
        from . import gpu

        return self._driver() is gpu

    def _driver(self):
        """The module with ``scf`` and ``dipole`` that is used here."""
        from . import gpu, reference

        reason = "" if self.device == "cpu" else gpu.unavailable()
        if self.device == "cuda" and reason:
            raise PotentialError(f"{self.method} cannot run on a GPU here: {reason}; use device='cpu'")
        if self.device != "cpu" and not reason:
            return gpu
        if self.fast and self.method == "b97-3c":
            from . import fast

            return fast
        return reference
