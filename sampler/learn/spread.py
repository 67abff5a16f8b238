"""Whether the spread of a committee is as large as its errors, and the factor that makes it so.

The factor is √(mean error² / mean spread²): of the variances, since with three members single ratios have no finite mean. After
calibration the bins of a reliability diagram, equal in number and ordered by spread, lie on its diagonal (Levi et al. 2022,
doi:10.3390/s22155540, whose expected normalised calibration error, ENCE, is given, too).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ..units import KCAL_PER_MOL
from .evaluate import Evaluated

BINS, _IN_BIN = 10, 8
FEWEST = 10
"""Structures that a factor needs."""


@dataclass(frozen=True)
class Reliability:
    """How spread and error of one quantity go together.

    Attributes:
        factor: the error is as large as the spread times this, root mean squares. count: values that it was found from.
        spread, error: (K,) root mean squares of K bins of ascending spread, kcal/mol or kcal/mol/Å; not calibrated.
        ence, ence_calibrated: mean of |error − spread| / spread over the bins, before and after.
        within: share of the values whose error is below one and two calibrated spreads. rank_correlation: of |error| and spread.
    """

    factor: float
    count: int
    spread: np.ndarray
    error: np.ndarray
    ence: float
    ence_calibrated: float
    within: tuple[float, float]
    rank_correlation: float

    def report(self, unit: str) -> dict[str, Any]:
        """As plain numbers; ``unit`` is in the keys."""
        return {
            "factor": self.factor, "values": self.count, "ence": self.ence, "ence_calibrated": self.ence_calibrated,
            "within_1_spread": self.within[0], "within_2_spreads": self.within[1], "rank_correlation": self.rank_correlation,
            f"bins_spread_{unit}": self.spread.tolist(), f"bins_error_{unit}": self.error.tolist(),
        }  # fmt: skip


def reliability(error: np.ndarray, spread: np.ndarray) -> Reliability:
    """Of (n,) errors and spreads, in one unit; a spread is one standard deviation of that error.

    Raises:
        InputError: fewer than :data:`FEWEST` values, or no spread.
    """
    from scipy.stats import spearmanr

    error = np.abs(error)
    if len(error) < FEWEST:
        raise InputError(f"{len(error)} values are too few to calibrate a spread with; {FEWEST} are needed")
    if not (spread > 0).any():
        raise InputError("the members of the committee agree exactly; there is no spread to calibrate")
    factor = _rms(error) / _rms(spread)
    order = np.argsort(spread, kind="stable")
    bins = np.array_split(order, max(1, min(BINS, len(order) // _IN_BIN)))
    s = np.array([_rms(spread[b]) for b in bins])
    e = np.array([_rms(error[b]) for b in bins])
    known = s > 0
    miss = lambda f: float((np.abs(e - f * s)[known] / (f * s)[known]).mean()) if f > 0 else float("nan")  # noqa: E731
    within = tuple(float((error <= k * factor * spread).mean()) for k in (1, 2))
    varied = np.ptp(error) > 0 and np.ptp(spread) > 0
    correlation = float(spearmanr(error, spread).statistic) if varied else float("nan")
    return Reliability(factor, len(error), s, e, miss(1.0), miss(factor), (within[0], within[1]), correlation)


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt((values**2).mean()))


def energy_reliability(found: Evaluated) -> Reliability | None:
    """Of binding energies, kcal/mol; None without a committee, or of too few structures."""
    if found.energy_spread is None or len(found.wanted) < FEWEST:
        return None
    return reliability((found.predicted - found.wanted) / KCAL_PER_MOL, found.energy_spread / KCAL_PER_MOL)


def force_reliability(found: Evaluated) -> Reliability | None:
    """Of forces, kcal/mol/Å: the length of an atom's error beside the length of the standard deviation of its force."""
    wanted = found.labels.clusters.forces
    if found.force_spread is None or found.forces is None or wanted is None or len(wanted) < FEWEST:
        return None
    error = np.linalg.norm(found.forces - wanted, axis=1)
    return reliability(error / KCAL_PER_MOL, found.force_spread / KCAL_PER_MOL)


def spread_report(found: Evaluated) -> dict[str, Any]:
    """``energy`` and ``forces``, as far as there are any; empty without a committee."""
    parts = {"energy": (energy_reliability(found), "kcal_mol"), "forces": (force_reliability(found), "kcal_mol_A")}
    return {name: r.report(unit) for name, (r, unit) in parts.items() if r is not None}
