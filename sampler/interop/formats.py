"""Any file of structures into clusters, and clusters into any file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ..clusters import Clusters
from ..columns import renamed
from ..errors import FileFormatError, InputError
from .population import Population

FORMATS = {
    "sampler": "sampler's own (.npz), or a run directory",
    "jkqc": "JKQC pickle (.pkl)",
    "ase-db": "ASE database (.db)",
    "extxyz": "extended XYZ (.extxyz, .xyz)",
    "crest": "CREST ensemble (crest_*.xyz): energies in Hartree in the comment lines",
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
    try:
        with open(path, "rb") as handle:
            head = handle.read(20_000)
    except OSError as error:
        raise FileFormatError(f"{path} cannot be read: {error.strerror or error}") from error
    if not head.strip():
        raise FileFormatError(f"{path} is empty")
    if head.startswith(b"PK\x03\x04") and path.suffix == ".npz":
        return "sampler"
    if head.startswith(b"SQLite format 3\0"):
        return "ase-db"
    if head[:1] == b"\x80" or path.suffix in (".pkl", ".pickle"):
        return "jkqc"
    if head.split(b"\n", 1)[0].strip().isdigit():
        return "extxyz"
    if b"O   R   C   A" in head:
        raise FileFormatError(f"{path} is an ORCA output; read its folder with: sampler import orca {path.parent}")
    raise FileFormatError(f"{path} is of no known format; known: {'; '.join(FORMATS.values())}")


def read_population(path: Path | str, *, energy_key: str | None = None, forces_key: str | None = None) -> Population:
    """A file as it is, with the levels and charges it states; see :class:`~sampler.interop.population.Population`."""
    from .asedb import read_ase_db
    from .jkqc import read_jkqc
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
        found = (read_jkqc if kind == "jkqc" else read_ase_db)(path, energy_key)
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
        path: npz, run directory, JKQC pickle, ASE database, extended or plain XYZ, CREST ensemble; told by content.
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


def write_any(clusters: Clusters, path: Path | str, *, kind: str | None = None, forces: bool = True) -> str:
    """Write clusters in the format of the file's ending, or ``kind``; returns the kind. See ``FORMATS``.

    All formats keep geometry, energy, level, charge, ids and columns; all but ``crest`` keep forces.

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
    if kind is None:
        endings = {".npz": "sampler", ".pkl": "jkqc", ".db": "ase-db", ".extxyz": "extxyz", ".xyz": "extxyz"}
        kind = "crest" if path.name.startswith("crest") and path.suffix == ".xyz" else endings.get(path.suffix, "")
    writers: dict[str, Callable] = {
        "sampler": Clusters.save, "jkqc": write_jkqc, "ase-db": write_ase_db, "extxyz": write_extxyz, "crest": write_crest,
    }  # fmt: skip
    if kind not in writers:
        raise InputError(f"{path}: no format has this ending; known: {'; '.join(FORMATS.values())}")
    writers[kind](clusters if forces else clusters.replace(forces=None), path)
    return kind


def _own(path: Path) -> Population:
    import numpy as np

    if path.is_dir():
        from ..funnel.rundir import read_result

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
