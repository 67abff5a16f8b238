"""What a potential has to keep to, as a check that whoever writes one runs in their own tests."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator

import numpy as np

from ..clusters import Clusters
from ..errors import PotentialError
from .base import Evaluation, Potential

_STEP = 0.01
_TURN = np.array([[0.36, 0.48, -0.8], [-0.8, 0.6, 0.0], [0.48, 0.64, 0.6]])


def water_and_ammonia() -> Clusters:
    """Four distorted molecules, H2O twice, NH3 and NH4⁺: what :func:`check_potential` evaluates by default."""
    water = np.array([[0.03, 0.01, 0.11], [0.02, 0.77, -0.47], [-0.04, -0.74, -0.50]])
    ammonia = np.array([[0.0, 0.05, 0.12], [0.94, 0.02, -0.27], [-0.47, 0.83, -0.25], [-0.46, -0.80, -0.29]])
    # far from a tetrahedron: there the vectors of equivariant networks vanish, and their norms have a kink
    ammonium = np.array([[0, 0, 0], [0.7, 0.5, 0.59], [-0.5, -0.7, 0.6], [0.66, -0.6, -0.5], [-0.55, 0.55, -0.75]])
    numbers = [np.array(z) for z in ([8, 1, 1], [7, 1, 1, 1], [8, 1, 1], [7, 1, 1, 1, 1])]
    return Clusters.make([water, ammonia, water + 5.0, ammonium], numbers, charge=[0, 0, 0, 1])


def check_potential(
    potential: Potential,
    clusters: Clusters | None = None,
    *,
    same_energy: float = 1e-5,
    same_force: float = 1e-4,
    turned_energy: float = 1e-4,
    turned_force: float = 2e-3,
    slope: float = 2e-3,
) -> None:
    """Try a potential on a few structures, and say everything that is wrong with it.

    Args:
        clusters: at least two structures that it can evaluate; default: :func:`water_and_ammonia`.
        same_energy, same_force: eV, eV/Å; how much numbers may depend on what else is in the batch, where the potential
            does not promise the last bit (``batch_invariant``).
        turned_energy, turned_force: eV, eV/Å; what moving and turning a structure may change (a grid does).
        slope: eV/Å; by how much forces may differ from a numerical derivative of the energy.

    Raises:
        PotentialError: something is; all of it is listed.
    """
    given = water_and_ammonia() if clusters is None else clusters
    limits = {"same": (same_energy, same_force), "turned": (turned_energy, turned_force), "slope": slope}
    wrong = []
    for check in _CHECKS:
        try:
            wrong += list(check(potential, given, limits))
        except Exception as error:  # what a new potential raises is unknowable, and is what the check is for
            wrong.append(f"{check.__name__.strip('_').replace('_', ' ')}: {type(error).__name__}: {error}")
    if wrong:
        raise PotentialError(f"{type(potential).__name__} is not usable: " + "; ".join(wrong))


def _level_and_shapes(potential: Potential, given: Clusters, limits) -> Iterator[str]:
    if not isinstance(potential, Potential):
        yield "it is no subclass of sampler.potentials.Potential"
    if not potential.level or potential.level != potential.level.lower():
        yield f"its level is {potential.level!r}; it must be a name in small letters"
    for clusters in (given, Clusters.empty()):
        found = potential.evaluate(clusters)
        n, b = len(clusters.numbers), len(clusters)
        if not isinstance(found, Evaluation):
            yield f"evaluate gives {type(found).__name__}, no Evaluation"
            return
        if (
            found.energy.shape != (b,)
            or found.forces is None
            or found.forces.shape != (n, 3)
            or len(found.failure) != b
        ):
            shape = None if found.forces is None else found.forces.shape
            yield f"shapes for {b} structures of {n} atoms: energy {found.energy.shape}, forces {shape}"
            return
    found = potential.evaluate(given)
    if any(found.failure) or not (np.isfinite(found.energy).all() and np.isfinite(found.needed_forces).all()):
        yield f"it cannot evaluate the structures of the check: {', '.join(sorted(set(found.failure.tolist())))}"


def _energies_without_forces(potential: Potential, given: Clusters, limits) -> Iterator[str]:
    alone = potential.evaluate(given, forces=False)
    if alone.forces is not None:
        yield "evaluate(…, forces=False) gives forces"
    yield from _differ("without forces", alone.energy, potential.evaluate(given).energy, limits["same"][0], "eV")


def _forces_are_the_slope_of_the_energy(potential: Potential, given: Clusters, limits) -> Iterator[str]:
    one = given[int(np.argmax(given.natoms))]
    direction = np.random.default_rng(3).normal(size=one.positions.shape)
    direction /= np.sqrt((direction**2).sum())
    moved = [one.replace(positions=one.positions + k * _STEP * direction) for k in (-2, -1, 1, 2)]
    e = potential.evaluate(Clusters.concatenate(moved)).energy
    numerical = -(e[0] - 8 * e[1] + 8 * e[2] - e[3]) / (12 * _STEP)
    found = float((potential.evaluate(one).needed_forces * direction).sum())
    if not abs(found - numerical) <= limits["slope"] + 2e-4 * abs(numerical):
        yield f"forces along a direction are {found:.5f} eV/Å, the slope of the energy {numerical:.5f}"


def _company(potential: Potential, given: Clusters, limits) -> Iterator[str]:
    together = potential.evaluate(given)
    energy, force = (0.0, 0.0) if potential.batch_invariant else limits["same"]
    for i in range(len(given)):
        alone = potential.evaluate(given[i])
        what = f"structure {i} alone and among others"
        yield from _differ(what, alone.energy, together.energy[[i]], energy, "eV")
        yield from _differ(what, alone.needed_forces, together.needed_forces[given.atoms_of(i)], force, "eV/Å")


def _moved_and_turned(potential: Potential, given: Clusters, limits) -> Iterator[str]:
    still = potential.evaluate(given)
    turned = potential.evaluate(given.replace(positions=given.positions @ _TURN.T + [1.0, -2.0, 3.0]))
    yield from _differ("moved and turned", turned.energy, still.energy, limits["turned"][0], "eV")
    yield from _differ(
        "moved and turned", turned.needed_forces, still.needed_forces @ _TURN.T, limits["turned"][1], "eV/Å"
    )


def _bad_structures(potential: Potential, given: Clusters, limits) -> Iterator[str]:
    """One without a number, one with all atoms at one place: each must cost itself alone."""
    nowhere, one_place = given[0].positions.copy(), np.zeros_like(given[0].positions)
    nowhere[-1, 2] = np.nan
    bad = [given[0].replace(positions=p) for p in (nowhere, one_place)]
    mixed = Clusters.concatenate([given[0], bad[0], given[1], bad[1]])
    found, good = potential.evaluate(mixed), potential.evaluate(given[:2])
    for i, what in ((1, "a coordinate that is not a number"), (3, "all atoms at one place")):
        if (
            not found.failure[i]
            or np.isfinite(found.energy[i])
            or np.isfinite(found.needed_forces[mixed.atoms_of(i)]).any()
        ):
            yield f"{what} went through"
    if found.failure[0] or found.failure[2]:
        yield "a bad structure fails others"
    yield from _differ("beside bad structures", found.energy[[0, 2]], good.energy, limits["same"][0], "eV")


def _sent_to_a_worker(potential: Potential, given: Clusters, limits) -> Iterator[str]:
    there = pickle.loads(pickle.dumps(potential))
    yield from _differ("in a worker", there.evaluate(given).energy, potential.evaluate(given).energy, 1e-6, "eV")


def _warm_starts(potential: Potential, given: Clusters, limits) -> Iterator[str]:
    cold = potential.evaluate(given)
    found, memory = potential.evaluate_warm(given, [None] * len(given))
    again, _ = potential.evaluate_warm(given, memory)
    for what, warm in (("a first warm call", found), ("a second warm call", again)):
        yield from _differ(what, warm.energy, cold.energy, limits["same"][0], "eV")


_CHECKS: tuple[Callable[..., Iterator[str]], ...] = (
    _level_and_shapes, _energies_without_forces, _forces_are_the_slope_of_the_energy, _company, _moved_and_turned,
    _bad_structures, _sent_to_a_worker, _warm_starts,
)  # fmt: skip


def _differ(what: str, found: np.ndarray, wanted: np.ndarray, limit: float, unit: str) -> Iterator[str]:
    difference = np.max(np.abs(np.asarray(found) - np.asarray(wanted)), initial=0.0)
    if not difference <= limit:
        yield f"{what}: another number, by {difference:.2g} {unit}"
