"""Lennard-Jones parameters of each atom, from its element and its neighbours in the bond graph.

Heavy atoms and hydrogen on carbon: GAFF (Wang et al. 2004, doi:10.1002/jcc.20035), whose values go back to OPLS and
AMBER. Hydrogen on N, O or S (and on a halogen): the small hydrogen of CHARMM (MacKerell et al. 1998,
doi:10.1021/jp973084f). A hydrogen that can be donated must be small, or hydrogen bonds come out too long, but not
absent as in GAFF: rigid bodies with bare charges would fall into each other.
"""

from __future__ import annotations

import numpy as np

from ..errors import MonomerError
from ..units import KCAL_PER_MOL

# element -> (R_min/2 in Å, well depth in kcal/mol); GAFF types hx/h1, c3, n3, o, f, p5, s6, cl, br, i
_GAFF = {
    1: (1.387, 0.0157),
    6: (1.908, 0.1094),
    7: (1.824, 0.1700),
    8: (1.6612, 0.2100),
    9: (1.750, 0.0610),
    15: (2.100, 0.2000),
    16: (2.000, 0.2500),
    17: (1.948, 0.2650),
    35: (2.220, 0.3200),
    53: (2.350, 0.4000),
}
_HYDROXYL_OXYGEN = (1.721, 0.2104)
_POLAR_HYDROGEN = (0.2245, 0.0460)
_DONORS = {7, 8, 9, 16, 17, 35, 53}


def parameters(numbers: np.ndarray, near: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """sigma (n,) Å and epsilon (n,) eV, for Lorentz-Berthelot mixing.

    Args:
        numbers: (n,) atomic numbers. near: bonded atoms of each atom.

    Raises:
        MonomerError: an element without parameters.
    """
    unknown = sorted({int(z) for z in numbers} - set(_GAFF))
    if unknown:
        from ase.data import chemical_symbols

        raise MonomerError(
            f"no Lennard-Jones parameters for {', '.join(chemical_symbols[z] for z in unknown)}; "
            f"known elements: {', '.join(chemical_symbols[z] for z in _GAFF)}"
        )
    half, depth = np.array([_of(int(z), [int(numbers[j]) for j in near[i]]) for i, z in enumerate(numbers)]).T
    return np.round(half * 2 ** (5 / 6), 5), np.round(depth * KCAL_PER_MOL, 8)


def _of(element: int, around: list[int]) -> tuple[float, float]:
    if element == 1 and any(z in _DONORS for z in around):
        return _POLAR_HYDROGEN
    if element == 8 and 1 in around:
        return _HYDROXYL_OXYGEN
    return _GAFF[element]
