"""Labels out of a file, whichever of our two kinds it is: a data set, or what ``sampler label --collect`` writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...clusters import Clusters
from ...columns import COMPOSITION, ENGINE
from ...composition import Composition
from ...errors import FileFormatError, InputError, LevelError
from ...levels import composition_of, how_to_add, level_with, levels
from ...monomers import MonomerLibrary
from .compositions import checked
from .dataset import LabelSet
from .engine_names import SEPARATOR


def open_labels(file: Path | str, library: MonomerLibrary) -> LabelSet:
    """A data set with the compositions of its structures counted from their atoms.

    Structures with energies of a level (.npz) are taken as well; what is no cluster of molecules of the library is
    refused, since it would have no binding energy.

    Raises:
        FileFormatError: neither kind of file. InputError: see :func:`.compositions.checked`.
        LevelError: the level has no monomer energies.
    """
    try:
        labels = LabelSet.load(file)
    except FileFormatError as error:
        labels = _labelled(Path(file), library, error)
    return replace(labels, clusters=checked(labels.clusters, library, file))


def _labelled(file: Path, library: MonomerLibrary, error: FileFormatError) -> LabelSet:
    try:
        clusters = Clusters.load(file)
    except FileFormatError:
        raise error from None
    if not clusters.level or not np.isfinite(clusters.energy).any():
        raise FileFormatError(f"{file} holds structures without labels; compute them with: sampler label") from error
    clusters = clusters[np.isfinite(clusters.energy)]
    found = label_set(clusters, library, source=file)
    if len(found) < len(clusters):
        left = sorted(set(clusters.ids.tolist()) - set(found.clusters.ids.tolist()))
        raise InputError(
            f"{file}: {len(left)} of {len(clusters)} structures are no cluster of molecules of the library (first: "
            f"{left[0]}); leave them out with: sampler data collect"
        )
    return found


def label_set(
    clusters: Clusters,
    library: MonomerLibrary,
    families: Sequence[str] = (),
    engine: str | None = None,
    source: Path | str = "the labels",
) -> LabelSet:
    """Labelled structures with the monomers of their level; structures not made of ``families`` are left out.

    Args:
        clusters: with a level; the column ``composition`` is held against the atoms, where it is missing these are counted.
        families: of which structures without a composition may be made; none: of what their molecules are.
        engine: the program that made the labels; None for what the column ``engine`` says.
        source: the file or folder, for messages.

    Raises:
        LevelError: the level has no monomer energies. InputError: see :func:`.compositions.checked`.
    """
    clusters = _named(checked(clusters, library, source), library, families)
    clusters = clusters[clusters.columns[COMPOSITION] != ""]
    if engine is None:
        column = clusters.columns.get(ENGINE, np.zeros(0, dtype=np.str_))
        engine = SEPARATOR.join(sorted(set(column.tolist()) - {""}))
    # ions only where there are charged clusters: neutral ones must count from neutral monomers alone
    ions = bool((clusters.charge != 0).any())
    every = set(clusters.columns[COMPOSITION].tolist())
    present = {f for n in every for f, _ in Composition.parse(n, library).counts}
    members = [m.name for f in sorted(present) for m in library.family(f) if ions or m.charge == 0]
    if not members:
        return LabelSet(clusters, {}, engine)
    if clusters.level not in levels():
        raise LevelError(f"the level {clusters.level!r} has no monomer energies; {how_to_add(clusters.level, members)}")
    level = level_with(clusters.level, library)
    return LabelSet(clusters, {m: e for m, e in level.monomers.items() if m in members}, engine)


def _named(clusters: Clusters, library: MonomerLibrary, families: Sequence[str]) -> Clusters:
    """With a composition for each structure that had none (labels of a plain xyz file): what its bonds say, since the
    atoms of 2ma are those of 1am1dma; where they make no whole molecules, what its atoms can be.
    """
    from ...identify import recognise

    names = clusters.columns.get(COMPOSITION, np.full(len(clusters), "")).tolist()
    without = [i for i, name in enumerate(names) if not name]
    found = dict(zip(without, recognise(clusters[without], library))) if without else {}
    made_of = {i: {f for f, _ in c.counts} for i, c in found.items() if c is not None}
    wanted = set(families) or set().union(*made_of.values())
    for i, composition in found.items():
        if composition is not None and made_of[i] <= wanted:
            names[i] = composition.name(library)
    families = families or sorted(wanted)
    for i in (i for i in without if families and i not in made_of):
        z, q = clusters.numbers[clusters.atoms_of(i)], int(clusters.charge[i])
        try:
            names[i] = composition_of(z, q, families, library).name(library)
        except LevelError:
            continue
    return clusters.with_columns(composition=np.asarray(names, dtype=np.str_))
