"""Choosing structures that are low in energy and unlike each other."""

from __future__ import annotations

import numpy as np

from ..clusters import Clusters
from ..errors import InputError

_CENTRES = np.arange(0.8, 8.01, 0.3)  # Å
_WIDTH = 0.3  # Å, standard deviation of the Gaussians
_BLOCK = 2_000_000  # pair distances worked on at once


def averaged_descriptors(clusters: Clusters) -> np.ndarray:
    """(B, D) per-atom averages of radial symmetry functions, one set for each pair of elements of the population.

    For elements a ≤ b and a centre c: Σ over pairs of exp(−(d − c)²/2σ²)·(c₀/c)² / number of atoms, c = 0.8 … 8 Å.
    Invariant to rotation, permutation and mirror images, comparable between compositions; the averaging is coarse, so
    equal descriptors do not mean equal structures. Source of the form: Behler, J. Chem. Phys. 134 (2011) 074106,
    doi:10.1063/1.3553717.

    Raises:
        InputError: a coordinate is not finite.
    """
    if not np.isfinite(clusters.positions).all():
        bad = clusters.ids[np.unique(clusters.structure_of_atom[~np.isfinite(clusters.positions).all(axis=1)])]
        raise InputError(f"structures with coordinates that are not finite have no descriptor: {', '.join(bad[:5])}")
    elements = np.unique(clusters.numbers)
    m, k = len(elements), len(_CENTRES)
    kind = np.zeros((m, m), np.int64)
    kind[np.triu_indices(m)] = np.arange(m * (m + 1) // 2)
    kind = np.maximum(kind, kind.T)
    out = np.zeros((len(clusters), m * (m + 1) // 2, k), np.float32)
    element = np.searchsorted(elements, clusters.numbers)
    damping = (_CENTRES[0] / _CENTRES) ** 2
    grid, step = _CENTRES, 0.01
    # the Gaussians of a distance, tabulated: one row every 0.01 Å, read with linear interpolation
    distances = np.arange(0.0, _CENTRES[-1] + 4 * _WIDTH + 2 * step, step)
    table = np.exp(-((distances[:, None] - grid) ** 2) / (2 * _WIDTH**2)) * damping
    for i in range(len(clusters)):
        atoms = clusters.atoms_of(i)
        x, e = clusters.positions[atoms], element[atoms]
        first, second = np.triu_indices(len(e), 1)
        d = np.linalg.norm(x[first] - x[second], axis=1)
        near = d < distances[-2]
        d, pair = d[near] / step, kind[e[first[near]], e[second[near]]]
        low = d.astype(np.int64)
        part = (d - low)[:, None]
        np.add.at(out[i], pair, (table[low] * (1 - part) + table[low + 1] * part).astype(np.float32))
        out[i] /= max(len(e), 1)
    return out.reshape(len(clusters), -1)


def select_diverse(
    clusters: Clusters,
    k: int,
    *,
    energy_window: float | None = None,
    diversity: float = 0.5,
    descriptors: np.ndarray | None = None,
) -> np.ndarray:
    """Indices of at most ``k`` structures: the lowest in energy, then those most unlike all chosen so far.

    Args:
        k: how many at most.
        energy_window: eV above the lowest; structures higher than that are not considered. None: no window.
        diversity: share of the k places that is filled by farthest-point selection on the descriptors; the rest goes
            to the lowest energies. 0: energies alone. The lowest structure is always among the chosen.
        descriptors: (B, D) instead of :func:`averaged_descriptors`.

    Returns:
        ascending in energy. Structures without a finite energy or with broken coordinates are never chosen.

    See :func:`farthest_points`.

    Raises:
        InputError: k is negative, diversity is outside 0 … 1, the window is negative, or descriptors do not fit.
    """
    if k < 0:
        raise InputError(f"k = {k}; a number of structures cannot be negative")
    if not 0 <= diversity <= 1:
        raise InputError(f"diversity = {diversity} must lie between 0 and 1")
    if energy_window is not None and not energy_window >= 0:
        raise InputError(f"energy_window = {energy_window} eV must not be negative")
    if descriptors is not None and len(descriptors) != len(clusters):
        raise InputError(f"{len(descriptors)} descriptors for {len(clusters)} structures")
    usable = np.isfinite(clusters.energy)
    usable[clusters.structure_of_atom[~np.isfinite(clusters.positions).all(axis=1)]] = False
    pool = np.flatnonzero(usable)
    pool = pool[np.lexsort((pool, clusters.energy[pool]))]
    if energy_window is not None and len(pool):
        pool = pool[clusters.energy[pool] <= clusters.energy[pool[0]] + energy_window]
    k = min(k, len(pool))
    lowest = min(k, max(1, k - round(diversity * k)))
    if k == lowest:
        return pool[:k]
    features = averaged_descriptors(clusters[pool]) if descriptors is None else np.asarray(descriptors)[pool]
    # among the equally distant the first is taken, which is the lowest in energy
    return pool[np.sort(farthest_points(features, k, np.arange(lowest)))]


def farthest_points(features: np.ndarray, k: int, first: np.ndarray, known: np.ndarray | None = None) -> np.ndarray:
    """(k,) rows of ``features``, (B, D): those of ``first``, then each the farthest from all before it.

    Args:
        k: at most B. known: (M, D), points to be far from besides. Of equally distant rows the first is taken.

    Source: Gonzalez, Theor. Comput. Sci. 38 (1985) 293, doi:10.1016/0304-3975(85)90224-5.
    """
    distance = np.full(len(features), np.inf)
    for point in known if known is not None else ():
        distance = np.minimum(distance, ((features - point) ** 2).sum(axis=1))
    chosen: list[int] = []
    while len(chosen) < k:
        distance[chosen] = -1.0
        new = int(first[len(chosen)]) if len(chosen) < len(first) else int(np.argmax(distance))
        chosen.append(new)
        distance = np.minimum(distance, ((features - features[new]) ** 2).sum(axis=1))
    return np.array(chosen, np.int64)
