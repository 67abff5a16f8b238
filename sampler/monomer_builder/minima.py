"""The distinct minima of one molecule: optimisation of every start, on smooth surfaces and on those with kinks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import MonomerError
from . import graph, rough
from .gfn1 import METHODS, Molecule, NotConverged

SAME_DISTANCE = 0.05  # Å: largest difference of two fingerprints of one conformer
SAME_ENERGY = 1e-3  # eV
SAME_START = 0.15  # Å: starts closer than this run into one minimum
# what one minimum with a kink is found with: its energy within 1 meV, its soft torsions less well
SAME_ROUGH_DISTANCE, SAME_ROUGH_ENERGY = 0.25, 5e-3
RELAXED, TIGHT = 1e-2, 1e-4  # eV/Å
CHANGED = "the bonds change"


@dataclass
class Relaxation:
    """Optimises one molecule; once it has met a kink of the surface, by descents (:mod:`.rough`).

    Attributes:
        rough: a kink was met. left: the largest force, eV/Å, that remained at a minimum with a kink.
    """

    molecule: Molecule
    rng: np.random.Generator
    rough: bool = False
    left: float = 0.0

    def near(self, start: np.ndarray) -> tuple[float, np.ndarray]:
        """Energy (eV) and positions of what ``start`` runs into, loosely converged."""
        if not self.rough:
            try:
                return self.molecule.optimise(start, RELAXED)
            except NotConverged:
                self.rough = True
        lowest = rough.descend(self.molecule, start)
        return lowest.energy, lowest.positions

    def tight(self, start: np.ndarray) -> tuple[float, np.ndarray]:
        """Energy (eV) and positions of the stationary point, or of the lowest point around where there is a kink."""
        if not self.rough:
            try:
                return self.molecule.optimise(start, TIGHT)
            except NotConverged:
                self.rough = True
        return self.settle(start)

    def settle(self, start: np.ndarray) -> tuple[float, np.ndarray]:
        """Energy (eV) and positions of the lowest point that several descents from around ``start`` agree about."""
        lowest = rough.settle(self.molecule, start, self.rng)
        if lowest.fmax > TIGHT or self.molecule.lowest_curvature(lowest.positions) <= 0:
            self.rough, self.left = True, max(self.left, lowest.fmax)
        return lowest.energy, lowest.positions

    def is_minimum(self, positions: np.ndarray) -> bool:
        """By the Hessian, which means nothing at a kink: there the descents have shown it."""
        return self.rough or self.molecule.lowest_curvature(positions) > 0

    def same(self, one: tuple[float, np.ndarray], other: tuple[float, np.ndarray]) -> bool:
        """Whether (energy, fingerprint) of two minima are those of one."""
        energy, distance = (SAME_ROUGH_ENERGY, SAME_ROUGH_DISTANCE) if self.rough else (SAME_ENERGY, SAME_DISTANCE)
        return abs(one[0] - other[0]) < energy and bool(np.abs(one[1] - other[1]).max(initial=0) < distance)

    @property
    def how(self) -> str:
        """The method, and what was not smooth, for the source of a molecule."""
        if not self.rough:
            return f"{self.molecule.method} minimum"
        return (
            f"{self.molecule.method} minimum at a kink of the surface (the lowest of several descents, to within 1 meV; "
            f"largest force left {self.left:.1g} eV/Å)"
        )


def distinct(
    relax: Relaxation, bonds: np.ndarray, classes: np.ndarray, starts: np.ndarray, name: str
) -> tuple[list[float], list[np.ndarray]]:
    """Optimise every start; energies (eV) and positions of unlike minima with the right bonds, lowest first.

    Raises:
        MonomerError: none survives; the message says why, and what to do.
    """
    molecule = relax.molecule
    found: list[tuple[float, np.ndarray, np.ndarray]] = []
    lost: list[str] = []
    tried: list[np.ndarray] = []
    near = graph.neighbours(len(classes), bonds)
    # turns of methyl groups bring nothing new: hydrogens on carbon do not count in the comparison of starts
    counts = np.array([z > 1 or 6 not in molecule.numbers[near[i]] for i, z in enumerate(molecule.numbers)])
    for start in starts:
        before = graph.fingerprint(classes[counts], start[counts])
        if any(np.abs(before - other).max(initial=0) < SAME_START for other in tried):
            continue
        tried.append(before)
        try:
            energy, positions = relax.near(start + relax.rng.normal(0, 0.02, start.shape))
        except MonomerError as error:
            lost.append(str(error))
            continue
        if not np.array_equal(graph.bonds_from_distances(molecule.numbers, positions), bonds):
            lost.append(CHANGED)
            continue
        print_ = graph.fingerprint(classes, positions)
        if not any(abs(energy - e) < 5e-3 and np.abs(print_ - f).max(initial=0) < 0.3 for e, _, f in found):
            found.append((energy, positions, print_))
    minima: list[tuple[float, np.ndarray, np.ndarray]] = []
    for _, positions, _ in sorted(found, key=lambda item: item[0]):
        try:
            one = _minimum(relax, positions, classes, minima)
        except MonomerError as error:
            lost.append(str(error))
            continue
        if one is not None and not np.array_equal(graph.bonds_from_distances(molecule.numbers, one[1]), bonds):
            lost.append(CHANGED)
        elif one is not None:
            minima.append(one)
    if not minima:
        raise MonomerError(
            f"{name}: no geometry survives the {molecule.method} optimisation ({'; '.join(sorted(set(lost)))}); "
            + _remedy(lost, molecule)
        )
    minima.sort(key=lambda item: item[0])
    return [e for e, _, _ in minima], [x for _, x, _ in minima]


def _minimum(
    relax: Relaxation, start: np.ndarray, classes: np.ndarray, known: list[tuple[float, np.ndarray, np.ndarray]]
) -> tuple[float, np.ndarray, np.ndarray] | None:
    """Energy, positions and fingerprint of the minimum at ``start``, None if it is known; a saddle is left downwards."""
    energy, positions = relax.tight(start)
    for _ in range(2):
        print_ = graph.fingerprint(classes, positions)
        if any(relax.same((energy, print_), (e, f)) for e, _, f in known):
            return None
        if relax.is_minimum(positions):
            return energy, positions, print_
        energy, positions = relax.settle(positions)
    raise MonomerError("only saddle points were found")


def _remedy(lost: list[str], molecule: Molecule) -> str:
    other = next(level for level in METHODS if level != molecule.level)
    if all(reason == CHANGED for reason in lost):
        return (
            "it turns into another molecule: add that one, start nearer to this one with --xyz GEOMETRY, or optimise with "
            f"--method {other}"
        )
    return f"optimise with --method {other}, or start from a geometry of a better method with --xyz"


def other_levels(
    starts: list[np.ndarray], bonds: np.ndarray, molecule: Molecule, seed: int
) -> tuple[dict[str, float], list[str]]:
    """Energies (eV) of the lowest minimum at the other levels, from the conformers at this one; and what is not known."""
    energies: dict[str, float] = {}
    failed = []
    for level in METHODS:
        if level == molecule.level:
            continue
        relax = Relaxation(Molecule(molecule.numbers, molecule.charge, level), np.random.default_rng(seed))
        reasons = []
        for start in starts:
            try:
                energy, positions = relax.tight(start)
            except MonomerError as error:
                reasons.append(str(error))
                continue
            if np.array_equal(graph.bonds_from_distances(molecule.numbers, positions), bonds):
                energies[level] = min(energy, energies.get(level, np.inf))
            else:
                reasons.append(CHANGED)
        if level not in energies:
            failed.append(f"no energy at {level} ({'; '.join(sorted(set(reasons)))})")
    return energies, failed
