"""Any potential of this package as an ASE calculator."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculationFailed, Calculator, all_changes

from ..clusters import Clusters
from .base import Potential


class SamplerCalculator(Calculator):
    """Energies (eV) and forces (eV/Å) of a potential, for ASE's optimisers, dynamics and tools.

    The total charge is ``charge``, else ``atoms.info["charge"]``, else the sum of the initial charges. Of a committee,
    ``results`` has ``energy_spread`` (eV) and ``force_spread`` ((n,) eV/Å), too.

    >>> from ase.build import molecule
    >>> from sampler.potentials import get_potential
    >>> water = molecule("H2O")
    >>> water.calc = SamplerCalculator(get_potential("lennard-jones"))
    >>> round(water.get_potential_energy(), 3)
    475.353
    """

    implemented_properties = ["energy", "forces"]

    def __init__(self, potential: Potential, charge: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.potential, self.charge = potential, charge
        self._memory: list[Any] = [None]
        self._numbers = np.zeros(0, np.int64)

    def calculate(self, atoms=None, properties=("energy",), system_changes=tuple(all_changes)):
        """
        Raises:
            CalculationFailed: the potential refuses the structure; its reason is the message.
        """
        super().calculate(atoms, properties, system_changes)
        held = self.atoms
        assert held is not None  # the copy that ASE has just made of them
        charge = self._charge(held)
        if "numbers" in system_changes or not np.array_equal(self._numbers, held.numbers):
            self._memory, self._numbers = [None], held.numbers.copy()
        one = Clusters.make([held.positions], [held.numbers], charge=charge)
        found, self._memory = self.potential.evaluate_warm(one, self._memory)
        if found.failure[0]:
            self._memory = [None]
            raise CalculationFailed(f"{self.potential.level}: {found.failure[0]}")
        self.results = {"energy": float(found.energy[0]), "forces": found.forces}
        if found.energy_spread is not None:
            self.results |= {"energy_spread": float(found.energy_spread[0]), "force_spread": found.force_spread}

    def _charge(self, atoms: Atoms) -> int:
        if self.charge is not None:
            return self.charge
        return int(atoms.info.get("charge", round(atoms.get_initial_charges().sum())))
