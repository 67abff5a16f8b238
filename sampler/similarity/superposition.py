"""Compiled inner loops of one comparison: assignment, superposition, search.

Imported lazily, because numba takes half a second to load. The functions release the GIL and share nothing, so the
same input gives the same output in any number of threads.

Conventions: a structure is an (n, 3) array in Å with its centroid at the origin and its atoms grouped by element;
``starts`` (m + 1,) holds the first atom of each of the m element blocks, and n; ``block`` (n,) the block of each atom.
``perm[i] = j`` means that atom i of ``a`` falls on atom j of ``b``.
"""

from __future__ import annotations

import numba
import numpy as np

from ..compiled import compiled

KEEP = 6  # best-scored anchor superpositions that are refined
MARGIN = 1e-4  # Å, above the rounding of single-precision fingerprints
SUM = {"reassoc", "contract", "nsz"}  # allows vectorised sums; NaN and infinity keep their meaning


free = compiled(nogil=True)  # several threads may compare at the same time


# inlined by numba: see generate/_kernels.py
@numba.njit(inline="always", fastmath=SUM)
def sqdist(u, v):
    s = u.dtype.type(0)
    for k in range(len(u)):
        d = u[k] - v[k]
        s += d * d
    return s


@free
def _assign(cost, m, perm, u, v, p, way, minv, used):
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
def _rotation(a, b, perm, rot):
    """Fill ``rot`` with the proper rotation that minimises the distance of rot·a[i] from b[perm[i]].

    Quaternion form (Horn, J. Opt. Soc. Am. A 4 (1987) 629, doi:10.1364/JOSAA.4.000629), diagonalised by Jacobi
    rotations, which planar, linear and single-atom structures do not upset.
    """
    s = np.zeros((3, 3))
    for i in range(a.shape[0]):
        j = perm[i]
        for x in range(3):
            for y in range(3):
                s[x, y] += a[i, x] * b[j, y]
    k = np.empty((4, 4))
    k[0, 0] = s[0, 0] + s[1, 1] + s[2, 2]
    k[1, 1] = s[0, 0] - s[1, 1] - s[2, 2]
    k[2, 2] = -s[0, 0] + s[1, 1] - s[2, 2]
    k[3, 3] = -s[0, 0] - s[1, 1] + s[2, 2]
    k[0, 1] = s[1, 2] - s[2, 1]
    k[0, 2] = s[2, 0] - s[0, 2]
    k[0, 3] = s[0, 1] - s[1, 0]
    k[1, 2] = s[0, 1] + s[1, 0]
    k[1, 3] = s[2, 0] + s[0, 2]
    k[2, 3] = s[1, 2] + s[2, 1]
    vec = np.zeros((4, 4))
    scale = 0.0
    for x in range(4):
        vec[x, x] = 1.0
        scale += abs(k[x, x])
        for y in range(x):
            k[x, y] = k[y, x]
            scale += abs(k[x, y])
    for _sweep in range(30):
        off = 0.0
        for x in range(4):
            for y in range(x + 1, 4):
                off += abs(k[x, y])
        if off <= 1e-14 * scale:
            break
        for x in range(4):
            for y in range(x + 1, 4):
                if k[x, y] == 0.0:
                    continue
                theta = (k[y, y] - k[x, x]) / (2.0 * k[x, y])
                t = 1.0 / (abs(theta) + np.sqrt(theta * theta + 1.0))
                if theta < 0.0:
                    t = -t
                c = 1.0 / np.sqrt(t * t + 1.0)
                d = t * c
                for z in range(4):
                    kx, ky = k[z, x], k[z, y]
                    k[z, x], k[z, y] = c * kx - d * ky, d * kx + c * ky
                for z in range(4):
                    kx, ky = k[x, z], k[y, z]
                    k[x, z], k[y, z] = c * kx - d * ky, d * kx + c * ky
                    vx, vy = vec[z, x], vec[z, y]
                    vec[z, x], vec[z, y] = c * vx - d * vy, d * vx + c * vy
    top = 0
    for x in range(1, 4):
        if k[x, x] > k[top, top]:
            top = x
    w, x, y, z = vec[0, top], vec[1, top], vec[2, top], vec[3, top]
    rot[0, 0] = w * w + x * x - y * y - z * z
    rot[1, 1] = w * w - x * x + y * y - z * z
    rot[2, 2] = w * w - x * x - y * y + z * z
    rot[0, 1], rot[1, 0] = 2 * (x * y - w * z), 2 * (x * y + w * z)
    rot[0, 2], rot[2, 0] = 2 * (x * z + w * y), 2 * (x * z - w * y)
    rot[1, 2], rot[2, 1] = 2 * (y * z - w * x), 2 * (y * z + w * x)


@free
def _rotate(a, rot, out):
    for i in range(a.shape[0]):
        for x in range(3):
            out[i, x] = rot[x, 0] * a[i, 0] + rot[x, 1] * a[i, 1] + rot[x, 2] * a[i, 2]


