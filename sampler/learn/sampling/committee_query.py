"""Which structures to label next: those a committee of models disagrees on, and that resemble none already labelled.

Query by committee (Seung, Opper & Sompolinsky 1992, doi:10.1145/130385.130417), on forces.
"""

from __future__ import annotations

import numpy as np

from ...clusters import Clusters
from ...errors import InputError
from ...potentials import Potential
from .near_duplicates import distinct


def disagreement(candidates: Clusters, committee: Potential) -> np.ndarray:
    """(B,) eV/Å, the largest spread of the force on any atom; NaN where the committee cannot judge.

    Raises:
        InputError: a potential that is no committee.
    """
    found = committee.evaluate(candidates)
    spread = found.force_spread
    if spread is None:
        raise InputError("a disagreement needs a committee: give two or more models")
    worst = np.array([spread[candidates.atoms_of(i)].max(initial=0.0) for i in range(len(candidates))])
    return np.where(np.isfinite(found.energy), worst, np.nan)


def choose(
    candidates: Clusters,
    committee: Potential,
    count: int,
    known: Clusters | None = None,
    threshold: float = 0.1,
    largest: float = 5.0,
) -> Clusters:
    """At most ``count`` structures, the most disputed first; column ``disagreement_eV_per_A``.

    Args:
        known: structures that are labelled already. threshold: Å, nearer ones (to these, or to one chosen before)
            are not new; see :func:`.near_duplicates.fingerprint`.
        largest: eV/Å; what is disputed more lies outside all sense (atoms on top of each other) and is left out.
    """
    spread = disagreement(candidates, committee)
    usable = np.flatnonzero(np.isfinite(spread) & (spread <= largest))
    order = usable[np.argsort(-spread[usable], kind="stable")]
    ranked = candidates[order].with_columns(disagreement_eV_per_A=spread[order])
    return ranked[np.flatnonzero(distinct(ranked, threshold, known))[:count]]
