"""The loop: steps of a batch of replicas, observed, guarded, and the same for each whatever the others do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..clusters import Clusters
from ..potentials.base import Evaluation, Potential
from ..units import FS, KB, KCAL_PER_MOL
from .ensembles import Ensemble, Phase
from .events import Event, Kind
from .guards import LONGEST_MOVE, IdentityCheck, Limits, Settled, crossed, doubts
from .motion import Masses, drawn_velocities, temperature
from .noise import initial
from .schedule import Schedule


@dataclass(frozen=True)
class Plan:
    """What is done with a batch; the same for all replicas.

    Attributes:
        steps: in all. ensemble, schedule, seed: see there.
        log_every, frame_every, check_every, velocity_every: steps between two of each; 0: never.
        limits: see :class:`.guards.Limits`.
    """

    steps: int
    ensemble: Ensemble
    schedule: Schedule
    seed: int = 0
    log_every: int = 20
    frame_every: int = 20
    check_every: int = 100
    velocity_every: int = 0
    limits: Limits = field(default_factory=Limits)

    def time(self, step: int) -> float:
        """fs."""
        return step * self.ensemble.step

    def kt(self, step: int) -> float:
        """eV."""
        return KB * self.schedule.at(step, self.steps)


@dataclass(frozen=True)
class Batch:
    """Replicas at one step.

    Attributes:
        step: steps done. clusters: what they are, ``positions`` as at the start. replicas: (B,) their numbers.
        phase: where they are. freedom: (B,). origin: (B,) eV, the conserved quantity at the start.
        settled: of the identity check; None without one.
        over: (B, 2) bool, whether spread and drift were above their limits when last looked at; None: neither.
    """

    step: int
    clusters: Clusters
    replicas: np.ndarray
    phase: Phase
    freedom: np.ndarray
    origin: np.ndarray
    settled: Settled | None = None
    over: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.replicas)

    @property
    def now(self) -> Clusters:
        """The clusters where they are."""
        return self.clusters.replace(positions=self.phase.positions)

    def atom(self, i: int, k: int) -> str:
        """The ``k``-th atom of structure ``i`` in words."""
        from ase.data import chemical_symbols

        return f"atom {int(k)} ({chemical_symbols[self.clusters.numbers[self.clusters.ptr[i] + int(k)]]})"

    def subset(self, which: Sequence[int] | np.ndarray) -> Batch:
        """Some of the replicas."""
        which = np.asarray(which, int)
        clusters = self.clusters[which]
        parts = [np.arange(self.clusters.ptr[i], self.clusters.ptr[i + 1]) for i in which]
        atoms = np.concatenate(parts) if parts else np.zeros(0, int)
        p = self.phase
        phase = Phase(
            p.positions[atoms], p.velocities[atoms], p.forces[atoms], p.energy[which], p.heat[which], p.chain[which]
        )
        settled = None if self.settled is None else self.settled.subset(atoms, which)
        over = None if self.over is None else self.over[which]
        return Batch(
            self.step, clusters, self.replicas[which], phase, self.freedom[which], self.origin[which], settled, over
        )


@dataclass(frozen=True)
class Row:
    """What the log says of one step of one replica: K, eV; ``spread`` is None without a committee."""

    step: int
    temperature: float
    potential: float
    kinetic: float
    conserved: float
    spread: float | None


class Sink:
    """What is told of the replicas; the base hears nothing."""

    def row(self, replica: int, row: Row) -> None: ...

    def frame(self, replica: int, batch: Batch, i: int, row: Row) -> None: ...

    def velocities(self, replica: int, velocities: np.ndarray) -> None:
        """(n, 3) Å/fs."""

    def event(self, replica: int, event: Event) -> None: ...

    def candidate(self, replica: int, batch: Batch, i: int, event: Event) -> None:
        """A structure that the model should be taught."""


class Engine:
    """Energies and forces step by step, each from the wave functions of the step before."""

    def __init__(self, potential: Potential):
        self.potential = potential
        self.last: Evaluation | None = None
        self._memory: list[Any] = []

    def keep(self, which: Sequence[int]) -> None:
        """Only these structures come from now on."""
        self._memory = [self._memory[i] for i in which]

    def evaluate(self, clusters: Clusters) -> tuple[np.ndarray, np.ndarray]:
        """(B,) and (N, 3); failed structures have NaN energies and no forces."""
        if len(self._memory) != len(clusters):
            self._memory = [None] * len(clusters)
        self.last, self._memory = self.potential.evaluate_warm(clusters, self._memory)
        forces = self.last.needed_forces
        return self.last.energy, np.where(np.isfinite(forces), forces, 0.0)


def begin(
    clusters: Clusters, replicas: Sequence[int], potential: Potential, plan: Plan, check: IdentityCheck | None
) -> tuple[Batch, list[str]]:
    """Replicas at step 0, with velocities of the first temperature; and why those that are left out cannot begin ('' else).

    Raises:
        InputError: a structure that is not whole.
    """
    settled = check.begin(clusters) if check else None
    masses = Masses.of(clusters)
    kelvin = np.full(len(clusters), plan.schedule.at(0, plan.steps))
    normal = np.concatenate([initial(plan.seed, r, n) for r, n in zip(replicas, clusters.natoms.tolist())])
    v = drawn_velocities(clusters, kelvin, normal)
    engine = Engine(potential)
    energy, forces = engine.evaluate(clusters)
    chain = np.zeros((len(clusters), 2, plan.ensemble.chain_length))
    phase = Phase(clusters.positions.copy(), v, forces, energy, np.zeros(len(clusters)), chain)
    freedom = masses.freedom(clusters.positions, plan.ensemble.overall_motion)
    origin = plan.ensemble.conserved(phase, masses, freedom, plan.kt(0))
    assert engine.last is not None
    batch = Batch(0, clusters, np.asarray(replicas, int), phase, freedom, origin, settled)
    return batch, engine.last.failure.tolist()


def advance(
    batch: Batch, to: int, potential: Potential, plan: Plan, sink: Sink, check: IdentityCheck | None = None
) -> Batch:
    """The batch at step ``to``; replicas that ended on the way (see :class:`.guards.Limits`) are no longer in it."""
    walk = _Walk(batch, potential, plan, sink, check)
    while walk.batch.step < to and len(walk.batch):
        walk.step()
    return walk.batch


class _Walk:
    """A batch on its way: what changes when a replica leaves is made anew in :meth:`_keep`."""

    def __init__(self, batch: Batch, potential: Potential, plan: Plan, sink: Sink, check: IdentityCheck | None):
        self.plan, self.sink, self.check = plan, sink, check
        self.engine = Engine(potential)
        self._keep(batch)

    def _keep(self, batch: Batch) -> None:
        self.batch = batch
        self.masses = Masses.of(batch.clusters)
        replicas = batch.replicas.tolist()
        self.noise = self.plan.ensemble.noise(self.plan.seed, replicas, self.masses, batch.freedom)

    def step(self) -> None:
        batch, plan = self.batch, self.plan
        kt, before = plan.kt(batch.step), batch.phase
        noise = self.noise.at(batch.step) if self.noise else None
        phase = plan.ensemble.advance(before, self._forces, self.masses, batch.freedom, kt, noise)
        if (following := plan.kt(batch.step + 1)) != kt:
            phase = plan.ensemble.at_another_temperature(phase, batch.freedom, kt, following)
        self.batch = replace(batch, step=batch.step + 1, phase=phase)
        ended = self._explosions(before)
        ended |= self._observe(ended)
        if ended:
            left = [i for i in range(len(self.batch)) if i not in ended]
            self.engine.keep(left)
            self._keep(self.batch.subset(left))

    def _forces(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.engine.evaluate(self.batch.clusters.replace(positions=positions))

    def _explosions(self, before: Phase) -> set[int]:
        """Replicas with an atom that moved too far, or that the potential refuses."""
        phase = self.batch.phase
        moved = phase.positions - before.positions
        far = np.einsum("ij,ij->i", moved, moved)
        ended: dict[int, str] = {}
        if not (far < LONGEST_MOVE**2).all():
            owner, start = self.masses.owner, self.batch.clusters.ptr
            for i in np.unique(owner[~(far < LONGEST_MOVE**2)]).tolist():
                own = far[start[i] : start[i + 1]]
                worst = int(np.argmax(np.where(np.isfinite(own), own, np.inf)))
                ended[i] = (
                    f"{self.batch.atom(i, worst)} moves {np.sqrt(own[worst]):.2f} Å in one step of {self.plan.ensemble.step:g} fs"
                )
        for i in np.flatnonzero(~np.isfinite(phase.energy)).tolist():
            said = str(self.engine.last.failure[i]) if self.engine.last is not None else ""
            ended.setdefault(i, said or "the energy is not a number")
        for i, words in ended.items():
            self._tell(i, self._event(Kind.EXPLODED, words))
        return set(ended)

    def _observe(self, gone: set[int]) -> set[int]:
        """Log, frames, velocities and guards of this step; returns the replicas that end here."""
        batch, plan = self.batch, self.plan
        due = lambda every: every > 0 and (batch.step % every == 0 or batch.step == plan.steps)  # noqa: E731
        log, frame, check = due(plan.log_every), due(plan.frame_every), due(plan.check_every) and self.check is not None
        ended: set[int] = set()
        if plan.velocity_every > 0 and batch.step % plan.velocity_every == 0:
            for i in self._others(gone):
                atoms = batch.clusters.atoms_of(i)
                self.sink.velocities(int(batch.replicas[i]), batch.phase.velocities[atoms] * FS)
        if not (log or frame or check):
            return ended
        rows = self._rows()
        for i in self._others(gone):
            replica = int(batch.replicas[i])
            if log:
                self.sink.row(replica, rows[i])
            if frame:
                self.sink.frame(replica, batch, i, rows[i])
        for i, event in [*(self._doubts(rows) if log or check else []), *(self._changes() if check else [])]:
            if i in gone or i in ended:
                continue
            self._tell(i, event)
            if plan.limits.ends(event):
                ended.add(i)
        return ended

    def _others(self, gone: set[int]) -> list[int]:
        return [i for i in range(len(self.batch)) if i not in gone]

    def _rows(self) -> list[Row]:
        batch, plan = self.batch, self.plan
        kinetic = self.masses.kinetic(batch.phase.velocities)
        conserved = plan.ensemble.conserved(batch.phase, self.masses, batch.freedom, plan.kt(batch.step)) - batch.origin
        kelvin = temperature(kinetic, batch.freedom)
        spread = self._spread()
        worst = [None if spread is None else float(spread[batch.clusters.atoms_of(i)].max()) for i in range(len(batch))]
        every = zip(kelvin.tolist(), batch.phase.energy.tolist(), kinetic.tolist(), conserved.tolist(), worst)
        return [Row(batch.step, *values) for values in every]

    def _spread(self) -> np.ndarray | None:
        return None if self.engine.last is None else self.engine.last.force_spread

    def _doubts(self, rows: list[Row]) -> list[tuple[int, Event]]:
        """Events of spread and drift, each when it begins: one that stays above its limit is told once."""
        batch, limits, spread = self.batch, self.plan.limits, self._spread()
        per_atom = np.array([abs(r.conserved) for r in rows]) / KCAL_PER_MOL / batch.clusters.natoms
        worst = np.array([0.0 if r.spread is None else r.spread for r in rows])
        values = np.stack([worst, per_atom], axis=1)
        begun, over = crossed(values, np.array([limits.spread, limits.drift]), batch.over)
        self.batch = replace(batch, over=over)
        found = [
            (i, self._event(Kind.SPREAD, f"the committee differs by {s:.2f} eV/Å on {self.batch.atom(i, a - batch.clusters.ptr[i])}", spread_eV_per_A=s))
            for i, a, s in doubts(spread, self.masses.owner, limits.spread)
            if begun[i, 0]
        ]  # fmt: skip
        return found + [
            (i, self._event(Kind.DRIFT, f"the conserved quantity has moved by {per_atom[i]:.3f} kcal/mol per atom", per_atom_kcalmol=float(per_atom[i]), limit_kcalmol=limits.drift))
            for i in np.flatnonzero(begun[:, 1]).tolist()
        ]  # fmt: skip

    def _changes(self) -> list[tuple[int, Event]]:
        batch = self.batch
        assert self.check is not None and batch.settled is not None
        settled, events = self.check.look(batch.now, batch.settled, batch.step, self.plan.time(batch.step))
        self.batch = replace(batch, settled=settled)
        return events

    def _tell(self, i: int, event: Event) -> None:
        replica = int(self.batch.replicas[i])
        self.sink.event(replica, event)
        if event.kind in (Kind.SPREAD, Kind.EXPLODED) and np.isfinite(self.batch.phase.positions).all():
            self.sink.candidate(replica, self.batch, i, event)

    def _event(self, kind: Kind, detail: str, **values: float) -> Event:
        return Event(self.batch.step, self.plan.time(self.batch.step), kind, detail, dict(values))
