"""L-BFGS for one structure, in the form that is asked for its next trial geometry and told what was found there.

Nocedal & Wright, Numerical Optimization (2006), chapter 7; the compact form: Byrd, Nocedal & Schnabel, Math. Program.
63 (1994) 129, DOI 10.1007/BF01582063.
"""

from __future__ import annotations

import numpy as np

from .params import RelaxParams
from .preconditioner import ModelHessian, Scaled

# eV. A rise of the energy up to this much is taken: it is noise, or the price of a long step over a soft valley.
_RISE = 1e-3
_CURVATURE = 1e-8


class LBFGS:
    """State: the accepted geometry, its energy and gradient, and the last steps ``s`` and gradient changes ``y``.

    A trial that raises the energy is refused; the next one lies on the same line, nearer. What a refused trial says
    of the curvature is kept.
    """

    def __init__(
        self, numbers: np.ndarray, positions: np.ndarray, energy: float, forces: np.ndarray, params: RelaxParams
    ):
        """From the first evaluation: (n,) atomic numbers, (n, 3) Å, eV, (n, 3) eV/Å."""
        self.positions, self.energy, self.forces = positions, energy, forces
        self.last_step: np.ndarray | None = None
        self.last_change = np.inf
        self._max_step = params.max_step
        self._memory = params.memory
        self._s: list[np.ndarray] = []
        self._y: list[np.ndarray] = []
        self._z: list[np.ndarray] = []
        self._start = ModelHessian(numbers, positions) if params.preconditioner == "lindh" else Scaled()
        self._pending: np.ndarray | None = None

    def propose(self) -> np.ndarray:
        """(n, 3) Å, the geometry to evaluate next."""
        if self._pending is None:
            self._pending = self._limited(self._direction())
        return self.positions + self._pending

    def observe(self, energy: float, forces: np.ndarray) -> bool:
        """What the evaluation of the proposed geometry gave; True when it became the accepted geometry."""
        step = self._proposed()
        y = self.forces - forces
        self._remember(step, y)
        slope = -float(np.vdot(self.forces, step))
        rise = energy - self.energy
        if rise > _RISE and np.abs(step).max() > 1e-4:
            share = -slope / (2.0 * (rise - slope))  # minimum of the parabola through both energies and the slope
            self._pending = step * min(max(share, 0.1), 0.5)
            return False
        self.last_step, self.last_change = step, rise
        self.positions, self.energy, self.forces = self.positions + step, energy, forces
        self._pending = None
        return True

    def failed(self) -> bool:
        """The proposed geometry could not be evaluated: try half the way; False when that is too short to matter."""
        self._pending = step = 0.25 * self._proposed()
        return bool(np.abs(step).max() > 1e-3)

    def _proposed(self) -> np.ndarray:
        assert self._pending is not None, "nothing was proposed"
        return self._pending

    def _remember(self, s: np.ndarray, y: np.ndarray) -> None:
        s, y = s.ravel(), y.ravel()
        if s @ y > _CURVATURE * np.sqrt((s @ s) * (y @ y)):
            self._s.append(s)
            self._y.append(y)
            self._start.learn(s, y)
            self._z.append(self._start.solve(y))
            if len(self._s) > self._memory:
                del self._s[0], self._y[0], self._z[0]

    def _limited(self, step: np.ndarray) -> np.ndarray:
        longest = np.sqrt((step**2).sum(1).max())
        return step * (self._max_step / longest) if longest > self._max_step else step

    def _direction(self) -> np.ndarray:
        from scipy.linalg import solve_triangular

        force = self.forces.ravel()
        if self._start.renewed(self.positions) and self._y:
            self._z = list(self._start.solve(np.array(self._y)))
        scale = self._start.scale
        if not self._s:
            return (scale * self._start.solve(force)).reshape(-1, 3)
        s, y, z = np.array(self._s), np.array(self._y), np.array(self._z)
        sy = s @ y.T
        upper = np.triu(sy)
        middle = scale * (y @ z.T) + np.diag(np.diag(sy))
        u = solve_triangular(upper, s @ force, check_finite=False)
        v = solve_triangular(upper, middle @ u - scale * (z @ force), trans="T", check_finite=False)
        step = scale * self._start.solve(force) + v @ s - scale * (u @ z)
        if step @ force <= 1e-6 * np.sqrt((step @ step) * (force @ force)):
            self._s, self._y, self._z = [], [], []
            step = scale * self._start.solve(force)
        return step.reshape(-1, 3)
