"""The loops over grid points, compiled: contraction with orbital values, and the response of Becke's weights."""

from __future__ import annotations

import numba
import numpy as np

from ...compiled import compiled


@compiled
def contract(values, half):
    """(4, p): sum over orbitals i of values[c, i, p] * half[i, p]."""
    orbitals, points = half.shape
    out = np.zeros((4, points))
    for i in range(orbitals):
        for p in range(points):
            h = half[i, p]
            out[0, p] += values[0, i, p] * h
            out[1, p] += values[1, i, p] * h
            out[2, p] += values[2, i, p] * h
            out[3, p] += values[3, i, p] * h
    return out


@compiled
def scale(values, weights):
    """(i, p): sum over c < 4 of values[c, i, p] * weights[c, p]."""
    _, orbitals, points = values.shape
    out = np.empty((orbitals, points))
    for i in range(orbitals):
        for p in range(points):
            out[i, p] = (
                values[0, i, p] * weights[0, p]
                + values[1, i, p] * weights[1, p]
                + values[2, i, p] * weights[2, p]
                + values[3, i, p] * weights[3, p]
            )
    return out


@compiled
def gradient_terms(phi, half, other, v):
    """Parts of the gradient by orbital (3, i) and by point (3, p).

    Args:
        phi: (10, i, p) orbitals: value, three first and six second derivatives.
        half: (i, p) density matrix times values. other: density matrix times weighted values (see ``scale``).
        v: (4, p) weighted potential, the first row halved.
    """
    orbitals, points = half.shape
    by_orbital = np.zeros((3, orbitals))
    by_point = np.zeros((3, points))
    for i in range(orbitals):
        sx = sy = sz = 0.0
        for p in range(points):
            h = half[i, p]
            o = other[i, p] + v[0, p] * h
            a, b, c = v[1, p] * h, v[2, p] * h, v[3, p] * h
            x = phi[1, i, p] * o + phi[4, i, p] * a + phi[5, i, p] * b + phi[6, i, p] * c
            y = phi[2, i, p] * o + phi[5, i, p] * a + phi[7, i, p] * b + phi[8, i, p] * c
            z = phi[3, i, p] * o + phi[6, i, p] * a + phi[8, i, p] * b + phi[9, i, p] * c
            by_point[0, p] += x
            by_point[1, p] += y
            by_point[2, p] += z
            sx += x
            sy += y
            sz += z
        by_orbital[0, i], by_orbital[1, i], by_orbital[2, i] = sx, sy, sz
    return by_orbital, by_point


@compiled
def weight_response(atoms, table, points, parent, weights, density):
    """(n, 3) derivative of ``sum(density * weights)`` at fixed densities, each point moving with its atom.

    Becke's partition, J. Chem. Phys. 88, 2547 (1988), doi:10.1063/1.454033.

    Args:
        atoms: (n, 3) bohr. table: (n, n) adjustments a_ij for unlike atoms.
        points: (P, 3) bohr. parent: (P,) atom that each moves with. weights: (P,). density: (P,) per volume.
    """
    n = len(atoms)
    out = np.zeros((n, 3))
    inverse = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            if i != j:
                inverse[i, j] = 1.0 / np.sqrt(np.sum((atoms[i] - atoms[j]) ** 2))
    r = np.empty(n)
    unit = np.empty((n, 3))
    cell = np.empty(n)
    total = np.empty(3)
    for g in range(len(points)):
        amount = weights[g] * density[g]
        if abs(amount) < 1e-14:
            continue
        a = parent[g]
        for i in range(n):
            for x in range(3):
                unit[i, x] = atoms[i, x] - points[g, x]
            r[i] = np.sqrt(unit[i, 0] ** 2 + unit[i, 1] ** 2 + unit[i, 2] ** 2) + 1e-200
            for x in range(3):
                unit[i, x] /= r[i]
            cell[i] = 1.0
        for i in range(n):
            for j in range(i):
                s = 0.5 * (1.0 - _step((r[i] - r[j]) * inverse[i, j], table[i, j]))
                cell[i] *= s
                cell[j] *= 1.0 - s
        z = np.sum(cell)
        for i in range(n):
            cell[i] /= z
        if 1.0 - cell[a] < 1e-13:
            continue
        for x in range(3):
            total[x] = 0.0
        for i in range(n):
            for j in range(i):
                if i != a and j != a and cell[i] < 1e-13 and cell[j] < 1e-13:
                    continue
                mu = (r[i] - r[j]) * inverse[i, j]
                f, slope = _step_and_slope(mu, table[i, j])
                s_ij, s_ji = 0.5 * (1.0 - f), 0.5 * (1.0 + f)
                # d ln(weight) / d mu_ij: ln P_i holds ln s_ij, ln P_j holds ln s_ji
                c = 0.0
                if s_ij > 1e-60:
                    c -= ((1.0 if i == a else 0.0) - cell[i]) * 0.5 * slope / s_ij
                if s_ji > 1e-60:
                    c += ((1.0 if j == a else 0.0) - cell[j]) * 0.5 * slope / s_ji
                if c == 0.0:
                    continue
                c *= amount * inverse[i, j]
                for x in range(3):
                    # mu = (r_i - r_j) / R_ij; the point moves with atom a
                    axis = (atoms[i, x] - atoms[j, x]) * inverse[i, j]
                    di = c * (unit[i, x] - mu * axis)
                    dj = c * (-unit[j, x] + mu * axis)
                    out[i, x] += di
                    out[j, x] += dj
                    total[x] -= c * (unit[i, x] - unit[j, x])
        for x in range(3):
            out[a, x] += total[x]
    return out


@numba.njit(inline="always")
def _step(mu, shift):
    p = mu + shift * (1.0 - mu * mu)
    p = 0.5 * (3.0 - p * p) * p
    p = 0.5 * (3.0 - p * p) * p
    return 0.5 * (3.0 - p * p) * p


@numba.njit(inline="always")
def _step_and_slope(mu, shift):
    p0 = mu + shift * (1.0 - mu * mu)
    p1 = 0.5 * (3.0 - p0 * p0) * p0
    p2 = 0.5 * (3.0 - p1 * p1) * p1
    p3 = 0.5 * (3.0 - p2 * p2) * p2
    slope = 27.0 / 8.0 * (1.0 - p2 * p2) * (1.0 - p1 * p1) * (1.0 - p0 * p0)
    return p3, slope * (1.0 - 2.0 * shift * mu)
