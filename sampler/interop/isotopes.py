"""Masses of atoms that a file states: those of the plain elements, or a refusal by name."""

from __future__ import annotations

import numpy as np

from ..errors import FileFormatError

_ALIKE = 0.1
"""amu; atomic weights and masses of the commonest isotope are printed with few decimals."""


def no_isotopes(masses: np.ndarray, numbers: np.ndarray, where: str) -> None:
    """Refuse what would be taken for the light molecule: masses that are not those of the elements.

    Args:
        masses: (n,) amu; zero and NaN say nothing. numbers: (n,). where: file and structure, for the message.

    Raises:
        FileFormatError: an atom is neither of its element's atomic weight nor of its commonest isotope's mass.
    """
    from ase.data import atomic_masses, atomic_masses_common, chemical_symbols

    masses, numbers = np.asarray(masses, float).ravel(), np.asarray(numbers)
    if masses.shape != numbers.shape:
        return
    given = np.isfinite(masses) & (masses > 0)
    plain = (np.abs(masses - atomic_masses[numbers]) < _ALIKE) | (
        np.abs(masses - atomic_masses_common[numbers]) < _ALIKE
    )
    strange = np.flatnonzero(given & ~plain)
    if len(strange):
        i = int(strange[0])
        raise FileFormatError(
            f"{where}, atom {i + 1}: {chemical_symbols[numbers[i]]} of the mass {masses[i]:.3f} is an isotope. "
            "Structures carry no masses here; energies do not depend on them: leave the masses out, and take "
            "thermochemistry from ORCA outputs, whose masses are used"
        )
