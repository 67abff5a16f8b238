"""From conformers to one cluster: Boltzmann statistics.

The free energy of an equilibrium mixture of conformers is G = −kT ln Σ gᵢ exp(−Gᵢ/kT), which lies below every Gᵢ;
averaging the Gᵢ with their populations is wrong (10.1021/acs.jpca.6b04452).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import InputError, LevelError
from ...units import KB
from .rrho import Thermo


@dataclass(frozen=True)
class Ensemble:
    """A mixture of conformers in equilibrium.

    Attributes:
        thermo: of the mixture: G = −kT ln Σ gᵢ exp(−Gᵢ/kT), H = Σ pᵢ Hᵢ, S = (H − G)/T, energies Σ pᵢ Eᵢ.
        populations: (B,) pᵢ, adding to 1; 0 for conformers without numbers.
        lowest: index of the conformer with the lowest G.
        used: how many conformers had numbers.
    """

    thermo: Thermo
    populations: np.ndarray
    lowest: int
    used: int


def ensemble(conformers: Sequence[Thermo], degeneracies: Sequence[int] | None = None) -> Ensemble:
    """Average distinct conformers of one cluster; duplicates must have been removed before.

    Args:
        conformers: B of one level and one set of conditions; those with a failure are left out.
        degeneracies: gᵢ, by default 1.

    Raises:
        LevelError: different levels of theory.
        InputError: different conditions, or no conformer with numbers.
    """
    usable = np.array([not c.failure and np.isfinite(c.gibbs) for c in conformers], bool)
    good = [c for c, u in zip(conformers, usable) if u]
    if not good:
        reasons = sorted({c.failure for c in conformers if c.failure})
        raise InputError(f"no conformer has a free energy: {'; '.join(reasons) or 'none given'}")
    if len({c.level for c in good}) > 1:
        raise LevelError(
            f"conformers of different levels cannot be averaged: {', '.join(sorted({c.level for c in good}))}"
        )
    if len({c.conditions for c in good}) > 1:
        raise InputError("conformers at different temperatures or pressures cannot be averaged")
    conditions = good[0].conditions
    kt = KB * conditions.temperature
    g = np.array([c.gibbs for c in good])
    weight = np.ones(len(good)) if degeneracies is None else np.asarray(degeneracies, float)[usable]
    factor = weight * np.exp(-(g - g.min()) / kt)
    p = factor / factor.sum()
    gibbs = g.min() - kt * float(np.log(factor.sum()))
    mean = lambda name: float(p @ np.array([getattr(c, name) for c in good]))  # noqa: E731
    enthalpy = mean("enthalpy")
    populations = np.zeros(len(conformers))
    populations[usable] = p
    return Ensemble(
        Thermo(
            mean("energy"), mean("zero_point"), enthalpy, (enthalpy - gibbs) / conditions.temperature, gibbs,
            conditions, good[0].level,
        ),
        populations,
        int(np.flatnonzero(usable)[g.argmin()]),
        len(good),
    )  # fmt: skip
