"""What a composite method adds to the SCF energy: dispersion and the counterpoise or short-range bond term.

All in atomic units: energies in Eh, gradients (+dE/dx) in Eh/bohr, positions in bohr.
"""

from __future__ import annotations

import numpy as np

from ...errors import MissingDependency
from ..base import StructureFailure
from .methods import CompositeMethod


def correction(
    method: CompositeMethod, numbers: np.ndarray, bohr: np.ndarray, charge: int
) -> tuple[float, np.ndarray, dict[str, float]]:
    """Sum of all corrections of ``method``.

    Args:
        numbers: (n,) atomic numbers.
        bohr: (n, 3) positions.
        charge: total charge in e (D4 depends on it).

    Returns:
        energy in Eh, gradient (n, 3) in Eh/bohr, and the energy of each part.
    """
    parts: dict[str, float] = {}
    gradient = np.zeros((len(numbers), 3))
    for name, (energy, part) in _parts(method, numbers, bohr, charge):
        parts[name] = energy
        gradient += part
    return sum(parts.values()), gradient, parts


def require_corrections(method: CompositeMethod) -> None:
    """Import what ``method`` needs.

    Raises:
        MissingDependency: dftd3 or dftd4 is not installed.
    """
    if method.dispersion.startswith("d3") or method.counterpoise:
        _import("dftd3.interface", "dftd3")
    if method.dispersion.startswith("d4"):
        _import("dftd4.interface", "dftd4")


def _parts(method, numbers, bohr, charge):
    kind, _, damping = method.dispersion.partition(":")
    if kind == "d3":
        yield "dispersion", d3(numbers, bohr, damping)
    elif kind == "d4":
        yield "dispersion", d4_r2scan3c(numbers, bohr, charge)
    elif kind == "d2-chg":
        yield "dispersion", d2_chai_head_gordon(numbers, bohr)
    if method.counterpoise:
        yield "counterpoise", counterpoise(numbers, bohr, method.counterpoise)


def d3(numbers: np.ndarray, bohr: np.ndarray, method: str) -> tuple[float, np.ndarray]:
    """D3(BJ) with the three-body term, parameters of ``method`` as in s-dftd3 (doi:10.1063/1.3382344)."""
    dftd3 = _import("dftd3.interface", "dftd3")
    parameters = dftd3.RationalDampingParam(method=method, atm=True)
    result = dftd3.DispersionModel(numbers, bohr).get_dispersion(parameters, grad=True)
    return float(result["energy"]), np.asarray(result["gradient"])


def counterpoise(numbers: np.ndarray, bohr: np.ndarray, method: str) -> tuple[float, np.ndarray]:
    """Geometric counterpoise (doi:10.1063/1.3700154) or, for ``b973c``, the short-range bond correction."""
    dftd3 = _import("dftd3.interface", "dftd3")
    result = dftd3.GeometricCounterpoise(numbers, bohr, method=method).get_counterpoise(grad=True)
    return float(result["energy"]), np.asarray(result["gradient"])


def d4_r2scan3c(numbers: np.ndarray, bohr: np.ndarray, charge: int) -> tuple[float, np.ndarray]:
    """D4 as r2SCAN-3c uses it, with its own charge-scaling parameters (doi:10.1063/5.0040021)."""
    dftd4 = _import("dftd4.interface", "dftd4")
    model = dftd4.DispersionModel(numbers, bohr, charge=float(charge), ga=2.0, gc=1.0)
    parameters = dftd4.DampingParam(s6=1.0, s8=0.0, s9=2.0, a1=0.42, a2=5.65)
    result = model.get_dispersion(parameters, grad=True)
    return float(result["energy"]), np.asarray(result["gradient"])


# C6 [J nm^6 / mol] and van der Waals radii [Å] of Grimme's D2, doi:10.1002/jcc.20495
_D2 = {
    1: (0.14, 1.001),
    6: (1.75, 1.452),
    7: (1.23, 1.397),
    8: (0.70, 1.342),
    9: (0.75, 1.287),
    15: (7.84, 1.705),
    16: (5.57, 1.683),
    17: (5.07, 1.639),
}


def d2_chai_head_gordon(numbers: np.ndarray, bohr: np.ndarray) -> tuple[float, np.ndarray]:
    """The dispersion term of wB97X-D, -sum C6/R^6 / (1 + 6 (R/R_r)^-12) (doi:10.1039/b810189b).

    Raises:
        StructureFailure: an element without parameters.
    """
    from ase.data import chemical_symbols

    from ...units import BOHR, HARTREE, KJ_PER_MOL

    unknown = [chemical_symbols[z] for z in sorted(set(numbers.tolist()) - set(_D2))]
    if unknown:
        raise StructureFailure(f"element: the dispersion term of wB97X-D has no parameters for {', '.join(unknown)}")
    unit = KJ_PER_MOL * 1e-3 / HARTREE * (10 / BOHR) ** 6
    c6 = np.array([_D2[z][0] for z in numbers.tolist()]) * unit
    radius = np.array([_D2[z][1] for z in numbers.tolist()]) / BOHR
    i, j = np.triu_indices(len(numbers), 1)
    vector = bohr[i] - bohr[j]
    r = np.linalg.norm(vector, axis=1)
    strength = np.sqrt(c6[i] * c6[j])
    x = 6.0 * (r / (radius[i] + radius[j])) ** -12
    energy = -strength / r**6 / (1 + x)
    slope = energy / r * (-6 + 12 * x / (1 + x))
    pull = (slope / r)[:, None] * vector
    gradient = np.zeros_like(bohr)
    np.add.at(gradient, i, pull)
    np.add.at(gradient, j, -pull)
    return float(energy.sum()), gradient


def _import(module: str, package: str):
    from importlib import import_module

    try:
        return import_module(module)
    except ImportError as error:
        raise MissingDependency(package, "this level of theory", "dft") from error
