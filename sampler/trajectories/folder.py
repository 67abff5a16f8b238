"""A folder of ``sampler md``: its replicas, and what each of them left behind."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..clusters import Clusters
from ..dynamics.events import Kind
from ..dynamics.record import EVENTS, LOG, TRAJECTORY, VELOCITIES, replica_folder
from ..dynamics.simulate import START, SUMMARY, read_manifest
from ..errors import FileFormatError, RunError

_SPOILS = (Kind.EVAPORATED, Kind.REACTED, Kind.EXPLODED, Kind.DRIFT)
"""After these it is no longer a trajectory of the cluster that it began with."""


@dataclass(frozen=True)
class Replica:
    """One replica, finished or not.

    Attributes:
        number: of the folder's. folder: its own. atoms: n. ended: a kind of event, ``finished``, or '' while it is running.
        time_fs: that it has been simulated for. velocity_every_fs: 0 where none were kept.
    """

    number: int
    folder: Path
    atoms: int
    ended: str
    time_fs: float
    velocity_every_fs: float

    @property
    def trajectory(self) -> Path:
        return self.folder / TRAJECTORY

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """What happened, in order; a line that a kill cut off is left out."""
        found = []
        for line in _text(self.folder / EVENTS).splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                break
        return found

    @cached_property
    def whole_until_fs(self) -> float:
        """The time of the first event that spoils what comes after it; infinite without one."""
        return min((e["time_fs"] for e in self.events if e["kind"] in _SPOILS), default=float("inf"))

    @cached_property
    def log(self) -> dict[str, np.ndarray]:
        """The columns of ``log.csv``, (L,) each, NaN where they have no value."""
        head, *lines = _text(self.folder / LOG).splitlines() or [""]
        names = head.split(",")
        rows = [line.split(",") for line in lines]
        values = [[float(x) if x else np.nan for x in row] for row in rows if len(row) == len(names)]
        return dict(zip(names, np.array(values, float).reshape(-1, len(names)).T))

    def velocities(self, after_fs: float) -> np.ndarray:
        """(F, n, 3) Å/fs, float32, read from the disk as they are needed; from ``after_fs`` on, while the cluster is whole."""
        path, size = self.folder / VELOCITIES, 12 * self.atoms
        try:
            frames = path.stat().st_size // size
        except OSError:
            frames = 0
        if not frames or not self.velocity_every_fs:
            return np.zeros((0, self.atoms, 3), np.float32)
        every = np.memmap(path, "<f4", "r", shape=(frames, self.atoms, 3))
        first = max(0, int(np.ceil(after_fs / self.velocity_every_fs)) - 1)  # the first were kept after one interval
        last = frames
        if np.isfinite(self.whole_until_fs):
            last = max(0, int(np.ceil(self.whole_until_fs / self.velocity_every_fs)) - 1)
        return every[first:last]


@dataclass(frozen=True)
class Group:
    """The replicas of one structure.

    Attributes:
        start: the structure, as it began. name: of it. step_fs: of the integrator. frame_fs, velocity_fs: between two of
            each. kelvin: of the thermostat, more than one for a ramp. ensemble: its name. level: of the potential.
    """

    start: Clusters
    replicas: Sequence[Replica]
    step_fs: float
    frame_fs: float
    velocity_fs: float
    kelvin: tuple[float, ...]
    ensemble: str
    level: str

    @property
    def name(self) -> str:
        return str(self.start.ids[0])

    @cached_property
    def masses(self) -> np.ndarray:
        """(n,) amu."""
        from ase.data import atomic_masses

        return atomic_masses[self.start.numbers].astype(float)

    @property
    def longest_fs(self) -> float:
        return max((r.time_fs for r in self.replicas), default=0.0)

    @property
    def overall_motion(self) -> bool:
        """The thermostat drives the motion of the cluster as a whole, too."""
        return self.ensemble == "langevin"


@dataclass(frozen=True)
class Folder:
    """All of a folder: ``manifest`` is what ``md.json`` says."""

    path: Path
    manifest: dict[str, Any]
    groups: Sequence[Group]

    @property
    def replicas(self) -> list[Replica]:
        return [r for g in self.groups for r in g.replicas]


def is_trajectories(path: Path) -> bool:
    """Whether it is a folder of ``sampler md``; looks at names alone."""
    from ..dynamics.simulate import MANIFEST

    return (path / MANIFEST).is_file() and (path / START).is_file()


def read_folder(path: Path) -> Folder:
    """What is there, of a simulation that is finished, running, or was killed.

    Raises:
        RunError: no folder of ``sampler md``, or a damaged one.
    """
    manifest = read_manifest(path)
    try:
        start = Clusters.load(path / START)
        each, step = int(manifest["replicas_each"]), float(manifest["ensemble"]["step"])
        every = {k: float(v) * step for k, v in manifest["every"].items()}
        kelvin = tuple(float(k) for k in manifest["temperature_K"])
        ensemble, level = str(manifest["ensemble"]["name"]), str(manifest["level"])
    except (KeyError, TypeError, ValueError, OSError, FileFormatError) as error:
        raise RunError(
            f"{path}: md.json or {START} is damaged ({error}); run the same sampler md command again"
        ) from error
    told = _summary(path)
    groups = [
        Group(
            start[[k]],
            [_replica(path, r, int(start.natoms[k]), every, told) for r in range(k * each, (k + 1) * each)],
            step, every["frame"], every["velocities"], kelvin, ensemble, level,
        )
        for k in range(len(start))
    ]  # fmt: skip
    return Folder(path, manifest, groups)


def _summary(path: Path) -> dict[int, tuple[str, float]]:
    rows = csv.DictReader(_text(path / SUMMARY).splitlines())
    return {int(row["replica"]): (row["ended"], float(row["time_fs"])) for row in rows}


def _replica(
    path: Path, number: int, atoms: int, every: dict[str, float], told: dict[int, tuple[str, float]]
) -> Replica:
    folder = replica_folder(path, number)
    ended, time = told.get(number, ("", 0.0))
    if not ended:
        last = _text(folder / LOG).rstrip("\n").rpartition("\n")[2].partition(",")[0]
        time = float(last) if last.replace(".", "", 1).isdigit() else 0.0
    return Replica(number, folder, atoms, ended, time, every["velocities"])


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}") from error
