"""The potential that calculates a level of theory, as files and cards name levels."""

from __future__ import annotations

from .base import Potential


def potential_of(level: str) -> Potential:
    """The potential of a level: ``b97-3c`` (through PySCF), ``b97-3c@orca5``, or a name that ``get_potential`` knows.

    Raises:
        PotentialError: there is none.
    """
    from . import get_potential
    from .composite import CompositePotential
    from .composite.methods import METHODS

    name, _, version = level.lower().partition("@orca")
    if version.isdecimal():
        from .composite.orca import OrcaPotential

        return OrcaPotential(name, int(version))
    name = level.lower().removesuffix("@pyscf")
    return CompositePotential(name) if name in METHODS else get_potential(level)
