"""FIRE for one structure (Bitzek et al., Phys. Rev. Lett. 97 (2006) 170201, DOI 10.1103/PhysRevLett.97.170201)."""

from __future__ import annotations

import numpy as np

from .params import RelaxParams

_START, _LONGEST = 0.1, 1.0
_GROW, _SHRINK, _MIX, _LESS_MIX, _PATIENCE = 1.1, 0.5, 0.1, 0.99, 5


class FIRE:
    """Damped dynamics with masses of one; slower than L-BFGS, but it asks nothing of the energy."""

    def __init__(
        self, numbers: np.ndarray, positions: np.ndarray, energy: float, forces: np.ndarray, params: RelaxParams
    ):
        """From the first evaluation: (n,) atomic numbers (of no effect), (n, 3) Å, eV, (n, 3) eV/Å."""
        self.positions, self.energy, self.forces = positions, energy, forces
        self.last_step: np.ndarray | None = None
        self.last_change = np.inf
        self._max_step = params.max_step
        self._velocity = np.zeros_like(positions)
        self._dt, self._mix, self._downhill = _START, _MIX, 0
        self._pending: np.ndarray | None = None

    def propose(self) -> np.ndarray:
        """(n, 3) Å, the geometry to evaluate next."""
        if self._pending is None:
            self._pending = self._advance()
        return self.positions + self._pending

    def observe(self, energy: float, forces: np.ndarray) -> bool:
        """What the evaluation of the proposed geometry gave; it is always accepted."""
        step = self._proposed()
        self.last_step, self.last_change = step, energy - self.energy
        self.positions, self.energy, self.forces = self.positions + step, energy, forces
        self._pending = None
        return True

    def failed(self) -> bool:
        """The proposed geometry could not be evaluated: stop, and go a quarter of the way."""
        self._velocity[:] = 0.0
        self._dt = _START
        self._pending = step = 0.25 * self._proposed()
        return bool(np.abs(step).max() > 1e-3)

    def _proposed(self) -> np.ndarray:
        assert self._pending is not None, "nothing was proposed"
        return self._pending

    def _advance(self) -> np.ndarray:
        f, v = self.forces, self._velocity
        if np.vdot(f, v) > 0:
            v = (1 - self._mix) * v + self._mix * f * np.sqrt(np.vdot(v, v) / np.vdot(f, f))
            self._downhill += 1
            if self._downhill > _PATIENCE:
                self._dt = min(self._dt * _GROW, _LONGEST)
                self._mix *= _LESS_MIX
        else:
            v = np.zeros_like(v)
            self._dt, self._mix, self._downhill = self._dt * _SHRINK, _MIX, 0
        self._velocity = v + self._dt * f
        step = self._dt * self._velocity
        longest = np.sqrt((step**2).sum(1).max())
        return step * (self._max_step / longest) if longest > self._max_step else step
