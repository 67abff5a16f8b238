"""What is kept constant, and what one step is: NVE, Langevin, Nosé–Hoover chains, stochastic velocity rescaling.

Every ensemble is velocity Verlet (Swope et al. 1982, doi:10.1063/1.442716) with something before and after; all keep account
of the energy that a thermostat has given or taken, so that total energy less that is constant but for the error of the step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import InputError
from ..units import FS
from .motion import Masses
from .noise import Noise


@dataclass(frozen=True)
class Phase:
    """Where B replicas are, and how they move.

    Attributes:
        positions: (N, 3) Å. velocities: (N, 3). forces: (N, 3) eV/Å. energy: (B,) potential energy, eV.
        heat: (B,) eV that the thermostat has given so far.
        chain: (B, 2, M) positions and velocities of a Nosé–Hoover chain; M = 0 without one.
    """

    positions: np.ndarray
    velocities: np.ndarray
    forces: np.ndarray
    energy: np.ndarray
    heat: np.ndarray
    chain: np.ndarray


Forces = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Positions (N, 3) -> energies (B,) and forces (N, 3)."""


@dataclass(frozen=True)
class Ensemble:
    """NVE, velocity Verlet; the base of those with a thermostat.

    Attributes:
        step: fs.
    """

    step: float = 0.5

    name = "nve"
    overall_motion = False
    """The thermostat drives the motion of the cluster as a whole, too."""
    chain_length = 0

    def __post_init__(self) -> None:
        _require("the time step", self.step, 0.01, 5.0, "fs")

    @property
    def dt(self) -> float:
        """The step in the unit of time that goes with Å, eV and amu."""
        return self.step * FS

    def noise(self, seed: int, replicas: list[int], masses: Masses, freedom: np.ndarray) -> Noise | None:
        """The random numbers it needs."""
        return None

    def advance(
        self, phase: Phase, forces: Forces, masses: Masses, freedom: np.ndarray, kt: float, noise: np.ndarray | None
    ) -> Phase:
        """One step. ``kt``: eV; ``noise``: of this step; ``freedom``: (B,) degrees of freedom of each replica."""
        return _verlet(phase, forces, masses, self.dt)

    def bath(self, phase: Phase, freedom: np.ndarray, kt: float) -> np.ndarray:
        """(B,) eV in the thermostat."""
        return np.zeros(len(phase.energy))

    def conserved(self, phase: Phase, masses: Masses, freedom: np.ndarray, kt: float) -> np.ndarray:
        """(B,) eV, what stays the same but for the error of the step."""
        return phase.energy + masses.kinetic(phase.velocities) + self.bath(phase, freedom, kt) - phase.heat

    def at_another_temperature(self, phase: Phase, freedom: np.ndarray, before: float, now: float) -> Phase:
        """The phase after ``kt`` has become another: what the bath has gained by that alone is booked as heat."""
        gained = self.bath(phase, freedom, now) - self.bath(phase, freedom, before)
        return replace(phase, heat=phase.heat + gained)


@dataclass(frozen=True)
class Langevin(Ensemble):
    """Langevin dynamics, BAOAB splitting (Leimkuhler & Matthews 2013, doi:10.1093/amrx/abs010).

    Attributes:
        friction: 1/fs.
    """

    friction: float = 0.01

    name = "langevin"
    overall_motion = True

    def __post_init__(self) -> None:
        super().__post_init__()
        _require("the friction", self.friction, 1e-7, 10.0, "1/fs")

    def noise(self, seed, replicas, masses, freedom):
        atoms = masses.atoms
        return Noise(
            seed, replicas, lambda rng, k, i: rng.standard_normal((k, atoms[i], 3)),
            lambda parts: np.concatenate(parts, axis=1),
        )  # fmt: skip

    def advance(self, phase, forces, masses, freedom, kt, noise):
        dt, mass = self.dt, masses.mass[:, None]
        v = phase.velocities + 0.5 * dt * phase.forces / mass
        x = phase.positions + 0.5 * dt * v
        decay = np.exp(-self.friction * self.step)
        before = masses.kinetic(v)
        v = decay * v + np.sqrt(kt / mass * (1.0 - decay**2)) * noise
        heat = phase.heat + masses.kinetic(v) - before
        x = x + 0.5 * dt * v
        energy, f = forces(x)
        return replace(
            phase, positions=x, velocities=v + 0.5 * dt * f / mass, forces=f, energy=energy, heat=heat
        )  # fmt: skip


