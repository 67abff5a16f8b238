"""Unit conversions, from one set of constants (CODATA 2018).

Inside the package: Å, eV, eV/Å, e, amu. Users see kcal/mol and cm⁻¹; conversion happens at the boundary only.
"""

import math

_PLANCK, _LIGHT, _CHARGE, _AMU = 6.62607015e-34, 299792458.0, 1.602176634e-19, 1.66053906660e-27  # SI

HARTREE = 27.211386245988
"""eV per Hartree."""
BOHR = 0.529177210903
"""Å per bohr."""
KCAL_PER_MOL = 1.0 / 23.06054783061903
"""eV per kcal/mol (thermochemical calorie)."""
KJ_PER_MOL = KCAL_PER_MOL / 4.184
"""eV per kJ/mol."""
HARTREE_PER_BOHR = HARTREE / BOHR
"""eV/Å per Hartree/bohr."""
KB = 8.617333262145e-5
"""Boltzmann constant, eV/K."""
COULOMB = HARTREE * BOHR
"""e²/(4πε₀) in eV·Å."""
AMU_ANGSTROM2_TO_CM1 = 16.857629181
"""ħ/(4πc) in amu·Å²·cm⁻¹: rotational constant [cm⁻¹] = this / moment of inertia [amu·Å²]."""
DEBYE = 1e-11 / _LIGHT / _CHARGE
"""e·Å per debye (10⁻¹⁸ statC·cm)."""
CM1 = _PLANCK * _LIGHT * 100.0 / _CHARGE
"""eV per cm⁻¹."""
ATMOSPHERE = 101325.0
"""Pa per atm."""
PA_ANGSTROM3 = 1e-30 / _CHARGE
"""eV per Pa·Å³."""
HBAR2_PER_AMU_ANGSTROM2 = (_PLANCK / (2 * math.pi)) ** 2 / (_AMU * 1e-20) / _CHARGE
"""ħ² in eV·amu·Å²."""
CM1_PER_SQRT_EV_PER_AMU_ANGSTROM2 = math.sqrt(_CHARGE / (_AMU * 1e-20)) / (2 * math.pi * _LIGHT * 100.0)
"""cm⁻¹ of an oscillator whose force constant over mass is 1 eV/(amu·Å²)."""
FS = math.sqrt(_CHARGE / (_AMU * 1e-20)) * 1e-15
"""One fs in Å·√(amu/eV), the unit of time in which forces in eV/Å and masses in amu give velocities (ASE's, too)."""
