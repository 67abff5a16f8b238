"""What a labelled structure is made of: by its atoms; a column that says otherwise is an error, never believed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...clusters import Clusters
from ...columns import COMPOSITION, INTACT
from ...composition import Composition
from ...errors import CompositionError, InputError
from ...monomers import MonomerLibrary


def checked(clusters: Clusters, library: MonomerLibrary, source: Path | str) -> Clusters:
    """The clusters with the canonical names of their compositions (``1am1sa`` is ``1sa1am``).

    Atoms and charge must be those of the name. Where a structure consists of whole molecules, these must be those of
    the name as well: the atoms of 2ma are those of 1am1dma. What has no name keeps none.

    Args:
        source: the file, for the message.

    Raises:
        InputError: a structure that is something else than its column says.
        CompositionError: a name that cannot be read.
    """
    if COMPOSITION not in clusters.columns or not len(clusters):
        return clusters
    names = clusters.columns[COMPOSITION].tolist()
    found: dict[tuple[str, int], Composition] = {}
    wanted = []
    for i, name in enumerate(names):
        key = (name, int(clusters.charge[i]))
        if name and key not in found:
            found[key] = _parse(name, key[1], library, f"{source}: structure {clusters.ids[i]}")
        wanted.append(found[key] if name else None)
    _require_atoms(clusters, wanted, library, source)
    _require_molecules(clusters, wanted, library, source)
    spelt = [w.name(library) if w else "" for w in wanted]
    return clusters.with_columns(**{COMPOSITION: np.asarray(spelt, dtype=np.str_)})


def _parse(name: str, charge: int, library: MonomerLibrary, where: str) -> Composition:
    try:
        return Composition.parse(name, library, charge)
    except CompositionError as error:
        raise CompositionError(f"{where}, charge {charge:+d}, has the composition {name!r}: {error}") from error


def _require_atoms(clusters: Clusters, wanted: list, library: MonomerLibrary, source: Path | str) -> None:
    atoms = {w: w.atoms(library) for w in set(wanted) if w}
    for i, composition in enumerate(wanted):
        if composition is None:
            continue
        z, n = np.unique(clusters.numbers[clusters.atoms_of(i)], return_counts=True)
        if dict(zip(z.tolist(), n.tolist())) != atoms[composition]:
            raise InputError(
                f"{source}: structure {clusters.ids[i]} has the composition {str(clusters.columns[COMPOSITION][i])!r}, which is "
                f"{_formula(atoms[composition])} with charge {composition.charge:d}, but it holds "
                f"{_formula(dict(zip(z.tolist(), n.tolist())))}{_recognised(clusters[i], library)}; mend the column "
                f"'{COMPOSITION}', or leave it out"
            )


def _require_molecules(clusters: Clusters, wanted: list, library: MonomerLibrary, source: Path | str) -> None:
    from ...identify import identify, recognise

    for i, found in enumerate(recognise(clusters, library)):
        if found is None or wanted[i] is None or found.counts == wanted[i].counts:
            continue
        if identify(clusters[i], wanted[i], library).columns[INTACT][0]:
            continue  # two families with one skeleton: the name decides
        raise InputError(
            f"{source}: structure {clusters.ids[i]} has the composition {str(clusters.columns[COMPOSITION][i])!r}, but its molecules "
            f"are those of {found.name(library)}; mend the column '{COMPOSITION}', or leave it out"
        )


def _recognised(one: Clusters, library: MonomerLibrary) -> str:
    from ...identify import recognise

    found = recognise(one, library)[0]
    return f", {found.name(library)}" if found else ""


def _formula(atoms: dict[int, int]) -> str:
    from ase.data import chemical_symbols

    return " ".join(f"{chemical_symbols[z]}{n}" for z, n in sorted(atoms.items()))
