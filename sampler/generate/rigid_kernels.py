"""Compiled loops over candidates: rigid-body energies, gradients and L-BFGS. Imported only when needed (numba).

A candidate is M rigid molecules: translations t (M, 3) Å, unit quaternions q (M, 4) (w, x, y, z) and handedness
p (M,) = ±1; atom a of molecule m lies at t[m] + p[m] R(q[m]) local[a]. Every candidate is treated on its own, so
that its result depends neither on its neighbours in the batch nor on the number of workers.
"""

from __future__ import annotations

import numba
import numpy as np

from ..compiled import compiled

# reassociation lets the pair loops use vector instructions; NaN and infinity keep their meaning
_FAST = {"reassoc", "contract", "arcp", "nsz"}
# numpy's error model: a test for division by zero inside the pair loops would keep them from being vectorised
_compiled = compiled(fastmath=_FAST, error_model="numpy")
# Inlined by numba: with sums that may be reordered, a copy of its own could be optimised otherwise than the one inside
# the caller, and which of the two runs depends on whether the process compiled it or found it in the cache.
_inlined = numba.njit(inline="always", fastmath=_FAST, error_model="numpy")


@_inlined
def _place(local, ptr, t, q, p, arm, x):
    """Fill x (3, N) with the atoms' positions and arm (3, N) with their distance vectors from the molecule's centre."""
    for m in range(len(ptr) - 1):
        w, i, j, k = q[m, 0], q[m, 1], q[m, 2], q[m, 3]
        s = p[m]
        r00, r01, r02 = s * (1 - 2 * (j * j + k * k)), s * 2 * (i * j - w * k), s * 2 * (i * k + w * j)
        r10, r11, r12 = s * 2 * (i * j + w * k), s * (1 - 2 * (i * i + k * k)), s * 2 * (j * k - w * i)
        r20, r21, r22 = s * 2 * (i * k - w * j), s * 2 * (j * k + w * i), s * (1 - 2 * (i * i + j * j))
        for a in range(ptr[m], ptr[m + 1]):
            u, v, h = local[a, 0], local[a, 1], local[a, 2]
            arm[0, a] = r00 * u + r01 * v + r02 * h
            arm[1, a] = r10 * u + r11 * v + r12 * h
            arm[2, a] = r20 * u + r21 * v + r22 * h
            x[0, a] = arm[0, a] + t[m, 0]
            x[1, a] = arm[1, a] + t[m, 1]
            x[2, a] = arm[2, a] + t[m, 2]


@_inlined
def _surface(x, ptr, repulsion, dispersion, coulomb, f):
    """Coulomb + Lennard-Jones: Σ a/r¹² − b/r⁶ + c/r over atoms of different molecules; adds forces to f (3, N)."""
    n = x.shape[1]
    energy = 0.0
    for m in range(len(ptr) - 2):
        first = ptr[m + 1]
        xs, ys, zs = x[0, first:], x[1, first:], x[2, first:]
        us, vs, ws = f[0, first:], f[1, first:], f[2, first:]
        for i in range(ptr[m], first):
            xi, yi, zi = x[0, i], x[1, i], x[2, i]
            ai, bi, ci = repulsion[i, first:], dispersion[i, first:], coulomb[i, first:]
            part = gx = gy = gz = 0.0
            for j in range(n - first):
                dx, dy, dz = xi - xs[j], yi - ys[j], zi - zs[j]
                inverse2 = 1.0 / (dx * dx + dy * dy + dz * dz)
                inverse6 = inverse2 * inverse2 * inverse2
                a = ai[j] * inverse6 * inverse6
                b = bi[j] * inverse6
                c = ci[j] * np.sqrt(inverse2)
                part += a - b + c
                g = (12.0 * a - 6.0 * b + c) * inverse2
                gx += g * dx
                gy += g * dy
                gz += g * dz
                us[j] -= g * dx
                vs[j] -= g * dy
                ws[j] -= g * dz
            f[0, i] += gx
            f[1, i] += gy
            f[2, i] += gz
            energy += part
    return energy