@free
def _deviation(moved, b, perm):
    """RMSD and largest displacement, Å."""
    total, largest = 0.0, 0.0
    for i in range(moved.shape[0]):
        d = sqdist(moved[i], b[perm[i]])
        total += d
        largest = max(largest, d)
    return np.sqrt(total / moved.shape[0]), np.sqrt(largest)


@free
def _refine(a, b, starts, rot, perm, give_up):
    """Assignment and superposition in turn from ``rot`` until the assignment stands; ``rot``, ``perm`` are filled.

    Stops early where an assignment leaves an RMSD above ``give_up``. Returns RMSD and largest displacement.
    """
    n = a.shape[0]
    m = 0
    for e in range(len(starts) - 1):
        m = max(m, starts[e + 1] - starts[e])
    cost = np.empty((m, m))
    u, v, minv = np.empty(m + 1), np.empty(m + 1), np.empty(m + 1)
    p, way = np.empty(m + 1, np.int64), np.empty(m + 1, np.int64)
    used = np.empty(m + 1, np.bool_)
    local = np.empty(m, np.int64)
    moved = np.empty((n, 3))
    _rotate(a, rot, moved)
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
            total += _assign(cost, size, local, u, v, p, way, minv, used)
            for i in range(size):
                if perm[lo + i] != lo + local[i]:
                    perm[lo + i] = lo + local[i]
                    changed = True
        if not changed or total > n * give_up * give_up:
            break
        _rotation(a, b, perm, rot)
        _rotate(a, rot, moved)
    return _deviation(moved, b, perm)


@free
def _environment_match(env_a, env_b, starts, perm):
    """Pair atoms by their sorted distances to all others; fills ``perm``, returns a lower bound of the RMSD, Å.

    With displacements u of any superposition, | |r_i - r_k| - |r'_i - r'_k| | <= |u_i - u_k|, sorting never increases
    a sum of squared differences, and the sum over i, k of |u_i - u_k|^2 is at most 2 n^2 RMSD^2.
    """
    n = env_a.shape[0]
    m = 0
    for e in range(len(starts) - 1):
        m = max(m, starts[e + 1] - starts[e])
    cost = np.empty((m, m))
    u, v, minv = np.empty(m + 1), np.empty(m + 1), np.empty(m + 1)
    p, way = np.empty(m + 1, np.int64), np.empty(m + 1, np.int64)
    used = np.empty(m + 1, np.bool_)
    local = np.empty(m, np.int64)
    total = 0.0
    for e in range(len(starts) - 1):
        lo, size = starts[e], starts[e + 1] - starts[e]
        for i in range(size):
            for j in range(size):
                cost[i, j] = sqdist(env_a[lo + i], env_b[lo + j])
        total += _assign(cost, size, local, u, v, p, way, minv, used)
        for i in range(size):
            perm[lo + i] = lo + local[i]
    return np.sqrt(0.5 * total) / n


@free
def _copy(source, target):
    # loops over numbers, here and below: numba compiles them several times faster than array expressions
    for x in range(3):
        for y in range(3):
            target[x, y] = source[x, y]


@free
def _frame(p, q, r, frame):
    """Right-handed orthonormal frame (rows) of three points; False where they lie on one line."""
    for x in range(3):
        frame[0, x], frame[1, x] = q[x] - p[x], r[x] - p[x]
    for row in range(2):
        if row == 1:
            overlap = frame[0, 0] * frame[1, 0] + frame[0, 1] * frame[1, 1] + frame[0, 2] * frame[1, 2]
            for x in range(3):
                frame[1, x] -= overlap * frame[0, x]
        length = np.sqrt(frame[row, 0] ** 2 + frame[row, 1] ** 2 + frame[row, 2] ** 2)
        if length < 1e-6:
            return False
        for x in range(3):
            frame[row, x] /= length
    for x in range(3):
        y, z = (x + 1) % 3, (x + 2) % 3
        frame[2, x] = frame[0, y] * frame[1, z] - frame[0, z] * frame[1, y]
    return True


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
    if not _frame(a[i], a[j], a[k], fa):
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
                if not _frame(b[p], b[q], b[r], fb):
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
                        _copy(rots[slot - 1], rots[slot])
                        slot -= 1
                    scores[slot] = score
                    _copy(trial, rots[slot])
    tried = np.empty(n, np.int64)
    for slot in range(KEEP):
        if not np.isfinite(scores[slot]) or scores[slot] > n * give_up * give_up:
            break
        rmsd, largest = _refine(a, b, starts, rots[slot], tried, give_up)
        if rmsd < best:
            best, best_max = rmsd, largest
            _copy(rots[slot], rot)
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
    bound = _environment_match(env_a, env_b, starts, first)
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
                _rotation(image, b, first, rot1)
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
