"""Moves of whole molecules, each for many clusters at once: poses in, new poses out, nothing minimised.

Every move takes (system, poses, rng) and gives one child for each of the B clusters; molecules may overlap
afterwards (:func:`sampler.generate.rigid.separate`). ``rows`` below is arange(B).
"""

from __future__ import annotations

import numpy as np

from .rigid import Poses, RigidSystem, evaluate, molecule_energies, random_quaternions, rotation_matrices


def copy_of(poses: Poses) -> Poses:
    return Poses(poses.translations.copy(), poses.quaternions.copy(), poses.handedness.copy())


def centred(poses: Poses) -> Poses:
    """The same clusters with the mean of the molecules' centres at the origin."""
    return Poses(poses.translations - poses.translations.mean(1, keepdims=True), poses.quaternions, poses.handedness)


def reinsert(system: RigidSystem, poses: Poses, rng: np.random.Generator, trials: int = 8) -> Poses:
    """Take one molecule out and dock it on the surface elsewhere: the best of ``trials`` random sites by energy.

    In half of the clusters the molecule is drawn with weights that halve from the most weakly bound to the next, in
    the other half evenly.
    """
    b = len(poses)
    rows = np.arange(b)
    binding = molecule_energies(system, poses)
    ranks = np.argsort(np.argsort(-binding, axis=1), axis=1)  # 0: the most weakly bound
    weight = np.where(rng.random((b, 1)) < 0.5, 0.5 ** ranks.astype(float), 1.0)
    chosen = _draw(weight, rng)
    best, lowest = None, np.full(b, np.inf)
    for _ in range(trials):
        child = _dock(system, poses, chosen, rng)
        energy = evaluate(system, child)[0]
        if best is None:
            best = copy_of(child)
        better = energy < lowest
        for name in ("translations", "quaternions", "handedness"):
            getattr(best, name)[rows[better]] = getattr(child, name)[better]
        lowest = np.minimum(lowest, energy)
    assert best is not None  # one trial at least
    return best


def turn(system: RigidSystem, poses: Poses, rng: np.random.Generator) -> Poses:
    """Give one to three molecules a random orientation and handedness."""
    b, m = len(poses), system.molecules
    child = copy_of(poses)
    order = np.argsort(rng.random((b, m)), axis=1)
    selected = order < rng.integers(1, min(3, m) + 1, (b, 1))
    child.quaternions[selected] = random_quaternions((int(selected.sum()),), rng)
    child.handedness[selected] = rng.choice([-1.0, 1.0], int(selected.sum()))
    child.handedness[:] = system.hands(child.handedness)
    return child


def swap(system: RigidSystem, poses: Poses, rng: np.random.Generator) -> Poses:
    """Exchange the places of two molecules, of different kinds where there are any, and turn both at random."""
    b, rows = len(poses), np.arange(len(poses))
    first = rng.integers(system.molecules, size=b)
    other = (system.kind[None] != system.kind[first][:, None]).astype(float)
    other[~other.any(1)] = 1.0
    second = _draw(other, rng)
    child = copy_of(poses)
    child.translations[rows, first], child.translations[rows, second] = (
        poses.translations[rows, second], poses.translations[rows, first],
    )  # fmt: skip
    for place in (first, second):
        child.quaternions[rows, place] = random_quaternions((b,), rng)
    return child


def shake(system: RigidSystem, poses: Poses, rng: np.random.Generator, size: float = 0.6) -> Poses:
    """Displace every centre by a normal deviate of ``size`` Å and turn every molecule by about size / scale."""
    b, m = len(poses), system.molecules
    vector = rng.standard_normal((b, m, 3)) * size / system.scale[:, None]
    angle = np.linalg.norm(vector, axis=-1, keepdims=True)
    small = np.concatenate([np.cos(angle / 2), vector * np.sinc(angle / (2 * np.pi)) / 2], axis=-1)
    moved = poses.translations + rng.standard_normal((b, m, 3)) * size
    return Poses(moved, multiply(small, poses.quaternions), poses.handedness.copy())


