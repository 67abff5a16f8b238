"""How many structures to keep, so that the lowest one at a higher level of theory is among them.

Given energies E of n structures at a low level, the energies at the high level are taken to be E + constant + error, with
independent normal errors of standard deviation sigma. Then the probability that structure i is the lowest at the high
level is an integral over one variable,

    P(i) = ∫ φ((x − E_i) / σ) / σ · Π_{j≠i} Φ((E_j − x) / σ) dx,

and the k lowest hold the high-level minimum with the probability P(1) + … + P(k). Nothing is drawn at random.

What sigma is: :mod:`.expected_error`.
"""

from __future__ import annotations

import numpy as np

from ...errors import InputError

_POINTS = 501
_TAILS = 8.5  # standard deviations on either side
_BLOCK = 2_000_000  # numbers held at a time


def minimum_probabilities(energy: np.ndarray, sigma: float) -> np.ndarray:
    """(n,) probability of each structure to be the lowest at the high level; they add to 1.

    Args:
        energy: (n,) at the low level, in any unit and order, finite. sigma: standard deviation of the errors, same unit.

    Raises:
        InputError: no energies, one that is not finite, or a sigma that is not positive.
    """
    from scipy.special import log_ndtr

    energy = np.asarray(energy, float)
    if energy.ndim != 1 or not len(energy) or not np.isfinite(energy).all():
        raise InputError("the probability of being lowest needs a list of finite energies")
    if not (sigma > 0 and np.isfinite(sigma)):
        raise InputError(f"the error of relative energies must be positive, it is {sigma}")
    e = (energy - energy.min()) / sigma
    near = np.flatnonzero(e < 2 * _TAILS)  # the others cannot be lowest: their terms are below 1e-16
    x = np.linspace(-_TAILS, _TAILS, _POINTS)  # where the lowest of all may lie; it is not above the error of e = 0
    blocks = [near[i : i + max(1, _BLOCK // _POINTS)] for i in range(0, len(near), max(1, _BLOCK // _POINTS))]
    above = sum(log_ndtr(e[b, None] - x).sum(0) for b in blocks)  # log of the probability that all lie above x
    p = np.zeros(len(e))
    for b in blocks:
        z = e[b, None] - x
        p[b] = np.exp(above - log_ndtr(z) - 0.5 * z * z).sum(1)
    return p / p.sum()


def how_many(energy: np.ndarray, sigma: float, confidence: float) -> tuple[int, float]:
    """The smallest k so that the k lowest hold the high-level minimum with at least ``confidence``; and its probability.

    Args:
        energy, sigma: see :func:`minimum_probabilities`. confidence: between 0 and 1.

    Raises:
        InputError: see :func:`minimum_probabilities`; or a confidence that is not between 0 and 1.
    """
    if not 0 < confidence < 1:
        raise InputError(f"confidence is {confidence}; it must lie between 0 and 1, for example 0.95")
    kept = np.cumsum(np.sort(minimum_probabilities(energy, sigma))[::-1])  # equal errors: the lower, the more probable
    k = int(np.searchsorted(kept, confidence - 1e-12)) + 1
    return min(k, len(kept)), float(min(kept[min(k, len(kept)) - 1], 1.0))
