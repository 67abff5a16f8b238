"""Docking one rigid group of molecules onto another: many poses at once, the good sites kept."""

from __future__ import annotations

import numpy as np

from .bodies import Bodies
from .minima import distinct
from .rigid import (
    Poses,
    coordinates,
    minimise,
    radius,
    random_quaternions,
    rotation_matrices,
    separate,
)


def sites(
    host: Bodies, guest: Bodies, rng: np.random.Generator, *, trials: int = 48, keep: int = 6
) -> tuple[np.ndarray, list[Bodies]]:
    """The best distinct sites of ``guest`` on ``host``, both rigid, on the Coulomb + Lennard-Jones surface.

    Each of ``trials`` poses comes in from a random direction, in a random orientation, until atoms touch, and is
    minimised.

    Returns: (K,) eV, ascending, the interaction of the two; K ≤ ``keep`` clusters with the molecules of the host first.
    """
    joint, system = _pair(host, guest)
    poses = _approach(host, guest, rng, trials)
    found = minimise(system, poses, fmax=0.05, max_evaluations=120)
    energy = np.where(np.isfinite(found.energy), found.energy, np.inf)
    best = distinct(energy, _relative(found.poses), energy_tolerance=0.01, shape_tolerance=0.3)[:keep]
    x = coordinates(system, found.poses[best])
    return energy[best], [joint.at(frame) for frame in x]


def settle(host: Bodies, guest: Bodies, *, minimised: bool = True) -> Bodies:
    """``guest`` pushed out of ``host`` where they overlap and, if asked for, brought to the nearest rigid minimum."""
    joint, system = _pair(host, guest)
    start = _poses(host, guest, 1)
    apart = separate(system, start).poses
    end = minimise(system, apart, fmax=0.05, max_evaluations=60).poses if minimised else apart
    return joint.at(coordinates(system, end)[0])


def turned(bodies: Bodies, rng: np.random.Generator, mirror: bool = True) -> Bodies:
    """Turned at random as a whole about its mean, and mirrored in half of the cases, unless a molecule has one hand only."""
    rotation = rotation_matrices(random_quaternions((1,), rng))[0]
    hand = rng.choice([-1.0, 1.0]) if mirror else 1.0
    hand = 1.0 if bodies.one_handed.any() else hand
    centre = bodies.positions.mean(0)
    return bodies.at((bodies.positions - centre) @ rotation.T * hand + centre)


def _pair(host: Bodies, guest: Bodies):
    joint = Bodies.join([host, guest])
    m = host.molecules
    return joint, joint.system([range(m), range(m, joint.molecules)])


def _poses(host: Bodies, guest: Bodies, n: int) -> Poses:
    centres = np.stack([host.positions.mean(0), guest.positions.mean(0)])
    quaternions = np.tile([1.0, 0.0, 0.0, 0.0], (n, 2, 1))
    return Poses(np.tile(centres, (n, 1, 1)), quaternions, np.ones((n, 2)))


def _approach(host: Bodies, guest: Bodies, rng: np.random.Generator, n: int) -> Poses:
    """n poses in which the guest, coming from outside towards a molecule of the host, touches the first atom."""
    poses = _poses(host, guest, n)
    poses.quaternions[:, 1] = random_quaternions((n,), rng)
    drawn = rng.choice([-1.0, 1.0], n)
    poses.handedness[:, 1] = 1.0 if guest.one_handed.any() else drawn
    direction = rng.standard_normal((n, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    aim = host.centres()[rng.integers(host.molecules, size=n)]
    local = guest.positions - guest.positions.mean(0)
    body = np.einsum("bij,nj->bni", rotation_matrices(poses.quaternions[:, 1]), local)
    body *= poses.handedness[:, 1, None, None]
    touch = 0.8 * (radius(guest.numbers)[:, None] + radius(host.numbers)[None])
    # the guest's atom at aim + d·u + body is at distance `touch` from a host's atom for two values of d; the larger one
    delta = aim[:, None, None] + body[:, :, None] - host.positions[None, None]
    along = (delta * direction[:, None, None]).sum(-1)
    under = along**2 - (delta**2).sum(-1) + touch[None] ** 2
    reach = np.where(under > 0, -along + np.sqrt(np.maximum(under, 0.0)), 0.0).max((1, 2))
    poses.translations[:, 1] = aim + direction * np.maximum(reach, 0.0)[:, None]
    return poses


def _relative(poses: Poses) -> np.ndarray:
    """(B, 3) Å, the guest's centre seen from the host's own frame."""
    inverse = poses.quaternions[:, 0] * np.array([1.0, -1.0, -1.0, -1.0])
    vector = poses.translations[:, 1] - poses.translations[:, 0]
    return np.einsum("bij,bj->bi", rotation_matrices(inverse), vector) * poses.handedness[:, 0, None]