@dataclass(frozen=True)
class NoseHoover(Ensemble):
    """Nosé–Hoover chains (Martyna, Klein & Tuckerman 1992, doi:10.1063/1.463940), integrated as by Martyna et al. 1996
    (doi:10.1080/00268979600100761) with a factorisation of third order.

    Attributes:
        time: fs, of the thermostat: the inverse of what the field calls friction, 0.01 1/fs.
        length: thermostats in the chain; 1 is Nosé and Hoover's own, which is not ergodic for stiff small systems.
    """

    time: float = 100.0
    length: int = 3

    name = "nose-hoover"

    def __post_init__(self) -> None:
        super().__post_init__()
        _require("the time of the thermostat", self.time, 1.0, 1e6, "fs")
        if not 1 <= self.length <= 20:
            raise InputError(f"a chain of {self.length} thermostats; it must have 1 to 20")

    @property
    def chain_length(self):  # type: ignore[override]
        return self.length

    def advance(self, phase, forces, masses, freedom, kt, noise):
        phase = self._half(phase, masses, freedom, kt)
        return self._half(_verlet(phase, forces, masses, self.dt), masses, freedom, kt)

    def bath(self, phase, freedom, kt):
        x, v = phase.chain[:, 0], phase.chain[:, 1]
        inertia = self._inertia(freedom, kt)
        return (0.5 * inertia * v**2).sum(1) + kt * (freedom * x[:, 0] + x[:, 1:].sum(1))

    def _inertia(self, freedom: np.ndarray, kt: float) -> np.ndarray:
        inertia = np.full((len(freedom), self.length), kt * (self.time * FS) ** 2)
        inertia[:, 0] *= np.maximum(freedom, 1)
        return inertia

    def _half(self, phase: Phase, masses: Masses, freedom: np.ndarray, kt: float) -> Phase:
        """The thermostats for half a step: they scale the velocities, and drive each other."""
        x, v = phase.chain[:, 0].copy(), phase.chain[:, 1].copy()
        inertia, twice = self._inertia(freedom, kt), 2.0 * masses.kinetic(phase.velocities)
        scale = np.ones(len(freedom))
        for weight in _WEIGHTS:
            d = 0.5 * weight * self.dt
            for j in reversed(range(self.length)):
                self._kick(v, j, inertia, twice * scale**2, freedom, kt, d)
            scale = scale * np.exp(-d * v[:, 0])
            x += d * v
            for j in range(self.length):
                self._kick(v, j, inertia, twice * scale**2, freedom, kt, d)
        return replace(
            phase, velocities=phase.velocities * scale[masses.owner][:, None], chain=np.stack([x, v], axis=1)
        )  # fmt: skip

    def _kick(self, v, j, inertia, twice, freedom, kt, d) -> None:
        """Half of ``d`` for the velocity of thermostat ``j``, which the next one slows."""
        push = twice - freedom * kt if j == 0 else inertia[:, j - 1] * v[:, j - 1] ** 2 - kt
        slow = np.exp(-0.25 * d * v[:, j + 1]) if j + 1 < self.length else 1.0
        v[:, j] = (v[:, j] * slow + 0.5 * d * push / inertia[:, j]) * slow


_OUTER = 1.0 / (2.0 - 2.0 ** (1.0 / 3.0))
_WEIGHTS = (_OUTER, 1.0 - 2.0 * _OUTER, _OUTER)  # Yoshida 1990, doi:10.1016/0375-9601(90)90092-3


@dataclass(frozen=True)
class VelocityRescaling(Ensemble):
    """Stochastic velocity rescaling (Bussi, Donadio & Parrinello 2007, doi:10.1063/1.2408420).

    Attributes:
        time: fs, of the thermostat.
    """

    time: float = 100.0

    name = "rescaling"

    def __post_init__(self) -> None:
        super().__post_init__()
        _require("the time of the thermostat", self.time, 1.0, 1e6, "fs")

    def noise(self, seed, replicas, masses, freedom):
        def draw(rng: np.random.Generator, k: int, i: int) -> np.ndarray:
            one = rng.standard_normal(k)
            others = 2.0 * rng.standard_gamma(
                max(freedom[i] - 1, 0) / 2.0, k
            )  # squares of freedom - 1 deviates, summed
            return np.stack([one, others], axis=1)[:, None]

        return Noise(seed, replicas, draw, lambda parts: np.concatenate(parts, axis=1))

    def advance(self, phase, forces, masses, freedom, kt, noise):
        phase = _verlet(phase, forces, masses, self.dt)
        kinetic = masses.kinetic(phase.velocities)
        c = np.exp(-self.step / self.time)
        still = (kinetic <= 0.0) | (freedom == 0)
        part = np.where(still, 0.0, (1.0 - c) * 0.5 * kt / np.where(still, 1.0, kinetic))
        one, others = noise[:, 0], noise[:, 1]
        squared = c + part * (one**2 + others) + 2.0 * one * np.sqrt(c * part)
        turned = np.where(one + np.sqrt(c / np.where(still, 1.0, part)) < 0.0, -1.0, 1.0)
        scale = np.where(still, 1.0, turned * np.sqrt(np.maximum(squared, 0.0)))
        v = phase.velocities * scale[masses.owner][:, None]
        return replace(phase, velocities=v, heat=phase.heat + masses.kinetic(v) - kinetic)


ENSEMBLES: dict[str, type[Ensemble]] = {e.name: e for e in (Ensemble, Langevin, NoseHoover, VelocityRescaling)}
"""By the names that the command line takes."""


def ensemble(name: str, **parameters: Any) -> Ensemble:
    """The ensemble of a name with its parameters.

    Raises:
        InputError: an unknown name, or a parameter that it has not or that is out of range.
    """
    if name not in ENSEMBLES:
        raise InputError(f"no ensemble {name!r}; choose one of {', '.join(ENSEMBLES)}")
    kind = ENSEMBLES[name]
    known = set(kind.__dataclass_fields__)
    if unknown := sorted(set(parameters) - known):
        raise InputError(f"the ensemble {name} has no {', '.join(unknown)}; it has {', '.join(sorted(known))}")
    return kind(**parameters)


def _verlet(phase: Phase, forces: Forces, masses: Masses, dt: float) -> Phase:
    mass = masses.mass[:, None]
    v = phase.velocities + 0.5 * dt * phase.forces / mass
    x = phase.positions + dt * v
    energy, f = forces(x)
    return replace(phase, positions=x, velocities=v + 0.5 * dt * f / mass, forces=f, energy=energy)


def _require(what: str, value: float, low: float, high: float, unit: str) -> None:
    if not low <= value <= high:
        raise InputError(f"{what} is {value} {unit}; it must lie between {low:g} and {high:g} {unit}")
