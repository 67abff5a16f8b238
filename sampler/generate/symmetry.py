"""Symmetric arrangements: the lowest minima are symmetric, or nearly, far more often than random arrangements are.

Why, and what it brings in the search for minima: Oakley, Johnston & Wales 2013, DOI 10.1039/C3CP44332A; in random searches:
Pickard & Needs 2011, DOI 10.1088/0953-8984/23/5/053201. The groups are the cyclic ones, by rotation (Cₙ) and by rotation and
reflection (S₂ₙ; S₂ is inversion). Molecules stand in general places; those that do not fill an orbit stay where they are.
"""

from __future__ import annotations

import numpy as np

from .moves import copy_of, multiply
from .rigid import Poses, RigidSystem

_LARGEST = 8


def orders(system: RigidSystem) -> list[int]:
    """Orders of the groups that at least half of the molecules can form whole orbits of."""
    _, counts = np.unique(system.kind, return_counts=True)
    most = min(int(counts.max()), _LARGEST)
    return [g for g in range(2, most + 1) if 2 * int((counts // g).sum()) * g >= system.molecules]


def symmetrise(system: RigidSystem, poses: Poses, rows: np.ndarray, rng: np.random.Generator) -> Poses:
    """``poses`` with the candidates ``rows`` made symmetric about the z axis, each with a group drawn at random.

    The first molecules of each kind keep their pose; the others become their images (mirror images have the opposite
    handedness).
    """
    possible = orders(system)
    made = copy_of(poses)
    if not possible or not len(rows):
        return made
    drawn = rng.choice(possible, len(rows))
    improper = (drawn % 2 == 0) & (rng.random(len(rows)) < 0.5) & (not system.one_handed.any())
    for order in possible:
        for mirrored in (False, True):
            some = rows[(drawn == order) & (improper == mirrored)]
            if len(some):
                _images(system, made, some, order, mirrored)
    return made


def _images(system: RigidSystem, poses: Poses, rows: np.ndarray, order: int, mirrored: bool) -> None:
    for kind in np.unique(system.kind):
        slots = np.flatnonzero(system.kind == kind)
        orbits = slots[: len(slots) // order * order].reshape(-1, order)
        for image in range(1, order):
            odd = mirrored and image % 2 == 1
            angle = 2.0 * np.pi * image / order
            cosine, sine = np.cos(angle), np.sin(angle)
            turn = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, -1.0 if odd else 1.0]])
            # rotation and reflection = the rotation by half a turn more, and inversion of everything
            half = 0.5 * (angle + np.pi * odd)
            quaternion = np.array([np.cos(half), 0.0, 0.0, np.sin(half)])
            source, target = np.ix_(rows, orbits[:, 0]), np.ix_(rows, orbits[:, image])
            poses.translations[target] = poses.translations[source] @ turn.T
            poses.quaternions[target] = multiply(quaternion, poses.quaternions[source])
            poses.handedness[target] = poses.handedness[source] * (-1.0 if odd else 1.0)