def splice(system: RigidSystem, first: Poses, second: Poses, rng: np.random.Generator) -> Poses:
    """Cut two parents by a plane and join the halves, whole molecules of each kind in the right number.

    Deaven & Ho 1995, DOI 10.1103/PhysRevLett.75.288. Both parents are turned at random; the molecules of ``first``
    above the plane stay, those that are missing come from the lower end of ``second``.
    """
    b, m = len(first), system.molecules
    a, c = _rotated(centred(first), rng), _rotated(centred(second), rng)
    keep = rng.integers(1, m, (b, 1)) if m > 1 else np.ones((b, 1), int)
    height_a, height_c = a.translations[..., 2], c.translations[..., 2]
    stays = np.argsort(np.argsort(-height_a, axis=1), axis=1) < keep
    child = copy_of(a)
    for kind in np.unique(system.kind):
        slots = np.flatnonzero(system.kind == kind)
        mine = stays[:, slots]
        # the k-th empty slot of this kind takes the k-th lowest molecule of this kind of the other parent
        order = np.argsort(height_c[:, slots], axis=1)
        empty = np.cumsum(~mine, axis=1) - 1
        donor = slots[np.take_along_axis(order, np.maximum(empty, 0), axis=1)]
        rows, columns = np.nonzero(~mine)
        source, target = donor[rows, columns], slots[columns]
        for name in ("translations", "quaternions", "handedness"):
            getattr(child, name)[rows, target] = getattr(c, name)[rows, source]
    return child


def multiply(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Quaternion product (…, 4), scalar first: the rotation q followed by p."""
    w, v = p[..., :1], p[..., 1:]
    a, u = q[..., :1], q[..., 1:]
    scalar = w * a - (v * u).sum(-1, keepdims=True)
    return np.concatenate([scalar, w * u + a * v + np.cross(v, u)], axis=-1)


def _rotated(poses: Poses, rng: np.random.Generator) -> Poses:
    """Every cluster turned as a whole, at random."""
    q = random_quaternions((len(poses),), rng)
    t = np.einsum("bij,bmj->bmi", rotation_matrices(q), poses.translations)
    return Poses(t, multiply(q[:, None], poses.quaternions), poses.handedness.copy())


def _dock(system: RigidSystem, poses: Poses, chosen: np.ndarray, rng: np.random.Generator) -> Poses:
    """Bring the chosen molecule of each cluster in from a random direction until spheres of their volume touch."""
    b, rows = len(poses), np.arange(len(poses))
    child = copy_of(poses)
    sphere = (system.volume * 3.0 / (4.0 * np.pi)) ** (1.0 / 3.0)
    direction = rng.standard_normal((b, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    # aim at one of the others, so that elongated clusters are met all over
    others = np.arange(system.molecules)[None] != chosen[:, None]
    aim = poses.translations[rows, _draw(others.astype(float), rng)] if system.molecules > 1 else np.zeros((b, 3))
    delta = poses.translations - aim[:, None]
    along = np.einsum("bmi,bi->bm", delta, direction)
    aside2 = np.maximum((delta**2).sum(-1) - along**2, 0.0)
    touch2 = (1.1 * (sphere[None] + sphere[chosen][:, None])) ** 2
    reach = np.where(others & (aside2 < touch2), along + np.sqrt(np.maximum(touch2 - aside2, 0.0)), 0.0)
    child.translations[rows, chosen] = aim + direction * reach.max(1, keepdims=True)
    child.quaternions[rows, chosen] = random_quaternions((b,), rng)
    child.handedness[rows, chosen] = rng.choice([-1.0, 1.0], b)
    child.handedness[:] = system.hands(child.handedness)
    return child


def _draw(weight: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(B,) one column index per row of (B, M) weights."""
    edges = np.cumsum(weight, axis=1)
    return (rng.random((len(weight), 1)) * edges[:, -1:] >= edges).sum(1)
