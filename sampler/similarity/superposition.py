"""Compiled inner loops of one comparison: the search for the best superposition.

Imported lazily, because numba takes half a second to load. The functions release the GIL and share nothing, so the
same input gives the same output in any number of threads.

Conventions, also in :mod:`.rotation` and :mod:`.matching`: a structure is an (n, 3) array in Å with its centroid at the origin
and its atoms grouped by element; ``starts`` (m + 1,) holds the first atom of each of the m element blocks, and n; ``block``
(n,) the block of each atom. ``perm[i] = j`` means that atom i of ``a`` falls on atom j of ``b``.
"""

from __future__ import annotations

import numpy as np

from .matching import assign, environment_match, workspace
from .rotation import copy_matrix, deviation, frame_of, free, rotate, rotation, sqdist

KEEP = 6  # best-scored anchor superpositions that are refined
MARGIN = 1e-4  # Å, above the rounding of single-precision fingerprints


@free
def _refine(a, b, starts, rot, perm, give_up):
    """Assignment and superposition in turn from ``rot`` until the assignment stands; ``rot``, ``perm`` are filled.

    Stops early where an assignment leaves an RMSD above ``give_up``. Returns RMSD and largest displacement.
    """
    n = a.shape[0]
    cost, local, u, v, p, way, minv, used = workspace(starts)
    moved = np.empty((n, 3))
    rotate(a, rot, moved)
    for i in range(n):
        perm[i] = -1
    for _cycle in range(50):
        changed = False
        total = 0.0
        for e in range(len(starts) - 1):
            lo, size = starts[e], starts[e + 1] - starts[e]
            for i in range(size):
                for j in range(size):
                    cost[i, j] = sqdist(moved[lo + i], b[lo + j])
            total += assign(cost, size, local, u, v, p, way, minv, used)
            for i in range(size):
                if perm[lo + i] != lo + local[i]:
                    perm[lo + i] = lo + local[i]
                    changed = True
        if not changed or total > n * give_up * give_up:
            break
        rotation(a, b, perm, rot)
        rotate(a, rot, moved)
    return deviation(moved, b, perm)


@free
def anchors_of(a, starts, heavy_from, out):
    """Three atoms with few possible images and a wide triangle; out[0] = -1 where all atoms lie on one line.

    Heavy atoms (from index ``heavy_from``) come first, hydrogens only where those do not span a plane.
    """
    n = a.shape[0]
    size = np.empty(n, np.int64)
    block = np.empty(n, np.int64)
    for e in range(len(starts) - 1):
        for i in range(starts[e], starts[e + 1]):
            size[i] = starts[e + 1] - starts[e]
            block[i] = e
    order = np.empty(n, np.int64)
    for attempt in range(2):
        first = heavy_from if attempt == 0 else 0
        for x in range(n - first):  # stable insertion: the rarest elements first
            y = x
            while y > 0 and size[order[y - 1]] > size[first + x]:
                order[y] = order[y - 1]
                y -= 1
            order[y] = first + x
        best_wide, best_count = 0.0, np.inf
        out[0] = -1
        for x in range(min(n - first, 24)):  # enough to choose from
            for y in range(x):
                for z in range(y):
                    i, j, k = order[z], order[y], order[x]
                    ij, ik, jk = sqdist(a[i], a[j]), sqdist(a[i], a[k]), sqdist(a[j], a[k])
                    longest = max(ij, ik, jk)
                    if longest < 1e-6:
                        continue
                    # squared altitude on the longest side, from the squared sides (Heron)
                    wide = (2 * (ij * ik + ij * jk + ik * jk) - ij * ij - ik * ik - jk * jk) / (4 * longest)
                    wide = min(wide, 1.44)  # 1.2 Å is wide enough; beyond it, the number of images counts
                    count = float(size[i])
                    count *= size[j] - (block[i] == block[j])
                    count *= size[k] - (block[i] == block[k]) - (block[j] == block[k])
                    if wide > best_wide + 1e-9 or (wide > best_wide - 1e-9 and count < best_count):
                        best_wide, best_count = max(wide, best_wide), count
                        out[0], out[1], out[2] = i, j, k
        if best_wide > 0.25 or first == 0:
            break
    if out[0] >= 0 and best_wide < 1e-4:
        out[0] = -1