@_inlined
def _overlap(x, ptr, contact, f):
    """Σ ½ (d − r)² over atoms of different molecules nearer than their contact distance d; adds forces to f."""
    n = x.shape[1]
    energy = 0.0
    for m in range(len(ptr) - 2):
        first = ptr[m + 1]
        xs, ys, zs = x[0, first:], x[1, first:], x[2, first:]
        us, vs, ws = f[0, first:], f[1, first:], f[2, first:]
        for i in range(ptr[m], first):
            xi, yi, zi = x[0, i], x[1, i], x[2, i]
            di = contact[i, first:]
            part = gx = gy = gz = 0.0
            for j in range(n - first):
                dx, dy, dz = xi - xs[j], yi - ys[j], zi - zs[j]
                r = np.sqrt(dx * dx + dy * dy + dz * dz + 1e-12)
                depth = max(di[j] - r, 0.0)
                part += 0.5 * depth * depth
                g = depth / r
                gx += g * dx
                gy += g * dy
                gz += g * dz
                us[j] -= g * dx
                vs[j] -= g * dy
                ws[j] -= g * dz
            f[0, i] += gx
            f[1, i] += gy
            f[2, i] += gz
            energy += part
    return energy


@_inlined
def _gradient(kind, local, ptr, scale, pairs, wall, stiffness, t, q, p, arm, x, f, g):
    """Energy, and its gradient g (M, 6): by translation, and by rotation about the centre divided by scale[m] (Å).

    ``kind`` 0 is the Coulomb + Lennard-Jones surface with pairs = (a, b, c); 1 the overlap with pairs[0] = contact
    distances. A molecule's centre beyond ``wall`` Å from the origin costs ½ stiffness (|t| − wall)².
    """
    _place(local, ptr, t, q, p, arm, x)
    f[:] = 0.0
    energy = _surface(x, ptr, pairs[0], pairs[1], pairs[2], f) if kind == 0 else _overlap(x, ptr, pairs[0], f)
    for m in range(len(ptr) - 1):
        fx = fy = fz = tx = ty = tz = 0.0
        for a in range(ptr[m], ptr[m + 1]):
            u, v, h = f[0, a], f[1, a], f[2, a]
            fx += u
            fy += v
            fz += h
            tx += arm[1, a] * h - arm[2, a] * v
            ty += arm[2, a] * u - arm[0, a] * h
            tz += arm[0, a] * v - arm[1, a] * u
        if stiffness > 0.0:
            distance = np.sqrt(t[m, 0] ** 2 + t[m, 1] ** 2 + t[m, 2] ** 2)
            if distance > wall:
                energy += 0.5 * stiffness * (distance - wall) ** 2
                pull = stiffness * (distance - wall) / distance
                fx -= pull * t[m, 0]
                fy -= pull * t[m, 1]
                fz -= pull * t[m, 2]
        g[m, 0], g[m, 1], g[m, 2] = -fx, -fy, -fz
        g[m, 3], g[m, 4], g[m, 5] = -tx / scale[m], -ty / scale[m], -tz / scale[m]
    return energy


@_inlined
def _move(t, q, step, scale, t_new, q_new):
    """Translate by step[:, :3] and rotate (in space) by the rotation vector step[:, 3:] / scale."""
    for m in range(t.shape[0]):
        for k in range(3):
            t_new[m, k] = t[m, k] + step[m, k]
        u, v, h = step[m, 3] / scale[m], step[m, 4] / scale[m], step[m, 5] / scale[m]
        angle = np.sqrt(u * u + v * v + h * h)
        w = np.cos(0.5 * angle)
        s = np.sin(0.5 * angle) / angle if angle > 1e-8 else 0.5
        i, j, k = s * u, s * v, s * h
        a, b, c, d = q[m, 0], q[m, 1], q[m, 2], q[m, 3]
        e0 = w * a - i * b - j * c - k * d
        e1 = w * b + i * a + j * d - k * c
        e2 = w * c - i * d + j * a + k * b
        e3 = w * d + i * c - j * b + k * a
        norm = 1.0 / np.sqrt(e0 * e0 + e1 * e1 + e2 * e2 + e3 * e3)
        q_new[m, 0], q_new[m, 1], q_new[m, 2], q_new[m, 3] = e0 * norm, e1 * norm, e2 * norm, e3 * norm


