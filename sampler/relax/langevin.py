"""Langevin dynamics of a batch of clusters, to visit configurations (not to watch them in time).

All atoms get the same mass. Masses do not change which configurations are visited at a temperature, and without light
hydrogens the time step can be four times as long. Not for spectra or diffusion, where time matters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..clusters import Clusters
from ..potentials.base import Evaluation, Potential
from ..units import FS, KB

_TIME = 1.0 / FS  # fs per Å·sqrt(amu/eV)


class Noise(Protocol):
    """Where normal deviates come from: numpy's generator, or one for each structure of a batch."""

    def standard_normal(self, shape: tuple[int, ...], /) -> np.ndarray: ...


@dataclass(frozen=True)
class Langevin:
    """BAOAB splitting (Leimkuhler & Matthews 2013, doi:10.1093/amrx/abs010), all masses alike.

    Attributes:
        time_step: fs. friction: 1/fs. mass: amu, of every atom.
        longest_step: Å; no atom moves further in one step, so that a clash relaxes instead of exploding.
    """

    time_step: float = 2.0
    friction: float = 0.01
    mass: float = 16.0
    longest_step: float = 0.12

    def run(
        self,
        start: Clusters,
        potential: Potential,
        temperature: np.ndarray | float,
        steps: int,
        rng: Noise,
        seen: Callable[[int, Clusters, Evaluation], None] = lambda step, clusters, evaluation: None,
        velocities: np.ndarray | None = None,
    ) -> tuple[Clusters, np.ndarray]:
        """``steps`` steps from ``start``; ``seen(step, clusters, evaluation)`` is called after each of them.

        Args:
            temperature: K, one or (B,). At 0 K the motion is damped: a quench.
            velocities: (N, 3) Å per internal time unit; drawn from the temperature if not given.

        Returns:
            The last configuration and its velocities. A structure whose evaluation fails stays where it is.
        """
        dt = self.time_step / _TIME
        kt = KB * np.broadcast_to(np.asarray(temperature, float), (len(start),))[start.structure_of_atom][:, None]
        spread = np.sqrt(kt / self.mass)
        decay = np.exp(-self.friction * self.time_step)
        kick = spread * np.sqrt(1.0 - decay**2)
        v = spread * rng.standard_normal(start.positions.shape) if velocities is None else velocities.copy()
        now = start
        evaluate = _follow(potential, len(start))
        f = _finite(evaluate(now).needed_forces)
        for step in range(steps):
            v += 0.5 * dt / self.mass * f
            v = v * decay + kick * rng.standard_normal(v.shape)
            move = dt * v
            length = np.linalg.norm(move, axis=1, keepdims=True)
            v *= np.where(length > self.longest_step, self.longest_step / np.maximum(length, 1e-12), 1.0)
            now = now.replace(positions=now.positions + dt * v)
            evaluation = evaluate(now)
            f = _finite(evaluation.needed_forces)
            v += 0.5 * dt / self.mass * f
            v[(f == 0.0).all(1)] = 0.0
            seen(step, now, evaluation)
        return now, v


def _follow(potential: Potential, b: int) -> Callable[[Clusters], Evaluation]:
    """``potential.evaluate``, started from the last step's wave functions where the engine can."""
    memory: list[Any] = [None] * b

    def evaluate(clusters: Clusters) -> Evaluation:
        evaluation, memory[:] = potential.evaluate_warm(clusters, memory)
        return evaluation

    return evaluate


def _finite(forces: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(forces), forces, 0.0)
