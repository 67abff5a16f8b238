"""Configurations that Langevin dynamics with equal masses visits: for a search, not to watch in time.

Masses do not change which configurations are visited at a temperature, and without light hydrogens a step can be four
times as long. A stretch of steps in which a cluster breaks has not happened: it goes on from where the stretch began, with
its velocities reversed, as after a rejected move. So the whole clusters are visited with their Boltzmann weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..clusters import Clusters
from ..potentials.base import Potential
from ..units import KB
from .ensembles import Langevin, Phase
from .guards import LONGEST_MOVE
from .integrate import Engine
from .motion import Masses
from .noise import initial

Judge = Callable[[Clusters], Sequence[str]]
"""Clusters -> why each of them is none to go on with; '' where it is."""


@dataclass(frozen=True)
class Motion:
    """How replicas move.

    Attributes:
        step: fs. friction: 1/fs. mass: amu, of every atom.
    """

    step: float = 2.0
    friction: float = 0.01
    mass: float = 16.0


@dataclass(frozen=True)
class Frames:
    """K configurations that came of B structures.

    Attributes:
        clusters: K, without energies. of: (K,) the structure. kelvin: (K,). lost: (K,) why one is not to be used; '' else.
    """

    clusters: Clusters
    of: np.ndarray
    kelvin: np.ndarray
    lost: np.ndarray

    @classmethod
    def join(cls, parts: Sequence[Frames]) -> Frames:
        """Structure by structure, those of each in the order of ``parts``."""
        of = np.concatenate([p.of for p in parts])
        order = np.argsort(of, kind="stable")
        kelvin, lost = (np.concatenate([getattr(p, k) for p in parts])[order] for k in ("kelvin", "lost"))
        return cls(Clusters.concatenate([p.clusters for p in parts])[order], of[order], kelvin, lost)


class Replicas:
    """A batch on its way; what becomes of one depends on its start, its number and its temperatures alone.

    Args:
        start: B structures. kelvin: (B,) at the start. numbers: (B,) of the replicas; with ``seed`` they make the random
            numbers. judge: what a cluster must not become.
    """

    def __init__(
        self, start: Clusters, potential: Potential, kelvin: np.ndarray, numbers: Sequence[int], seed: int,
        motion: Motion, judge: Judge,
    ):  # fmt: skip
        self.clusters = start.without_energies().replace(columns={})
        self.judge, self.engine = judge, Engine(potential)
        self.masses = Masses(np.full(len(start.numbers), motion.mass), start.structure_of_atom, len(start))
        self.langevin = Langevin(motion.step, motion.friction)
        self.noise = self.langevin.noise(seed, list(numbers), self.masses, np.zeros(0))
        normal = np.concatenate([initial(seed, r, n) for r, n in zip(numbers, start.natoms.tolist())])
        v = normal * np.sqrt(self._kt(kelvin) / motion.mass)
        energy, forces = self.engine.evaluate(self.clusters)
        none = np.zeros(len(start))
        self.phase = Phase(start.positions.copy(), v, forces, energy, none, np.zeros((len(start), 2, 0)))
        self.steps, self.evaluations = 0, 1
        """Made so far; and evaluations of each replica."""

    @property
    def now(self) -> Clusters:
        """Where they are."""
        return self.clusters.replace(positions=self.phase.positions)

    def go(self, steps: int, kelvin: Callable[[int], np.ndarray]) -> tuple[np.ndarray, Clusters]:
        """Make so many steps, at the temperatures (B,) that ``kelvin`` has for each of them, counted from the start.

        Returns:
            (B,) why a replica is back where it was before; '' for those that have moved. And where they were in the end.
        """
        begun, lost = self.phase, np.full(len(self.clusters), "", "U96")
        for _ in range(steps):
            noise = self.noise.at(self.steps) if self.noise else None
            before, kt = self.phase, self._kt(kelvin(self.steps))
            # the temperature is that of each atom's replica: an array where other ensembles have a number
            phase = self.langevin.advance(before, self._forces, self.masses, np.zeros(0), kt, noise)
            broken = ~np.isfinite(phase.energy) | self._torn(before, phase)
            lost[broken] = "exploded"
            self.phase = self._back(phase, begun, broken) if broken.any() else phase
            self.steps += 1
        self.evaluations += steps
        there = self.now
        judged = np.asarray(self.judge(there), "U96")
        self.phase = self._back(self.phase, begun, (judged != "") & (lost == ""))
        return np.where(lost == "", judged, lost), there

    def rescale(self, factor: np.ndarray) -> None:
        """Multiply the velocities of each replica, (B,), as for another temperature."""
        velocities = self.phase.velocities * factor[self.masses.owner][:, None]
        self.phase = replace(self.phase, velocities=velocities)

    def _kt(self, kelvin: np.ndarray) -> np.ndarray:
        return KB * np.asarray(kelvin, float)[self.masses.owner][:, None]

    def _forces(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.engine.evaluate(self.clusters.replace(positions=positions))

    def _torn(self, before: Phase, after: Phase) -> np.ndarray:
        """(B,) whether an atom moved further in a step than any does in a whole cluster."""
        moved = after.positions - before.positions
        far = ~(np.einsum("ij,ij->i", moved, moved) < LONGEST_MOVE**2)
        return np.bincount(self.masses.owner, far, minlength=len(self.clusters)) > 0

    def _back(self, phase: Phase, begun: Phase, which: np.ndarray) -> Phase:
        atoms = which[self.masses.owner][:, None]
        return replace(
            phase,
            positions=np.where(atoms, begun.positions, phase.positions),
            velocities=np.where(atoms, -begun.velocities, phase.velocities),
            forces=np.where(atoms, begun.forces, phase.forces),
            energy=np.where(which, begun.energy, phase.energy),
        )
