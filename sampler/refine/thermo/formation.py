"""Binding, stepwise (evaporation) and actual free energies of clusters, from their thermochemistry and the monomers'."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...errors import InputError, LevelError
from ...units import ATMOSPHERE, KB
from .rrho import Conditions, Thermo

Counts = tuple[tuple[str, int], ...]
"""(molecule, number), …: what a cluster consists of."""


@dataclass(frozen=True)
class Difference:
    """Reaction energies: eV, and eV/K for the entropy."""

    energy: float
    enthalpy: float
    entropy: float
    gibbs: float


def difference(
    products: Mapping[Thermo, int] | list[tuple[Thermo, int]], educts: list[tuple[Thermo, int]]
) -> Difference:
    """Products minus educts, each with its stoichiometric number.

    Raises:
        LevelError: different levels of theory. InputError: different conditions.
    """
    products = list(products.items()) if isinstance(products, Mapping) else list(products)
    everyone = [t for t, n in [*products, *educts] if n]
    found = sorted({t.level for t in everyone})
    if len(found) > 1:
        raise LevelError(f"a reaction cannot mix levels of theory: {', '.join(found)}")
    if len({t.conditions for t in everyone}) > 1:
        raise InputError("a reaction cannot mix temperatures or pressures")

    def change(name: str) -> float:
        return sum(n * getattr(t, name) for t, n in products) - sum(n * getattr(t, name) for t, n in educts)

    return Difference(change("energy"), change("enthalpy"), change("entropy"), change("gibbs"))


def binding(cluster: Thermo, counts: Counts, monomers: Mapping[str, Thermo]) -> Difference:
    """Formation of a cluster from its separated monomers.

    Raises:
        LevelError: a monomer is missing, or of another level.
    """
    missing = [m for m, _ in counts if m not in monomers]
    if missing:
        raise LevelError(
            f"no thermochemistry of the monomer{'s' * (len(missing) > 1)} {', '.join(missing)} at the level {cluster.level}"
        )
    return difference([(cluster, 1)], [(monomers[m], n) for m, n in counts])


_AMOUNT = re.compile(
    r"\s*([0-9.]+(?:[eE][-+]?[0-9]+)?)\s*(cm-3|cm\^-3|cm⁻³|/cm3|1/cm3|ppt|ppb|ppm|pa)?\s*", re.IGNORECASE
)
_SHARE = {"ppt": 1e-12, "ppb": 1e-9, "ppm": 1e-6}
VAPOUR_UNITS = "cm-3, ppt, ppb, ppm or Pa"
"""Units of :func:`partial_pressure`; shares are by volume, of 1 atm."""


def partial_pressure(amount: str, conditions: Conditions, total: float = ATMOSPHERE) -> float:
    """Pa, from ``1e7cm-3``, ``100ppt``, ``1ppb``, ``1ppm`` (of ``total`` Pa) or ``1e-9Pa``.

    Raises:
        InputError: not an amount, not positive, or without a unit: 100 is 100 ppt to one and 100 cm⁻³ to another.
    """
    match = _AMOUNT.fullmatch(str(amount))
    try:
        value = float(match[1]) if match else np.nan
    except ValueError:
        value = np.nan
    if match is None or not value > 0 or not np.isfinite(value):
        raise InputError(f"{str(amount)!r} is no vapour concentration; write for example 1e7cm-3, 100ppt or 1e-9Pa")
    if match[2] is None:
        raise InputError(
            f"{str(amount)!r} has no unit; a vapour concentration is in {VAPOUR_UNITS}, as in {match[1]}cm-3 or {match[1]}ppt"
        )
    unit = match[2].lower()
    if unit in _SHARE:
        return value * _SHARE[unit] * total
    if unit == "pa":
        return value
    return value * 1e6 * KB * conditions.temperature * 1.602176634e-19


DEFINITIONS = ("self-consistent", "mass-action")


def actual_gibbs(
    standard: float,
    counts: Counts,
    pressures: Mapping[str, float],
    conditions: Conditions,
    definition: str = "self-consistent",
) -> float:
    """Formation free energy at given vapour pressures of the monomers, eV.

    ``mass-action``: ΔG − kT Σ nᵢ ln(pᵢ/p). ``self-consistent``: the sum times (1 − 1/n), n molecules in all, so that
    a monomer has 0 (10.1016/j.jaerosci.2022.105974); published "actual" free energies are of this kind.

    Args:
        standard: ΔG in eV at the pressure of ``conditions``. pressures: molecule -> Pa.

    Raises:
        InputError: a molecule without a pressure, or an unknown definition.
    """
    if definition not in DEFINITIONS:
        raise InputError(f"no definition is called {definition!r}; known: {', '.join(DEFINITIONS)}")
    missing = [m for m, _ in counts if m not in pressures]
    if missing:
        raise InputError(f"no vapour concentration of {', '.join(missing)} was given")
    n = sum(k for _, k in counts)
    share = 1.0 - 1.0 / n if definition == "self-consistent" else 1.0
    work = sum(k * np.log(pressures[m] / conditions.pressure) for m, k in counts)
    return float(standard - KB * conditions.temperature * share * work)
