"""Density functionals with their corrections through PySCF: B97-3c, r2SCAN-3c, wB97X-D/6-31++G(d,p).

PySCF, dftd3 and dftd4 come with the extra ``dft``; nothing of them is imported before the first evaluation.
"""

from .potential import CompositePotential

__all__ = ["CompositePotential"]
