"""Any ASE calculator as a potential.

A package offers one with an entry point in the group ``sampler.calculators``::

    [project.entry-points."sampler.calculators"]
    mine = "my_package:make_calculator"

and ``get_potential("ase:mine", **options)`` calls ``make_calculator(**options)``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..clusters import Clusters
from ..errors import PotentialError
from .base import Evaluation, Potential, evaluate_each

GROUP = "sampler.calculators"


@dataclass(frozen=True)
class ASEPotential(Potential):
    """Evaluates structures one after the other with an ASE calculator.

    A calculator is made anew for each call of ``evaluate`` and each total charge. If ``make`` has a parameter
    ``charge`` it is given the charge. In any case the charge (e) and the unpaired electron of an odd number stand where
    calculators look for them: as sums of the initial charges and magnetic moments (ASE's own places), and in
    ``atoms.info`` as ``charge`` and ``spin`` (multiplicity: 1 or 2).

    Attributes:
        make: ``make(**options) -> ase.calculators.calculator.Calculator``; must be importable to go to worker processes.
        level: the name of the level of theory. options: handed to ``make``.
    """

    make: Callable[..., Any]
    level: str
    options: dict[str, Any] = field(default_factory=dict)

    def evaluate(self, clusters: Clusters, forces: bool = True) -> Evaluation:
        takes_charge = _takes_charge(self.make)
        charges = np.unique(clusters.charge) if takes_charge else [0]
        calculators = {int(q): self._calculator(int(q)) for q in charges}

        def one(numbers: np.ndarray, positions: np.ndarray, charge: int) -> tuple[float, np.ndarray | None]:
            key = charge if takes_charge else 0
            atoms = _atoms(numbers, positions, charge)
            atoms.calc = calculators[key]
            try:
                return float(atoms.get_potential_energy()), atoms.get_forces() if forces else None
            except Exception:
                calculators[key] = self._calculator(key)  # what failed once may be in any state
                raise

        return evaluate_each(clusters, one, forces)

    def _calculator(self, charge: int) -> Any:
        options = self.options | ({"charge": charge} if _takes_charge(self.make) else {})
        try:
            return self.make(**options)
        except Exception as error:
            raise PotentialError(f"the calculator of {self.level} cannot be made with {options}: {error}") from error


def from_entry_point(name: str, level: str = "", **options: Any) -> ASEPotential:
    """The calculator that an installed package offers as ``name`` in the group ``sampler.calculators``.

    Args:
        level: name of the level of theory; ``ase:NAME`` if not given. Options that change energies deserve their own.
        options: handed to the entry point.

    Raises:
        PotentialError: no such entry point, two packages offer it, or it does not load.
    """
    from importlib.metadata import entry_points

    found = entry_points(group=GROUP)
    chosen = [point for point in found if point.name.lower() == name.lower()]
    if len(chosen) != 1:
        known = ", ".join(sorted(found.names)) or "none is installed"
        problem = "several packages offer" if chosen else "no installed package offers"
        raise PotentialError(f"{problem} the ASE calculator {name!r} in the entry points {GROUP}; known: {known}")
    try:
        make = chosen[0].load()
    except Exception as error:
        raise PotentialError(f"the ASE calculator {name!r} ({chosen[0].value}) does not load: {error}") from error
    return ASEPotential(make, level or f"ase:{chosen[0].name.lower()}", options)


def _atoms(numbers: np.ndarray, positions: np.ndarray, charge: int) -> Any:
    """``ase.Atoms`` with its total charge and spin in every place where calculators look for them.

    Of a charge in ``info`` alone, tblite and others see nothing and compute the neutral molecule. Charge and spin stand
    on the first atom, whole, so that their sums are exact.
    """
    from ase import Atoms

    unpaired = (int(numbers.sum()) - charge) % 2
    atoms = Atoms(numbers, positions, info={"charge": charge, "spin": 1 + unpaired})
    first = np.eye(1, len(numbers))[0]
    atoms.set_initial_charges(charge * first)
    if unpaired:  # a moment makes some calculators spin-polarised, which closed shells need not be
        atoms.set_initial_magnetic_moments(first)
    return atoms


def _takes_charge(make: Callable[..., Any]) -> bool:
    try:
        return "charge" in inspect.signature(make).parameters
    except (TypeError, ValueError):  # built-ins have no signature
        return False
