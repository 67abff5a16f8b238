"""Hermite Gaussians: indices, expansion of products of Gaussians, Boys' function, and their Coulomb integrals.

McMurchie and Davidson, doi:10.1016/0021-9991(78)90092-X. The indices (t, u, v) of derivatives are numbered by their sum;
all arrays of Hermite functions follow that order. Atomic units.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.special import gamma, gammainc

from ...compiled import compiled

_STEP = 0.1
_LAST = 40.0
_TERMS = 7
"""Boys' function is expanded about the nearest point of a table, and asymptotic beyond its last argument."""


class Indices(NamedTuple):
    """Tables for sums t + u + v up to some order.

    Attributes:
        order: (k, 3) t, u, v.
        size: (order + 2,) how many have a sum below 0, 1, 2, ...
        axis, one, two, times: (k,) for the recursion: R = x[axis] R[one] + times R[two].
        plus: (k1, k2) number of the sum of two indices.
    """

    order: np.ndarray
    size: np.ndarray
    axis: np.ndarray
    one: np.ndarray
    two: np.ndarray
    times: np.ndarray
    plus: np.ndarray


@cache
def indices(first: int, second: int) -> Indices:
    """Tables up to the sum ``first`` + ``second``, with additions of one index up to each."""
    last = first + second
    order = [(t, u, n - t - u) for n in range(last + 1) for t in range(n, -1, -1) for u in range(n - t, -1, -1)]
    number = {o: k for k, o in enumerate(order)}

    def less(o: tuple[int, int, int], along: int, by: int) -> int:
        t, u, v = (o[d] - by * (d == along) for d in range(3))
        return number.get((t, u, v), 0)

    size = np.array([n * (n + 1) * (n + 2) // 6 for n in range(last + 2)])
    axis, one, two, times = np.zeros((4, len(order)), dtype=np.int64)
    for k, o in enumerate(order[1:], 1):
        # the shortest path of the recursion: along the axis with the smallest index above 0
        along = min((d for d in range(3) if o[d]), key=lambda d: o[d])
        axis[k], one[k], two[k], times[k] = along, less(o, along, 1), less(o, along, 2), o[along] - 1
    plus = np.array(
        [[number[a + d, b + e, c + f] for d, e, f in order[: size[second + 1]]] for a, b, c in order[: size[first + 1]]]
    )
    return Indices(np.array(order), size, axis, one, two, times, plus)


@cache
def boys_table(last: int) -> np.ndarray:
    """(points, last + terms) values of F_m at the points of the table."""
    t = np.arange(0.0, _LAST + 2 * _STEP, _STEP)[:, None]
    m = np.arange(last + _TERMS)[None] + 0.5
    with np.errstate(divide="ignore", invalid="ignore"):
        values = gammainc(m, t) * gamma(m) / (2 * t**m)
    values[0] = 1 / (2 * m[0])
    return values


@compiled
def boys(last, argument, table, out):
    """F_0 ... F_last of ``argument`` into ``out``."""
    if argument < _LAST:
        nearest = int(argument / _STEP + 0.5)
        d = nearest * _STEP - argument
        value = 0.0
        for k in range(_TERMS - 1, 0, -1):
            value = (value + table[nearest, last + k]) * d / k
        out[last] = value + table[nearest, last]
        decay = np.exp(-argument)
        for m in range(last, 0, -1):
            out[m - 1] = (2 * argument * out[m] + decay) / (2 * m - 1)
    else:
        out[0] = 0.5 * np.sqrt(np.pi / argument)
        for m in range(last):
            # exp(-argument) is below the last digit
            out[m + 1] = (2 * m + 1) * out[m] / (2 * argument)


@compiled
def expansion(i_last, j_last, p, to_a, to_b, start, out):
    """Coefficients out[i, j, t] of the product of x_A^i and x_B^j Gaussians of total exponent ``p`` in one dimension.

    Args:
        to_a, to_b: from the two centres to the centre of the product.
        start: the coefficient of i = j = t = 0.
    """
    half = 0.5 / p
    out[: i_last + 1, : j_last + 1, :] = 0.0
    out[0, 0, 0] = start
    for i in range(i_last + 1):
        if i > 0:
            for t in range(i + 1):
                out[i, 0, t] = to_a * out[i - 1, 0, t] + (t + 1) * out[i - 1, 0, t + 1]
                if t > 0:
                    out[i, 0, t] += half * out[i - 1, 0, t - 1]
        for j in range(1, j_last + 1):
            for t in range(i + j + 1):
                out[i, j, t] = to_b * out[i, j - 1, t] + (t + 1) * out[i, j - 1, t + 1]
                if t > 0:
                    out[i, j, t] += half * out[i, j - 1, t - 1]
