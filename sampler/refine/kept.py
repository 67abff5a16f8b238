"""Finished pieces of a command that was stopped: a folder of small files, named by what their content depends on.

A file is whole or absent (fsync and rename), also after a kill. Its name is a hash of everything that its numbers depend
on, so that another structure, charge, potential, model, setting or version finds nothing of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import StorageError
from ..storage import write_text, writer_of
from ..version import __version__
from ..workers.resumable import Work, finish
from .thermo.rrho import Species

FOLDER = "thermo-unfinished"
"""In the current directory, while there is unfinished work."""


@dataclass
class Kept:
    """The folder, and which of its files this command has to do with."""

    folder: Path
    used: set[Path] = field(default_factory=set)

    @classmethod
    def open(cls, folder: Path | str = FOLDER, readme: str = "") -> Kept | None:
        """The folder, made if need be, with a text that says what it is; None where it cannot be written."""
        folder = Path(folder).absolute()  # workers may have been started elsewhere
        try:
            write_text(folder / "README", readme or _README)
        except StorageError:
            return None
        for part in folder.glob(".*.part"):  # of a writer that was killed
            if _gone(writer_of(part.name)):
                with contextlib.suppress(OSError):
                    part.unlink()
        return cls(folder)

    def path(
        self, kind: str, numbers: Sequence[int], positions: Any, charge: int, settings: Mapping[str, Any], ending: str = ".json"
    ) -> Path:  # fmt: skip
        """The file of one structure, or of several in a row: positions in Å count to 1e-7; ``settings`` is all else that
        matters, as JSON has it."""
        path = self.folder / f"{kind}-{name_of(kind, numbers, positions, charge, settings)}{ending}"
        self.used.add(path)
        return path

    def of(self, kind: str, species: Species, settings: Mapping[str, Any]) -> Path:
        """The file of something computed at the geometry of a species."""
        columns = species.columns
        return self.path(kind, columns["numbers"], columns["positions"], columns["charge"], settings)

    def done(self) -> None:
        """All has ended well and has been handed over: what this command used goes, and the folder if nothing else is in it."""
        for path in self.used:
            with contextlib.suppress(OSError):
                path.unlink()
        self.close()

    def close(self) -> None:
        """Leave no folder without work in it."""
        with contextlib.suppress(OSError):
            if {p.name for p in self.folder.iterdir()} <= {"README"}:
                (self.folder / "README").unlink(missing_ok=True)
                self.folder.rmdir()


def name_of(kind: str, numbers: Sequence[int], positions: Any, charge: int, settings: Mapping[str, Any]) -> str:
    """A name for a piece of work: a hash of all that it depends on, the version included; see :meth:`Kept.path`."""
    with np.errstate(invalid="ignore"):
        grid = np.round(np.asarray(positions, float) * 1e7).astype(np.int64).tolist()
    content = [kind, [int(z) for z in numbers], grid, int(charge), settings, __version__]
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:32]


def outcomes(
    function: Callable[[Any], tuple[Any, Any]], tasks: Sequence[Any], paths: Sequence[Path | None], workers: int | str,
    read: Callable[[Path | None], Any], save: Callable[[Path, Any], None],
) -> Iterator[tuple[int, Any]]:  # fmt: skip
    """(index, result or :class:`sampler.workers.worker.Died`) of each task: what is kept first, then what is computed.

    Args:
        function: makes of a task what is to be kept (None keeps nothing) and the result; importable by name.
        paths: the file of each task; None where none is wanted. read: the result in it, or None. save: writes one.
    """
    missing = []
    for index, path in enumerate(paths):
        if (result := read(path)) is None:
            missing.append(index)
        else:
            yield index, result
    yield from finish(Work(function, lambda i: tasks[i], lambda i: paths[i], save), missing, workers)


def triple(path: Path | None) -> tuple | None:
    """Two values and the reason of a failure, '' here, as they are kept; None where there is no such file."""
    told = read(path)
    return tuple(told) if isinstance(told, list) and len(told) == 3 else None


def read(path: Path | None) -> Any:
    """The JSON in a kept file; None where there is none, or where it cannot be read, and is computed again."""
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path else None
    except (OSError, ValueError):
        return None


def write(path: Path, value: Any) -> None:
    """Keep JSON."""
    write_text(path, json.dumps(value))


def _gone(process: int | None) -> bool:
    """Whether the writer of a temporary file is a process of this machine that has ended."""
    try:
        if process is not None:
            os.kill(process, 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass
    return False


_README = """Hessians and energies that sampler thermo (or sampler export acdc) has finished, until it has finished all.
The same command, started in the same directory, goes on with them and removes them when it is done.
They may be deleted at any time. No result is read from here but that of the same structure with the same settings.
"""
