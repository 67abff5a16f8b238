"""Protonation states of structures that a stage has moved."""

from __future__ import annotations

from ...clusters import Clusters
from ...columns import OTHER_STATES, STATE
from ...identify import identify
from .context import Context


def with_states(done: Clusters, before: Clusters, context: Context) -> Clusters:
    """``done`` with the states that it has now, if the structures had any ``before`` they were moved."""
    if STATE not in before.columns or not len(done):
        return done
    found = identify(done.replace(columns={}), context.composition, context.library).columns
    return done.with_columns(**{k: found[k] for k in (STATE, OTHER_STATES) if k in found})
