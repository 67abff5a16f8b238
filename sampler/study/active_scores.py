"""What a batch is chosen by: a score for each structure of the pool, and the choice."""

from __future__ import annotations

import numpy as np

from ..clusters import Clusters


def error_score(errors: np.ndarray, clusters: Clusters) -> np.ndarray:
    """(B,) how far the mean of M members is off.

    Args:
        errors: predicted minus labelled, of energies (M, B) in eV, or of force components (M, 3N) in eV/Å: then the largest
            on any atom of a structure.
    """
    return _of_structures(errors.mean(axis=0), clusters)


def spread_score(errors: np.ndarray, clusters: Clusters) -> np.ndarray:
    """(B,) standard deviation (n − 1) of the members' predictions; see :func:`error_score`.

    The label is in the errors of all members, and goes out.
    """
    return _of_structures(errors.std(axis=0, ddof=1), clusters)


def _of_structures(values: np.ndarray, clusters: Clusters) -> np.ndarray:
    return np.abs(values) if len(values) == len(clusters) else _largest(values, clusters)


def _largest(components: np.ndarray, clusters: Clusters) -> np.ndarray:
    """(B,) the longest vector of any atom; ``components``: (3N,)."""
    lengths = np.linalg.norm(components.reshape(-1, 3), axis=1)
    return np.maximum.reduceat(lengths, clusters.ptr[:-1])


def batch(
    scores: np.ndarray, size: int, diverse: int = 0, features: np.ndarray | None = None, known: np.ndarray | None = None
) -> np.ndarray:
    """(size,) indices of the largest scores, the largest first; NaN counts as infinite: no model knows it.

    Args:
        diverse: 0, or of the ``diverse`` × ``size`` largest those that are farthest from each other and from ``known``,
            beginning with the largest. features: (B, D). known: (M, D), of the structures that are learnt from already.
    """
    from ..similarity import farthest_points

    order = np.argsort(-np.where(np.isnan(scores), np.inf, scores), kind="stable")
    if not diverse:
        return order[:size]
    assert features is not None  # they go with ``diverse``
    most = order[: diverse * size]
    return most[farthest_points(features[most], size, np.zeros(1, np.int64), known)]
