"""ORCA's interface to external methods (``! ExtOpt``): ORCA writes a structure, this writes energy and gradient back.

ORCA 6 calls ``ProgExt BASE_EXT.extinp.tmp Ext_Params``. The file names an xyz file, charge, multiplicity, cores,
whether a gradient is wanted and, perhaps, a file of point charges, a line each, ``#`` beginning a comment. What is
expected back is ``BASE_EXT.engrad``: number of atoms, energy (Eh), gradient (Eh/bohr). (ORCA 6 manual, "ORCA as
external optimizer".)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..clusters import Clusters
from ..errors import FileFormatError, InputError, PotentialError
from ..storage import write_text
from ..units import HARTREE, HARTREE_PER_BOHR
from .base import Potential

SUFFIX = ".extinp.tmp"


@dataclass(frozen=True)
class Request:
    """What ORCA asks for: a structure (with its charge) and whether forces are wanted."""

    structure: Clusters
    forces: bool
    answer: Path


def read_request(path: Path | str) -> Request:
    """Read ``BASE_EXT.extinp.tmp`` and the xyz file that it names.

    Raises:
        FileFormatError: a line that is missing or no number. InputError: point charges or an open shell.
    """
    path = Path(path)
    if not path.name.endswith(SUFFIX):
        raise FileFormatError(f"{path}: ORCA's file for external methods ends in {SUFFIX}")
    try:
        lines = [line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except OSError as error:
        raise FileFormatError(f"cannot read {path}: {error.strerror or error}") from error
    values = [line for line in lines if line]
    try:
        geometry, charge, multiplicity, wanted = values[0], int(values[1]), int(values[2]), int(values[4])
    except (IndexError, ValueError) as error:
        raise FileFormatError(
            f"{path}: expected an xyz file, charge, multiplicity, cores and gradient (0 or 1), a line each"
        ) from error
    if len(values) > 5:
        raise InputError(f"{path}: point charges ({values[5]}) cannot be taken into account")
    if multiplicity != 1:
        raise InputError(f"{path}: the multiplicity is {multiplicity}; the potentials here are for closed shells")
    return Request(_geometry(path.with_name(geometry), charge), wanted == 1, _answer(path))


def answer(request: Request, potential: Potential) -> None:
    """Evaluate and write ``BASE_EXT.engrad``.

    Raises:
        PotentialError: the structure cannot be evaluated; nothing is written, so that ORCA stops.
    """
    found = potential.evaluate(request.structure, request.forces)
    if found.failure[0]:
        raise PotentialError(f"{potential.level} cannot evaluate {request.structure.ids[0]}: {found.failure[0]}")
    blocks = [("Number of atoms", [str(len(request.structure.numbers))])]
    blocks.append(("Total energy [Eh]", [f"{found.energy[0] / HARTREE:.12f}"]))
    if request.forces:
        gradient = -found.needed_forces / HARTREE_PER_BOHR
        blocks.append(("Gradient [Eh/bohr], x y z of each atom", [f"{g:.12f}" for g in np.ravel(gradient)]))
    write_text(request.answer, "".join(f"#\n# {title}\n#\n" + "\n".join(lines) + "\n" for title, lines in blocks))


def _answer(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(SUFFIX) + ".engrad")


def _geometry(path: Path, charge: int) -> Clusters:
    from ase.data import atomic_numbers

    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        count = int(lines[0])
        rows = [line.split() for line in lines[2 : 2 + count]]
        numbers = np.array([atomic_numbers[row[0]] for row in rows])
        positions = np.array([[float(x) for x in row[1:4]] for row in rows]).reshape(-1, 3)
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise FileFormatError(f"{path}: no xyz file ({error})") from error
    if len(rows) != count or not count:
        raise FileFormatError(f"{path}: {len(rows)} atoms where the first line says {count}")
    return Clusters.make([positions], [numbers], charge=charge, ids=[path.stem])
