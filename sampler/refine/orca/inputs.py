"""ORCA input files: one per structure, with job scripts and a manifest that knows where each structure comes from."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...clusters import Clusters
from ...columns import RANK
from ...errors import InputError
from ...storage import storage_error, write_text
from . import scripts
from .presets import Preset
from .presets import preset as find_preset

MANIFEST = "manifest.json"
FORMAT = "sampler-orca-1"
_LONGEST = 120
"""Characters of a file name; ORCA appends its own endings, and file systems end at 255 bytes."""


def write_inputs(
    clusters: Clusters,
    folder: Path | str,
    preset: str = "opt-freq",
    *,
    cores: int = 8,
    memory_mb: int = 2000,
    maxiter: int | None = None,
    keywords: str | None = None,
    multiplicity: int | None = None,
    hours: int = 72,
    provenance: Mapping[str, Any] | None = None,
) -> Path:
    """Write ``ID.inp`` for every structure, ``run_all.sh``, ``slurm_array.sh``, ``manifest.json`` and ``manifest.csv``.

    Args:
        clusters: structures; their charges go into the inputs, and the column ``rank``, if there is one.
        folder: made if absent. Inputs of the same names are replaced; an output that belongs to a different input of
            that name is renamed to ``*.superseded``, so that it cannot pass for the result of the new one.
        preset: see :data:`sampler.refine.orca.presets.PRESETS`.
        cores: ``%pal nprocs`` and cores per job of the scripts.
        memory_mb: memory per core, ``%maxcore``; the SLURM script asks for a third more, since ORCA exceeds it.
        maxiter: cycles of an optimisation, instead of the preset's.
        keywords: simple input line instead of the preset's.
        multiplicity: 2S+1; by default 1, which needs an even number of electrons.
        hours: time limit of a job in the SLURM script.
        provenance: goes into the manifest as it is (name of the run, composition, …).

    Returns:
        The path of ``manifest.json``.

    Raises:
        InputError: unknown preset, odd number of electrons, a position that is not finite, two structures with one name.
        StorageError: the folder cannot be written.
    """
    kind = find_preset(preset)
    words = (keywords or kind.keywords).strip().lstrip("!").strip()
    if maxiter is not None and not kind.optimises and "opt" not in words.lower():
        raise InputError(f"maxiter = {maxiter} has no meaning for the preset {kind.name}, which does not optimise")
    if cores < 1 or memory_mb < 1 or (maxiter is not None and maxiter < 1):
        raise InputError(f"cores = {cores}, memory_mb = {memory_mb} and maxiter = {maxiter} must be at least 1")
    folder = Path(folder)
    names = file_names(clusters.ids)
    texts, entries = [], []
    for i, name in enumerate(names):
        atoms = clusters.atoms_of(i)
        spin = spin_multiplicity(clusters.numbers[atoms], int(clusters.charge[i]), multiplicity, str(clusters.ids[i]))
        text = input_text(
            clusters.numbers[atoms],
            clusters.positions[atoms],
            charge=int(clusters.charge[i]),
            multiplicity=spin,
            keywords=words,
            cores=cores,
            memory_mb=memory_mb,
            maxiter=maxiter or kind.maxiter,
            title=name + (f", rank {clusters.columns[RANK][i]}" if RANK in clusters.columns else ""),
        )
        texts.append(text)
        entries.append(_entry(clusters, i, name, text, spin, kind, words, provenance or {}))
    for name, text in zip(names, texts):
        _set_aside(folder, name, text)
    write_many(folder, {f"{name}.inp": text for name, text in zip(names, texts)})
    return write_folder(folder, entries, cores=cores, memory_mb=memory_mb, hours=hours, kind=kind, keywords=words)


def write_folder(folder: Path, entries: list[dict], *, cores: int, memory_mb: int, hours: int, kind: Preset | None,
                 keywords: str) -> Path:  # fmt: skip
    """The manifest and the job scripts for inputs that are in ``folder`` already."""
    names = [e["name"] for e in entries]
    manifest = {
        "format": FORMAT,
        "preset": kind.name if kind else "",
        "partial": bool(kind and kind.partial),
        "keywords": keywords,
        "cores": cores,
        "memory_mb_per_core": memory_mb,
        "jobs": entries,
    }
    write_text(folder / MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    write_text(folder / "manifest.csv", _table(entries))
    write_text(folder / "jobs.txt", "".join(f"{n}\n" for n in names))
    for script, text in scripts.both(len(names), cores=cores, memory_mb=memory_mb, hours=hours).items():
        write_text(folder / script, text)
        (folder / script).chmod(0o755)
    return folder / MANIFEST


def input_text(
    numbers: np.ndarray,
    positions: np.ndarray,
    *,
    charge: int,
    multiplicity: int,
    keywords: str,
    cores: int = 1,
    memory_mb: int = 2000,
    maxiter: int | None = None,
    scf_maxiter: int | None = None,
    title: str = "",
) -> str:
    """One ORCA input: (n,) atomic numbers, (n, 3) positions in Å.

    Raises:
        InputError: a position is not finite, or there is no atom.
    """
    from ase.data import chemical_symbols

    positions = np.asarray(positions, float)
    if len(numbers) == 0 or not np.isfinite(positions).all():
        raise InputError(
            f"structure {title or '?'} has no atoms or a position that is not finite; it cannot be an input"
        )
    lines = [f"# {title.replace('#', '_')}"] if title else []  # a second # would end the comment
    lines += [f"! {keywords}", f"%pal nprocs {cores} end", f"%maxcore {memory_mb}"]
    lines += [f"%geom MaxIter {maxiter} end"] if maxiter else []
    lines += [f"%scf MaxIter {scf_maxiter} end"] if scf_maxiter else []
    lines += [f"* xyz {charge} {multiplicity}"]
    lines += [f"{chemical_symbols[z]:<2s} {x:16.10f} {y:16.10f} {w:16.10f}" for z, (x, y, w) in zip(numbers, positions)]
    return "\n".join([*lines, "*", ""])


def spin_multiplicity(numbers: np.ndarray, charge: int, wanted: int | None, name: str) -> int:
    """2S+1: 1 for an even number of electrons unless another one is wanted.

    Raises:
        InputError: an odd number of electrons without, or a parity that does not go with, ``wanted``.
    """
    electrons = int(np.sum(numbers)) - charge
    if electrons < 0:
        raise InputError(f"structure {name} would have {electrons} electrons; its charge {charge:+d} is wrong")
    if wanted is None:
        if electrons % 2:
            raise InputError(
                f"structure {name} has {electrons} electrons with the charge {charge:+d}, an odd number: the charge is "
                "wrong, or it is a radical; for a radical give multiplicity=2"
            )
        return 1
    if wanted < 1 or (electrons - wanted) % 2 == 0 or wanted > electrons + 1:
        raise InputError(f"structure {name} has {electrons} electrons and cannot have the multiplicity {wanted}")
    return wanted


def file_names(ids: np.ndarray) -> list[str]:
    """File names of structures: their ids with what a shell or ORCA stumbles over replaced by ``_``; of long ones the
    beginning and a checksum of the whole.

    Raises:
        InputError: two structures would get one name.
    """
    names = [re.sub(r"[^A-Za-z0-9._+-]", "_", str(i)) for i in ids]
    names = [n if n and n[0] not in ".-" else f"_{n}" for n in names]
    names = [n if len(n) <= _LONGEST else _shortened(n, str(i)) for n, i in zip(names, ids)]
    seen: dict[str, str] = {}
    for name, i in zip(names, ids):
        # two names that differ in case only are one file on some systems
        if name.lower() in seen:
            raise InputError(
                f"the structures {seen[name.lower()]!r} and {str(i)!r} would both be written to {name}.inp"
            )
        seen[name.lower()] = str(i)
    return names


def _shortened(name: str, whole: str) -> str:
    return f"{name[: _LONGEST - 13]}-{hashlib.sha256(whole.encode()).hexdigest()[:12]}"


def read_manifest(folder: Path | str) -> dict[str, Any] | None:
    """The manifest of a folder written by :func:`write_inputs`, None if there is none.

    Raises:
        InputError: the file is there but cannot be read.
    """
    path = Path(folder) / MANIFEST
    if not path.is_file():
        return None
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if manifest["format"] != FORMAT:
            raise InputError(f"{path} has the format {manifest['format']!r}, expected {FORMAT!r}")
        for job in manifest["jobs"]:
            job["name"], job["id"]  # noqa: B018 (both must be there)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not a manifest of ORCA inputs: {error!r}; restore or remove it") from error
    return manifest


def write_many(folder: Path, texts: Mapping[str, str]) -> None:
    """Write small files without a flush to disk for each; the manifest, written last and atomically, vouches for them.

    Raises:
        StorageError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise storage_error(error, folder) from error


