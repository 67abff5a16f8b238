"""Minima where a surface has kinks, so that an optimiser does not come to rest.

GFN1-xTB's correction for halogen bonds looks at the atom that is nearest to a halogen. Where two atoms are equally near,
such as the oxygens of HIO3 and IO3⁻, the energy jumps by some meV from one side to the other, at the minimum itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import MonomerError
from .gfn1 import Molecule

RATTLE = 0.05  # Å: displacement before each further descent
SAME = 1e-3  # eV: what a further descent must gain to count
QUIET, MOST = 4, 30  # descents without a gain that end the search, and descents in all
LEFT = 0.3  # eV/Å: more force than that is no kink
PROBES, PROBED = 40, 0.02  # points around the lowest that must not lie lower, and their distance in Å


@dataclass(frozen=True)
class Lowest:
    """Energy (eV), positions (n, 3) Å, and the largest force on an atom that is left, eV/Å."""

    energy: float
    positions: np.ndarray
    fmax: float


def settle(molecule: Molecule, positions: np.ndarray, rng: np.random.Generator) -> Lowest:
    """The lowest point of descents from rattled starts, each from the lowest point so far.

    It counts as a minimum when four more descents, from 0.05 Å around, gain less than 1 meV, and no point nearby lies lower:
    a descent may run past the edge of the lower side.

    Raises:
        MonomerError: the descents go on falling or leave a large force, or an evaluation fails.
    """
    lowest = descend(molecule, positions)
    start, quiet = None, 0
    for _ in range(MOST):
        start = lowest.positions + rng.normal(0, RATTLE, positions.shape) if start is None else start
        found, start = descend(molecule, start), None
        quiet = quiet + 1 if found.energy > lowest.energy - SAME else 0
        lowest = min(lowest, found, key=lambda one: one.energy)
        if quiet >= QUIET and (start := _lower_nearby(molecule, lowest, rng)) is None:
            break
    else:
        raise MonomerError(f"{molecule.method} finds lower points still after {MOST} descents")
    if lowest.fmax > LEFT:
        raise MonomerError(f"{molecule.method} finds no minimum: {lowest.fmax:.2f} eV/Å are left at the lowest point")
    return lowest


def _lower_nearby(molecule: Molecule, lowest: Lowest, rng: np.random.Generator) -> np.ndarray | None:
    """A point around ``lowest`` with less energy, None if there is none."""
    for _ in range(PROBES):
        probe = lowest.positions + rng.normal(0, PROBED, lowest.positions.shape)
        if molecule.evaluate(probe)[0] < lowest.energy - SAME:
            return probe
    return None


def descend(molecule: Molecule, start: np.ndarray) -> Lowest:
    """The lowest point that L-BFGS comes by; its line search accepts no step upwards, and ends at a kink."""
    from scipy.optimize import minimize

    best = Lowest(np.inf, start, np.inf)

    def value(x: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal best
        energy, forces, _ = molecule.evaluate(x.reshape(-1, 3))
        if energy < best.energy:
            best = Lowest(energy, x.reshape(-1, 3).copy(), float(np.linalg.norm(forces, axis=1).max()))
        return energy, -forces.reshape(-1)

    minimize(
        value, start.reshape(-1), jac=True, method="L-BFGS-B", options={"maxiter": 300, "ftol": 1e-13, "gtol": 1e-5}
    )
    return best