@_inlined
def _largest(g):
    """The largest length of a translational or rotational part of g (M, 6)."""
    worst = 0.0
    for m in range(g.shape[0]):
        worst = max(worst, g[m, 0] ** 2 + g[m, 1] ** 2 + g[m, 2] ** 2, g[m, 3] ** 2 + g[m, 4] ** 2 + g[m, 5] ** 2)
    return np.sqrt(worst)


@_inlined
def _dot(a, b):
    total = 0.0
    for m in range(a.shape[0]):
        for k in range(6):
            total += a[m, k] * b[m, k]
    return total


@_compiled
def gradients(kind, local, ptr, scale, pairs, wall, stiffness, translations, quaternions, handedness):
    """Energy (B,) and gradient (B, M, 6) of B candidates; see ``_gradient``."""
    b, molecules, n = translations.shape[0], len(ptr) - 1, len(local)
    energy, gradient = np.empty(b), np.empty((b, molecules, 6))
    arm, x, f = np.empty((3, n)), np.empty((3, n)), np.empty((3, n))
    for i in range(b):
        energy[i] = _gradient(
            kind, local, ptr, scale, pairs, wall, stiffness,
            translations[i], quaternions[i], handedness[i], arm, x, f, gradient[i],
        )  # fmt: skip
    return energy, gradient


@_compiled
def minimise(
    kind, local, ptr, scale, pairs, wall, stiffness,
    translations, quaternions, handedness, gmax, most_evaluations, longest,
):  # fmt: skip
    """L-BFGS (memory 10, Armijo backtracking) for each of B candidates; poses are changed in place.

    Nocedal & Wright, Numerical Optimization, 2nd ed., algorithms 7.4 and 3.1. Rotations are updated by rotation
    vectors in space, scaled by ``scale`` Å, and the curvature pairs of successive frames are taken as they are.
    Converged: the largest force or scaled torque on a molecule is below ``gmax``.

    Returns energy (B,), the largest gradient (B,), the number of evaluations (B,).
    """
    b, molecules, n = translations.shape[0], len(ptr) - 1, len(local)
    energies, largest, evaluations = np.empty(b), np.empty(b), np.zeros(b, np.int64)
    memory = 10
    arm, x, f = np.empty((3, n)), np.empty((3, n)), np.empty((3, n))
    g, g_new, d = np.empty((molecules, 6)), np.empty((molecules, 6)), np.empty((molecules, 6))
    t, q = np.empty((molecules, 3)), np.empty((molecules, 4))
    steps, changes = np.empty((memory, molecules, 6)), np.empty((memory, molecules, 6))
    rho, alpha = np.empty(memory), np.empty(memory)
    for i in range(b):
        here_t, here_q, p = translations[i], quaternions[i], handedness[i]
        energy = _gradient(kind, local, ptr, scale, pairs, wall, stiffness, here_t, here_q, p, arm, x, f, g)
        count, stored, newest = 1, 0, -1
        while count < most_evaluations:
            if not _largest(g) >= gmax:
                break
            for m in range(molecules):
                for c in range(6):
                    d[m, c] = -g[m, c]
            for k in range(stored):
                slot = (newest - k) % memory
                alpha[slot] = rho[slot] * _dot(steps[slot], d)
                d -= alpha[slot] * changes[slot]
            if stored:
                d *= 1.0 / (rho[newest] * _dot(changes[newest], changes[newest]))
            for k in range(stored - 1, -1, -1):
                slot = (newest - k) % memory
                d += (alpha[slot] - rho[slot] * _dot(changes[slot], d)) * steps[slot]
            slope = _dot(d, g)
            if not slope < 0.0:
                for m in range(molecules):
                    for c in range(6):
                        d[m, c] = -g[m, c]
                slope, stored = -_dot(g, g), 0
            length = _largest(d)
            limit = longest if stored else 0.1
            if length > limit:
                d *= limit / length
                slope *= limit / length
            accepted = False
            for _ in range(12):
                _move(here_t, here_q, d, scale, t, q)
                new = _gradient(kind, local, ptr, scale, pairs, wall, stiffness, t, q, p, arm, x, f, g_new)
                count += 1
                if new <= energy + 1e-4 * slope:
                    accepted = True
                    break
                shrink = 0.1
                if np.isfinite(new):
                    shrink = min(0.5, max(0.1, -0.5 * slope / (new - energy - slope)))
                d *= shrink
                slope *= shrink
            if not accepted:
                if stored == 0:
                    break  # nothing downhill within rounding
                stored = 0
                continue
            newest = (newest + 1) % memory
            for m in range(molecules):
                for c in range(6):
                    steps[newest, m, c] = d[m, c]
                    changes[newest, m, c] = g_new[m, c] - g[m, c]
            curvature = _dot(d, changes[newest])
            if curvature > 1e-10 * _dot(d, d):
                rho[newest] = 1.0 / curvature
                stored = min(stored + 1, memory)
            else:
                newest, stored = -1, 0
            for m in range(molecules):
                for c in range(3):
                    here_t[m, c] = t[m, c]
                for c in range(4):
                    here_q[m, c] = q[m, c]
                for c in range(6):
                    g[m, c] = g_new[m, c]
            energy = new
        energies[i], largest[i], evaluations[i] = energy, _largest(g), count
    return energies, largest, evaluations


