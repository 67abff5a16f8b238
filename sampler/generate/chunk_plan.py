"""What to generate, chunk by chunk: every chunk can be run anywhere, in any order, with the same result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..composition import Composition, State
from ..errors import InputError
from ..monomers import MonomerLibrary
from ..random_keys import named_key
from .shares import apportion, heaviest, state_weights

METHODS = ("packing", "exploration")
_FEWEST = 4
"""Candidates of a state, or of one of its explorations, on average: with fewer the shares would come to nothing."""


@dataclass(frozen=True)
class ChunkSpec:
    """One chunk of candidates; small and picklable.

    Attributes:
        name: canonical name of the composition. index: number of the chunk.
        groups: ((state, number of candidates), …).
        density: share of the packing sphere filled by the molecules' van der Waals volumes.
        fmax: eV/Å, where the rigid minimisation stops.
        method: ``packing``, or ``exploration`` (one independent exploration of each group).
        effort: evaluations of the rigid surface per minimum asked for, in an exploration.
        symmetric: share of symmetric packings.
        per_framework: so many of each framework are kept first, in an exploration; 0 for the lowest.
    """

    name: str
    index: int
    groups: tuple[tuple[State, int], ...]
    density: float = 0.6
    fmax: float = 0.02
    method: str = "packing"
    effort: int = 0
    symmetric: float = 0.0
    per_framework: int = 0

    def __len__(self) -> int:
        return sum(count for _, count in self.groups)

    def seed_sequence(self, seed: int) -> np.random.SeedSequence:
        """The random key of this chunk: from the run's seed, the composition and the chunk's number alone."""
        return named_key(seed, self.name, self.index)


def plan(
    composition: Composition,
    library: MonomerLibrary,
    n: int,
    chunk_size: int = 500,
    shares: str | Mapping[str, float] = "ions-first",
    *,
    density: float = 0.6,
    fmax: float = 0.02,
    method: str = "packing",
    explorations: int = 1,
    effort: int | None = None,
    symmetric: float = 0.0,
    per_framework: int = 0,
) -> list[ChunkSpec]:
    """Share n candidates among the protonation states, and cut them into chunks.

    ``packing``: random packings; all states take part in every chunk. ``exploration``: a chunk is one independent
    exploration of one state, and keeps its share of the n as the lowest distinct minima (fewer where there are not so
    many; two explorations of a state may find the same ones).

    Args:
        n: number of candidates. chunk_size: candidates per chunk of packings.
        shares: a rule or a table; see :func:`sampler.generate.shares.state_weights`. By ``ions-first`` at most n/4 states
            take part, those with the largest shares.
        density, fmax: see :class:`ChunkSpec`. method: ``packing`` or ``exploration``.
        explorations: independent ones per state; fewer where each would have fewer than 4 candidates on average.
        effort: evaluations of the rigid surface per minimum kept; by default 250 times the number of molecules.
        symmetric: share of symmetric packings (:mod:`sampler.generate.symmetry`), also of those that explorations start from.
        per_framework: of an exploration, so many of the lowest of each framework are kept before others; 0 for the lowest.

    Raises:
        InputError: a number that has no meaning, an unknown rule or protonation state.
        CompositionError: no state has the composition's charge.
    """
    if n < 1 or chunk_size < 1:
        raise InputError(f"the number of candidates ({n}) and the chunk size ({chunk_size}) must be at least 1")
    if not 0.05 <= density <= 0.9:
        raise InputError(f"density is {density}; a share between 0.05 and 0.9 of the sphere can be filled")
    if not fmax > 0:
        raise InputError(f"fmax is {fmax} eV/Å; it must be above 0")
    if method not in METHODS:
        raise InputError(f"no way of generating candidates is called {method!r}; known: {', '.join(METHODS)}")
    if explorations < 1 or (effort is not None and effort < 1):
        raise InputError(f"explorations ({explorations}) and effort ({effort}) must be at least 1")
    if not 0.0 <= symmetric <= 1.0:
        raise InputError(f"symmetric is {symmetric}; a share is between 0 and 1")
    if per_framework < 0:
        raise InputError(f"per_framework is {per_framework}; it must be 0 or more")
    weighted = state_weights(composition, library, shares)
    if shares == "ions-first":
        weighted = heaviest(weighted, n // _FEWEST)
    name = composition.name(library)
    if method == "exploration":
        effort = effort or 250 * composition.molecules()
        explorations = max(1, min(explorations, n // (_FEWEST * len(weighted))))
        counts = apportion(np.repeat([w for _, w in weighted], explorations), n)
        states = [state for state, _ in weighted for _ in range(explorations)]
        busy = [(state, int(count)) for state, count in zip(states, counts) if count]
        return [
            ChunkSpec(name, i, (group,), density, fmax, method, effort, symmetric, per_framework)
            for i, group in enumerate(busy)
        ]
    counts = apportion([w for _, w in weighted], n)
    # candidate k of a state with count c stands at (k + ½)/c of the way, so that every chunk is a sample of all
    of = np.repeat(np.arange(len(counts)), counts)
    rank = np.arange(n) - np.repeat(np.cumsum(counts) - counts, counts)
    line = of[np.argsort((rank + 0.5) / counts[of], kind="stable")]
    specs = []
    for index, start in enumerate(range(0, n, chunk_size)):
        held, count = np.unique(line[start : start + chunk_size], return_counts=True)
        groups = tuple((weighted[s][0], int(c)) for s, c in zip(held, count))
        specs.append(ChunkSpec(name, index, groups, density, fmax, symmetric=symmetric))
    return specs
