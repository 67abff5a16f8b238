"""Unit conversions, from one set of constants (CODATA 2018).

Inside the package: Å, eV, eV/Å, e, amu. Users see kcal/mol and cm⁻¹; conversion happens at the boundary only.
"""

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
