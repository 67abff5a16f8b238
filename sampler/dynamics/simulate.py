"""A folder of replicas: begun, gone on with after a kill, finished; bit for bit the same, with any number of workers."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..clusters import Clusters
from ..composition import Composition
from ..errors import FileFormatError, InputError, RunError
from ..monomers import MonomerLibrary
from ..potentials.base import Potential
from ..rundir.directory import write_table
from ..rundir.held import held
from ..storage import write_text
from ..version import __version__
from ..workers.resumable import Work, finish
from ..workers.worker import Died
from .checkpoint import Checkpoint
from .events import Event
from .guards import IdentityCheck
from .integrate import Batch, Plan, advance, begin
from .record import EVENTS, Lengths, Recorder, append, cut, replica_folder

FORMAT = "sampler-md-1"
MANIFEST, START, SUMMARY = "md.json", "start.npz", "replicas.csv"
GROUP_ATOMS = 2000
"""Atoms that one process moves at a time: enough for what a step costs besides forces, few enough to share out."""
SETTLED_FORCE = 0.1
"""eV/Å on one atom; a structure with a larger one is no minimum."""


@dataclass(frozen=True)
class Simulation:
    """What is simulated, where and how.

    Attributes:
        folder: of the results. start: the structures, each with ``replicas`` replicas.
        potential: and ``told``, what the manifest says of it. plan: see there.
        composition: of all structures; None tries all molecules of the library. library: the molecules.
        keep_every: steps between two checkpoints; wave functions are made anew there.
    """

    folder: Path
    start: Clusters
    replicas: int
    potential: Potential
    told: dict[str, Any]
    plan: Plan
    composition: Composition | None
    library: MonomerLibrary
    keep_every: int = 1000

    def manifest(self) -> dict[str, Any]:
        """All that the result depends on, as JSON has it."""
        e = self.plan.ensemble
        return {
            "format": FORMAT,
            "version": __version__,
            "potential": self.told,
            "level": self.potential.level,
            "ensemble": {"name": e.name, **asdict(e)},
            "temperature_K": list(self.plan.schedule.kelvin),
            "steps": self.plan.steps,
            "seed": self.plan.seed,
            "every": {
                "log": self.plan.log_every, "frame": self.plan.frame_every, "check": self.plan.check_every,
                "velocities": self.plan.velocity_every, "checkpoint": self.keep_every,
            },
            "limits": {
                "spread_eV_per_A": self.plan.limits.spread, "drift_kcalmol_per_atom": self.plan.limits.drift,
                "stop_at": [k.value for k in self.plan.limits.stop_at],
            },
            "composition": None if self.composition is None else self.composition.name(self.library),
            "structures": self.start.ids.tolist(),
            "replicas_each": self.replicas,
            "groups": self.groups(),
            "start_sha256": _digest(self.start),
        }  # fmt: skip

    def groups(self) -> list[list[int]]:
        """Replica numbers that share a batch; they depend on the structures alone."""
        every = [int(n) for n in self.start.natoms for _ in range(self.replicas)]
        groups: list[list[int]] = [[]]
        atoms = 0
        for replica, n in enumerate(every):
            if groups[-1] and atoms + n > GROUP_ATOMS:
                groups.append([])
                atoms = 0
            groups[-1].append(replica)
            atoms += n
        return groups

    def structure(self, replica: int) -> int:
        """The structure that a replica begins from."""
        return replica // self.replicas


@dataclass(frozen=True)
class Outcome:
    """What became of the replicas: one row each, and the folder."""

    folder: Path
    rows: list[dict[str, Any]]


class Told(Protocol):
    """Hears how far it is, and what is to be minded."""

    def start(self, replicas: int, steps: int, done: int) -> None: ...

    def advance(self, replica_steps: int, spared: int) -> None:
        """``spared``: steps of replicas that have ended, which nobody makes any more."""

    def warn(self, text: str) -> None: ...


class _Silent:
    def start(self, replicas: int, steps: int, done: int) -> None: ...

    def advance(self, replica_steps: int, spared: int) -> None: ...

    def warn(self, text: str) -> None: ...


def simulate(
    simulation: Simulation,
    workers: int | str = 1,
    told: Told | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Outcome:
    """Run to the end, from wherever an earlier call was stopped.

    Raises:
        RunError: the folder holds another simulation, or is in use. InputError: a start that cannot be simulated.
        StorageError: the disk is full. The last checkpoint is good then, and the same call goes on.
    """
    told = told or _Silent()
    with held(simulation.folder):
        for part in simulation.folder.rglob(".*.part"):  # left by a killed writer
            part.unlink(missing_ok=True)
        _begin_or_compare(simulation, told.warn)
        groups = simulation.groups()
        at = [_newest(simulation, g, told.warn) for g in range(len(groups))]
        reached = sum(step * len(group) for step, group in zip(at, groups))
        told.start(len(simulation.start) * simulation.replicas, simulation.plan.steps, reached)
        for to in _stops(simulation.plan.steps, simulation.keep_every):
            missing = [g for g in range(len(groups)) if at[g] < to]
            work = Work(_part, _Task(simulation, at, to), _Path(simulation.folder, to), _Save(simulation.folder))
            for g, note in finish(work, missing, workers, in_this_process=True, say=say):
                if isinstance(note, Died):
                    raise RunError(f"group {g} of replicas killed its worker process: {note.reason}; {_REMEDY}")
                _forget_old(simulation.folder, g, keep=(at[g], to))
                told.advance(note, len(groups[g]) * (to - at[g]) - note)
                at[g] = to
        rows = _summary(simulation, [_load(simulation, g, step) for g, step in enumerate(at)])
    return Outcome(simulation.folder, rows)


_ANEW = "give another --out, or remove the folder"
_REMEDY = "run the same command with one worker (-j 1), or with fewer replicas"


def _begin_or_compare(s: Simulation, warn: Callable[[str], None]) -> None:
    path, wanted = s.folder / MANIFEST, s.manifest()
    if path.exists():
        found = read_manifest(s.folder)
        different = [k for k in wanted if k != "version" and found.get(k) != json.loads(json.dumps(wanted[k]))]
        if different:
            raise RunError(
                f"{s.folder} holds another simulation: {', '.join(f'{k} was {found.get(k)}' for k in different[:2])}; "
                f"{_ANEW}"
            )
        return
    strange = [p.name for p in s.folder.iterdir() if not p.name.startswith(".") and p.name != START]
    if strange:
        raise RunError(f"{s.folder} holds {strange[0]}, and no simulation; give another --out")
    check = _check(s.plan, s.composition, s.library)
    batch, failures = begin(s.start, list(range(len(s.start))), s.potential, s.plan, check)
    for name, failure in zip(s.start.ids.tolist(), failures):
        if failure:
            raise InputError(f"{name} cannot be simulated with {s.potential.level}: {failure}")
    _tell_of_forces(batch, warn)
    s.start.save(s.folder / START)
    write_text(path, json.dumps(wanted, indent=1, ensure_ascii=False) + "\n")


def _tell_of_forces(batch: Batch, warn: Callable[[str], None]) -> None:
    """A start that is no minimum gives its replicas energy that the temperature does not have."""
    force = np.linalg.norm(batch.phase.forces, axis=1)
    for i, name in enumerate(batch.clusters.ids.tolist()):
        mine = force[batch.clusters.atoms_of(i)]
        if mine.max() > SETTLED_FORCE:
            worst = int(mine.argmax())
            warn(
                f"{name} is no minimum: a force of {mine[worst]:.2f} eV/Å on {batch.atom(i, worst)}, so that it gets hotter "
                "than asked for; sampler relax makes a minimum of it"
            )


def _check(plan: Plan, composition: Composition | None, library: MonomerLibrary) -> IdentityCheck | None:
    return IdentityCheck(composition, library) if plan.check_every else None


def read_manifest(folder: Path) -> dict[str, Any]:
    """What a folder of replicas was asked for.

    Raises:
        RunError: it is none.
    """
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(f"{folder} is no folder of a simulation: it has no {MANIFEST}") from error
    except ValueError as error:
        raise RunError(f"{folder / MANIFEST} is damaged: {error}; {_ANEW}") from error
    if not isinstance(found, dict):
        raise RunError(f"{folder / MANIFEST} is damaged: it holds a {type(found).__name__}; {_ANEW}")
    if found.get("format") != FORMAT:
        raise RunError(f"{folder / MANIFEST} has the format {found.get('format')!r}, not {FORMAT}; {_ANEW}")
    return found


def _stops(steps: int, every: int) -> list[int]:
    return [*range(every, steps, every), steps]


# ---- one part of the way, in a worker ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Job:
    """A group of replicas, from its last checkpoint (None: the start) to the next."""

    before: Checkpoint | None
    clusters: Clusters
    replicas: list[int]
    to: int
    potential: Potential
    plan: Plan
    composition: Composition | None
    library: MonomerLibrary


@dataclass(frozen=True)
class _Made:
    checkpoint: Checkpoint
    blocks: dict[tuple[int, str], bytes]


def _part(job: _Job) -> tuple[_Made, int]:
    """Advance a group; returns what is to be written, and the steps made, of all its replicas."""
    check = _check(job.plan, job.composition, job.library)
    recorder = _Ends(job.plan.ensemble.step)
    if job.before is None:
        batch, _ = begin(job.clusters, job.replicas, job.potential, job.plan, check)
        lengths: Lengths = {}
        ended: dict[int, dict] = {}
    else:
        batch, lengths, ended = job.before.batch, job.before.lengths, dict(job.before.ended)
    count, started = len(batch), batch.step
    after = advance(batch, job.to, job.potential, job.plan, recorder, check)
    left = set(after.replicas.tolist())
    for replica in batch.replicas.tolist():
        if replica not in left:
            event = recorder.last[replica]
            ended[replica] = {"step": event.step, "kind": event.kind.value, "detail": event.detail}
    return _Made(Checkpoint(after, lengths, ended), recorder.joined()), count * (job.to - started)


@dataclass
class _Ends(Recorder):
    """Remembers the last event of each replica: that is what ended it, where it has ended."""

    last: dict[int, Event] = field(default_factory=dict)

    def event(self, replica: int, event: Event) -> None:
        super().event(replica, event)
        self.last[replica] = event


@dataclass(frozen=True)
class _Task:
    simulation: Simulation
    at: list[int]
    to: int

    def __call__(self, group: int) -> _Job:
        s = self.simulation
        replicas = s.groups()[group]
        before = _load(s, group, self.at[group]) if self.at[group] else None
        cut(s.folder, before.lengths if before else {}, replicas)
        clusters = s.start[[s.structure(r) for r in replicas]]
        return _Job(before, clusters, replicas, self.to, s.potential, s.plan, s.composition, s.library)


@dataclass(frozen=True)
class _Path:
    folder: Path
    to: int

    def __call__(self, group: int) -> Path:
        return _checkpoint(self.folder, group, self.to)


@dataclass(frozen=True)
class _Save:
    folder: Path

    def __call__(self, path: Path, made: _Made) -> None:
        lengths = append(path.parents[1], made.checkpoint.lengths, made.blocks)
        Checkpoint(made.checkpoint.batch, lengths, made.checkpoint.ended).save(path)


# ---- what is there -------------------------------------------------------------------------------------------------


def _checkpoint(folder: Path, group: int, step: int) -> Path:
    return folder / "checkpoints" / f"group-{group:04d}-{step:010d}.npz"


def _load(s: Simulation, group: int, step: int) -> Checkpoint:
    return Checkpoint.load(_checkpoint(s.folder, group, step))


def _newest(s: Simulation, group: int, warn: Callable[[str], None]) -> int:
    """The step of the newest checkpoint of a group that can be read; 0 without one.

    Raises:
        RunError: there are some, and none can be read.
    """
    found = sorted((s.folder / "checkpoints").glob(f"group-{group:04d}-*.npz"), reverse=True)
    for path in found:
        try:
            Checkpoint.load(path)
            return int(path.stem.rsplit("-", 1)[1])
        except FileFormatError as error:
            warn(f"{error}")
    if found:
        raise RunError(
            f"none of {', '.join(p.name for p in found)} in {found[0].parent} can be read; remove them, and these replicas "
            "begin anew, with the same trajectories"
        )
    return 0


def _forget_old(folder: Path, group: int, keep: tuple[int, ...]) -> None:
    wanted = {_checkpoint(folder, group, k) for k in keep}
    for path in (folder / "checkpoints").glob(f"group-{group:04d}-*.npz"):
        if path not in wanted:
            path.unlink(missing_ok=True)


def _summary(s: Simulation, last: list[Checkpoint]) -> list[dict[str, Any]]:
    """One row a replica, also as ``replicas.csv``: how it ended, and how often what happened."""
    rows = []
    ended = {r: how for c in last for r, how in c.ended.items()}
    for replica in range(len(s.start) * s.replicas):
        how = ended.get(replica)
        step = how["step"] if how else s.plan.steps
        path = replica_folder(s.folder, replica) / EVENTS
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        counted = Counter(Event.parse(line).kind.value for line in lines)
        rows.append(
            {
                "replica": replica,
                "structure": str(s.start.ids[s.structure(replica)]),
                "time_fs": s.plan.time(step),
                "ended": how["kind"] if how else "finished",
                "detail": how["detail"] if how else "",
                "protons_moved": counted["proton"],
                "events": sum(counted.values()),
            }
        )
    write_table(s.folder / SUMMARY, list(rows[0]), (row.values() for row in rows))
    return rows


def _digest(clusters: Clusters) -> str:
    parts = [
        np.ascontiguousarray(a).tobytes() for a in (clusters.positions, clusters.numbers, clusters.ptr, clusters.charge)
    ]
    return hashlib.sha256(b"".join(parts)).hexdigest()