@free
def _anchor_search(a, b, starts, anchors, block, slack, good_rmsd, good_max, give_up, rot, perm):
    """Refine the best superpositions of the anchor triangle of ``a`` on every compatible triangle of ``b``.

    ``slack`` (Å): how much a side may differ. Returns the best RMSD and its largest displacement; ends at the first
    that is good. ``rot`` and ``perm`` hold the best.
    """
    n = a.shape[0]
    best, best_max = np.inf, np.inf
    i, j, k = anchors[0], anchors[1], anchors[2]
    ij, ik, jk = np.sqrt(sqdist(a[i], a[j])), np.sqrt(sqdist(a[i], a[k])), np.sqrt(sqdist(a[j], a[k]))
    fa, fb = np.empty((3, 3)), np.empty((3, 3))
    if not frame_of(a[i], a[j], a[k], fa):
        return best, best_max
    scores = np.empty(KEEP)
    for slot in range(KEEP):
        scores[slot] = np.inf
    rots = np.empty((KEEP, 3, 3))
    trial = np.empty((3, 3))
    moved = np.empty(3)
    for p in range(starts[block[i]], starts[block[i] + 1]):
        for q in range(starts[block[j]], starts[block[j] + 1]):
            if q == p or abs(np.sqrt(sqdist(b[p], b[q])) - ij) > slack:
                continue
            for r in range(starts[block[k]], starts[block[k] + 1]):
                if r == p or r == q:
                    continue
                if abs(np.sqrt(sqdist(b[p], b[r])) - ik) > slack or abs(np.sqrt(sqdist(b[q], b[r])) - jk) > slack:
                    continue
                if not frame_of(b[p], b[q], b[r], fb):
                    continue
                for x in range(3):
                    for y in range(3):
                        trial[x, y] = fb[0, x] * fa[0, y] + fb[1, x] * fa[1, y] + fb[2, x] * fa[2, y]
                score = 0.0
                # heavy atoms stand at the end of the array and tell more: begin there, leave when it is hopeless
                for s in range(n - 1, -1, -1):
                    for x in range(3):
                        moved[x] = trial[x, 0] * a[s, 0] + trial[x, 1] * a[s, 1] + trial[x, 2] * a[s, 2]
                    nearest = np.inf
                    for t in range(starts[block[s]], starts[block[s] + 1]):
                        nearest = min(nearest, sqdist(moved, b[t]))
                    score += nearest
                    if score >= scores[KEEP - 1]:
                        break
                if score < scores[KEEP - 1]:
                    slot = KEEP - 1
                    while slot > 0 and scores[slot - 1] > score:
                        scores[slot] = scores[slot - 1]
                        copy_matrix(rots[slot - 1], rots[slot])
                        slot -= 1
                    scores[slot] = score
                    copy_matrix(trial, rots[slot])
    tried = np.empty(n, np.int64)
    for slot in range(KEEP):
        if not np.isfinite(scores[slot]) or scores[slot] > n * give_up * give_up:
            break
        rmsd, largest = _refine(a, b, starts, rots[slot], tried, give_up)
        if rmsd < best:
            best, best_max = rmsd, largest
            copy_matrix(rots[slot], rot)
            for s in range(n):
                perm[s] = tried[s]
        if best <= good_rmsd and best_max <= good_max:
            break
    return best, best_max


@free
def compare(a, b, env_a, env_b, starts, block, anchors, good_rmsd, good_max, slack, give_up, mirror_too, rot, perm):
    """Search the superposition of ``a`` on ``b``: proper first, then mirrored.

    Returns (rmsd, largest displacement, mirrored, lower bound), lengths in Å. The search ends at the first
    superposition with RMSD <= good_rmsd and no displacement above good_max; a negative good_rmsd makes it go through
    all and return the best. Where the lower bound exceeds good_rmsd (if not negative), nothing is searched and the
    RMSD is infinite. ``rot`` (3, 3; improper if mirrored) and ``perm`` (n,) are filled with the best.
    """
    n = a.shape[0]
    first = np.empty(n, np.int64)
    bound = environment_match(env_a, env_b, starts, first)
    best, best_max, mirrored = np.inf, np.inf, False
    if good_rmsd >= 0.0 and bound > good_rmsd + MARGIN:
        return best, best_max, mirrored, bound
    image = np.empty((n, 3))
    rot1, perm1 = np.empty((3, 3)), np.empty(n, np.int64)
    for hand in range(2 if mirror_too else 1):
        sign = 1.0 - 2.0 * hand
        tie = 1e-6 * hand  # of two equal superpositions, the proper one
        for i in range(n):
            for x in range(3):
                image[i, x] = sign * a[i, x]
        for start in range(2 if anchors[0] >= 0 else 1):
            if start == 0:
                rotation(image, b, first, rot1)
                rmsd, largest = _refine(image, b, starts, rot1, perm1, np.inf)
            else:
                rmsd, largest = _anchor_search(
                    image, b, starts, anchors, block, slack, good_rmsd, good_max, give_up, rot1, perm1
                )
            done = rmsd <= good_rmsd and largest <= good_max
            if rmsd < best - tie or done:
                best, best_max, mirrored = rmsd, largest, hand == 1
                for i in range(n):
                    perm[i] = perm1[i]
                for x in range(3):
                    for y in range(3):
                        rot[x, y] = sign * rot1[x, y]
            if done:
                return best, best_max, mirrored, bound
    return best, best_max, mirrored, bound
