"""Electric moments of structures: dipoles from a potential that has them, polarizabilities from the D4 model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..clusters import Clusters
from ..errors import MissingDependency
from ..units import BOHR
from .base import Moments, StructureFailure, engine_failure


def dipoles_each(clusters: Clusters, one: Callable[[np.ndarray, np.ndarray, int], np.ndarray]) -> Moments:
    """One structure after the other with ``one(numbers, positions [Å], charge) -> (3,) e·Å``, in coordinates whose
    origin is the centre of mass."""
    from ase.data import atomic_masses

    dipole, failure = np.full((len(clusters), 3), np.nan), [""] * len(clusters)
    for i in range(len(clusters)):
        atoms = clusters.atoms_of(i)
        numbers, positions = clusters.numbers[atoms], clusters.positions[atoms]
        try:
            centred = positions - np.average(positions, axis=0, weights=atomic_masses[numbers])
            dipole[i] = one(numbers, centred, int(clusters.charge[i]))
        except StructureFailure as error:
            failure[i] = str(error)
        except Exception as error:  # an engine's own errors are unknowable; the structure alone pays
            failure[i] = engine_failure(error)
    return Moments(dipole, np.asarray(failure, dtype=np.str_).reshape(len(clusters)))


def polarizabilities(clusters: Clusters) -> np.ndarray:
    """(B,) static isotropic polarizabilities in Å³: sums of the atoms' of the D4 model, which depend on surroundings and
    charges (DOI 10.1063/1.5090222).

    A finite field with GFNn-xTB or a triple-zeta basis without diffuse functions gives far too little instead.

    Raises:
        MissingDependency: dftd4 is not installed.
    """
    try:
        from dftd4.interface import DispersionModel
    except ImportError as error:
        raise MissingDependency("dftd4", "polarizabilities", "dft") from error
    out = np.empty(len(clusters))
    for i in range(len(clusters)):
        atoms = clusters.atoms_of(i)
        model = DispersionModel(clusters.numbers[atoms], clusters.positions[atoms] / BOHR, float(clusters.charge[i]))
        out[i] = model.get_properties()["polarizabilities"].sum() * BOHR**3
    return out
