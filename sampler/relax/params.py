"""Parameters of a relaxation, and when it counts as converged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..errors import InputError
from ..units import BOHR, HARTREE, HARTREE_PER_BOHR


@dataclass(frozen=True)
class Criteria:
    """Thresholds that must all hold; inf where one does not matter.

    Attributes:
        fmax: eV/Å, length of the largest force on an atom (ASE's ``fmax``).
        energy: eV, change in the last step.
        max_gradient, rms_gradient: eV/Å, over Cartesian components.
        max_step, rms_step: Å, of the last step, over Cartesian components.
    """

    fmax: float = np.inf
    energy: float = np.inf
    max_gradient: float = np.inf
    rms_gradient: float = np.inf
    max_step: float = np.inf
    rms_step: float = np.inf

    def met(self, forces: np.ndarray, energy_change: float, step: np.ndarray | None) -> bool:
        """Whether (n, 3) ``forces``, the energy change of the last step (eV) and the step (n, 3) Å satisfy them.

        Before the first step (``step`` None) the forces alone decide.
        """
        force2 = (forces**2).sum(1)
        if np.sqrt(force2.max()) > self.fmax:
            return False
        if np.abs(forces).max() > self.max_gradient or np.sqrt(force2.sum() / forces.size) > self.rms_gradient:
            return False
        if step is None:
            return True
        if abs(energy_change) > self.energy or np.abs(step).max() > self.max_step:
            return False
        return bool(np.sqrt((step**2).mean()) <= self.rms_step)


def _orca(energy: float, rms_gradient: float, max_gradient: float, rms_step: float, max_step: float) -> Criteria:
    return Criteria(
        energy=energy * HARTREE,
        rms_gradient=rms_gradient * HARTREE_PER_BOHR,
        max_gradient=max_gradient * HARTREE_PER_BOHR,
        rms_step=rms_step * BOHR,
        max_step=max_step * BOHR,
    )


CRITERIA: dict[str, Criteria] = {
    "orca-loose": _orca(3e-5, 5e-4, 2e-3, 7e-3, 1e-2),
    "orca-normal": _orca(5e-6, 1e-4, 3e-4, 2e-3, 4e-3),
    "orca-tight": _orca(1e-6, 3e-5, 1e-4, 6e-4, 1e-3),
}
"""ORCA's sets (``LooseOpt``, ``Opt``, ``TightOpt``; manual, "Geometry Optimizations"), in Cartesian coordinates here
where ORCA applies them to redundant internal ones."""


@dataclass(frozen=True)
class RelaxParams:
    """How to relax.

    Attributes:
        optimizer: ``lbfgs`` or ``fire``.
        fmax: eV/Å, largest force on an atom at convergence. Of no effect with other ``criteria``.
        criteria: ``fmax``, or a set of :data:`CRITERIA` (``orca-loose``, ``orca-normal``, ``orca-tight``).
        max_steps: evaluations of the potential that a structure may take.
        max_step: Å, how far an atom moves at most in one step.
        max_displacement: Å from the start; an atom that goes further evicts its structure (``displaced``).
        min_distance: Å; structures that start with closer atoms are evicted before the first evaluation (``clash``).
        preconditioner: ``lindh`` (a model Hessian, see :class:`sampler.relax.preconditioner.ModelHessian`) or ``none``; L-BFGS only.
        memory: steps that L-BFGS remembers.
        batch_atoms: structures are evaluated together up to this number of atoms; None: what the potential prefers
            (its ``batch_atoms``; a GPU wants many), else 300. It changes speed alone.
        time_budget: s, None for no limit. After it no structure takes a further step, and those that have not
            converged leave as ``interrupted``. Results then depend on the machine.

    Raises:
        InputError: a value that has no meaning.
    """

    optimizer: Literal["lbfgs", "fire"] = "lbfgs"
    fmax: float = 0.05
    criteria: str = "fmax"
    max_steps: int = 500
    max_step: float = 0.2
    max_displacement: float = 15.0
    min_distance: float = 0.4
    preconditioner: Literal["lindh", "none"] = "lindh"
    memory: int = 50
    batch_atoms: int | None = None
    time_budget: float | None = None

    def __post_init__(self):
        for name in ("fmax", "max_steps", "max_step", "max_displacement", "memory", "batch_atoms"):
            value = getattr(self, name)
            if not (name == "batch_atoms" and value is None) and not value > 0:
                raise InputError(f"relax: {name} must be positive, it is {value}")
        if self.time_budget is not None and not self.time_budget > 0:
            raise InputError(f"relax: time_budget must be positive, it is {self.time_budget}")
        known = {
            "optimizer": ("lbfgs", "fire"),
            "criteria": ("fmax", *CRITERIA),
            "preconditioner": ("lindh", "none"),
        }
        for name, names in known.items():
            if getattr(self, name) not in names:
                raise InputError(f"relax: {name} is {getattr(self, name)!r}; known: {', '.join(names)}")

    @property
    def thresholds(self) -> Criteria:
        return Criteria(fmax=self.fmax) if self.criteria == "fmax" else CRITERIA[self.criteria]
