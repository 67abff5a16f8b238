"""Which monomer energies a database refers to: those in it, and those that its binding energies imply.

Several sets of monomer energies exist for one level of theory (``data/levels/*.toml``); binding energies compare only
within one of them.
"""

from __future__ import annotations

import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np

from .. import resources
from ..errors import InputError, LevelError
from ..identify import recognise
from ..levels import level_with, load_level, separated
from ..levels import levels as known_levels
from ..monomers import MonomerLibrary
from ..units import HARTREE, KCAL_PER_MOL
from .imported import Population, energy_scale

_PRINTED = 2e-3 * KCAL_PER_MOL
"""eV; what rounding to the decimals of a table may do to a binding energy."""
Told = tuple[tuple[str, ...], str]
"""Structures or monomers, and what is wrong with them."""


def monomers(p: Population, sound: np.ndarray, library: MonomerLibrary, tolerance: float) -> Iterator[Told]:
    """Monomers in the file: are their lowest energies those of one reference set of their level?"""
    rows = np.flatnonzero(sound & np.isfinite(p.clusters.energy))
    lowest: dict[str, dict[str, float]] = defaultdict(dict)
    for i, composition in zip(rows, recognise(p.clusters[rows], library) if len(rows) else []):
        if composition is not None and composition.molecules() == 1:
            states = [s.monomers for s in composition.states(library, conformers=False)]
            if len(states) == 1:
                (name,), level = states[0], str(p.levels[i])
                lowest[level][name] = min(lowest[level].get(name, np.inf), float(p.clusters.energy[i]))
    for level, energies in lowest.items():
        sets = _reference_sets(level, library)
        if not sets:
            continue
        own = {m: {s for s, e in sets.items() if abs(e.get(m, np.inf) - v) <= tolerance} for m, v in energies.items()}
        for name in (m for m, s in own.items() if not s and any(m in e for e in sets.values())):
            known = ", ".join(f"{s} {e[name] / HARTREE:.6f}" for s, e in sets.items() if name in e)
            message = f"{name} at {energies[name] / HARTREE:.6f} Eh is of no known reference set of {level}: {known}"
            yield (name,), message
        matched = {m: s for m, s in own.items() if s}
        if matched and not set.intersection(*matched.values()):
            told = ", ".join(f"{m}: {'/'.join(sorted(s))}" for m, s in matched.items())
            yield tuple(matched), f"monomers of different reference sets of {level}: {told}"


def binding(p: Population, sound: np.ndarray, library: MonomerLibrary) -> Iterator[Told]:
    """Binding energies in columns: the energy of the monomers that each implies must be the same for the same cluster,
    and across clusters that of one reference set."""
    c = p.clusters
    for name, values in c.columns.items():
        if "binding" not in name.lower() or values.dtype.kind != "f" or any(w in name for w in ("gibbs", "enthalpy")):
            continue
        try:
            scale = energy_scale(name)
        except InputError:
            continue
        implied = c.energy - values * scale
        for rows in alike(p).values():
            rows = [i for i in rows if np.isfinite(implied[i])]
            if len(rows) > 1 and np.ptp(implied[rows]) > _PRINTED:
                message = (
                    f"{name}: structures with the same atoms imply monomer energies that differ by "
                    f"{np.ptp(implied[rows]) / KCAL_PER_MOL:.3f} kcal/mol"
                )
                yield tuple(map(str, c.ids[rows])), message
        yield from _implied_sets(p, sound, library, name, implied)


def _implied_sets(p: Population, sound, library: MonomerLibrary, name: str, implied: np.ndarray) -> Iterator[Told]:
    rows = np.flatnonzero(sound & np.isfinite(implied))
    uses: dict[str, list[tuple[str, set[str]]]] = defaultdict(list)  # level -> (structure, sets that fit it)
    for i, composition in zip(rows, recognise(p.clusters[rows], library) if len(rows) else []):
        sets = _reference_sets(str(p.levels[i]), library)
        choices = separated(composition, library) if composition is not None else []
        totals = {
            (key, sum(n * energies[m] for m, n in choice.items()))
            for choice in choices for key, energies in sets.items() if set(choice) <= set(energies)
        }  # fmt: skip
        if totals:
            fits = {key for key, total in totals if abs(total - implied[i]) < _PRINTED}
            uses[str(p.levels[i])].append((str(p.clusters.ids[i]), fits))
    for level, each in uses.items():
        unknown = tuple(one for one, fits in each if not fits)
        known = [fits for _, fits in each if fits]
        if unknown:
            yield unknown, f"{name}: refers to no known set of monomer energies of {level}"
        if known and not set.intersection(*known):
            told = ", ".join(f"{'/'.join(k)} ({n})" for k, n in Counter(tuple(sorted(f)) for f in known).most_common())
            yield (), f"{name}: monomers of different reference sets of {level}: {told}"


def alike(p: Population) -> dict[tuple[bytes, int, str], list[int]]:
    """Rows with energies, by atoms, charge and level."""
    c, rows = p.clusters, defaultdict(list)
    for i in np.flatnonzero(np.isfinite(c.energy)):
        rows[np.sort(c.numbers[c.atoms_of(i)]).tobytes(), int(c.charge[i]), str(p.levels[i])].append(int(i))
    return rows


def _reference_sets(level: str, library: MonomerLibrary) -> dict[str, dict[str, float]]:
    """Reference set -> monomer -> eV; to the minima belong those that molecules bring in their own files."""
    if level not in known_levels():
        return {}
    try:
        table = tomllib.loads(resources.path("data", "levels", f"{level}.toml").read_text(encoding="utf-8"))
        sets = {name: dict(load_level(level, name).monomers) for name in table["reference_sets"]}
        return {k: dict(level_with(level, library).monomers) if k == "minima" else v for k, v in sets.items()}
    except (OSError, LevelError):
        return {}
