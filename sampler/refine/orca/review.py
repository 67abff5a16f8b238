"""What refinement changed: identity and duplicates once more, and the ranking before and after."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...clusters import Clusters
from ...columns import ENERGY_BEFORE, LEVEL_BEFORE, STATE
from ...identify import identify
from ...monomers import MonomerLibrary
from ...similarity import DedupeParams, dedupe
from ...similarity.rank_correlation import correlation, ranks


@dataclass(frozen=True)
class Review:
    """B refined structures, judged again.

    Attributes:
        clusters: in ascending energy, with the columns ``state``, ``identity``, ``identity_detail``, ``intact``,
            ``duplicate_of`` (id, '' if unique), ``state_before`` (from the manifest), ``rank_before`` and ``rank``
            (1 is the lowest; ranks count structures with an energy before, among those at hand).
        compositions: number of different compositions; ranks and correlations need one.
        spearman, kendall: rank correlation of the energies before and after; NaN with fewer than three structures,
            without energies before, or with several compositions.
        level_before: the level of theory of the energies before ('' if unknown).
    """

    clusters: Clusters
    compositions: int
    spearman: float
    kendall: float
    level_before: str


def review(clusters: Clusters, library: MonomerLibrary, params: DedupeParams | None = None) -> Review:
    """Judge refined structures (see :func:`~sampler.refine.orca.read_folder`) again."""
    if not len(clusters):
        return Review(clusters, 0, np.nan, np.nan, "")
    before = clusters.columns.get(STATE)
    judged = identify(clusters, None, library)
    removed = dedupe(judged, params)
    judged = judged.with_columns(duplicate_of=removed.duplicate_of)
    if before is not None:
        judged = judged.with_columns(state_before=before)
    order = np.lexsort((judged.ids, judged.energy))
    judged = judged[order]
    # broken structures have no composition; their atoms and charge tell them apart as well
    compositions = len({_formula(judged, i) for i in range(len(judged))})
    energy = judged.columns.get(ENERGY_BEFORE, np.full(len(judged), np.nan))
    known = np.isfinite(energy) & np.isfinite(judged.energy)
    rank_before = ranks(np.where(known, energy, np.nan))
    judged = judged.with_columns(rank_before=rank_before, rank=np.arange(1, len(judged) + 1))
    spearman, kendall = correlation(energy, judged.energy) if compositions == 1 else (np.nan, np.nan)
    levels = {str(v) for v in judged.columns.get(LEVEL_BEFORE, ())}
    return Review(judged, compositions, spearman, kendall, ", ".join(sorted(levels - {""})))


def _formula(clusters: Clusters, i: int) -> tuple[bytes, int]:
    return np.sort(clusters.numbers[clusters.atoms_of(i)]).tobytes(), int(clusters.charge[i])
