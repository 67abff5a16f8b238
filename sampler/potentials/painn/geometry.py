"""Pairs of atoms within the cutoff, for all structures of a batch at once.

Every pair is searched by brute force in each evaluation: see docs/concepts/painn.md for what it costs (about one per cent of an
evaluation at 330 atoms), which leaves a skin and cell lists nothing to save at the sizes of clusters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...compiled import compiled

GEOMETRY = 12  # numbers per pair: 4 Hermite weights, 4 of the derivative, unit vector i -> j, 1 / distance


@dataclass(frozen=True)
class Pairs:
    """Half list of pairs (i < j), sorted by i. The members of a committee share it.

    Attributes:
        first: (N + 1,) int64; atom i has the pairs ``first[i]:first[i+1]``.
        partner: (P,) int32, j. knot: (P,) int32, the knot below the distance.
        geometry: (P * 12,) see GEOMETRY.
        positions: (N, 3) float64, Å. ptr: (B + 1,).
    """

    first: np.ndarray
    partner: np.ndarray
    knot: np.ndarray
    geometry: np.ndarray
    positions: np.ndarray
    ptr: np.ndarray

    def contacts(self, numbers: np.ndarray, limits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(B,) how far the worst pair of each structure is within its limit, as limit / distance: more than 1 is too close.

        Args:
            numbers: (N,) int64. limits: (Z, Z) Å, by atomic numbers, shorter than the cutoff.

        Returns:
            Those, and (B, 2) the two atoms, counted within the structure.
        """
        worst, pair = np.zeros(len(self.ptr) - 1), np.zeros((len(self.ptr) - 1, 2), np.int64)
        _contacts(self.first, self.partner, self.geometry, numbers, self.ptr, limits, worst, pair)
        return worst, pair


@compiled
def _count(positions, ptr, cutoff2, first):
    total = 0
    for s in range(len(ptr) - 1):
        for i in range(ptr[s], ptr[s + 1]):
            first[i] = total
            x, y, z = positions[i, 0], positions[i, 1], positions[i, 2]
            for j in range(i + 1, ptr[s + 1]):
                dx, dy, dz = positions[j, 0] - x, positions[j, 1] - y, positions[j, 2] - z
                total += dx * dx + dy * dy + dz * dz < cutoff2
    first[len(positions)] = total
    return total


@compiled(error_model="numpy")
def _fill(positions, ptr, cutoff2, spacing, knots, partner, knot, geometry):
    p = 0
    for s in range(len(ptr) - 1):
        for i in range(ptr[s], ptr[s + 1]):
            x, y, z = positions[i, 0], positions[i, 1], positions[i, 2]
            for j in range(i + 1, ptr[s + 1]):
                dx, dy, dz = positions[j, 0] - x, positions[j, 1] - y, positions[j, 2] - z
                r2 = dx * dx + dy * dy + dz * dz
                if r2 < cutoff2:
                    d = np.sqrt(r2)
                    k = min(int(d / spacing), knots - 2)
                    t = d / spacing - k
                    g = 12 * p
                    geometry[g] = (2 * t - 3) * t * t + 1
                    geometry[g + 1] = ((t - 2) * t + 1) * t
                    geometry[g + 2] = (3 - 2 * t) * t * t
                    geometry[g + 3] = (t - 1) * t * t
                    geometry[g + 4] = 6 * t * (t - 1) / spacing
                    geometry[g + 5] = ((3 * t - 4) * t + 1) / spacing
                    geometry[g + 6] = 6 * t * (1 - t) / spacing
                    geometry[g + 7] = (3 * t - 2) * t / spacing
                    inverse = 1.0 / d
                    geometry[g + 8], geometry[g + 9], geometry[g + 10] = dx * inverse, dy * inverse, dz * inverse
                    geometry[g + 11] = inverse
                    partner[p], knot[p] = j, k
                    p += 1


@compiled
def _contacts(first, partner, geometry, numbers, ptr, limits, worst, pair):
    for s in range(len(ptr) - 1):
        for i in range(ptr[s], ptr[s + 1]):
            for p in range(first[i], first[i + 1]):
                within = limits[numbers[i], numbers[partner[p]]] * geometry[12 * p + 11]
                if within > worst[s]:
                    worst[s], pair[s, 0], pair[s, 1] = within, i - ptr[s], partner[p] - ptr[s]


def find_pairs(positions: np.ndarray, ptr: np.ndarray, cutoff: float, spacing: float, knots: int, dtype) -> Pairs:
    """All pairs closer than ``cutoff`` (Å) with the Hermite weights for a table of ``knots`` knots.

    Args:
        positions: (N, 3) float64, Å, finite and no two atoms of a structure at the same place.
        ptr: (B + 1,) int64.
    """
    first = np.empty(len(positions) + 1, np.int64)
    total = _count(positions, ptr, cutoff * cutoff, first)
    partner, knot = np.empty(total, np.int32), np.empty(total, np.int32)
    geometry = np.empty(GEOMETRY * total, dtype)
    _fill(positions, ptr, cutoff * cutoff, spacing, knots, partner, knot, geometry)
    return Pairs(first, partner, knot, geometry, positions, ptr)
