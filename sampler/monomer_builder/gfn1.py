"""GFN1-xTB or GFN2-xTB for one molecule, through tblite: energy, forces, charges, tight optimisation, curvature.

GFN1-xTB: Grimme, Bannwarth, Shushkov 2017, doi:10.1021/acs.jctc.7b00118. GFN2-xTB: Bannwarth, Ehlert, Grimme 2019,
doi:10.1021/acs.jctc.8b01176.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import MissingDependency, MonomerError
from ..units import BOHR, HARTREE, HARTREE_PER_BOHR

METHODS = {"gfn1-xtb": "GFN1-xTB", "gfn2-xtb": "GFN2-xTB"}
"""Level of theory -> tblite's name of it."""


class NotConverged(MonomerError):
    """An optimisation does not come to rest."""


@dataclass(frozen=True)
class Molecule:
    """Atomic numbers (n,), total charge and level of theory, one of :data:`METHODS`; singlet."""

    numbers: np.ndarray
    charge: int
    level: str = "gfn1-xtb"

    @property
    def method(self) -> str:
        return METHODS[self.level]

    def evaluate(self, positions: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Energy (eV), forces (n, 3) eV/Å and Mulliken charges (n,) e at ``positions`` (n, 3) Å.

        Raises:
            MissingDependency: tblite is not installed.
            MonomerError: the SCF does not converge or the input makes no sense.
        """
        try:
            from tblite.interface import Calculator
        except ImportError as error:
            raise MissingDependency("tblite", self.method) from error
        try:
            calculator = Calculator(self.method, self.numbers, np.asarray(positions) / BOHR, charge=float(self.charge))
            calculator.set("verbosity", 0)
            calculator.set("accuracy", 0.01)
            result = calculator.singlepoint()
        except RuntimeError as error:
            raise MonomerError(f"{self.method} fails for this geometry: {error}") from error
        energy = float(result.get("energy")) * HARTREE
        forces = -np.asarray(result.get("gradient")) * HARTREE_PER_BOHR
        return energy, forces, np.asarray(result.get("charges"))

    def optimise(self, positions: np.ndarray, fmax: float = 1e-4, steps: int = 1000) -> tuple[float, np.ndarray]:
        """Energy (eV) and positions (n, 3) Å of the nearest minimum, largest force on an atom below ``fmax`` eV/Å.

        Raises:
            NotConverged: after ``steps`` steps.
        """
        from ase import Atoms
        from ase.optimize import BFGS

        atoms = Atoms(self.numbers, positions, calculator=_ase_calculator(self))
        if not BFGS(atoms, logfile=None).run(fmax=fmax, steps=steps):
            worst = np.linalg.norm(atoms.get_forces(), axis=1).max()
            raise NotConverged(f"{self.method} optimisation stopped after {steps} steps at {worst:.4f} eV/Å")
        return float(atoms.get_potential_energy()), atoms.get_positions()

    def lowest_curvature(self, positions: np.ndarray, step: float = 0.005) -> float:
        """Lowest eigenvalue (eV/Å²) of the Hessian, translations and rotations projected out; > 0 at a minimum."""
        n = len(self.numbers)
        if n == 1:
            return np.inf
        flat = np.asarray(positions, float).reshape(-1)
        hessian = np.empty((3 * n, 3 * n))
        for k in range(3 * n):
            shift = np.zeros(3 * n)
            shift[k] = step
            plus = self.evaluate((flat + shift).reshape(n, 3))[1].reshape(-1)
            minus = self.evaluate((flat - shift).reshape(n, 3))[1].reshape(-1)
            hessian[k] = (minus - plus) / (2 * step)
        hessian = (hessian + hessian.T) / 2
        centred = positions - positions.mean(0)
        moves = [np.tile(axis, (n, 1)) for axis in np.eye(3)] + [np.cross(axis, centred) for axis in np.eye(3)]
        basis, singular, _ = np.linalg.svd(np.array([m.reshape(-1) for m in moves]).T, full_matrices=True)
        inside = basis[:, int((singular > 1e-6).sum()) :]
        return float(np.linalg.eigvalsh(inside.T @ hessian @ inside)[0])


def _ase_calculator(molecule: Molecule):
    from ase.calculators.calculator import Calculator, all_changes

    class XTB(Calculator):
        implemented_properties = ["energy", "forces"]

        def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
            super().calculate(atoms, properties, system_changes)
            assert self.atoms is not None  # set above
            energy, forces, _ = molecule.evaluate(self.atoms.get_positions())
            self.results = {"energy": energy, "forces": forces}

    return XTB()
