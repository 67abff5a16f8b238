"""Any file of structures into clusters, and clusters into any file."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from ..clusters import Clusters
from ..columns import renamed
from ..errors import FileFormatError, InputError
from ..monomers import MonomerLibrary
from ..text.files import decoded, read_head
from ..text.xyz import MOST_ATOMS, is_head, too_large
from .asefile import is_known
from .imported import Population
from .orcafile import MARK

FORMATS = {
    "sampler": "sampler's own (.npz), or a run directory",
    "jkqc": "JKQC pickle (.pkl)",
    "ase-db": "ASE database (.db)",
    "extxyz": "extended XYZ (.extxyz, .xyz)",
    "crest": "CREST ensemble (crest_*.xyz): energies in Hartree in the comment lines",
    "orca": "ORCA output",
    "ase": "other files that ASE reads (trajectories, POSCAR, mol, …)",
}
"""Name -> what it is; plain XYZ is read too."""


def kind_of(path: Path | str) -> str:
    """The format of a file, told from its content; see ``FORMATS``.

    Raises:
        FileFormatError: missing, empty, or none of the formats.
    """
    path = Path(path)
    if path.is_dir():
        if (path / "manifest.json").exists() and (path / "stages").is_dir():
            return "sampler"
        raise FileFormatError(f"{path} is a folder but no run directory; ORCA outputs: sampler import orca {path}")
    head = read_head(path)
    if not head.strip(b" \t\r\n\0"):
        raise FileFormatError(f"{path} is empty")
    if head.startswith(b"PK\x03\x04") and path.suffix == ".npz":
        return "sampler"
    if head.startswith(b"SQLite format 3\0"):
        return "ase-db"
    if head[:1] == b"\x80" or path.suffix in (".pkl", ".pickle"):
        return "jkqc"
    lines = _text(head).lstrip().split("\n")
    if is_head(lines[0]) and not (path.suffix == ".gen" or re.fullmatch(r"\s*\d+\s+[CSFH]\s*", lines[0])):
        return "extxyz"
    if MARK in "\n".join(lines):
        return "orca"
    if lines[0].lower().startswith("[molden format]"):
        raise FileFormatError(
            f"{path} is a Molden file; write its geometry as plain XYZ, for example with: obabel -imolden"
        )
    if path.suffix.lower() in (".xyz", ".extxyz") and len(lines) > 1:
        raise FileFormatError(
            f"{path} is of no known format: its first line should be a number of atoms, it is {lines[0].strip()[:60]!r}"
        )
    if is_known(path):
        return "ase"
    raise FileFormatError(f"{path} is of no known format; known: {'; '.join(FORMATS.values())}")


def _text(head: bytes) -> str:
    try:
        return decoded(head[: len(head) // 4 * 4])
    except UnicodeDecodeError:  # cut in the middle of a letter
        return head.decode("latin-1")


def read_population(path: Path | str, *, energy_key: str | None = None, forces_key: str | None = None) -> Population:
    """A file as it is, with the levels and charges it states; see :class:`~sampler.interop.imported.Population`."""
    found = _read(path, energy_key, forces_key)
    many = np.flatnonzero(found.clusters.natoms > MOST_ATOMS)
    if len(many):
        raise too_large(path, str(found.where[many[0]]), int(found.clusters.natoms[many[0]]))
    return found


def _read(path: Path | str, energy_key: str | None, forces_key: str | None) -> Population:
    from .asedb import read_ase_db
    from .asefile import read_ase
    from .jkqc import read_jkqc
    from .orcafile import read_orca
    from .xyz import read_xyz

    kind = kind_of(path)
    if forces_key is not None and kind != "extxyz":
        raise InputError(f"{path}: forces are chosen by name in extended XYZ files only")
    if kind == "sampler":
        if energy_key is not None:
            raise InputError(f"{path} is sampler's own and has one energy; leave out the name {energy_key!r}")
        return _own(Path(path))
    if kind == "extxyz":
        found = read_xyz(path, energy_key, forces_key)
    else:
        readers = {"jkqc": read_jkqc, "ase-db": read_ase_db, "orca": read_orca, "ase": read_ase}
        found = readers[kind](path, energy_key)
    return replace(found, clusters=found.clusters.replace(columns=renamed(found.clusters.columns)))


def read_any(
    path: Path | str,
    level: str | None = None,
    charge: int | None = None,
    *,
    energy_key: str | None = None,
    forces_key: str | None = None,
) -> Clusters:
    """Structures from a file of any known format, units converted to eV and Å.

    Args:
        path: npz, run directory, JKQC pickle, ASE database, extended or plain XYZ, CREST ensemble, ORCA output; told by content.
        level: of the energies, where the file does not state it; without it they keep the level ''. Of several levels
            in a file, the one to take.
        charge: of structures for which the file states none (else 0).
        energy_key, forces_key: others than the format's own, e.g. ``b973c_energy_Eh``, ``b973c_gradient_Eh_per_bohr``
            or, in JKQC pickles, ``out:electronic_energy``.

    Raises:
        FileFormatError: empty, truncated, foreign, or with coordinates that are not numbers; says where.
        LevelError: energies of several levels, or of another one than ``level``.
        InputError: another charge than the file states; unknown key.
    """
    return read_population(path, energy_key=energy_key, forces_key=forces_key).settle(level, charge)


def write_any(
    clusters: Clusters, path: Path | str, *, kind: str | None = None, forces: bool = True,
    library: MonomerLibrary | None = None,
) -> str:  # fmt: skip
    """Write clusters in the format of the file's ending, or ``kind``; returns the kind. See ``FORMATS``.

    All formats keep geometry, energy, level, charge, ids and columns; all but ``crest`` keep forces. ``library``: the
    molecules that ids such as ``1hio31am-0`` name, for JKQC's columns; default: those that ship and the user's own.

    Raises:
        InputError: nothing to write, an unknown ending, or forces in a format without.
        MissingDependency: JKQC pickles without pandas.
    """
    from .asedb import write_ase_db
    from .jkqc import write_jkqc
    from .xyz import write_crest, write_extxyz

    path = Path(path)
    if not len(clusters):
        raise InputError(f"there are no structures to write to {path}")
    kind = kind_by_ending(path) if kind is None else kind
    writers: dict[str, Callable] = {
        "sampler": Clusters.save, "jkqc": partial(write_jkqc, library=library), "ase-db": write_ase_db, "extxyz": write_extxyz, "crest": write_crest,
    }  # fmt: skip
    if kind not in writers:
        raise InputError(f"{path}: no format has this ending; known: {'; '.join(FORMATS.values())}")
    writers[kind](clusters if forces else clusters.replace(forces=None), path)
    return kind


def kind_by_ending(path: Path) -> str:
    """The format that :func:`write_any` writes to a file of this name; '' where there is none."""
    endings = {".npz": "sampler", ".pkl": "jkqc", ".db": "ase-db", ".extxyz": "extxyz", ".xyz": "extxyz"}
    return "crest" if path.name.startswith("crest") and path.suffix == ".xyz" else endings.get(path.suffix, "")


def _own(path: Path) -> Population:
    if path.is_dir():
        from ..rundir.directory import read_result

        clusters = read_result(path)
    else:
        clusters = Clusters.load(path)
    if not len(clusters):
        raise FileFormatError(f"{path} holds no structures")
    return Population(
        clusters.replace(level=""),
        levels=np.where(np.isfinite(clusters.energy), clusters.level, ""),
        charge_stated=np.ones(len(clusters), bool),
        source=str(path),
        where=np.array([f"structure {i}" for i in clusters.ids]),
    )
