"""A model Hessian from the geometry alone: stiff bonds, soft angles, softer hydrogen bonds.

Lindh, Bernhardsson, Karlström & Malmqvist, Chem. Phys. Lett. 241 (1995) 423, DOI 10.1016/0009-2614(95)00646-L.
Its force constants fall off with distance, so that nothing needs to know what is bonded to what; torsions are left
out, they are lost in the soft modes of a cluster.
"""

from __future__ import annotations

import numpy as np

from ..units import BOHR, HARTREE

_STRETCH, _BEND = 0.45, 0.15  # Eh/bohr², Eh
# by period (first, second, third and below) of both atoms: 1/bohr², bohr
_ALPHA = np.array([[1.0, 0.3949, 0.3949], [0.3949, 0.28, 0.28], [0.3949, 0.28, 0.28]])
_REFERENCE = np.array([[1.35, 2.10, 2.53], [2.10, 2.87, 3.40], [2.53, 3.40, 3.40]])
_LEAST_STRETCH, _LEAST_BEND, _STIFFEST = 1e-3, 1e-2, 1.3
_LINEAR = 0.1  # sin(angle) below which a bend has two directions instead of one


def model_hessian(numbers: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """(3n, 3n) eV/Å², positive semidefinite.

    Args:
        numbers: (n,) atomic numbers. positions: (n, 3) Å.
    """
    x = positions / BOHR
    period = np.searchsorted([2, 10], numbers)
    delta = x[:, None] - x[None]  # [i, j] points from j to i
    r2 = (delta**2).sum(-1)
    np.fill_diagonal(r2, np.inf)
    bond = np.exp(_ALPHA[period[:, None], period] * (_REFERENCE[period[:, None], period] ** 2 - r2))
    bond = np.minimum(bond, _STIFFEST)  # S=O, and clashes, come out several times too stiff
    r = np.sqrt(r2)
    unit = delta / r[..., None]
    i, j = np.nonzero(np.triu(bond > _LEAST_STRETCH, 1))
    atoms = [np.stack([i, j, j], 1)]  # a stretch is a bend without its third atom
    rows = [np.stack([unit[i, j], -unit[i, j], np.zeros((len(i), 3))], 1)]
    weights = [_STRETCH * bond[i, j]]
    for part in _bends(bond, r, unit):
        for collected, new in zip((atoms, rows, weights), part):
            collected.append(new)
    hessian = _assemble(np.concatenate(atoms), np.concatenate(rows), np.concatenate(weights), len(x))
    return hessian * (HARTREE / BOHR**2)


def _bends(bond: np.ndarray, r: np.ndarray, unit: np.ndarray):
    """For all angles i-j-k: atoms (m, 3), derivatives of the angle (m, 3, 3) 1/bohr, force constants (m,) Eh."""
    center, end = np.nonzero(bond > _LEAST_BEND / _STIFFEST)  # sorted by the central atom
    last = np.cumsum(np.bincount(center, minlength=len(bond)))[center]
    partners = last - 1 - np.arange(len(center))  # later neighbours of the same centre
    first = np.repeat(np.arange(len(center)), partners)
    second = first + 1 + np.arange(len(first)) - np.repeat(np.cumsum(partners) - partners, partners)
    i, j, k = end[first], center[first], end[second]
    strong = bond[i, j] * bond[k, j] > _LEAST_BEND
    i, j, k = i[strong], j[strong], k[strong]
    weight = _BEND * bond[i, j] * bond[k, j]
    a, b = unit[i, j], unit[k, j]
    cosine = np.clip((a * b).sum(1), -1.0, 1.0)[:, None]
    sine = np.sqrt(1.0 - cosine**2)
    straight = sine[:, 0] < _LINEAR
    bent = ~straight
    atoms = np.stack([i, j, k], 1)
    inverse = 1.0 / np.stack([r[i, j], r[k, j]], 1)[..., None]

    def derivative(chosen: np.ndarray, at_i: np.ndarray, at_k: np.ndarray) -> tuple:
        first, third = at_i * inverse[chosen, 0], at_k * inverse[chosen, 1]
        return atoms[chosen], np.stack([first, -first - third, third], 1), weight[chosen]

    s, c = sine[bent], cosine[bent]
    yield derivative(bent, (c * a[bent] - b[bent]) / s, (c * b[bent] - a[bent]) / s)
    axis = a[straight]
    aside = np.eye(3)[np.abs(axis).argmin(1)] if len(axis) else axis
    one = np.cross(axis, aside)
    one /= np.sqrt((one**2).sum(1))[:, None]
    # atoms beyond each other bend to the same side, atoms behind each other to opposite ones
    side = -np.sign(cosine[straight])
    for direction in (one, np.cross(axis, one)):
        yield derivative(straight, direction, side * direction)


def _assemble(atoms: np.ndarray, rows: np.ndarray, weights: np.ndarray, n: int) -> np.ndarray:
    """Sum of weight · row rowᵀ, scattered to the (3n, 3n) matrix."""
    column = (3 * atoms[:, :, None] + np.arange(3)).reshape(len(atoms), 9)
    row = rows.reshape(len(atoms), 9)
    values = weights[:, None, None] * row[:, :, None] * row[:, None, :]
    index = column[:, :, None] * (3 * n) + column[:, None, :]
    return np.bincount(index.ravel(), values.ravel(), minlength=9 * n * n).reshape(3 * n, 3 * n)
