"""Random numbers of a replica: by its number and the step, so that neither its batch nor a restart changes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..random_keys import numbered_key

_VELOCITIES, _STEPS = 0x4D440001, 0x4D440002  # purposes of keys
BLOCK = 16
"""Steps of which the numbers are drawn at once."""


def initial(seed: int, replica: int, atoms: int) -> np.ndarray:
    """(atoms, 3) normal deviates for the velocities that a replica begins with."""
    return np.random.default_rng(numbered_key(seed, _VELOCITIES, replica)).standard_normal((atoms, 3))


class Noise:
    """The numbers of each step, for the replicas of a batch.

    Args:
        seed: of the whole simulation. replicas: their numbers.
        draw: (generator, k, i) -> an array (k, …): the numbers of k steps of the i-th replica.
        join: puts the arrays of all replicas together: (k, …) each.
    """

    def __init__(
        self,
        seed: int,
        replicas: Sequence[int],
        draw: Callable[[np.random.Generator, int, int], np.ndarray],
        join: Callable[[list[np.ndarray]], np.ndarray],
    ):
        self.seed, self.replicas, self.draw, self.join = seed, list(replicas), draw, join
        self._block, self._numbers = -1, np.zeros(0)

    def at(self, step: int) -> np.ndarray:
        """The numbers of ``step``, counted from 0."""
        block, within = divmod(step, BLOCK)
        if block != self._block:
            keys = [numbered_key(self.seed, _STEPS, r, block) for r in self.replicas]
            self._numbers = self.join([self.draw(np.random.default_rng(k), BLOCK, i) for i, k in enumerate(keys)])
            self._block = block
        return self._numbers[within]
