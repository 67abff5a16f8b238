"""How much each setting matters: for a whole grid an analysis of variance, for a search the measure of optuna."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .training import DONE
from .tune_ranking import MAE

GRID_MEASURE = "share of the variance of ln(MAE) that is a main effect"
SEARCH_MEASURE = "importance by PED-ANOVA, of the trials that were not stopped"
SEED, REST = "seed", "interactions and the rest"
_FEWEST = 4  # trials


def main_effects(rows: Sequence[dict[str, Any]], chosen: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Setting -> share of the variance of ln(validation MAE of ΔE) that is its main effect; the seed is one of them.

    The sum of squares between the levels of a factor over the total one, as in an analysis of variance of a full
    factorial, where the shares and what is left (:data:`REST`: interactions) add up to one. Where trainings diverged the
    factorial is not full, and the shares are approximate.

    Args:
        chosen: what is varied, of each row.
    """
    kept = [(r, c | {SEED: r["seed"]}) for r, c in zip(rows, chosen) if r["status"] == DONE and (r.get(MAE) or 0) > 0]
    if len(kept) < 2:
        return {}
    y = np.log([r[MAE] for r, _ in kept])
    total = float(((y - y.mean()) ** 2).sum())
    if total <= 0:
        return {}
    shares = {}
    for name in kept[0][1]:
        levels = np.array([str(c[name]) for _, c in kept])
        if len(set(levels)) > 1:
            parts = [y[levels == level] for level in set(levels)]
            shares[name] = float(sum(len(p) * (p.mean() - y.mean()) ** 2 for p in parts)) / total
    shares = dict(sorted(shares.items(), key=lambda pair: -pair[1]))
    return shares | {REST: max(0.0, 1.0 - sum(shares.values()))}


def of_search(search: Any) -> dict[str, float]:
    """Setting -> importance by optuna's ``PedAnovaImportanceEvaluator`` (arXiv:2304.10255), in all one.

    Empty for fewer than four trials that ran to their end.
    """
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
    from optuna.trial import TrialState

    if len(search.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))) < _FEWEST:
        return {}
    found = get_param_importances(search, evaluator=PedAnovaImportanceEvaluator())
    return {name: float(share) for name, share in found.items()}
