"""Structures to label, to choose from or to start from, out of whatever file holds them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..clusters import Clusters
from ..errors import FileFormatError, SamplerError
from .dataset import FORMAT, LabelSet

_OF_LABELS = ("failure", "cpu_seconds", "engine", "device")
"""Columns that belong to the labels a structure had, not to the structure."""


def read_structures(
    file: Path | str, charge: int | None = None, note: Callable[[str], None] = lambda line: None
) -> Clusters:
    """Structures from a clusters npz, from a data set of labels, or from any file that ASE reads.

    Args:
        charge: of every structure; None keeps what the file says.
        note: told in one line what was left out: the labels of a data set. Energies in other files stay, for nothing
            that reads structures uses them.

    Raises:
        FileFormatError: the file is missing, empty or unreadable.
    """
    file = Path(file)
    clusters = _own(file, note) if file.suffix == ".npz" else _foreign(file, charge)
    clusters = clusters.replace(columns={k: v for k, v in clusters.columns.items() if k not in _OF_LABELS})
    return clusters if charge is None else clusters.replace(charge=np.full(len(clusters), charge))


def _own(file: Path, note: Callable[[str], None]) -> Clusters:
    if not file.exists():
        raise FileFormatError(f"{file} does not exist")
    if not zipfile.is_zipfile(file):
        raise FileFormatError(f"{file} is empty, truncated or no .npz file")
    if not _holds_labels(file):
        return Clusters.load(file)
    labels = LabelSet.load(file)
    note(f"{file} is a data set of {labels.level}: its {len(labels)} structures are taken, its labels are not")
    return labels.clusters.without_energies()


def _holds_labels(file: Path) -> bool:
    try:
        with np.load(file, allow_pickle=False) as data:
            return json.loads(str(data["header"]))["format"] == FORMAT
    except (ValueError, KeyError, OSError, EOFError, TypeError, zipfile.BadZipFile, zipfile.zlib.error):
        return False  # Clusters.load says what is wrong with it


def _foreign(file: Path, charge: int | None) -> Clusters:
    from ase.io import read

    try:
        frames = read(file, ":")
        if not frames:
            raise FileFormatError(f"{file} holds no structure")
        return Clusters.from_ase(frames, charge=charge)
    except SamplerError:
        raise
    except Exception as error:  # ASE's readers raise whatever their parsing meets
        where = _bad_line(file) if file.suffix in (".xyz", ".extxyz") else ""
        raise FileFormatError(
            f"{file} cannot be read as structures: {where or f'{type(error).__name__}: {error}'}"
        ) from error


def _bad_line(file: Path) -> str:
    """The first line of an XYZ file that is none, in words; '' if all of them look right."""
    from ase.data import atomic_numbers

    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return ""
    i = 0
    while i < len(lines) and lines[i].strip():
        try:
            atoms = int(lines[i])
        except ValueError:
            return f"line {i + 1} is {lines[i].strip()!r}, expected a number of atoms"
        block = lines[i + 2 : i + 2 + atoms]
        if len(block) < atoms:
            return f"it ends after {len(block)} of the {atoms} atoms that line {i + 1} announces"
        for k, line in enumerate(block, i + 3) if "Properties=" not in lines[i + 1] else ():
            words = line.split()
            try:
                [float(w) for w in words[1:4]]
                good = len(words) > 3 and (words[0].isdecimal() or words[0].capitalize() in atomic_numbers)
            except ValueError:
                good = False
            if not good:
                return f"line {k} is {line.strip()!r}, expected an element and three coordinates"
        i += 2 + atoms
    return ""
