"""Compiled geometry of one superposition: rotations, frames, deviations. See :mod:`.superposition` for the conventions."""

from __future__ import annotations

import numba
import numpy as np

from ..compiled import compiled

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
def rotation(a, b, perm, rot):
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
def rotate(a, rot, out):
    for i in range(a.shape[0]):
        for x in range(3):
            out[i, x] = rot[x, 0] * a[i, 0] + rot[x, 1] * a[i, 1] + rot[x, 2] * a[i, 2]


@free
def deviation(moved, b, perm):
    """RMSD and largest displacement, Å."""
    total, largest = 0.0, 0.0
    for i in range(moved.shape[0]):
        d = sqdist(moved[i], b[perm[i]])
        total += d
        largest = max(largest, d)
    return np.sqrt(total / moved.shape[0]), np.sqrt(largest)


@free
def copy_matrix(source, target):
    # loops over numbers, here and below: numba compiles them several times faster than array expressions
    for x in range(3):
        for y in range(3):
            target[x, y] = source[x, y]


@free
def frame_of(p, q, r, frame):
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
