"""How a population is cut into batches for the network."""

from __future__ import annotations

import numpy as np

CHUNK_ATOMS = 256
"""Atoms that go through the fused network together: enough for the matrix products, few enough for the cache."""
DEVICE_ATOMS = 20000
"""The same on a GPU, which is slow on little and has no such cache."""


def chunk_bounds(ptr: np.ndarray, atoms: int = CHUNK_ATOMS) -> list[tuple[int, int]]:
    """Ranges of structures with at most ``atoms`` atoms each; a larger structure stands alone."""
    bounds, start = [], 0
    for i in range(1, len(ptr) - 1):
        if ptr[i + 1] - ptr[start] > atoms:
            bounds.append((start, i))
            start = i
    if len(ptr) > 1:
        bounds.append((start, len(ptr) - 1))
    return bounds
