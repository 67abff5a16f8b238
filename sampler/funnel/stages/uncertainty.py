"""The uncertainty of each energy that a stage gives, in a column beside it."""

from __future__ import annotations

import numpy as np

from ...clusters import Clusters
from ...columns import ENERGY_SPREAD, UNCERTAINTY
from ...composition import Composition
from ...errors import InputError
from ...units import KCAL_PER_MOL
from .energy_source import EnergySource
from .expected_error import expected_error


def with_uncertainty(clusters: Clusters, source: EnergySource, composition: Composition) -> Clusters:
    """The structures with one standard deviation of their relative energies from those of B97-3c, kcal/mol; NaN where
    nothing was calibrated, for B97-3c itself, and without an energy."""
    try:
        error = expected_error(source.level, composition, source.models)
    except InputError:
        return clusters.with_columns(**{UNCERTAINTY: np.nan})
    spread = clusters.columns.get(ENERGY_SPREAD, np.full(len(clusters), np.nan)) / KCAL_PER_MOL
    each = np.where(np.isfinite(clusters.energy), error.of_each(spread), np.nan)
    return clusters.with_columns(**{UNCERTAINTY: each})
