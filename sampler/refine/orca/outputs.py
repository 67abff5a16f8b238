"""Reading what ORCA 4, 5 and 6 print: results, and whether the job did what it was meant to do.

cclib 1.8.1 was tried first: it reads the ORCA 4 and 5 files here, but raises on all three ORCA 6 files (known to its
developers: cclib issues 1462 and 1769), gives no rotational constants, no verdict on optimisations that stop at their
last cycle, and converts energies with constants other than ours.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ...errors import FileFormatError
from ...text.files import decoded, read_bytes
from . import jobs, linked
from .one_job import read_job
from .result import OrcaResult
from .vibrations import Thermochemistry

__all__ = ["OrcaResult", "Thermochemistry", "read_output", "read_outputs"]


def read_output(path: Path | str) -> OrcaResult:
    """Read an ORCA output of one structure.

    Raises:
        FileFormatError: the file cannot be read, is no ORCA output, or holds several structures (:func:`read_outputs`).
            (A failed or truncated job is a result.)
    """
    found = read_outputs(path)
    if len(found) > 1:
        raise FileFormatError(
            f"{path} holds {len(found)} structures ({', '.join(r.name for r in found[:5])}); read the folder that it is in"
        )
    return found[0]


def read_outputs(path: Path | str) -> list[OrcaResult]:
    """Read an ORCA output: one result for each structure in it, in its order.

    Jobs that take up the atoms and the geometry of the job before (optimisation, frequencies, single point, restart) are
    of one structure, and its result is that of the last: energy, level, keywords, charge and success are of one and the
    same job. Frequencies of an earlier job are taken where they are of the same geometry, and ``level`` and ``remarks``
    say so.

    Raises:
        FileFormatError: the file cannot be read, or is no ORCA output.
    """
    path = Path(path)
    text = _text(path)
    if "O   R   C   A" not in text and "Program Version" not in text[:8000]:
        raise FileFormatError(f"{path} is no ORCA output: it does not name the program")
    name = path.name.removesuffix(path.suffix)
    read = [read_job(job, path, name, number) for number, job in enumerate(jobs.split(text), start=1)]
    found = [linked.joined(group) for group in linked.structures(read)]
    if len(found) > 1:
        found = [dataclasses.replace(r, name=f"{name}-job{r.job}") for r in found]
    return found


def _text(path: Path) -> str:
    """The text of a file, half-written ones too; PowerShell writes what a program prints as UTF-16."""
    return decoded(read_bytes(path), errors="replace")
