"""Which structures are conformers of which cluster, and which only look like it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ...clusters import Clusters
from ...composition import Composition
from ...errors import CompositionError
from ...identify import identify, recognise
from ...monomers import MonomerLibrary
from .rrho import Species


@dataclass
class Belonging:
    """The outcome of :func:`belonging`.

    Attributes:
        groups: composition -> its structures, those included that are no conformers of it.
        broken: id(species) -> why it is no conformer: evaporated, reacted.
        alone: structures that are no cluster of library molecules.
        remarks: (name of the species, what is to be said).
    """

    groups: dict[Composition, list[Species]] = field(default_factory=dict)
    broken: dict[int, str] = field(default_factory=dict)
    alone: list[Species] = field(default_factory=list)
    remarks: list[tuple[str, str]] = field(default_factory=list)


def structures(species: Sequence[Species]) -> Clusters:
    """The geometries of species, as all sources of sampler keep them among their columns."""
    return Clusters.make(
        [np.asarray(s.columns["positions"], float) for s in species], [np.asarray(s.columns["numbers"]) for s in species],
        charge=[int(s.columns["charge"]) for s in species],
    )  # fmt: skip


def compositions(species: Sequence[Species], library: MonomerLibrary) -> list[Composition | None]:
    """What each species consists of, from its geometry; None where a part is no molecule of the library."""
    return recognise(structures(species), library)


def belonging(species: Sequence[Species], library: MonomerLibrary) -> Belonging:
    """Sort species by composition, each judged by its own geometry.

    What has evaporated is listed with its composition, and so is what has reacted if it can be told from what: it brings
    the composition that it was made as (column ``composition``), or one other cluster here has its atoms and charge.
    """
    geometries = structures(species)
    found = [_sensible(c, library) for c in recognise(geometries, library)]
    judged = identify(geometries, None, library).columns
    made_as = [_made_as(s, library) for s in species]
    out = Belonging()
    homes: dict[tuple, set[Composition]] = {}
    for s, composition, expected in zip(species, found, made_as):
        if composition is not None and composition.charge == s.columns["charge"] and expected in (None, composition):
            homes.setdefault(_atoms(s), set()).add(composition)
    for i, (s, composition, expected) in enumerate(zip(species, found, made_as)):
        identity, detail = str(judged["identity"][i]), str(judged["identity_detail"][i])
        home = homes.get(_atoms(s), set())
        if expected is not None and composition != expected:
            now = composition.name(library) if composition else detail or "no molecules of the library"
            out.groups.setdefault(expected, []).append(s)
            out.broken[id(s)] = f"reacted: {now}; it is no conformer of {expected.name(library)}"
        elif composition is None and len(home) == 1:
            (one,) = home
            out.groups.setdefault(one, []).append(s)
            out.broken[id(s)] = f"reacted: {detail}; it is no conformer of {one.name(library)}"
        elif composition is None:
            out.alone.append(s)
            more = f" ({detail})" if detail else ""
            out.remarks.append((s.id, f"no binding: it holds a part that is no molecule of the library{more}"))
        elif composition.charge != s.columns["charge"]:
            out.alone.append(s)
            out.remarks.append(
                (
                    s.id,
                    f"no binding: its molecules have the charge {composition.charge:+d}, it {s.columns['charge']:+d}",
                )
            )
        else:
            out.groups.setdefault(composition, []).append(s)
            if identity != "intact":
                out.broken[id(s)] = f"{identity}: {detail}; it is no conformer of {composition.name(library)}"
    return out


def _sensible(composition: Composition | None, library: MonomerLibrary) -> Composition | None:
    """None for what has no name: a molecule in a charge that the library does not have."""
    if composition is None:
        return None
    if composition.molecules() == 1:
        charges = {m.charge for m in library.family(composition.counts[0][0])}
        return composition if composition.charge in charges else None
    low, high = composition.charge_range(library)
    return composition if low <= composition.charge <= high else None


def _made_as(s: Species, library: MonomerLibrary) -> Composition | None:
    text = s.columns.get("composition")
    try:
        return Composition.parse(str(text), library) if text else None
    except CompositionError:  # made with molecules that this library does not have
        return None


def _atoms(s: Species) -> tuple:
    return tuple(sorted(s.columns["numbers"])), int(s.columns["charge"])
