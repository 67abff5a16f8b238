"""A Lennard-Jones liquid in a periodic box: a trajectory with a diffusion coefficient that others have published."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, fastmath=False)
def _forces(x, box, cutoff2, near, count, force):
    """Fills ``force`` in units of ε/σ from the neighbours ``near`` (n, k), of which ``count`` (n,) are real, each pair once."""
    force[:] = 0.0
    for i in range(len(x)):
        for k in range(count[i]):
            j = near[i, k]
            dx = x[i, 0] - x[j, 0]
            dy = x[i, 1] - x[j, 1]
            dz = x[i, 2] - x[j, 2]
            dx -= box * np.rint(dx / box)
            dy -= box * np.rint(dy / box)
            dz -= box * np.rint(dz / box)
            r2 = dx * dx + dy * dy + dz * dz
            if r2 < cutoff2:
                s = 1.0 / r2
                s3 = s * s * s
                f = 24.0 * s * s3 * (2.0 * s3 - 1.0)
                force[i, 0] += f * dx
                force[i, 1] += f * dy
                force[i, 2] += f * dz
                force[j, 0] -= f * dx
                force[j, 1] -= f * dy
                force[j, 2] -= f * dz


@njit(cache=True)
def _neighbours(x, box, reach2, near, count):
    count[:] = 0
    for i in range(len(x)):
        for j in range(i):
            r2 = 0.0
            for c in range(3):
                d = x[i, c] - x[j, c]
                d -= box * np.rint(d / box)
                r2 += d * d
            if r2 < reach2:
                near[i, count[i]] = j
                count[i] += 1


@njit(cache=True)
def _walk(x, v, box, cutoff, step, steps, every, kept, kelvin, near, count, force):
    """Velocity Verlet from ``x``, ``v``, in place; every ``every``-th x, not folded into the box, to ``kept``; ``kelvin`` > 0
    scales the velocities to that temperature every 20 steps. Returns the mean temperature."""
    n = len(x)
    warm, listed = 0.0, x.copy()
    skin = 0.4
    _neighbours(x, box, (cutoff + skin) ** 2, near, count)
    _forces(x, box, cutoff * cutoff, near, count, force)
    for k in range(1, steps + 1):
        v += 0.5 * step * force
        x += step * v
        if np.max(np.abs(x - listed)) > skin / 2.0 / 1.7321:
            listed = x.copy()
            _neighbours(x, box, (cutoff + skin) ** 2, near, count)
        _forces(x, box, cutoff * cutoff, near, count, force)
        v += 0.5 * step * force
        now = np.sum(v * v) / (3.0 * n - 3.0)
        warm += now / steps
        if kelvin > 0.0 and k % 20 == 0:
            v *= np.sqrt(kelvin / now)
        if k % every == 0:
            kept[k // every - 1] = x
    return warm


def liquid(density, temperature, cutoff, cells, step, warming, steps, every, seed=0):
    """(F, n, 3) unfolded positions and the mean temperature, all in reduced units, of n = 4 cells³ atoms, after ``warming``
    steps from a lattice."""
    box = (4 * cells**3 / density) ** (1 / 3)
    corner = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2.0
    places = np.array([(i, j, k) for i in range(cells) for j in range(cells) for k in range(cells)], float)
    x = ((places[:, None] + corner[None]).reshape(-1, 3) + 0.25) * box / cells
    rng = np.random.default_rng(seed)
    v = rng.normal(size=x.shape) * np.sqrt(temperature)
    v -= v.mean(0)
    force = np.zeros_like(x)
    near, count = np.zeros((len(x), 400), np.int32), np.zeros(len(x), np.int64)
    _walk(x, v, box, cutoff, step, warming, warming, np.zeros((1, *x.shape)), temperature, near, count, force)
    kept = np.zeros((steps // every, *x.shape))
    warm = _walk(x, v, box, cutoff, step, steps, every, kept, 0.0, near, count, force)
    return kept, warm
