"""From what the network predicts to a total energy: monomer or element reference energies, and the checks before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...errors import ModelError
from .card import ModelCard

if TYPE_CHECKING:
    from ...clusters import Clusters

_LAST = 119


def atomic_number(symbol: str) -> int:
    """Of an element that a card names.

    Raises:
        ModelError: there is no such element.
    """
    from ase.data import atomic_numbers

    if symbol not in atomic_numbers or symbol == "X":
        raise ModelError(f"the model's card names the element {symbol!r}, which does not exist")
    return atomic_numbers[symbol]


@dataclass(frozen=True)
class Scope:
    """What a card allows, in arrays.

    Attributes:
        allowed: (119,) bool per atomic number. charges: (n,) int64.
        column: (119,) of each element in a row of counts; all that no monomer holds share the last but one.
        vectors: (k, m) composition (counts, then charge) of each reference monomer. inverse: (m, k) its pseudo-inverse.
        energies: (m,) eV. elements: (119,) eV per element. by_charge: (n,) eV, of each of ``charges``.
    """

    allowed: np.ndarray
    symbols: tuple[str, ...]
    charges: np.ndarray
    names: tuple[str, ...]
    column: np.ndarray
    vectors: np.ndarray
    inverse: np.ndarray
    energies: np.ndarray
    elements: np.ndarray
    by_charge: np.ndarray

    @classmethod
    def of(cls, card: ModelCard) -> Scope:
        """
        Raises:
            ModelError: an unknown element, or monomers whose compositions are combinations of one another, so that
                a cluster does not tell what it is made of.
        """
        allowed, elements = np.zeros(_LAST, bool), np.zeros(_LAST)
        for symbol in card.elements:
            allowed[atomic_number(symbol)] = True
        for symbol, energy in card.element_energies.items():
            elements[atomic_number(symbol)] = energy
        held = sorted({atomic_number(symbol) for m in card.monomers.values() for symbol in m.formula})
        column = np.full(_LAST, len(held))
        column[held] = np.arange(len(held))
        vectors = np.zeros((len(held) + 2, len(card.monomers)))
        for m, monomer in enumerate(card.monomers.values()):
            for symbol, count in monomer.formula.items():
                vectors[column[atomic_number(symbol)], m] = count
            vectors[-1, m] = monomer.charge
        if card.monomers and np.linalg.matrix_rank(vectors) < len(card.monomers):
            raise ModelError(
                f"the reference monomers {', '.join(card.monomers)} of the model's card are combinations of one "
                "another, so that a composition cannot be told from the atoms; use element_energies instead"
            )
        energies = np.array([m.energy for m in card.monomers.values()], float)
        by_charge = np.array([card.charge_energies.get(str(q), 0.0) for q in card.charges])
        return cls(allowed, tuple(card.elements), np.asarray(card.charges, np.int64), tuple(card.monomers),
                   column, vectors, np.linalg.pinv(vectors), energies, elements, by_charge)  # fmt: skip

    def check(self, clusters: Clusters) -> list[str]:
        """(B,) reasons why a structure may not be asked of the model; '' where it may."""
        b = len(clusters)
        failure = [""] * b
        structure = clusters.structure_of_atom
        bad = ~np.isfinite(clusters.positions).all(axis=1)
        for s in np.unique(structure[bad]):
            failure[s] = "nan: a coordinate is not a number"
        outside = (clusters.numbers < 1) | (clusters.numbers >= _LAST)
        foreign = outside | ~self.allowed[np.where(outside, 0, clusters.numbers)]
        for s in np.unique(structure[foreign]):
            from ase.data import chemical_symbols

            numbers = np.unique(clusters.numbers[clusters.atoms_of(s)][foreign[clusters.atoms_of(s)]])
            names = ", ".join(chemical_symbols[z] if 0 < z < _LAST else f"Z={z}" for z in numbers)
            failure[s] = f"element: the model was not trained on {names} (trained: {', '.join(self.symbols)})"
        for s in np.nonzero(~np.isin(clusters.charge, self.charges))[0]:
            trained = ", ".join(f"{q:+d}" if q else "0" for q in self.charges)
            failure[s] = (
                failure[s] or f"charge: the model was not trained on charge {clusters.charge[s]:+d} ({trained})"
            )
        for s in np.nonzero(clusters.natoms == 0)[0]:
            failure[s] = "empty: the structure has no atoms"
        return failure

    def reference(self, clusters: Clusters) -> tuple[np.ndarray, list[str]]:
        """(B,) eV to add to the prediction, and (B,) reasons where a structure is not made of the monomers."""
        b, failure = len(clusters), [""] * len(clusters)
        structure = clusters.structure_of_atom
        total = np.bincount(structure, weights=self.elements[clusters.numbers], minlength=b)
        total = total + (clusters.charge[:, None] == self.charges) @ self.by_charge
        if not len(self.energies):
            return total, failure
        k = len(self.vectors)
        flat = np.bincount(structure * k + self.column[clusters.numbers], minlength=b * k)
        counts = flat.reshape(b, k).astype(float)
        counts[:, -1] = clusters.charge
        whole = np.rint(counts @ self.inverse.T)
        wrong = np.abs(whole @ self.vectors.T - counts).max(axis=1) > 1e-9
        wrong |= (whole < 0).any(axis=1) & (clusters.charge == 0)  # an ion may be a neutral minus its counter-ion
        for s in np.nonzero(wrong)[0]:
            failure[s] = f"composition: not made of the model's reference monomers ({', '.join(self.names)})"
        return total + whole @ self.energies, failure
