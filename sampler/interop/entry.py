"""A population from elsewhere, made ready to enter the funnel at any stage."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..clusters import Clusters
from ..columns import FATE, FATE_DETAIL, IDENTITY, IDENTITY_DETAIL, INTACT, OTHER_STATES, SHARED_PROTONS, STATE
from ..composition import Composition
from ..errors import InputError
from ..identify import identify, recognise
from ..monomers import MonomerLibrary
from .formats import read_population
from .molecules import check_energies, with_molecules

STAGES = ("relax", "identify", "dedupe", "select", "refine", "orca")
"""Where a population can enter."""
_JUDGED_LATER = ("relax", "identify")
_NEED_ENERGIES = ("dedupe", "select")
_FUNNEL_COLUMNS = (
    FATE,
    FATE_DETAIL,
    IDENTITY,
    IDENTITY_DETAIL,
    INTACT,
    STATE,
    SHARED_PROTONS,
    OTHER_STATES,
)


@dataclass(frozen=True)
class Entry:
    """A population of one composition.

    Attributes:
        clusters: with unique ids and the column ``state``.
        composition: what they are made of.
        left_out: id -> why a structure does not enter.
        notes: what was done to the rest, in words.
        sha256: of geometry, charge, ids, energies, forces, level and columns: the input's part of a run's identity.
    """

    clusters: Clusters
    composition: Composition
    left_out: dict[str, str]
    notes: tuple[str, ...]
    sha256: str


def enter(
    source: Path | str | Clusters,
    library: MonomerLibrary,
    composition: Composition | None = None,
    *,
    stage: str = "relax",
    level: str | None = None,
    charge: int | None = None,
    energy_key: str | None = None,
    forces_key: str | None = None,
) -> Entry:
    """Read a population, find out what it is, and keep what can enter the funnel.

    Args:
        source: a file (see :func:`~sampler.interop.read_any`, which explains the last four) or clusters.
        composition: take these clusters only, out of a file with several; by default it is read off the molecules, and
            there must be one.
        stage: where they enter. Before ``identify`` broken structures may pass, after it they are left out; ``dedupe``
            and ``select`` need energies.

    Raises:
        InputError: several compositions, none that is recognised, none of the one asked for, or no energies where they
            are needed; a charge that contradicts the molecules, energies that cannot be those of their level. Others as
            in :func:`~sampler.interop.read_any`.
    """
    if stage not in STAGES:
        raise InputError(f"a population cannot enter at {stage!r}; it can at {', '.join(STAGES)}")
    name = "the population" if isinstance(source, Clusters) else str(source)
    told: tuple[str, ...] = ()
    if isinstance(source, Clusters):
        clusters = source
    else:
        population = read_population(source, energy_key=energy_key, forces_key=forces_key)
        # a composition that is named says the charge; without one a file that contradicts itself is not guessed at
        population = with_molecules(population, library, charge, strict=composition is None)
        clusters, told = population.settle(level, charge), population.notes
        check_energies(clusters, library, name)
    if not len(clusters):
        raise InputError(f"{name} holds no structures")
    clusters = clusters.replace(columns={k: v for k, v in clusters.columns.items() if k not in _FUNNEL_COLUMNS})
    clusters, renamed = unique_ids(clusters)
    notes = [*told, *renamed]
    found = recognise(clusters, library)
    if composition is None:
        composition = _only(found, name, library)
    label = composition.name(library)
    fits = np.array([_atoms(clusters, i) == composition.atoms(library) for i in range(len(clusters))])
    left_out = {
        str(id_): f"not {label}" + (f" but {other.name(library)}" if other else "")
        for id_, other, fit in zip(clusters.ids, found, fits)
        if not fit
    }
    if not fits.any():
        raise InputError(f"{name} holds no {label}; it holds {_census(found, library)}")
    clusters = clusters[fits]
    wrong = clusters.charge != composition.charge
    if wrong.any():  # the atoms fix the charge of whole molecules; a file that states none counts as 0
        notes.append(f"the charge of {wrong.sum()} structures is set to {composition.charge:+d}, that of {label}")
        clusters = clusters.replace(charge=np.full(len(clusters), composition.charge, np.int64))
    judged = identify(clusters, composition, library)
    identity, detail = judged.columns[IDENTITY], judged.columns[IDENTITY_DETAIL]
    labels = {k: judged.columns[k] for k in (STATE, OTHER_STATES) if k in judged.columns}
    clusters = clusters.with_columns(**labels)
    if stage not in _JUDGED_LATER:
        for i in np.flatnonzero(identity != "intact"):
            left_out[str(clusters.ids[i])] = f"{identity[i]}: {detail[i]}"
        clusters = clusters[identity == "intact"]
        if not len(clusters):
            raise InputError(f"every {label} in {name} is broken, for example {next(iter(left_out.items()))}")
    if stage in _NEED_ENERGIES and not np.isfinite(clusters.energy).any():
        raise InputError(
            f"{name} has no energies, which {stage} needs; enter at --stage relax, or name the energy (--energy KEY)"
        )
    return Entry(clusters, composition, left_out, tuple(notes), digest(clusters))


def unique_ids(clusters: Clusters) -> tuple[Clusters, list[str]]:
    """The clusters with ids made unique (``x``, ``x-2``, …), and what was done."""
    seen: Counter[str] = Counter()
    taken, ids, renamed = set(map(str, clusters.ids)), [], 0
    for one in map(str, clusters.ids):
        seen[one] += 1
        new, k = one, seen[one]
        while k > 1 and (new := f"{one}-{k}") in taken:
            k += 1
        renamed += new != one
        taken.add(new)
        ids.append(new)
    if not renamed:
        return clusters, []
    return clusters.replace(ids=np.array(ids, np.str_)), [f"{renamed} structures had ids that others have; renamed"]


def digest(clusters: Clusters) -> str:
    """A hash of all content, the same on every machine."""
    h = hashlib.sha256(clusters.level.encode())
    arrays = {k: getattr(clusters, k) for k in ("positions", "numbers", "ptr", "charge", "ids", "energy", "forces")}
    for name, array in [*arrays.items(), *sorted(clusters.columns.items())]:
        if array is None:
            continue
        little = np.asarray(array)
        text = (
            "\0".join(little.tolist()).encode() if little.dtype.kind == "U" else np.ascontiguousarray(little).tobytes()
        )
        h.update(f"\0{name}\0{len(little)}\0".encode() + text)
    return h.hexdigest()


def _only(found: Sequence[Composition | None], name: str, library: MonomerLibrary) -> Composition:
    distinct = list(dict.fromkeys(c for c in found if c is not None))
    if not distinct:
        raise InputError(
            f"{name}: no structure is made of known molecules ({', '.join(library.names)}); name the composition, or "
            "add a molecule with: sampler monomer add"
        )
    if len(distinct) > 1:
        raise InputError(f"{name} holds {_census(found, library)}; say which composition to take")
    return distinct[0]


def _census(found: Sequence[Composition | None], library: MonomerLibrary) -> str:
    counts = Counter(c.name(library) if c else "not recognised" for c in found)
    told = [f"{k} ({n})" for k, n in counts.most_common(8)]
    return ", ".join(told) + (f" and {len(counts) - 8} more" if len(counts) > 8 else "")


def _atoms(clusters: Clusters, i: int) -> dict[int, int]:
    numbers, counts = np.unique(clusters.numbers[clusters.atoms_of(i)], return_counts=True)
    return {int(z): int(n) for z, n in zip(numbers, counts)}