@_compiled
def molecule_energies(local, ptr, pairs, translations, quaternions, handedness):
    """(B, M) interaction energy of every molecule with all others, eV."""
    b, molecules, n = translations.shape[0], len(ptr) - 1, len(local)
    energies = np.zeros((b, molecules))
    arm, x = np.empty((3, n)), np.empty((3, n))
    repulsion, dispersion, coulomb = pairs
    for k in range(b):
        _place(local, ptr, translations[k], quaternions[k], handedness[k], arm, x)
        for m in range(molecules):
            for o in range(m + 1, molecules):
                part = 0.0
                for i in range(ptr[m], ptr[m + 1]):
                    for j in range(ptr[o], ptr[o + 1]):
                        dx, dy, dz = x[0, i] - x[0, j], x[1, i] - x[1, j], x[2, i] - x[2, j]
                        inverse2 = 1.0 / (dx * dx + dy * dy + dz * dz)
                        inverse6 = inverse2 * inverse2 * inverse2
                        part += (repulsion[i, j] * inverse6 - dispersion[i, j]) * inverse6
                        part += coulomb[i, j] * np.sqrt(inverse2)
                energies[k, m] += part
                energies[k, o] += part
    return energies


@_compiled
def first_of_each(energy, shape, energy_tolerance, shape_tolerance):
    """Which of the minima, sorted by energy, equals none that was kept before it; see ``minima.distinct``."""
    n = len(energy)
    kept = np.empty(n, np.int64)
    count = 0
    for i in range(n):
        new = True
        for back in range(count - 1, -1, -1):
            j = kept[back]
            if energy[i] - energy[j] > energy_tolerance:
                break
            far = False
            for k in range(shape.shape[1]):
                far = far or abs(shape[i, k] - shape[j, k]) > shape_tolerance
            if not far:
                new = False
                break
        if new:
            kept[count] = i
            count += 1
    return kept[:count]
