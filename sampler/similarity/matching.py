"""Compiled pairing of like atoms: minimal-cost assignment. See :mod:`.superposition` for the conventions."""

from __future__ import annotations

import numpy as np

from .rotation import free, sqdist


@free
def assign(cost, m, perm, u, v, p, way, minv, used):
    """Minimal-cost assignment of an (m, m) block by shortest augmenting paths; fills perm[:m], returns the cost.

    Source: Jonker & Volgenant, Computing 38 (1987) 325, doi:10.1007/BF02278710.
    """
    # most blocks of near-duplicates need no more than this: every row's nearest column, all different
    for j in range(m):
        used[j] = False
    distinct = True
    total = 0.0
    for i in range(m):
        best, arg = np.inf, -1
        for j in range(m):
            if cost[i, j] < best:
                best, arg = cost[i, j], j
        if arg < 0 or used[arg]:
            distinct = False
            break
        used[arg] = True
        perm[i] = arg
        total += best
    if distinct:
        return total
    for j in range(m + 1):
        u[j] = 0.0
        v[j] = 0.0
        p[j] = 0
    for i in range(1, m + 1):
        p[0] = i
        j0 = 0
        for j in range(m + 1):
            minv[j] = np.inf
            used[j] = False
        while True:
            used[j0] = True
            i0 = p[j0]
            delta, j1 = np.inf, 0
            for j in range(1, m + 1):
                if not used[j]:
                    cur = cost[i0 - 1, j - 1] - u[i0] - v[j]
                    if cur < minv[j]:
                        minv[j] = cur
                        way[j] = j0
                    if minv[j] < delta:
                        delta, j1 = minv[j], j
            for j in range(m + 1):
                if used[j]:
                    u[p[j]] += delta
                    v[j] -= delta
                else:
                    minv[j] -= delta
            j0 = j1
            if p[j0] == 0:
                break
        while j0 != 0:
            j1 = way[j0]
            p[j0] = p[j1]
            j0 = j1
    total = 0.0
    for j in range(1, m + 1):
        perm[p[j] - 1] = j - 1
        total += cost[p[j] - 1, j - 1]
    return total


@free
def workspace(starts):
    """``cost`` and, in this order, the other arrays that :func:`assign` wants, for the largest of the blocks."""
    m = 0
    for e in range(len(starts) - 1):
        m = max(m, starts[e + 1] - starts[e])
    cost = np.empty((m, m))
    u, v, minv = np.empty(m + 1), np.empty(m + 1), np.empty(m + 1)
    p, way = np.empty(m + 1, np.int64), np.empty(m + 1, np.int64)
    used = np.empty(m + 1, np.bool_)
    local = np.empty(m, np.int64)
    return cost, local, u, v, p, way, minv, used


@free
def environment_match(env_a, env_b, starts, perm):
    """Pair atoms by their sorted distances to all others; fills ``perm``, returns a lower bound of the RMSD, Å.

    With displacements u of any superposition, | |r_i - r_k| - |r'_i - r'_k| | <= |u_i - u_k|, sorting never increases
    a sum of squared differences, and the sum over i, k of |u_i - u_k|^2 is at most 2 n^2 RMSD^2.
    """
    n = env_a.shape[0]
    cost, local, u, v, p, way, minv, used = workspace(starts)
    total = 0.0
    for e in range(len(starts) - 1):
        lo, size = starts[e], starts[e + 1] - starts[e]
        for i in range(size):
            for j in range(size):
                cost[i, j] = sqdist(env_a[lo + i], env_b[lo + j])
        total += assign(cost, size, local, u, v, p, way, minv, used)
        for i in range(size):
            perm[lo + i] = lo + local[i]
    return np.sqrt(0.5 * total) / n
