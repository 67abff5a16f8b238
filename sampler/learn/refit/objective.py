"""What a fit makes small: errors of binding energies and of forces, each in units of what they may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...composition import Composition
from ...levels import cheapest_choice, cheapest_reference, separated
from ...monomers import MonomerLibrary
from ...units import KCAL_PER_MOL
from ..labels.dataset import LabelSet, binding_energies
from ..metrics import energy_metrics, force_metrics

_FORCE, _FORCE_SHARE = 0.1, 0.1
"""eV/Å, and share of the rms force of a structure, that a component may be off."""
_BINDING, _RELATIVE = 1.0 * KCAL_PER_MOL, 0.5 * KCAL_PER_MOL
"""eV that the mean of a composition, and differences within it, may be off, times the square root of its molecules."""
_HIGH = 10.0 * KCAL_PER_MOL
"""eV above the lowest of its composition, times the square root of the molecules, where an energy counts half."""
RANKED = 4
"""Structures of a composition whose order is judged."""


@dataclass(frozen=True)
class Target:
    """Labels to come near to.

    Attributes:
        labels: B structures of binding energies ``wanted`` (B,) eV. compositions: name -> what it is.
        library: of the molecules.
    """

    labels: LabelSet
    wanted: np.ndarray
    compositions: dict[str, Composition]
    library: MonomerLibrary

    @classmethod
    def of(cls, labels: LabelSet, library: MonomerLibrary) -> Target:
        """
        Raises:
            LevelError: a monomer of a composition has no reference energy in the labels.
        """
        c = labels.clusters
        wanted = binding_energies(c.energy, labels.compositions, labels.references, library)
        names = sorted(set(labels.compositions.tolist()))
        return cls(labels, wanted, {n: Composition.parse(n, library) for n in names}, library)

    def subset(self, rows: np.ndarray) -> Target:
        labels = self.labels.subset(rows)
        names = set(labels.compositions.tolist())
        kept = {n: c for n, c in self.compositions.items() if n in names}
        return Target(labels, self.wanted[rows], kept, self.library)

    @property
    def monomers(self) -> list[str]:
        """All that binding energies can count from."""
        return sorted({m for c in self.compositions.values() for choice in separated(c, self.library) for m in choice})

    def binding(self, energy: np.ndarray, references: Mapping[str, float]) -> np.ndarray:
        """(B,) eV of total energies."""
        of = {n: cheapest_reference(c, references, self.library) for n, c in self.compositions.items()}
        return energy - np.array([of[n] for n in self.labels.compositions.tolist()])

    def binding_slopes(
        self, slopes: np.ndarray, references: Mapping[str, float], of_monomers: Mapping[str, np.ndarray]
    ) -> np.ndarray:
        """(B, P): derivatives of binding energies, from those of total energies and of the monomers' minima."""
        made = slopes.copy()
        for name, composition in self.compositions.items():
            best = cheapest_choice(composition, references, self.library)
            made[self.labels.compositions == name] -= sum(n * of_monomers[m] for m, n in best.items())
        return made

    @property
    def force_weights(self) -> np.ndarray:
        """(B,) of the squared error of a component, so that each structure counts once."""
        c = self.labels.clusters
        assert c.forces is not None  # refused before
        square = np.add.reduceat((c.forces**2).sum(1), c.ptr[:-1]) / (3 * c.natoms)
        return 1 / (3 * c.natoms * (_FORCE**2 + _FORCE_SHARE**2 * square))

    def energy_weights(self, good: np.ndarray) -> np.ndarray:
        """(B, B) Q of rᵀQr, for errors r of binding energies: the mean of each composition, and what differs from it; high
        structures count less.

        Args:
            good: (B,) bool, structures that count.
        """
        found = np.zeros((len(self.labels), len(self.labels)))
        for name, composition in self.compositions.items():
            rows = np.flatnonzero((self.labels.compositions == name) & good)
            if not len(rows):
                continue
            molecules = composition.molecules()
            above = (self.wanted[rows] - self.wanted[rows].min()) / (_HIGH * np.sqrt(molecules))
            weights = 1 / (1 + above**2)
            mean = np.outer(weights, weights) / weights.sum()
            inner = mean / _BINDING**2 + (np.diag(weights) - mean) / _RELATIVE**2
            found[np.ix_(rows, rows)] = inner / molecules
        return found

    def loss(self, binding: np.ndarray, forces: np.ndarray, good: np.ndarray) -> float:
        """Mean over the structures that count; infinite where one of them has failed."""
        c = self.labels.clusters
        error = np.where(good, binding - self.wanted, 0.0)
        square = np.add.reduceat(((forces - c.forces) ** 2).sum(1), c.ptr[:-1])
        total = error @ self.energy_weights(good) @ error + (self.force_weights * square)[good].sum()
        return float(total / good.sum()) if np.isfinite(total) else float("inf")

    def report(self, binding: np.ndarray, forces: np.ndarray, good: np.ndarray) -> dict[str, float]:
        """Errors in kcal/mol (and per Å); ``rank_correlation`` is the mean over compositions of four structures or more."""
        c, names = self.labels.clusters, self.labels.compositions
        assert c.forces is not None  # refused before
        atoms = good[c.structure_of_atom]
        every = energy_metrics(binding[good], self.wanted[good])
        each = [
            energy_metrics(binding[r], self.wanted[r])
            for n in self.compositions
            if len(r := np.flatnonzero((names == n) & good))
        ]
        sizes = [e["structures"] for e in each]
        ranks = [e["spearman"] for e in each if e["structures"] >= RANKED and np.isfinite(e["spearman"])]
        return {
            "structures": int(good.sum()),
            "forces_mae_kcal_mol_A": force_metrics(forces[atoms], c.forces[atoms])["mae_kcal_mol_A"],
            "binding_mae_kcal_mol": every["mae_kcal_mol"],
            "relative_mae_kcal_mol": float(np.average([e["relative_mae_kcal_mol"] for e in each], weights=sizes)),
            "rank_correlation": float(np.mean(ranks)) if ranks else float("nan"),
        }


def step(
    normal: np.ndarray, gradient: np.ndarray, x: np.ndarray, regularisation: float, damping: float, longest: float
) -> np.ndarray:
    """(P,) the change of ``x`` that makes the linearised loss + regularisation·|x|² + damping·|change|² least.

    Args:
        normal, gradient: JᵀJ and Jᵀr of the loss. longest: of a component of the change; a longer step is shortened.
    """
    matrix = normal + (regularisation + damping) * np.eye(len(x))
    change = -np.linalg.solve(matrix, gradient + regularisation * x)
    return change * min(1.0, longest / np.abs(change).max(initial=1e-300))


def largest(names: Sequence[str], x: np.ndarray, count: int = 8) -> dict[str, float]:
    """The parameters that changed most, in units of their scales."""
    order = np.argsort(-np.abs(x), kind="stable")[:count]
    return {names[i]: round(float(x[i]), 4) for i in order}
