"""What replicas leave behind: a folder each, files that grow block by block, and where each block begins.

A block belongs to a checkpoint, which knows how far every file counted before it. So a block that is written twice, or half,
ends up once.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..storage import storage_error
from ..units import KCAL_PER_MOL
from .events import Event
from .integrate import Batch, Row, Sink
from .stream import Written, end, following
from .trajectory import frame

TRAJECTORY, LOG, EVENTS, CANDIDATES, VELOCITIES = NAMES = (
    "trajectory.xyz.gz", "log.csv", "events.jsonl", "candidates.xyz", "velocities.f4"
)  # fmt: skip
LOG_HEAD = "time_fs,temperature_K,potential_eV,kinetic_eV,conserved_kcalmol,force_spread_eV_per_A\n"


def replica_folder(root: Path, replica: int) -> Path:
    return root / f"replica-{replica:04d}"


@dataclass
class Recorder(Sink):
    """Collects the blocks of a part of the way: (replica, file name) -> content."""

    step_fs: float
    blocks: dict[tuple[int, str], list[bytes]] = field(default_factory=dict)

    def row(self, replica: int, row: Row) -> None:
        spread = "" if row.spread is None else f"{row.spread:.5f}"
        self._add(
            replica, LOG,
            f"{row.step * self.step_fs:.6g},{row.temperature:.3f},{row.potential:.8f},{row.kinetic:.8f},"
            f"{row.conserved / KCAL_PER_MOL:.6f},{spread}\n",
        )  # fmt: skip

    def frame(self, replica: int, batch: Batch, i: int, row: Row) -> None:
        told = {"time_fs": row.step * self.step_fs, "energy_eV": row.potential, "temperature_K": row.temperature}
        self._add(replica, TRAJECTORY, frame(batch.clusters, i, batch.phase.positions, **told))

    def velocities(self, replica: int, velocities: np.ndarray) -> None:
        self._add(replica, VELOCITIES, velocities.astype("<f4").tobytes())

    def event(self, replica: int, event: Event) -> None:
        self._add(replica, EVENTS, event.line())

    def candidate(self, replica: int, batch: Batch, i: int, event: Event) -> None:
        told = {
            "id": f"{batch.clusters.ids[i]}-{replica:04d}-{batch.step}", "why": event.kind.value, "detail": event.detail
        }  # fmt: skip
        self._add(replica, CANDIDATES, frame(batch.clusters, i, batch.phase.positions, **told))

    def _add(self, replica: int, name: str, content: str | bytes) -> None:
        self.blocks.setdefault((replica, name), []).append(content.encode() if isinstance(content, str) else content)

    def joined(self) -> dict[tuple[int, str], bytes]:
        """The blocks, whole."""
        return {key: b"".join(parts) for key, parts in self.blocks.items()}


Lengths = dict[tuple[int, str], Written]
"""(replica, file name) -> how far the file counts."""


def append(root: Path, lengths: Lengths, blocks: dict[tuple[int, str], bytes]) -> Lengths:
    """Write the blocks behind the bytes that count; returns how many count afterwards.

    Raises:
        StorageError: the disk is full, the folder is read-only.
    """
    after = dict(lengths)
    for (replica, name), content in blocks.items():
        path = replica_folder(root, replica) / name
        before = lengths.get((replica, name), Written())
        head = LOG_HEAD.encode() if name == LOG and not before.size else b""
        block, after[replica, name] = following(name, before, head + content)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, before.size, block + end(name, after[replica, name]))
        except OSError as error:
            raise storage_error(error, path) from error
    return after


def cut(root: Path, lengths: Lengths, replicas: list[int]) -> None:
    """Cut off what was written after the checkpoint with these lengths, by a run that was killed."""
    for replica in replicas:
        for name in NAMES:
            path = replica_folder(root, replica) / name
            written = lengths.get((replica, name), Written())
            try:
                if (
                    path.exists()
                    and path.stat().st_size > written.size
                    and _behind(path, written) != end(name, written)
                ):
                    _write(path, written.size, end(name, written))
            except OSError as error:
                raise storage_error(error, path) from error


def _behind(path: Path, written: Written) -> bytes:
    with open(path, "rb") as handle:
        handle.seek(written.size)
        return handle.read()


def _write(path: Path, at: int, content: bytes) -> None:
    """The file up to ``at``, then the content, on the disk."""
    with open(path, "r+b" if path.exists() else "w+b") as handle:
        handle.truncate(at)
        handle.seek(0, os.SEEK_END)
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
