"""Which structures each training of a study sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..random_keys import numbered_key

_PURPOSE = 15485863


@dataclass(frozen=True)
class Samples:
    """Random parts of a set of ``count`` structures.

    Every repeat has an order of its own. Within a repeat the parts are nested (a larger one holds the smaller ones), or
    drawn anew for each size (``independent``).
    """

    count: int
    seed: int
    independent: bool = False

    def rows(self, size: int, repeat: int) -> np.ndarray:
        """(size,) indices, in the order they were drawn."""
        return self.order(repeat, size)[:size]

    def order(self, repeat: int, size: int = 0) -> np.ndarray:
        """(count,) the order that the parts of a repeat are the beginnings of."""
        key = numbered_key(self.seed, _PURPOSE, repeat, size if self.independent else 0)
        return np.random.default_rng(key).permutation(self.count)

    def in_words(self) -> str:
        return (
            "drawn anew for each size and repeat" if self.independent else "nested within a repeat, repeats independent"
        )
