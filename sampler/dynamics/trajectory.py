"""Trajectories as gzipped extended XYZ, which ASE, MDAnalysis and OVITO open; readable up to the last whole frame."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..clusters import Clusters
from ..errors import FileFormatError

_CHUNK = 1 << 20


def frame(clusters: Clusters, i: int, positions: np.ndarray, **info: float | int | str) -> str:
    """One frame of extended XYZ of structure ``i``; ``info`` goes to the comment line, with units in the names."""
    from ase.data import chemical_symbols

    atoms = clusters.atoms_of(i)
    told = " ".join(f'{k}="{v}"' if isinstance(v, str) else f"{k}={v:.10g}" for k, v in info.items())
    head = f'{len(clusters.numbers[atoms])}\nProperties=species:S:1:pos:R:3 {told} charge={clusters.charge[i]} pbc="F F F"\n'
    rows = zip(clusters.numbers[atoms].tolist(), positions[atoms].tolist())
    return head + "".join(f"{chemical_symbols[z]} {x:.5f} {y:.5f} {w:.5f}\n" for z, (x, y, w) in rows)


def text_of(path: Path | str) -> Iterator[str]:
    """The text of a gzipped file, piece by piece, up to where it ends or was cut off by a kill."""
    with open(path, "rb") as handle:
        opened = zlib.decompressobj(31)
        rest = b""
        while True:
            raw = rest or handle.read(_CHUNK)
            rest = b""
            if not raw:
                return
            try:
                yield opened.decompress(raw).decode()
            except zlib.error as error:
                raise FileFormatError(f"{path} is no gzipped trajectory, or damaged: {error}") from error
            if opened.eof:
                rest, opened = opened.unused_data, zlib.decompressobj(31)


def frames(path: Path | str) -> Iterator[list[str]]:
    """The lines of each whole frame."""
    lines: list[str] = []
    left = ""
    for text in text_of(path):
        *whole, left = (left + text).split("\n")
        lines += whole
        while lines and lines[0].strip().isdigit() and len(lines) >= int(lines[0]) + 2:
            n = int(lines[0]) + 2
            yield lines[:n]
            lines = lines[n:]
        if lines and not lines[0].strip().isdigit():
            raise FileFormatError(f"{path}: where a frame begins with its number of atoms stands {lines[0][:40]!r}")


def comment(line: str) -> dict[str, str]:
    """What the comment line of a frame says, as text."""
    import shlex

    return dict(part.split("=", 1) for part in shlex.split(line) if "=" in part)


def read(path: Path | str, every: int = 1) -> tuple[np.ndarray, np.ndarray, list[dict[str, str]]]:
    """(positions (F, n, 3) Å, atomic numbers (n,), comments) of the whole frames, or of each ``every``-th.

    Raises:
        FileFormatError: no such file, no whole frame, or something else than a trajectory.
    """
    from ase.data import atomic_numbers

    positions, infos, numbers = [], [], np.zeros(0, int)
    try:
        for k, lines in enumerate(frames(path)):
            if k % every:
                continue
            rows = [line.split() for line in lines[2:]]
            numbers = np.array([atomic_numbers[r[0]] for r in rows])
            positions.append([[float(x) for x in r[1:4]] for r in rows])
            infos.append(comment(lines[1]))
    except OSError as error:
        raise FileFormatError(f"{path} cannot be read: {error}") from error
    except (KeyError, ValueError, IndexError) as error:
        raise FileFormatError(f"{path}, frame {len(positions)}: {error}") from error
    if not positions:
        raise FileFormatError(f"{path} holds no whole frame")
    return np.array(positions), numbers, infos