def _set_aside(folder: Path, name: str, text: str) -> None:
    """Rename the results of an earlier, different input of that name."""
    old = folder / f"{name}.inp"
    if not old.is_file() or _asked(old.read_text(encoding="utf-8", errors="replace")) == _asked(text):
        return
    for suffix in ("out", "gbw", "xyz", "engrad", "hess"):
        result = folder / f"{name}.{suffix}"
        if result.is_file():
            result.rename(result.with_name(f"{result.name}.superseded"))


def _asked(text: str) -> list[str]:
    """The lines of an input without comments: a rank that changes asks for nothing else."""
    return [line for line in text.splitlines() if not line.startswith("#")]


def _entry(clusters, i, name, text, spin, kind, words, provenance) -> dict[str, Any]:
    entry = {
        "name": name,
        "input": f"{name}.inp",
        "id": str(clusters.ids[i]),
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "atoms": int(clusters.natoms[i]),
        "charge": int(clusters.charge[i]),
        "multiplicity": spin,
        "preset": kind.name,
        "keywords": words,
        "energy_eV": _plain(clusters.energy[i]),
        "level": clusters.level,
    }
    for key, value in {**{k: v[i] for k, v in clusters.columns.items()}, **provenance}.items():
        entry.setdefault(str(key), _plain(value))
    return entry


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def _table(entries: list[dict]) -> str:
    header = list(dict.fromkeys(k for e in entries for k in e))
    out = io.StringIO()
    writer = csv.DictWriter(out, header, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(entries)
    return out.getvalue()
