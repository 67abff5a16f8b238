"""How a better level of theory changes the order of structures."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..clusters import Clusters
from ..columns import ENERGY_BEFORE, LEVEL_BEFORE, RANK_BEFORE


def correlation(before: np.ndarray, after: np.ndarray) -> tuple[float, float]:
    """Spearman's and Kendall's (tau-b) rank correlation of two (n,) arrays of energies.

    Entries that are not finite in both are left out; NaN with fewer than three.
    """
    both = np.isfinite(before) & np.isfinite(after)
    if both.sum() < 3:
        return float("nan"), float("nan")
    from scipy.stats import kendalltau, spearmanr

    return (
        float(spearmanr(before[both], after[both]).statistic),
        float(kendalltau(before[both], after[both]).statistic),
    )


def ranks(energy: np.ndarray) -> np.ndarray:
    """(n,) places from 1, the lowest first, equal energies in the order given; -1 where there is no energy."""
    known = np.isfinite(energy)
    places = np.full(len(energy), -1)
    places[np.flatnonzero(known)[np.argsort(energy[known], kind="stable")]] = np.arange(1, known.sum() + 1)
    return places


def remember(clusters: Clusters) -> Clusters:
    """Keep energy, level and rank as columns ``energy_before_eV``, ``level_before``, ``rank_before``."""
    return clusters.with_columns(
        energy_before_eV=clusters.energy, level_before=clusters.level, rank_before=ranks(clusters.energy)
    )


def change(clusters: Clusters) -> dict[str, Any]:
    """What a refinement did to the ranking, for a ledger; of structures that :func:`remember` has seen.

    Keys: ``level_before``, ``level``; ``ranked``, structures with both energies; ``spearman``, ``kendall`` (None with
    fewer than three); ``lowest``, the id of the structure that is lowest now, and ``lowest_was``, its rank before (None
    without). Ranks before count all structures that came in.
    """
    before = clusters.columns.get(ENERGY_BEFORE, np.full(len(clusters), np.nan))
    both = np.isfinite(before) & np.isfinite(clusters.energy)
    spearman, kendall = correlation(before, clusters.energy)
    out: dict[str, Any] = {
        "level_before": str(clusters.columns[LEVEL_BEFORE][0]) if both.any() else "",
        "level": clusters.level,
        "ranked": int(both.sum()),
        "spearman": _number(spearman),
        "kendall": _number(kendall),
        "lowest": "",
        "lowest_was": None,
    }
    if np.isfinite(clusters.energy).any():
        lowest = int(np.lexsort((clusters.ids, clusters.energy))[0])
        was = int(clusters.columns.get(RANK_BEFORE, np.full(len(clusters), -1))[lowest])
        out |= {"lowest": str(clusters.ids[lowest]), "lowest_was": was if was > 0 else None}
    return out


def in_words(change: dict[str, Any]) -> str:
    """``b97-3c@pyscf after gfn1-xtb: Spearman 0.52, Kendall 0.35 of 20; the lowest was number 3``."""
    same = change["level"] == change["level_before"]  # another model of the level, or the potential again
    text = f"{change['level']} " + ("again" if same else f"after {change['level_before'] or 'no energies'}")
    if change["spearman"] is not None:
        text += f": Spearman {change['spearman']:.2f}, Kendall {change['kendall']:.2f} of {change['ranked']}"
    if change["lowest_was"] is not None:
        text += f"; the lowest was number {change['lowest_was']}"
    return text


def _number(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None
