"""Which structures parameters are fitted to, and which judge them: unlike each other, mostly small, within a budget."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np

from ...clusters import Clusters
from ...composition import Composition
from ...errors import InputError
from ...monomers import MonomerLibrary
from ...similarity.diversity import averaged_descriptors, farthest_points
from ..labels.dataset import LabelSet

FEWEST, COMPOSITIONS = 20, 3
_EVERY = 5
_MOST = 200
"""Structures of one composition."""
_REACH = 3.0
"""Å; pairs of elements that never come closer have no factor of their own."""
_WARM = 0.65
"""Of a calculation, where it starts from the wave function of nearly the same one."""


def seconds(natoms: np.ndarray | int) -> np.ndarray:
    """Of one calculation of so many atoms, on a core of 2024."""
    return 0.028 * (np.asarray(natoms) / 22) ** 2.2


def derivative_seconds(natoms: np.ndarray | int, parameters: int) -> np.ndarray:
    """Of all derivatives of one structure."""
    return seconds(natoms) * (1 + _WARM * parameters)


def held_out(labels: LabelSet, asked: Sequence[str], library: MonomerLibrary) -> list[str]:
    """The compositions that judge: those asked for, else every fifth of two molecules or more whose molecules and charge are
    fitted to elsewhere.

    Raises:
        InputError: too few labels or compositions.
    """
    names = _by_size(labels)
    if len(labels) < FEWEST or len(names) < COMPOSITIONS:
        raise InputError(
            f"{len(labels)} structures of {len(names)} compositions are too few to fit parameters to; at least {FEWEST} of "
            f"{COMPOSITIONS} compositions are needed, one of which judges the fit"
        )
    if asked:
        wanted = {Composition.parse(a, library).name(library) for a in asked}
        if strange := sorted(wanted - set(names)):
            raise InputError(
                f"--hold-out {strange[0]}: the labels hold no structure of it; they hold {', '.join(names)}"
            )
        if wanted == set(names):
            raise InputError("--hold-out takes all compositions of the labels; some must be left to fit to")
        return [n for n in names if n in wanted]
    found = {n: Composition.parse(n, library) for n in names}
    candidates = [n for n in names if found[n].molecules() > 1]
    chosen: list[str] = []
    for name in candidates[_EVERY // 2 :: _EVERY] or candidates[-1:]:
        rest = [found[n] for n in names if n != name and n not in chosen]
        families = {f for c in rest for f, _ in c.counts}
        if {f for f, _ in found[name].counts} <= families and found[name].charge in {c.charge for c in rest}:
            chosen.append(name)
    if not chosen:
        raise InputError(
            f"no composition of the labels ({', '.join(names)}) can judge the fit: each has a molecule or a charge that no "
            "other has; add labels, or name one with --hold-out"
        )
    return chosen


def choose(labels: LabelSet, names: Sequence[str], cost: np.ndarray, budget: float, least: int = 0) -> np.ndarray:
    """Indices of structures whose cost adds up to at most ``budget``, in ascending order.

    Each composition in turn gets its lowest structure, then the one most unlike those it has; its turn comes where the least
    was spent, so that small ones have more structures.

    Args:
        cost: (B,) of each structure. least: so many structures each composition gets besides, whatever they cost.
    """
    order = {n: _in_order(labels, np.flatnonzero(labels.compositions == n)) for n in names}
    chosen = [int(row) for rows in order.values() for row in rows[:least]]
    queue = [(float(cost[r[least]]), k, n, least) for k, (n, r) in enumerate(order.items()) if len(r) > least]
    heapq.heapify(queue)
    left = budget
    while queue:
        spent, k, name, place = heapq.heappop(queue)
        rows = order[name]
        if (one := float(cost[rows[place]])) > left:
            continue
        left -= one
        chosen.append(int(rows[place]))
        if place + 1 < len(rows):
            heapq.heappush(queue, (spent + float(cost[rows[place + 1]]), k, name, place + 1))
    return np.sort(np.array(chosen, np.int64))


def near_pairs(clusters: Clusters) -> list[tuple[str, str]]:
    """Pairs of elements, lighter first, that come closer than 3 Å in some structure."""
    from ase.data import chemical_symbols

    near: set[tuple[int, int]] = set()
    for i in range(len(clusters)):
        atoms = clusters.atoms_of(i)
        z, x = clusters.numbers[atoms], clusters.positions[atoms]
        a, b = np.triu_indices(len(z), 1)
        close = ((x[a] - x[b]) ** 2).sum(1) < _REACH**2
        near |= {(min(p), max(p)) for p in zip(z[a][close].tolist(), z[b][close].tolist())}
    return [(chemical_symbols[a], chemical_symbols[b]) for a, b in sorted(near)]


def _by_size(labels: LabelSet) -> list[str]:
    atoms = dict(zip(labels.compositions.tolist(), labels.clusters.natoms.tolist()))
    return sorted(atoms, key=lambda n: (atoms[n], n))


def _in_order(labels: LabelSet, rows: np.ndarray) -> np.ndarray:
    rows = rows[np.argsort(labels.clusters.energy[rows], kind="stable")]
    features = averaged_descriptors(labels.clusters[rows])
    return rows[farthest_points(features, min(len(rows), _MOST), np.arange(1))]
