"""A move of several molecules at once: the best of many rigid minima around a relaxed one.

Where the rigid surface is fitted (:mod:`sampler.generate.fitted`), its minima are near relaxed ones and in nearly their order, and
dozens of them cost less than one relaxation. So proposals are made and judged there.
"""

from __future__ import annotations

import numpy as np

from ..generate import moves
from ..generate.bodies import Bodies
from ..generate.minima import distinct, shape_of
from ..generate.packing import sound
from ..generate.rigid import Poses, coordinates, minimise, separate
from ..units import KCAL_PER_MOL

_PROPOSALS, _GENERATIONS = 24, 2
_SPREAD = 1.5 * KCAL_PER_MOL  # of the Boltzmann weights: about what the surface is wrong by
_FMAX, _MOST = 0.05, 200


def rearrange(bodies: Bodies, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray] | None:
    """(numbers, positions) of another rigid minimum of these molecules; None where the surface is not fitted.

    In each generation molecules are docked elsewhere, turned, exchanged or shaken in every proposal, which goes to its
    next minimum. The next generation starts from one of the distinct ones, and the last one gives the child, drawn with
    Boltzmann weights of the rigid energies. The minimum next to the parent does not count.
    """
    if bodies.molecules < 3 or not (bodies.parameters[:, 3] >= 0).all():
        return None
    system = bodies.system(kinds=bodies.names)
    quaternions = np.tile([1.0, 0.0, 0.0, 0.0], (1, bodies.molecules, 1))
    here = Poses(bodies.centres()[None], quaternions, np.ones((1, bodies.molecules)))
    parent = minimise(system, here, fmax=_FMAX, max_evaluations=_MOST)
    known, shape = parent.energy, shape_of(system, parent.poses)
    here = parent.poses
    for _ in range(int(rng.integers(1, _GENERATIONS + 1))):
        energy, poses = _proposals(system, here, rng)
        # those after the parent's own are new
        both = np.concatenate([known, energy]), np.concatenate([shape, shape_of(system, poses)])
        new = distinct(*both, energy_tolerance=0.01, shape_tolerance=0.05)
        new = new[new >= len(known)] - len(known)
        if not len(new):
            return None
        weight = np.exp(-(energy[new] - energy[new].min()) / _SPREAD)
        here = poses[rng.choice(new, 1, p=weight / weight.sum())]
    return bodies.numbers, coordinates(system, here)[0]


def _proposals(system, here: Poses, rng: np.random.Generator) -> tuple[np.ndarray, Poses]:
    """Energies (eV) and poses of the sound minima that moves of ``here`` lead to."""
    makers = [moves.reinsert, moves.turn, moves.swap, moves.shake]
    counts = rng.multinomial(_PROPOSALS, [0.45, 0.3, 0.1, 0.15])
    rows = lambda n: here[np.zeros(n, int)]  # noqa: E731
    born = Poses.concatenate([make(system, rows(n), rng) for make, n in zip(makers, counts) if n])
    apart = separate(system, moves.centred(born)).poses
    end = minimise(system, apart, fmax=_FMAX, max_evaluations=_MOST)
    good = np.flatnonzero(sound(system, end.poses) & np.isfinite(end.energy))
    return end.energy[good], end.poses[good]
