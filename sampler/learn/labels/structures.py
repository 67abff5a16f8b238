"""Structures to label, to choose from or to start from, out of whatever file holds them."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...clusters import Clusters
from ...columns import CPU_SECONDS, DEVICE, ENGINE, FAILURE
from ...errors import FileFormatError
from ...monomers import MonomerLibrary
from ...text.files import regular_file
from .dataset import FORMAT, LabelSet

_OF_LABELS = (FAILURE, CPU_SECONDS, ENGINE, DEVICE)
"""Columns that belong to the labels a structure had, not to the structure."""


def read_structures(
    file: Path | str,
    charge: int | None = None,
    note: Callable[[str], None] = lambda line: None,
    library: MonomerLibrary | None = None,
) -> Clusters:
    """Structures, without their energies, from a clusters npz, a data set of labels, or any file that
    :func:`sampler.interop.read_any` reads.

    Args:
        charge: of every structure; None keeps what the file says, and where it says nothing takes that of the molecules.
        note: told in one line what was left out or taken: the labels of a data set, charges.
        library: of the molecules; the shipped one by default.

    Raises:
        FileFormatError: the file is missing, empty or unreadable. InputError: a charge that contradicts the molecules,
            or that nothing tells.
    """
    file = Path(file)
    clusters = _own(file, note) if file.suffix == ".npz" else _foreign(file, charge, library, note)
    clusters = clusters.replace(columns={k: v for k, v in clusters.columns.items() if k not in _OF_LABELS})
    return clusters if charge is None else clusters.replace(charge=np.full(len(clusters), charge))


def _own(file: Path, note: Callable[[str], None]) -> Clusters:
    regular_file(file)
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
    except (ValueError, KeyError, OSError, EOFError, TypeError, zipfile.BadZipFile, zlib.error):
        return False  # Clusters.load says what is wrong with it


def _foreign(file: Path, charge: int | None, library: MonomerLibrary | None, note: Callable[[str], None]) -> Clusters:
    from ...interop.formats import read_population
    from ...interop.molecules import with_molecules

    population = read_population(file)
    population = with_molecules(population, MonomerLibrary.load() if library is None else library, charge, strict=True)
    for line in population.notes:
        if "energies" not in line:  # they are not used
            note(line)
    stated = population.charge_stated & (population.clusters.charge != (charge or 0))
    if charge is not None and stated.any():
        i = int(np.flatnonzero(stated)[0])
        note(
            f"{population.where[i]} states the charge {population.clusters.charge[i]:+d}; {charge:+d} is taken, as given"
        )
        population = replace(population, charge_stated=np.zeros(len(population.clusters), bool))
    return population.charged(charge).without_energies()
