"""Frames of the trajectories of a simulation, at random or at equal distances, each known by its replica and its time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..clusters import Clusters
from ..errors import InputError, RunError
from ..random_keys import numbered_key
from .reading import frames
from .record import TRAJECTORY, replica_folder
from .simulate import START, read_manifest

_DRAW = 2411


@dataclass(frozen=True)
class Drawn:
    """B frames, in the order of replicas and times.

    Attributes:
        clusters: as the trajectory has them (Å, five decimals), without energies; ids such as ``0003@1250fs``.
        replicas: (B,) int. time_fs: (B,). energy: (B,) eV, as the trajectory has it. structures: (B,) int, of the start.
        of: how many frames they were drawn from.
    """

    clusters: Clusters
    replicas: np.ndarray
    time_fs: np.ndarray
    energy: np.ndarray
    structures: np.ndarray
    of: int


def draw(folder: Path, count: int, seed: int, after_fs: float = 0.0) -> Drawn:
    """``count`` frames, all alike likely, of all replicas; a larger count takes the same ones and more.

    Args:
        after_fs: frames of an earlier time are left out.

    Raises:
        RunError: no folder of a simulation. InputError: no frames so late. FileFormatError: a damaged trajectory.
    """
    late = _late(folder, after_fs)
    order = np.random.default_rng(numbered_key(seed, _DRAW)).permutation(len(late))
    return _taken(folder, [late[i][:2] for i in order[:count]], len(late))


def spaced(folder: Path, apart_fs: float, after_fs: float = 0.0) -> Drawn:
    """Frames of all replicas, of each the first and then those at least so much later than the one before.

    Args, Raises: see :func:`draw`.
    """
    late, chosen = _late(folder, after_fs), list[tuple[int, int]]()
    before, last = -1, -np.inf
    for replica, index, time in late:
        if replica != before or time >= last + apart_fs * (1.0 - 1e-9):
            chosen.append((replica, index))
            before, last = replica, time
    return _taken(folder, chosen, len(late))


def _late(folder: Path, after_fs: float) -> list[tuple[int, int, float]]:
    """(replica, index, fs) of every frame that is not too early."""
    paths = _trajectories(folder)
    late = [
        (r, frame.index, frame.number("time_fs"))
        for r, path in enumerate(paths)
        if path.exists()
        for frame in frames(path)
        if not frame.number("time_fs") < after_fs
    ]
    if not late:
        if not any(path.exists() for path in paths):
            raise RunError(f"{folder} has no trajectory yet; give the sampler md command again that made it")
        raise InputError(f"{folder} has no frame after {after_fs / 1000:g} ps")
    return late


def _trajectories(folder: Path) -> list[Path]:
    count = len(Clusters.load(folder / START)) * int(read_manifest(folder)["replicas_each"])
    return [replica_folder(folder, r) / TRAJECTORY for r in range(count)]


def _taken(folder: Path, chosen: Sequence[tuple[int, int]], of: int) -> Drawn:
    """The frames with these replicas and indices."""
    each = int(read_manifest(folder)["replicas_each"])
    start, paths = Clusters.load(folder / START), _trajectories(folder)
    wanted: dict[int, set[int]] = {}
    for replica, index in chosen:
        wanted.setdefault(replica, set()).add(index)
    taken = [(r, f) for r in sorted(wanted) for f in frames(paths[r]) if f.index in wanted[r]]
    replicas = np.array([r for r, _ in taken])
    times = np.array([f.number("time_fs") for _, f in taken])
    clusters = start[replicas // each].replace(
        positions=np.concatenate([f.positions for _, f in taken]),
        ids=np.array([f"{r:04d}@{t:g}fs" for r, t in zip(replicas, times)]),
        columns={},
    )
    energy = np.array([f.number("energy_eV") for _, f in taken])
    return Drawn(clusters.without_energies(), replicas, times, energy, replicas // each, of)
