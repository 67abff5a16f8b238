"""Which structures of one set are duplicates of structures of another: the funnel's own measure, every pair of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..clusters import Clusters
from .dedupe import DedupeParams, _broken, _buckets, _for_kernels, _tasks

_AT_ONCE = (
    1000  # structures of the second set; a matrix of one part has at most that many rows beside those of the first
)


def duplicates_between(first: Clusters, second: Clusters, params: DedupeParams | None = None) -> np.ndarray:
    """(B2,) index of the structure of ``first`` that each of ``second`` duplicates, the nearest of several; −1 where none.

    As :func:`.dedupe.dedupe` compares: of one formula and charge (and of one label, where both sets have the column
    ``state``), within its windows, by the RMSD over rotations, mirror images and permutations of like atoms. No duplicate
    inside a set hides one between them, as it may where leaders are chosen.

    Args:
        params: of the comparison; its linkage is of no account.
    """
    params = replace(params or DedupeParams(), linkage="leader")
    found = np.full(len(second), -1)
    if not len(first):
        return found
    for start in range(0, len(second), _AT_ONCE):
        part = np.arange(start, min(start + _AT_ONCE, len(second)))
        found[part] = _between(first, second[part], params)
    return found


def _between(first: Clusters, second: Clusters, params: DedupeParams) -> np.ndarray:
    from . import pair_kernels

    n = len(first)
    common = set(first.columns) & set(second.columns)
    both = Clusters.concatenate(
        [c.replace(columns={k: v for k, v in c.columns.items() if k in common}) for c in (first, second)]
    )
    nearest = np.full(len(second), -1)
    for members in _buckets(both, _broken(both, params) == ""):
        if (members < n).all() or (members >= n).all():
            continue
        for task in _tasks(both, members, params, np.zeros(len(members), bool)):
            for part in task[3]:
                who = members[part]
                ours, others = np.flatnonzero(who < n), np.flatnonzero(who >= n)
                if not len(ours) or not len(others):
                    continue
                rest, slack = _for_kernels(task, part)
                matrix, _ = pair_kernels.distance_matrix(*rest, params.rmsd, params.max_displacement, slack, 2.0)
                matrix = matrix[np.ix_(others, ours)]
                best, row = matrix.argmin(axis=1), np.arange(len(others))
                is_copy = np.isfinite(matrix[row, best])
                at = who[others][is_copy] - n
                nearest[at] = who[ours][best[is_copy]]
    return nearest
