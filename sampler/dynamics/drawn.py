"""Frames drawn at random from the trajectories of a simulation, each known by its replica and its time."""

from __future__ import annotations

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
    each = int(read_manifest(folder)["replicas_each"])
    start = Clusters.load(folder / START)
    paths = [replica_folder(folder, r) / TRAJECTORY for r in range(len(start) * each)]
    late = [
        (r, frame.index)
        for r, path in enumerate(paths)
        if path.exists()
        for frame in frames(path)
        if not frame.number("time_fs") < after_fs
    ]
    if not late:
        if not any(path.exists() for path in paths):
            raise RunError(f"{folder} has no trajectory yet; give the sampler md command again that made it")
        raise InputError(f"{folder} has no frame after {after_fs / 1000:g} ps")
    order = np.random.default_rng(numbered_key(seed, _DRAW)).permutation(len(late))
    wanted: dict[int, set[int]] = {}
    for replica, index in (late[i] for i in order[:count]):
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
    return Drawn(clusters.without_energies(), replicas, times, energy, replicas // each, len(late))
