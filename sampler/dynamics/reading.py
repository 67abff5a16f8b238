"""Reading what a replica left behind, frame by frame: up to the last whole one where a kill cut the file off."""

from __future__ import annotations

import codecs
import shlex
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import FileFormatError

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Frame:
    """One frame of a trajectory.

    Attributes:
        index: from 0, in the file. positions: (n, 3) Å. numbers: (n,) atomic numbers.
        told: what the comment line says, as text: ``time_fs``, ``energy_eV``, ``temperature_K``, ``charge``.
    """

    index: int
    positions: np.ndarray
    numbers: np.ndarray
    told: dict[str, str]

    def number(self, key: str) -> float:
        """What the comment says, NaN where it says nothing of it."""
        return float(self.told.get(key, "nan"))


def frames(path: Path | str, every: int = 1) -> Iterator[Frame]:
    """The whole frames of a gzipped trajectory, or each ``every``-th, one in memory at a time.

    Raises:
        FileFormatError: no such file, or something else than a trajectory; the frames before it have been given.
    """
    symbols: tuple[str, ...] = ()
    numbers = np.zeros(0, int)
    for k, lines in enumerate(_whole(path)):
        if k % every:
            continue
        words = " ".join(lines[2:]).split()
        try:
            if tuple(words[::4]) != symbols:
                symbols = tuple(words[::4])
                numbers = _numbers(symbols)
            told = _comment(lines[1])
            positions = np.array([words[1::4], words[2::4], words[3::4]], float).T
            if len(words) != 4 * len(numbers) or not np.isfinite(positions).all():
                raise ValueError("a line is not an element and three numbers")
        except (KeyError, ValueError) as error:
            raise FileFormatError(f"{path}, frame {k}: {error}") from error
        yield Frame(k, np.ascontiguousarray(positions), numbers, told)


def count(path: Path | str) -> int:
    """How many whole frames there are."""
    return sum(1 for _ in _whole(path))


def _numbers(symbols: tuple[str, ...]) -> np.ndarray:
    from ase.data import atomic_numbers

    return np.array([atomic_numbers[s] for s in symbols])


def _comment(line: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in shlex.split(line) if "=" in part)


def _whole(path: Path | str) -> Iterator[list[str]]:
    """The lines of each whole frame: the number of atoms, the comment, the atoms."""
    lines: list[str] = []
    left = ""
    for text in _text(path):
        *complete, left = (left + text).split("\n")
        lines += complete
        at = 0
        while at < len(lines):
            if not lines[at].strip().isdigit():
                raise FileFormatError(
                    f"{path}: where a frame begins with its number of atoms stands {lines[at][:40]!r}"
                )
            n = int(lines[at]) + 2
            if len(lines) - at < n:
                break
            yield lines[at : at + n]
            at += n
        lines = lines[at:]


def _text(path: Path | str) -> Iterator[str]:
    """The text of a gzipped file, piece by piece, up to where it ends or was cut off."""
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    try:
        with open(path, "rb") as handle:
            end = _end(handle)
            opened, rest = zlib.decompressobj(31), b""
            while raw := rest or handle.read(min(_CHUNK, end - handle.tell())):
                yield decode(opened.decompress(raw))
                rest = opened.unused_data
                if opened.eof:
                    opened = zlib.decompressobj(31)
    except zlib.error as error:
        raise FileFormatError(f"{path} is no gzipped trajectory, or damaged: {error}") from error
    except OSError as error:
        raise FileFormatError(f"{path} cannot be read: {error.strerror or error}") from error


def _end(handle: BinaryIO) -> int:
    """Where the zeros at the end begin, which a power cut leaves of what was not yet on the disk; the reader is back at 0.

    A whole file may lose the end of its last check sum: nothing of its text.
    """
    end = handle.seek(0, 2)
    while end:
        begin = max(0, end - _CHUNK)
        handle.seek(begin)
        left = len(handle.read(end - begin).rstrip(b"\0"))
        end = begin + left
        if left:
            break
    handle.seek(0)
    return end
