"""The archive of distinct minima that a search has found: how it starts, what a round adds, what it says of the rest.

The archive is a population with counts in columns:

* ``seen``: how often the minimum was found, other than by a child of its own, what came in included.
* ``walkers``: bit w is set where walker w has it, and draws it as a parent: it was dealt to it, or found by it.
* ``tried``: how many children were made from it.
* ``found``, ``finders``: as ``seen`` and ``walkers``, but by children alone. The estimates of what is unseen rest on
  these: what came in has been selected, and was dealt out, so it is no sample of anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..clusters import Clusters
from ..columns import (
    EVALUATIONS,
    FATE,
    FATE_DETAIL,
    FINDERS,
    FOUND,
    MOVE,
    OTHER_STATES,
    PARENT,
    SEEN,
    STATE,
    TIMES_FOUND,
    TRIED,
    WALKER,
    WALKERS,
)
from ..fate import Fate
from ..similarity import DedupeParams, dedupe
from ..units import KCAL_PER_MOL
from .exchanges import in_words as exchanges_in_words
from .unseen import estimates

COUNTS = (SEEN, WALKERS, TRIED, FOUND, FINDERS)
_ODD = int("01" * 16, 2)
_LOWER = 0.01 * KCAL_PER_MOL  # a lowest minimum lower by less is the same


def start(
    population: Clusters, walkers: int, watch_kcalmol: float, spent: int, n_jobs: int
) -> tuple[Clusters, dict[str, Any]]:
    """The archive of the structures that a search starts with, duplicates marked, and the ledger of round 0.

    The minima are dealt out to the walkers, lowest first.
    """
    alive = np.flatnonzero(population.columns[FATE] == Fate.GOES_ON)
    result = dedupe(population[alive], DedupeParams(), n_jobs=n_jobs)
    fate = population.columns[FATE].astype("U32")
    detail = population.columns.get(FATE_DETAIL, np.full(len(population), "")).astype("U64")
    fate[alive[result.duplicate_of != ""]] = Fate.DUPLICATE
    fate[alive[result.set_aside != ""]] = Fate.NOT_COMPARABLE
    detail[alive] = np.where(result.duplicate_of != "", result.duplicate_of, detail[alive])
    columns = {k: np.zeros(len(population), np.int64) for k in COUNTS}
    times_found = np.ones(len(population), np.int64)
    first = result.representatives
    place = {str(name): i for i, name in enumerate(population.ids)}
    for rank in range(len(first)):
        i = place[str(first.ids[rank])]
        times_found[i] = columns[SEEN][i] = first.columns[TIMES_FOUND][rank]
        columns[WALKERS][i] = 1 << (rank % walkers)
    everything = population.with_columns(
        **columns, fate=fate, fate_detail=detail, times_found=times_found
    )  # fmt: skip
    kept = everything[fate == Fate.GOES_ON]
    record = {"known": len(kept), "new": 0, "stale": 0, "evaluations": spent, "evaluations_so_far": spent}
    if len(kept):
        record |= {"lowest_eV": float(kept.energy.min())} | _estimates(kept, watch_kcalmol)
    return everything, record


def absorb(
    population: Clusters, made: Clusters, history: Sequence[Mapping[str, Any]], watch_kcalmol: float, n_jobs: int
) -> tuple[Clusters, dict[str, Any]]:
    """Take the children of a round into the archive: new minima are added, known ones counted.

    Members of the archive are never replaced: a child that is the same minimum leaves as ``duplicate``.
    """
    fate, detail = (made.columns[k].astype("U64") for k in (FATE, FATE_DETAIL))
    seen, walkers, tried, found, finders = (population.columns[k].copy() for k in COUNTS)
    index = {str(name): i for i, name in enumerate(population.ids)}
    for parent in made.columns[PARENT]:
        tried[index[str(parent)]] += 1
    alive = np.flatnonzero(fate == Fate.GOES_ON)
    children = made[alive]
    n = len(population)
    both = Clusters.concatenate([_bare(population), _bare(children)])
    result = dedupe(both, DedupeParams(), n_jobs=n_jobs, distinct=n)
    fate[alive[result.set_aside[n:] != ""]] = Fate.NOT_COMPARABLE
    known = {int(g): i for i, g in reversed(list(enumerate(result.group[:n])))}  # group -> its first member
    new: dict[int, int] = {}
    bits = 1 << children.columns[WALKER].astype(np.int64)
    child_seen, child_walkers = np.zeros(len(children), np.int64), np.zeros(len(children), np.int64)
    for k in np.lexsort((np.arange(len(children)), children.energy)):
        group = int(result.group[n + k])
        if group < 0:
            continue
        if group in known:
            i = known[group]
            fate[alive[k]], detail[alive[k]] = Fate.DUPLICATE, str(population.ids[i])
            walkers[i] |= bits[k]
            if str(children.columns[PARENT][k]) != str(population.ids[i]):
                seen[i] += 1
                found[i] += 1
                finders[i] |= bits[k]
            continue
        if group in new:
            fate[alive[k]], detail[alive[k]] = Fate.DUPLICATE, str(children.ids[new[group]])
        new.setdefault(group, int(k))
        child_seen[new[group]] += 1
        child_walkers[new[group]] |= bits[k]
    counts = {k: np.zeros(len(made), np.int64) for k in COUNTS}
    for k in (SEEN, FOUND):
        counts[k][alive] = child_seen
    for k in (WALKERS, FINDERS):
        counts[k][alive] = child_walkers
    before = population.with_columns(
        seen=seen, walkers=walkers, tried=tried, found=found, finders=finders, fate=Fate.GOES_ON, fate_detail=""
    )
    born = made.with_columns(**counts, fate=fate, fate_detail=detail, times_found=1, mirror_count=0)
    everything = Clusters.concatenate([before, born])
    kept = everything[everything.columns[FATE] == Fate.GOES_ON]
    lowest, old = float(kept.energy.min()), history[-1]
    fresh = np.flatnonzero(fate == Fate.GOES_ON)
    low = int((made.energy[fresh] <= lowest + watch_kcalmol * KCAL_PER_MOL).sum())
    spent = int(made.columns[EVALUATIONS].sum())
    record = {
        "known": len(kept),
        "children": len(made),
        "new": len(fresh),
        "new_in_window": low,
        "stale": 0 if low or lowest < old["lowest_eV"] - _LOWER else old["stale"] + 1,
        "evaluations": spent,
        "evaluations_so_far": old["evaluations_so_far"] + spent,
        "lowest_eV": lowest,
        "lowered_kcalmol": round((history[0]["lowest_eV"] - lowest) / KCAL_PER_MOL, 4),
        "moves": _moves(made, fate),
        **_estimates(kept, watch_kcalmol),
    }
    return everything, record


def line(record: Mapping[str, Any], watch_kcalmol: float, verbose: bool = False) -> str:
    """One line about a round; ``verbose`` with its statistics."""
    lowered = f"{0.0 - round(record['lowered_kcalmol'], 2):+.2f} kcal/mol"
    if not verbose:
        low = f"{record['new_in_window']} low" if record["new_in_window"] else "none low"
        return f"round {record['round']}: {record['new']} new, {low}; lowest {lowered}"
    guess = "no move has found one of them, so nothing tells how many are unseen"
    if "unseen_chao1" in record:
        guess = f"about {record['unseen_chao1']:.0f} (Chao1)"
        if "unseen_lincoln_petersen" in record:
            guess += f", {record['unseen_lincoln_petersen']:.0f} (Lincoln-Petersen)"
        guess += " unseen"
    more = f"; {exchanges_in_words(record['exchange'])}" if "exchange" in record else ""
    return (
        f"round {record['round']}: {record['children']} children, {record['new']} new minima, "
        f"{record['new_in_window']} of them within {watch_kcalmol:g} kcal/mol, where {record['seen']} are known and "
        f"{guess}; lowest {lowered} since the start; "
        f"{record['evaluations_so_far']} evaluations{more}"
    )


def _estimates(kept: Clusters, watch_kcalmol: float) -> dict[str, Any]:
    low = kept[kept.energy <= kept.energy.min() + watch_kcalmol * KCAL_PER_MOL]
    found, bits = low.columns[FOUND], low.columns[FINDERS]
    return estimates(found, low.columns[SEEN] > found, (bits & _ODD) != 0, (bits & ~_ODD) != 0)


def _moves(made: Clusters, fate: np.ndarray) -> dict[str, list[int]]:
    """Move -> [children, new minima]."""
    move = made.columns[MOVE]
    return {
        str(m): [int((move == m).sum()), int(((move == m) & (fate == Fate.GOES_ON)).sum())] for m in np.unique(move)
    }


def _bare(clusters: Clusters) -> Clusters:
    """What the comparison needs, and no counts of earlier ones."""
    columns = {k: v for k, v in clusters.columns.items() if k in (STATE, OTHER_STATES)}
    return clusters.replace(columns=columns, forces=None)
