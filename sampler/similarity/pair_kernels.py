"""Compiled loops over populations: what may be a duplicate at all, and who represents whom.

Conventions as in :mod:`sampler.similarity.superposition`; imported lazily.
"""

from __future__ import annotations

import numpy as np

from .rotation import free, sqdist
from .superposition import MARGIN, compare


@free
def environments(x, starts, columns, weights, out):
    """(B, n, C) sorted distances of every atom to the atoms of each element, neighbouring ones averaged.

    ``columns`` (n,) is the output column of the k-th sorted distance (the atom itself, distance 0, included),
    ``weights`` (C,) the root of the number of distances in a column: a mean of k differences, times k^(1/2), is never
    more than the root of the sum of their squares, so a lower bound stays one.
    """
    b, n = x.shape[0], x.shape[1]
    d = np.empty(n)
    for s in range(b):
        for i in range(n):
            for e in range(len(starts) - 1):
                for j in range(starts[e], starts[e + 1]):  # insertion sort within the element
                    new = np.sqrt(sqdist(x[s, i], x[s, j]))
                    k = j
                    while k > starts[e] and d[k - 1] > new:
                        d[k] = d[k - 1]
                        k -= 1
                    d[k] = new
            for c in range(len(weights)):
                out[s, i, c] = 0.0
            for j in range(n):
                out[s, i, columns[j]] += d[j]
            for c in range(len(weights)):
                out[s, i, c] /= weights[c]


@free
def share_a_state(i, j, states):
    """Whether i and j have a protonation state in common; ``states`` (B, K), filled up with −1."""
    for a in range(states.shape[1]):
        if states[i, a] < 0:
            break
        for b in range(states.shape[1]):
            if states[j, b] < 0:
                break
            if states[i, a] == states[j, b]:
                return True
    return False


@free
def may_match(i, j, states, scalars, windows, fine, coarse, limit):
    """Whether states, windows and bounds allow i and j to be duplicates.

    ``states`` (B, K): every protonation state a structure may be said to have, its own first, −1 after the last.
    ``scalars`` (B, S) with absolute ``windows`` (S,); ``coarse`` and ``fine`` are fingerprints whose distance is at
    most the RMSD; ``limit`` the RMSD threshold.
    """
    if not share_a_state(i, j, states):
        return False
    for s in range(len(windows)):
        if abs(scalars[i, s] - scalars[j, s]) > windows[s]:
            return False
    square = (limit + MARGIN) ** 2
    return sqdist(coarse[i], coarse[j]) <= square and sqdist(fine[i], fine[j]) <= square


@free
def components(order, states, scalars, windows, fine, coarse, limit):
    """(B,) label of the connected component of each structure in the graph of possible duplicates.

    ``order`` sorts the first scalar, which ends the inner loop.
    """
    n = len(order)
    parent = np.arange(n)
    for x in range(n):
        i = order[x]
        for y in range(x + 1, n):
            j = order[y]
            if scalars[j, 0] - scalars[i, 0] > windows[0]:
                break
            ri, rj = i, j
            while parent[ri] != ri:
                parent[ri] = parent[parent[ri]]
                ri = parent[ri]
            while parent[rj] != rj:
                parent[rj] = parent[parent[rj]]
                rj = parent[rj]
            if ri != rj and may_match(i, j, states, scalars, windows, fine, coarse, limit):
                parent[max(ri, rj)] = min(ri, rj)
    for i in range(n):
        root = i
        while parent[root] != root:
            root = parent[root]
        parent[i] = root
    return parent


@free
def leaders(
    members, x, env, anchors, states, scalars, windows, fine, coarse, starts, block, settled, limit, max_disp, slack,
    give_up,
):  # fmt: skip
    """Give each member, taken in order, to the nearest earlier representative that it duplicates; else it is a new one.

    ``members`` (m,) indices into the arrays, sorted by scalars[:, 0] (energy, or rank). ``settled`` (m,): members that
    are known to be no duplicates of each other. Returns leader (m,) positions in
    ``members``, mirrored (m,), rmsd (m,) Å to the leader, and the number of pairs compared.
    """
    m = len(members)
    n = x.shape[1]
    leader = np.arange(m)
    mirrored = np.zeros(m, np.bool_)
    distance = np.zeros(m)
    reps = np.empty(m, np.int64)
    count, pairs = 0, 0
    rot, perm = np.empty((3, 3)), np.empty(n, np.int64)
    for y in range(m):
        j = members[y]
        best = np.inf
        for t in range(count - 1, -1, -1):
            i = members[reps[t]]
            if scalars[j, 0] - scalars[i, 0] > windows[0]:
                break
            if settled[reps[t]] and settled[y]:
                continue
            if not may_match(i, j, states, scalars, windows, fine, coarse, limit):
                continue
            pairs += 1
            rmsd, largest, hand, bound = compare(
                x[i], x[j], env[reps[t]], env[y], starts, block, anchors[reps[t]],
                limit, max_disp, slack, give_up, True, rot, perm,
            )  # fmt: skip
            if rmsd <= limit and largest <= max_disp and rmsd < best:
                best = rmsd
                leader[y], mirrored[y], distance[y] = reps[t], hand, rmsd
        if best == np.inf:
            reps[count] = y
            count += 1
    return leader, mirrored, distance, pairs


@free
def distance_matrix(members, x, env, anchors, states, scalars, windows, fine, coarse, starts, block, limit, max_disp,
                    slack, give_up):  # fmt: skip
    """(m, m) RMSD (Å) and mirror flags of all pairs of members; pairs that are no duplicates stand at infinity."""
    m = len(members)
    out = np.full((m, m), np.inf)
    hands = np.zeros((m, m), np.bool_)
    rot, perm = np.empty((3, 3)), np.empty(x.shape[1], np.int64)
    for p in range(m):
        out[p, p] = 0.0
        for q in range(p + 1, m):
            i, j = members[p], members[q]
            if scalars[j, 0] - scalars[i, 0] > windows[0]:
                break
            if not may_match(i, j, states, scalars, windows, fine, coarse, limit):
                continue
            rmsd, largest, hand, bound = compare(
                x[i], x[j], env[p], env[q], starts, block, anchors[p],
                limit, max_disp, slack, give_up, True, rot, perm,
            )  # fmt: skip
            if rmsd <= limit and largest <= max_disp:
                out[p, q] = out[q, p] = rmsd
                hands[p, q] = hands[q, p] = hand
    return out, hands
