"""What the energies tell: errors of relative energies, where the B97-3c minima lie, how often they are kept."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from fit import fitted_error
from labelled import Label

NOMINAL = (0.5, 0.8, 0.9, 0.95, 0.99)
_FAR = 0.6  # Å; a structure that moved so far, or changed its protonation state, is another minimum
_ALIKE = 0.02  # kcal/mol between minima that count as one


@dataclass(frozen=True)
class System:
    """Minima of one composition: energies in kcal/mol above the lowest of each level, lowest ``low`` first."""

    name: str
    composition: str
    families: frozenset[str]
    molecules: int
    low: np.ndarray
    high: np.ndarray

    @property
    def minimum(self) -> int:
        return int(self.high.argmin())

    @property
    def error(self) -> np.ndarray:
        """Differences of the levels, their mean taken off, over the square root of the number of molecules."""
        difference = self.high - self.low
        return (difference - difference.mean()) / np.sqrt(self.molecules)


def systems(every: list[Label], energies: dict[str, dict], least: int, relaxed: bool) -> list[System]:
    """One for each group of labels; ``relaxed``: of minima on both sides, else of single points at the same geometry."""
    from sampler.composition import Composition
    from sampler.monomers import MonomerLibrary
    from sampler.units import KCAL_PER_MOL

    library, grouped, made = MonomerLibrary.load(), defaultdict(list), []
    for label in every:
        found = energies.get(label.id)
        if found is None or label.relaxed != relaxed:
            continue
        if not relaxed:
            grouped[label.group].append((found["here"], label.high, label))
        elif found["same"] and found["moved"] < _FAR:
            grouped[label.group].append((found["low"], label.high, label))
    for name, group in grouped.items():
        pairs = np.array([(low, high) for low, high, _ in group]) / KCAL_PER_MOL
        pairs -= pairs.min(0)
        pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
        new = np.concatenate(
            [[True], np.diff(pairs[:, 0]) > _ALIKE]
        )  # of those that fall into one minimum the lowest stands
        starts = np.flatnonzero(new)
        low, high = pairs[starts, 0], np.minimum.reduceat(pairs[:, 1], starts)
        if len(low) >= least:
            composition = Composition.parse(group[0][2].composition, library)
            families = frozenset(f for f, n in composition.counts if n)
            made.append(
                System(name, group[0][2].composition, families, composition.molecules(), low, high - high.min())
            )
    return sorted(made, key=lambda s: (s.molecules, s.name))


def spread(chosen: list[System]) -> float:
    """Standard deviation of the errors per square root of a molecule, pooled."""
    return float(np.sqrt(sum((s.error**2).sum() for s in chosen) / sum(len(s.error) - 1 for s in chosen)))


def fitted(chosen: list[System]) -> float:
    """The error per square root of a molecule under which the B97-3c minima most likely lie where they do."""
    return fitted_error([(s.low, s.minimum, s.molecules) for s in chosen])


def interval(chosen: list[System]) -> tuple[float, float]:
    """95 % interval of :func:`fitted`: where the log-likelihood is within 1.92 of its maximum, between 0.02 and 10."""
    from sampler.funnel.stages.minimum_probability import minimum_probabilities

    grid = np.geomspace(0.02, 10.0, 120)
    p = [[minimum_probabilities(s.low, e * np.sqrt(s.molecules))[s.minimum] for s in chosen] for e in grid]
    likely = np.log(np.maximum(p, 1e-300)).sum(1)
    inside = grid[likely > likely.max() - 1.92]
    return float(inside[0]), float(inside[-1])


def error_of(chosen: list[System]) -> float:
    """What is shipped: the larger of both, per square root of a molecule."""
    return max(spread(chosen), fitted(chosen))


def coverage(chosen: list[System]) -> list[tuple[int, float]]:
    """For each of ``NOMINAL``: systems whose B97-3c minimum is kept with the error of the *other compositions*, and the mean
    share of the minima that this keeps."""
    from sampler.funnel.stages.minimum_probability import how_many

    rows = []
    errors = [error_of([t for t in chosen if t.composition != s.composition]) for s in chosen]
    for nominal in NOMINAL:
        kept = [how_many(s.low, e * np.sqrt(s.molecules), nominal)[0] for s, e in zip(chosen, errors)]
        share = [k / len(s.low) for s, k in zip(chosen, kept)]
        rows.append((sum(s.minimum < k for s, k in zip(chosen, kept)), float(np.mean(share))))
    return rows


def apart(every: list[Label], found: dict[str, dict], plain: dict[str, dict]) -> tuple[float, int]:
    """Standard deviation of a PaiNN of GFN1-xTB from GFN1-xTB itself at its minima, per square root of a molecule, pooled over
    compositions; and its degrees of freedom."""
    from sampler.composition import Composition
    from sampler.monomers import MonomerLibrary
    from sampler.units import KCAL_PER_MOL

    library, grouped = MonomerLibrary.load(), defaultdict(list)
    for label in every:
        if found.get(label.id) and plain.get(label.id):
            grouped[label.composition].append((found[label.id]["low"] - plain[label.id]["low"]) / KCAL_PER_MOL)
    squares = free = 0.0
    for name, values in grouped.items():
        molecules = Composition.parse(name, library).molecules()
        squares += float(((np.array(values) - np.mean(values)) ** 2).sum()) / molecules
        free += len(values) - 1
    return float(np.sqrt(squares / free)), int(free)
