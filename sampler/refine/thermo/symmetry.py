"""Point groups: the symmetry number of rotation, and whether a structure is chiral."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...errors import InputError

_COLLINEAR = 1e-3  # sin² of the angle between two reference atoms
_SAME = 1e-2  # between matrices of one operation


@dataclass(frozen=True)
class PointGroup:
    """Schoenflies ``name``, number of proper rotations ``symmetry_number`` (1 for C∞v, 2 for D∞h), and chirality.

    ``tolerance``: Å, at which the operations form a group.
    """

    name: str
    symmetry_number: int
    chiral: bool
    tolerance: float


def point_group(
    numbers: np.ndarray, positions: np.ndarray, tolerance: float = 0.05, linear: bool | None = None
) -> PointGroup:
    """The point group of a structure.

    An operation counts if it takes every atom to within ``tolerance`` Å of a like one, after the best fit. Where the
    operations found this way are no group (a nearly symmetric structure), the tolerance is halved until they are.

    Args:
        numbers: (n,) atomic numbers. positions: (n, 3) Å.
        linear: whether the molecule rotates as a linear one, where that has been decided (by its moments of inertia);
            else it is if all atoms are within ``tolerance`` of an axis.

    Raises:
        InputError: no atoms, or positions that are not finite.
    """
    numbers, positions = np.asarray(numbers), np.asarray(positions, float)
    if not len(numbers) or positions.shape != (len(numbers), 3) or not np.isfinite(positions).all():
        raise InputError(f"a point group needs atoms with finite positions; got {positions.shape}")
    x = positions - positions.mean(0)
    if len(numbers) == 1:
        return PointGroup("Kh", 1, False, tolerance)
    axis = np.linalg.svd(x)[2][0]
    along = np.outer(x @ axis, axis)
    if len(numbers) == 2 or (np.abs(x - along).max() < tolerance if linear is None else linear):
        centred = _permutation(numbers, along, -np.eye(3), tolerance) is not None
        return PointGroup("D*h" if centred else "C*v", 2 if centred else 1, False, tolerance)
    while True:
        operations = _operations(numbers, x, tolerance)
        if _is_group(operations):
            return _named([r for r, _ in operations], tolerance)
        tolerance /= 2


def _operations(numbers: np.ndarray, x: np.ndarray, tolerance: float) -> list[tuple[np.ndarray, tuple]]:
    """(matrix, permutation) of every operation; the permutation carries the determinant as its last entry."""
    radius = np.linalg.norm(x, axis=1)
    alike = (numbers[:, None] == numbers) & (np.abs(radius[:, None] - radius) < 2 * tolerance)
    a, b = _references(x, radius, alike)
    frame = _frame(x[a], x[b])
    assert frame is not None  # the references do not lie on one line with the centre
    distance = np.linalg.norm(x[a] - x[b])
    found: dict[tuple, np.ndarray] = {}
    for i in np.flatnonzero(alike[a]):
        near = alike[b] & (np.abs(np.linalg.norm(x - x[i], axis=1) - distance) < 4 * tolerance)
        for j in np.flatnonzero(near):
            if i == j:
                continue
            image = _frame(x[i], x[j])
            if image is None:
                continue
            for sign in (1.0, -1.0):
                guess = (image * [1.0, 1.0, sign]) @ frame.T
                # the reference atoms are off by up to the tolerance: judge loosely first, then after the best fit
                order = _permutation(numbers, x, guess, 6 * tolerance)
                if order is None:
                    continue
                best = _fit(x, x[order], sign)
                if np.abs(np.linalg.norm(x @ best.T - x[order], axis=1)).max() < tolerance:
                    found.setdefault((*order.tolist(), sign), best)
    return [(matrix, key) for key, matrix in found.items()]


def _references(x: np.ndarray, radius: np.ndarray, alike: np.ndarray) -> tuple[int, int]:
    """Two atoms that are not in line with the centre, with few atoms like them."""
    crowd = alike.sum(1) + 1e3 * (radius < 0.2 * radius.max())
    order = np.lexsort((-radius, crowd))
    for a in order:
        for b in order:
            cross = np.cross(x[a], x[b])
            if cross @ cross > 100 * _COLLINEAR * radius[a] ** 2 * radius[b] ** 2 > 0:
                return int(a), int(b)
    for a in order:  # nearly linear: anything that spans a plane
        cross = np.linalg.norm(np.cross(x[a], x), axis=1)
        if cross.max() > 0:
            return int(a), int(cross.argmax())
    raise AssertionError("a molecule that is not linear has two atoms that span a plane")


def _frame(first: np.ndarray, second: np.ndarray) -> np.ndarray | None:
    """(3, 3) orthonormal columns from two vectors; None if they are parallel."""
    length = np.linalg.norm(first)
    if length < 1e-9:
        return None
    e1 = first / length
    rest = second - (second @ e1) * e1
    length = np.linalg.norm(rest)
    if length < 1e-9:
        return None
    e2 = rest / length
    return np.stack([e1, e2, np.cross(e1, e2)], axis=1)


def _permutation(numbers: np.ndarray, x: np.ndarray, matrix: np.ndarray, tolerance: float) -> np.ndarray | None:
    """For each atom, the like atom that it lands on; None if one lands on none, or two on the same."""
    moved = x @ matrix.T
    distance = np.linalg.norm(moved[:, None] - x[None], axis=2)
    distance[numbers[:, None] != numbers] = np.inf
    order = distance.argmin(1)
    good = distance[np.arange(len(x)), order].max() < tolerance and len(set(order.tolist())) == len(x)
    return order if good else None


def _fit(x: np.ndarray, target: np.ndarray, sign: float) -> np.ndarray:
    """The orthogonal matrix of determinant ``sign`` that takes x best to target (Kabsch)."""
    u, _, vt = np.linalg.svd(target.T @ x)
    d = sign * np.sign(np.linalg.det(u @ vt))
    return (u * [1.0, 1.0, d]) @ vt


def _is_group(operations: list[tuple[np.ndarray, tuple]]) -> bool:
    keys = {key for _, key in operations}
    for _, first in operations:
        for _, second in operations:
            product = (*[second[k] for k in first[:-1]], first[-1] * second[-1])
            if product not in keys:
                return False
    return bool(keys)


def _named(matrices: list[np.ndarray], tolerance: float) -> PointGroup:
    proper = [m for m in matrices if np.linalg.det(m) > 0]
    improper = [m for m in matrices if np.linalg.det(m) < 0]
    p, chiral = len(proper), not improper
    inversion = any(np.abs(m + np.eye(3)).max() < 0.3 for m in improper)
    orders = [_order(m) for m in proper]
    highest = max(orders)
    if p in (12, 24, 60) and highest == {12: 3, 24: 4, 60: 5}[p]:
        letter = {12: "T", 24: "O", 60: "I"}[p]
        name = letter if chiral else letter + ("h" if inversion else "d")
    elif p == 1:
        name = "C1" if chiral else ("Ci" if inversion else "Cs")
    else:
        axis = _axis(proper[int(np.argmax(orders))])
        along = [m for m in proper if _order(m) == 1 or abs(abs(_axis(m) @ axis)) > 0.9]
        n = len(along)
        dihedral = p == 2 * n
        mirrors = [_axis(-m) for m in improper if _order(-m) == 2]  # −σ is a rotation by π about its normal
        # of three perpendicular C2 axes none is the main one: any may carry the mirror plane
        axes = [_axis(m) for m in proper if _order(m) == 2] if dihedral and n == 2 else [axis]
        horizontal = any(abs(normal @ a) > 0.9 for normal in mirrors for a in axes)
        if chiral:
            name = f"{'D' if dihedral else 'C'}{n}"
        elif dihedral:
            name = f"D{n}{'h' if horizontal else 'd'}"
        else:
            name = f"C{n}h" if horizontal else (f"C{n}v" if mirrors else f"S{2 * n}")
    return PointGroup(name, p, chiral, tolerance)


def _order(rotation: np.ndarray) -> int:
    """Smallest n with Cⁿ = 1, from the angle (clusters have no axes beyond 12)."""
    angle = np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1))
    for n in range(1, 25):
        turned = n * angle / (2 * np.pi)
        if abs(turned - round(turned)) < 0.02 * n**0.5:
            return n
    return 1


def _axis(rotation: np.ndarray) -> np.ndarray:
    """Unit vector of the axis of a rotation (of −m for an improper m)."""
    values, vectors = np.linalg.eig(rotation)
    return np.real(vectors[:, np.argmin(np.abs(values - 1))])
