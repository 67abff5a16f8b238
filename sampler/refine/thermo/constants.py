"""Constants of thermochemistry, in eV, amu, Å, cm⁻¹ and Pa; CODATA 2018 like :mod:`sampler.units`."""

import math

_H, _C, _E, _U = 6.62607015e-34, 299792458.0, 1.602176634e-19, 1.66053906660e-27  # SI

CM1 = _H * _C * 100.0 / _E
"""eV per cm⁻¹."""
ATMOSPHERE = 101325.0
"""Pa per atm."""
PA_ANGSTROM3 = 1e-30 / _E
"""eV per Pa·Å³."""
HBAR2_PER_AMU_ANGSTROM2 = (_H / (2 * math.pi)) ** 2 / (_U * 1e-20) / _E
"""ħ² in eV·amu·Å²."""
CM1_PER_SQRT_EV_PER_AMU_ANGSTROM2 = math.sqrt(_E / (_U * 1e-20)) / (2 * math.pi * _C * 100.0)
"""cm⁻¹ of an oscillator whose force constant over mass is 1 eV/(amu·Å²)."""
