"""How many minima have not been seen: estimates from how often those that were seen have been found.

Minima differ in how easily they are found, and one that no move leads to leaves no trace: an estimate of 0 unseen minima
is no proof.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..clusters import Clusters
from ..columns import TIMES_FOUND
from ..units import KCAL_PER_MOL


def chao1(counts: np.ndarray) -> float:
    """Estimated number of classes that were never seen, from how often each of the others was.

    The bias-corrected form f₁(f₁ − 1) / (2 (f₂ + 1)) · (n − 1)/n with f₁ classes seen once, f₂ twice, and n observations
    in all. Chao 1984, Scand. J. Statist. 11, 265 (https://www.jstor.org/stable/4615964); Chao 1987, DOI 10.2307/2531532.
    It is a lower bound where some classes are harder to find than others.

    Args:
        counts: (K,) how often each seen class was seen; zeros are ignored.
    """
    counts = np.asarray(counts)
    counts = counts[counts > 0]
    once, twice, n = int((counts == 1).sum()), int((counts == 2).sum()), int(counts.sum())
    return (n - 1) / n * (once * (once - 1)) / (2.0 * (twice + 1)) if n else 0.0


def coverage(counts: np.ndarray) -> float:
    """Estimated probability that the next observation is of a class that was seen already: 1 − f₁/n.

    Good 1953, DOI 10.1093/biomet/40.3-4.237. NaN without observations.
    """
    counts = np.asarray(counts)
    n = int(counts.sum())
    return 1.0 - int((counts == 1).sum()) / n if n else float("nan")


def lincoln_petersen(first: int, second: int, both: int) -> float:
    """Estimated number of classes in all, from two independent samples, in Chapman's nearly unbiased form.

    (n₁ + 1)(n₂ + 1)/(m + 1) − 1; Chapman 1951, Univ. California Publ. Stat. 1, 131; Seber 1982, ISBN 0-85264-755-5.

    Args:
        first, second: classes in each sample. both: classes in both.
    """
    return (first + 1) * (second + 1) / (both + 1) - 1.0


def estimates(counts: np.ndarray, given: np.ndarray, in_first: np.ndarray, in_second: np.ndarray) -> dict[str, Any]:
    """What the ledger says of K known minima, of which some were given to the search.

    What was given has been selected: it is no sample, so both estimates rest on what the search has found itself. They are
    of all minima that it can find, less those that are known. The coverage is the probability that its next find is
    a known minimum.

    Args:
        counts: (K,) how often the search found each. given: (K,) bool, known before. in_first, in_second: (K,) bool,
            whether the one or the other half of the walkers found it.
    """
    n = int(counts.sum())
    told: dict[str, Any] = {"seen": len(counts)}
    if n:  # else nothing is known of what is unseen
        told["unseen_chao1"] = round(max(0.0, chao1(counts) - int((counts == 0).sum())), 2)
        told["coverage"] = round(1.0 - int(((counts == 1) & ~given).sum()) / n, 4)
    pair = int(in_first.sum()), int(in_second.sum())
    if min(pair):
        total = lincoln_petersen(*pair, int((in_first & in_second).sum()))
        told["unseen_lincoln_petersen"] = round(max(0.0, total - len(counts)), 2)
    return told


def of_multiplicities(distinct: Clusters, watch_kcalmol: float = 1.0) -> dict[str, Any]:
    """What the ledger says of distinct minima with the column ``times_found``: how many candidates ended in each.

    Packings are independent samples of what relaxation leads to. Minima that an exploration hands on are not: each stands
    for all packings that ended in it, so where candidates come from explorations too few are seen twice, and the
    estimate is too high. Only the minima within ``watch_kcalmol`` of the lowest are looked at. Empty without energies.
    """
    energy = distinct.energy
    if not np.isfinite(energy).any() or TIMES_FOUND not in distinct.columns:
        return {}
    low = energy <= np.nanmin(energy) + watch_kcalmol * KCAL_PER_MOL
    counts = distinct.columns[TIMES_FOUND][low]
    return {
        "watch_kcalmol": watch_kcalmol, "seen": len(counts), "unseen_chao1": round(chao1(counts), 2),
        "coverage": round(coverage(counts), 4),
    }  # fmt: skip
