"""Random packings: molecules in random orientation, without clashes, at the density of a liquid."""

from __future__ import annotations

import numpy as np

from .moves import shake
from .rigid import Poses, RigidSystem, coordinates, minimise, random_quaternions, separate
from .symmetry import symmetrise

_ROUNDS = 20
_NUDGE = 0.05  # Å, that takes symmetric packings off saddle points


def sphere_radius(system: RigidSystem, density: float) -> float:
    """Å; radius of the sphere in which the van der Waals volumes of the molecules fill the share ``density``."""
    return float((system.volume.sum() / density * 3.0 / (4.0 * np.pi)) ** (1.0 / 3.0))


def random_poses(
    system: RigidSystem, n: int, rng: np.random.Generator, density: float, symmetric: float = 0.0
) -> Poses:
    """n candidates: centres evenly in the sphere, orientations and handedness at random; molecules may overlap.

    Args:
        symmetric: share of them that is :func:`symmetric <sampler.generate.symmetry.symmetrise>`.
    """
    wall = _wall(system, density)
    direction = rng.standard_normal((n, system.molecules, 3))
    direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
    distance = wall * rng.random((n, system.molecules, 1)) ** (1.0 / 3.0)
    poses = Poses(
        translations=direction * distance,
        quaternions=random_quaternions((n, system.molecules), rng),
        handedness=system.hands(rng.choice([-1.0, 1.0], (n, system.molecules))),
    )
    if not symmetric:
        return poses
    return symmetrise(system, poses, np.flatnonzero(rng.random(n) < symmetric), rng)


def pack(system: RigidSystem, n: int, rng: np.random.Generator, density: float = 0.6, symmetric: float = 0.0) -> Poses:
    """n clash-free packings: overlaps of :func:`random_poses` are pushed apart, what stays jammed is drawn anew.

    Args:
        density: share of the sphere that the molecules' van der Waals volumes fill (0.6 - 0.7 in liquids). Where
            molecules stay jammed, the sphere is widened by 5 % a round.
        symmetric: share of symmetric packings, all but for a nudge of a few hundredths of an ångström.
    """
    found = random_poses(system, n, rng, density, symmetric)
    jammed = np.arange(n)
    for _ in range(_ROUNDS):
        trial = separate(system, found[jammed], _wall(system, density))
        _assign(found, jammed, trial.poses)
        # a few hundredths of an ångström inside the contact distance are no clash
        jammed = jammed[trial.energy > 0.02 * system.molecules]
        if not len(jammed):
            break
        density *= 0.86
        _assign(found, jammed, random_poses(system, len(jammed), rng, density, symmetric))
    return shake(system, found, rng, _NUDGE) if symmetric else found


def pack_and_minimise(
    system: RigidSystem,
    n: int,
    rng: np.random.Generator,
    *,
    density: float = 0.6,
    fmax: float = 0.02,
    symmetric: float = 0.0,
) -> tuple[Poses, np.ndarray, np.ndarray, np.ndarray]:
    """n packings at minima of the rigid surface.

    Candidates that end in clashes or in pieces are drawn anew, up to a limit.

    Returns: poses, energy (B,) eV, the largest gradient (B,) eV/Å, and whether each is sound (B,) (see :func:`sound`).
    """
    result = minimise(system, pack(system, n, rng, density, symmetric), fmax=fmax)
    poses, energy, largest = result.poses, result.energy, result.largest
    good = sound(system, poses)
    for _ in range(_ROUNDS):
        bad = np.flatnonzero(~good)
        if not len(bad):
            break
        again = minimise(system, pack(system, len(bad), rng, density, symmetric), fmax=fmax)
        _assign(poses, bad, again.poses)
        energy[bad], largest[bad] = again.energy, again.largest
        good[bad] = sound(system, again.poses)
    return poses, energy, largest, good


def sound(system: RigidSystem, poses: Poses, *, longest: float = 1.3) -> np.ndarray:
    """(B,) whether a candidate is one connected cluster without clashes.

    Two molecules touch where atoms of theirs are nearer than ``longest`` times the sum of their van der Waals radii;
    they clash where atoms of theirs are nearer than half of it.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    m = system.molecules
    if m < 2:
        return np.isfinite(poses.translations).all((1, 2))
    touching = np.empty((len(poses), m, m), bool)
    clash = np.empty(len(poses), bool)
    block = max(1, 4_000_000 // len(system.numbers) ** 2)
    for start in range(0, len(poses), block):  # blocks bound the memory
        part = slice(start, start + block)
        nearest = nearest_contacts(system, coordinates(system, poses[part]))
        touching[part], clash[part] = nearest < longest, (nearest < 0.5).any((1, 2))
    which, row, column = np.nonzero(touching)
    graph = coo_array(
        (np.ones(len(which), np.int8), (which * m + row, which * m + column)), shape=(len(poses) * m,) * 2
    )
    label = connected_components(graph, directed=False)[1].reshape(-1, m)
    return (label == label[:, :1]).all(1) & ~clash & np.isfinite(poses.translations).all((1, 2))


def nearest_contacts(system: RigidSystem, positions: np.ndarray) -> np.ndarray:
    """(B, M, M) smallest r / (sum of van der Waals radii) between the atoms of two molecules; diagonal inf.

    Args:
        positions: (B, N, 3) Å.
    """
    # |a-b|² = a² + b² − 2ab is exact enough here and takes a third of the memory
    square = (positions**2).sum(-1)
    r2 = square[:, :, None] + square[:, None] - 2.0 * positions @ positions.swapaxes(1, 2)
    ratio = np.maximum(r2, 0.0) / (system.contact / 0.8) ** 2
    starts = system.ptr[:-1]
    nearest = np.sqrt(np.minimum.reduceat(np.minimum.reduceat(ratio, starts, axis=1), starts, axis=2))
    index = np.arange(system.molecules)
    nearest[:, index, index] = np.inf
    return nearest


def _wall(system: RigidSystem, density: float) -> float:
    """Å; how far the centres may lie from the origin: the sphere less half a mean molecular radius."""
    inset = 0.5 * float(np.mean((system.volume * 3.0 / (4.0 * np.pi)) ** (1.0 / 3.0)))
    return max(sphere_radius(system, density) - inset, 0.5)


def _assign(poses: Poses, index: np.ndarray, new: Poses) -> None:
    for name in ("translations", "quaternions", "handedness"):
        getattr(poses, name)[index] = getattr(new, name)
