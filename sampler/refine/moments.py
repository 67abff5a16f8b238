"""Dipoles and polarizabilities of species, for collisions with ions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..clusters import Clusters
from ..potentials import get_potential
from ..potentials.moments import polarizabilities
from ..units import DEBYE
from ..workers.worker import Died
from .kept import Kept, outcomes, triple, write
from .thermo.belonging import structures
from .thermo.rrho import Species


def moments_of(
    species: Sequence[Species], level: str, workers: int = 1, keep: Callable[[], Kept | None] = lambda: None
) -> tuple[dict[str, tuple[float, float]], dict[str, str]]:
    """Moments at the geometries of the species.

    Args:
        species: with ``numbers``, ``positions`` and ``charge`` among their columns, as all sources of sampler have.
        level: a potential that gives dipoles. keep: opens where finished ones are found again.

    Returns:
        id -> (dipole in debye, isotropic polarizability of the D4 model in Å³); id -> reason of what failed.

    Raises:
        PotentialError, MissingDependency: the level gives no dipoles, or something is not installed.
    """
    get_potential(level).dipoles(Clusters.empty())
    polarizabilities(Clusters.empty())
    done, failed = {}, {}
    kept = keep()
    tasks = [(s, level) for s in species]
    paths = [kept.of("moments", s, {"level": level}) if kept else None for s in species]
    for i, result in outcomes(_one, tasks, paths, workers, triple, write):
        name = species[i].id
        reason = result.reason if isinstance(result, Died) else result[2]
        if reason:
            failed[name] = reason
        else:
            done[name] = result[:2]
    return done, failed


def _one(task: tuple[Species, str]) -> tuple[tuple | None, tuple[float, float, str]]:
    """What is to be kept, and (dipole, polarizability, why it failed)."""
    species, level = task
    one = structures([species])
    found = get_potential(level).dipoles(one)
    result = float(np.linalg.norm(found.dipole[0])) / DEBYE, float(polarizabilities(one)[0]), str(found.failure[0])
    return None if result[2] else result, result
