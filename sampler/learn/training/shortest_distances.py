"""How close atoms of each pair of elements come in a set of structures: what a model card says its data hold."""

from __future__ import annotations

import math

import numpy as np

from ...clusters import Clusters

_ELEMENTS = 119


def closest_distances(clusters: Clusters) -> dict[str, float]:
    """Pair of elements (symbols in alphabetical order: ``H-O``) -> shortest distance in Å, rounded down to 0.001 Å."""
    from ase.data import chemical_symbols

    squares = np.full(_ELEMENTS * _ELEMENTS, np.inf)
    for i in range(len(clusters)):
        atoms = clusters.atoms_of(i)
        positions, numbers = clusters.positions[atoms], clusters.numbers[atoms]
        first, second = np.triu_indices(len(numbers), 1)
        delta = positions[first] - positions[second]
        a, b = numbers[first], numbers[second]
        pair = np.minimum(a, b) * _ELEMENTS + np.maximum(a, b)
        np.minimum.at(squares, pair, np.einsum("ij,ij->i", delta, delta))
    found = {}
    for k in np.flatnonzero(np.isfinite(squares)).tolist():
        symbols = sorted(chemical_symbols[z] for z in divmod(k, _ELEMENTS))
        found["-".join(symbols)] = math.floor(1000 * math.sqrt(squares[k])) / 1000
    return dict(sorted(found.items()))
