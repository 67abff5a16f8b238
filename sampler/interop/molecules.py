"""What the molecules of a population say of its charges and energies, against what its file says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ..clusters import Clusters
from ..errors import InputError
from ..identify import recognise
from ..levels import level_with, separated
from ..levels import levels as known_levels
from ..monomers import MonomerLibrary
from ..units import BOHR
from .imported import Population

_SPINS = {"spin", "multiplicity", "mult", "spin_multiplicity"}
_PER_ATOM = 0.5
"""eV; energies of structures, distorted ones too, are within this of those of their molecules."""


def read_known(
    path: Path | str, library: MonomerLibrary, level: str | None = None, charge: int | None = None
) -> tuple[Clusters, tuple[str, ...]]:
    """Structures of any file of :func:`~sampler.interop.read_any`, and what is to be said of them; charges and energies
    compared with the molecules.

    Raises:
        InputError: a charge that contradicts the molecules or that nothing tells, energies that cannot be those of their
            level. Others as in :func:`~sampler.interop.read_any`.
    """
    from .formats import read_population

    population = with_molecules(read_population(path), library, charge, strict=True)
    clusters = population.settle(level, charge)
    check_energies(clusters, library, str(path))
    return clusters, population.notes


def with_molecules(
    population: Population, library: MonomerLibrary, charge: int | None = None, strict: bool = False
) -> Population:
    """The population, its unstated charges those of its molecules, with notes of that and of contradictions.

    Args:
        charge: that the user gives; it is compared, and only noted to contradict. strict: a stated charge that
            contradicts the molecules is an error; so is an odd number of electrons of unknown molecules whose charge
            nothing states.

    Raises:
        InputError: see ``strict``.
    """
    clusters = population.clusters
    sound = _sound(clusters)
    if not sound.any():
        return population
    found = iter(recognise(clusters[sound], library))
    charges, taken, notes = clusters.charge.copy(), [], list(population.notes)
    contradictions, silent, unknown, high = [], [], [], _high_spins(clusters)
    of_atoms: dict[bytes, set[int]] = {}
    for i in range(len(clusters)):
        composition = next(found) if sound[i] else None
        unclear = bool(population.doubts) and bool(population.doubts[i])
        stated = charge if charge is not None else int(clusters.charge[i]) if population.charge_stated[i] else None
        if composition is None:
            unknown += [i] if sound[i] else []
            silent += [i] if stated is None and not unclear else []
            continue
        of_atoms.setdefault(_atoms(clusters, i), set()).add(composition.charge)
        if stated is None:
            charges[i] = composition.charge
            taken += [(i, composition)] if composition.charge and not unclear else []
        elif stated != composition.charge:
            contradictions.append((i, stated, composition))
    if len(high):
        text = (
            f"{len(high)} structures state a high spin ({population.where[high[0]]}); energies are computed here for closed "
            "shells, or one unpaired electron"
        )
        if strict:
            raise InputError(f"{population.source}: {text}: leave them out")
        notes.append(text)
    if unknown and _in_bohr(clusters[unknown[:5]], library):
        text = (
            f"coordinates of {len(unknown)} structures seem to be in bohr: {population.where[unknown[0]]} holds no molecules "
            "as it is, but does in that unit; convert them to Å"
        )
        if strict:
            raise InputError(f"{population.source}: {text}")
        notes.append(text)
    if taken:
        i, composition = taken[0]
        notes.append(
            f"the charge of {len(taken)} structures is not stated and taken from their molecules: "
            f"{composition.charge:+d} for {composition.name(library)} ({population.where[i]})"
        )
    if contradictions:
        i, stated, composition = contradictions[0]
        who = "given" if charge is not None else "stated"
        text = (
            f"the {who} charge contradicts the molecules in {len(contradictions)} structures: {population.where[i]} has "
            f"{stated:+d}, its molecules ({composition.name(library)}) have {composition.charge:+d}"
        )
        if strict and charge is None:
            raise InputError(f"{population.source}: {text}; correct the file, or say the charge with --charge")
        notes.append(text)
    notes += _silent(population, charges, silent, of_atoms, strict)
    return replace(population, clusters=clusters.replace(charge=charges), notes=tuple(notes))


def _silent(
    population: Population, charges: np.ndarray, rows: list[int], of_atoms: dict[bytes, set[int]], strict: bool
) -> list[str]:
    """Charges, put into ``charges``, of structures whose molecules are not known and whose charge nothing states: that of
    the other structures with the same atoms, such as the frame before a bond broke; else 0. What is to be said of it.

    Raises:
        InputError: ``strict``, and an odd number of electrons.
    """
    clusters, notes = population.clusters, []
    alike = {i: next(iter(q)) for i in rows if len(q := of_atoms.get(_atoms(clusters, i), set())) == 1}
    for i, charge in alike.items():
        charges[i] = charge
    charged = [i for i in alike if alike[i]]
    if charged:
        notes.append(
            f"the charge of {len(charged)} structures of unknown or broken molecules is not stated and taken from others "
            f"with the same atoms: {alike[charged[0]]:+d} for {population.where[charged[0]]}"
        )
    rest = [i for i in rows if i not in alike]
    odd = [i for i in rest if int(clusters.numbers[clusters.atoms_of(i)].sum()) % 2]
    if odd:
        text = (
            f"{len(odd)} structures of unknown molecules have an odd number of electrons with the charge 0, and none "
            f"is stated: {population.where[odd[0]]}"
        )
        if strict:
            raise InputError(f"{population.source}: {text}; say the charge with --charge (0 for a radical)")
        notes.append(text)
    even = [i for i in rest if i not in odd]
    if even:
        notes.append(
            f"the charge of {len(even)} structures of unknown or broken molecules is not stated and taken to be 0: "
            f"{population.where[even[0]]}"
        )
    return notes


def _atoms(clusters: Clusters, i: int) -> bytes:
    return np.sort(clusters.numbers[clusters.atoms_of(i)]).tobytes()


def _high_spins(clusters: Clusters) -> np.ndarray:
    """Indices of structures whose file states two or more unpaired electrons: as a multiplicity (``spin`` of Open Molecules,
    too), which may also be meant as their number."""
    electrons = np.array([int(clusters.numbers[clusters.atoms_of(i)].sum()) for i in range(len(clusters))], np.int64)
    even = (electrons - clusters.charge) % 2 == 0
    found = np.zeros(len(clusters), bool)
    for name, values in clusters.columns.items():
        if name.lower() in _SPINS and values.dtype.kind in "iuf":
            # 1 and 2 are a singlet and a doublet, or one unpaired electron and, where their number is even, two
            found |= (values > 2) | ((values == 2) & even)
    return np.flatnonzero(found)


def _in_bohr(clusters: Clusters, library: MonomerLibrary) -> bool:
    """Whether structures that hold no known molecules all do so with their lengths taken for bohr."""
    return all(c is not None for c in recognise(clusters.replace(positions=clusters.positions * BOHR), library))


def check_energies(clusters: Clusters, library: MonomerLibrary, source: str) -> None:
    """Raise InputError where energies cannot be those of the clusters' level: not in the unit they were read in, or of
    another level."""
    told = strange_energies(clusters, np.full(len(clusters), clusters.level), library)
    if told:
        i, text = next(iter(told.items()))
        more = f" and {len(told) - 1} more" if len(told) > 1 else ""
        raise InputError(
            f"{source}: the energy of {clusters.ids[i]}{more} is not one of {clusters.level}: {text}. "
            "Name the energies with their unit (--energy KEY_Eh), or the right level (--level)"
        )


def strange_energies(clusters: Clusters, levels: np.ndarray, library: MonomerLibrary) -> dict[int, str]:
    """Row -> what is wrong with an energy, compared with the molecules' own at its level; rows whose level or molecules
    have no known energy are not judged."""
    references = {
        level: dict(level_with(level, library).monomers)
        for level in sorted(set(map(str, levels)))
        if level in known_levels()
    }
    rows = np.flatnonzero(np.isfinite(clusters.energy) & _sound(clusters) & np.isin(levels, list(references) or [""]))
    told: dict[int, str] = {}
    sums: dict[tuple, list[float]] = {}
    for i, composition in zip(rows, recognise(clusters[rows], library) if len(rows) else []):
        level = str(levels[i])
        if composition is None or level not in references:
            continue
        if (composition, level) not in sums:
            sums[composition, level] = _sums(composition, references[level], library)
        totals = sums[composition, level]
        energy = float(clusters.energy[i])
        if totals and abs(energy - min(totals)) > _PER_ATOM * int(clusters.natoms[i]):
            told[int(i)] = (
                f"read as {energy:.3f} eV, its molecules ({composition.name(library)}) alone have {min(totals):.3f} eV"
                + _other_unit(energy, min(totals), int(clusters.natoms[i]))
            )
    return told


def _sums(composition, monomers: dict[str, float], library: MonomerLibrary) -> list[float]:
    choices = [c for c in separated(composition, library) if set(c) <= set(monomers)]
    return [sum(n * monomers[m] for m, n in choice.items()) for choice in choices]


def _other_unit(energy: float, total: float, atoms: int) -> str:
    from ..units import HARTREE, KCAL_PER_MOL, KJ_PER_MOL

    units = {"eV": 1.0, "Hartree": HARTREE, "kcal/mol": KCAL_PER_MOL, "kJ/mol": KJ_PER_MOL}
    for read, scale in units.items():
        for real, right in units.items():
            if read != real and abs(energy / scale * right - total) < _PER_ATOM * atoms:
                return f"; it is not in {read} but in {real}"
    return ""


def _sound(clusters: Clusters) -> np.ndarray:
    finite = np.isfinite(clusters.positions).all(axis=1)
    return np.array([finite[clusters.atoms_of(i)].all() and clusters.natoms[i] > 0 for i in range(len(clusters))], bool)
