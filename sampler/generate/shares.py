"""How many candidates each protonation state gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..composition import Composition, State, state_label
from ..errors import CompositionError, InputError
from ..monomers import MonomerLibrary

RULES = {
    "uniform": "every protonation state the same",
    "ions-first": "twice the share for every further pair of charges",
    "ions-only": "as many protonated bases as there can be, the other charges as small as that allows",
}
"""Name -> meaning of every rule."""


def state_weights(
    composition: Composition, library: MonomerLibrary, shares: str | Mapping[str, float] = "ions-first"
) -> list[tuple[State, float]]:
    """The states that take part, with weights that add to 1.

    A protonation state shares its weight evenly among the combinations of conformers that it has.

    Args:
        shares: one of :data:`RULES`, or a table {label: weight} such as {"2 HSO4⁻ · 2 NH4⁺": 3, "2 H2SO4 · 2 NH3": 1};
            what it does not name gets nothing.

    Raises:
        InputError: an unknown rule or label, a weight that is negative or not finite, or no weight above 0.
        CompositionError: the composition has no state at its charge.
    """
    states = composition.states(library)
    if not states:
        raise CompositionError(
            f"{composition.name(library)} has no protonation state with charge {composition.charge:+d}"
        )
    labels = [state_label(s.monomers, library) for s in states]
    if isinstance(shares, str):
        weight = _by_rule(shares, states, library)
    else:
        weight = _by_table(shares, labels)
    alike = {label: labels.count(label) for label in labels}
    per_state = np.array([w / alike[label] for w, label in zip(weight, labels)])
    taking = [(s, float(w / per_state.sum())) for s, w in zip(states, per_state) if w > 0]
    return taking


def heaviest(weighted: Sequence[tuple[State, float]], most: int) -> list[tuple[State, float]]:
    """At most so many of the states (one at least), those with the largest weights, in their order, with weights that add to 1."""
    if len(weighted) <= most:
        return list(weighted)
    order = np.argsort([-w for _, w in weighted], kind="stable")[: max(1, most)]
    kept = [weighted[i] for i in sorted(order.tolist())]
    total = sum(w for _, w in kept)
    return [(state, w / total) for state, w in kept]


def _by_rule(rule: str, states: Sequence[State], library: MonomerLibrary) -> np.ndarray:
    if rule not in RULES:
        raise InputError(f"shares {rule!r} is not a rule; known: {', '.join(RULES)}, or a table of label = weight")
    if rule == "uniform":
        return np.ones(len(states))
    if rule == "ions-first":
        return np.array([2.0 ** (sum(n * abs(library[m].charge) for m, n in s.monomers.items()) / 2) for s in states])
    keys = [_ionisation(s, library) for s in states]
    return np.array([float(key == max(keys)) for key in keys])


def _ionisation(state: State, library: MonomerLibrary) -> tuple[int, int, int]:
    """Protonated bases, then few protonated waters, then small charges: the larger, the more of an ion cluster."""
    ions = [(library[m], n) for m, n in state.monomers.items()]
    hydronium = {1: 3, 8: 1}
    bases = waters = square = 0
    for monomer, n in ions:
        square += n * monomer.charge**2
        if monomer.charge > 0 and dict(zip(*np.unique(monomer.numbers, return_counts=True))) == hydronium:
            waters += n
        elif monomer.charge > 0:
            bases += n
    return bases, -waters, -square


def _by_table(table: Mapping[str, float], labels: Sequence[str]) -> np.ndarray:
    unknown = [label for label in table if label not in labels]
    if unknown:
        known = "; ".join(dict.fromkeys(labels))
        raise InputError(f"shares name the protonation state {unknown[0]!r}, which is none of: {known}")
    weight = np.array([float(table.get(label, 0.0)) for label in labels])
    if not np.isfinite(weight).all() or (weight < 0).any() or not weight.any():
        raise InputError(f"shares need weights of 0 or more, at least one above 0; they are {dict(table)}")
    return weight


def apportion(shares: Sequence[float] | np.ndarray, n: int) -> np.ndarray:
    """Share n among the ``shares`` (largest remainders), at least one each while n allows; the heaviest come first.

    Returns: (len(shares),) int64 that add to n.
    """
    weights = np.asarray(shares, float)
    order = np.argsort(-weights, kind="stable")
    counts = np.zeros(len(weights), np.int64)
    if n <= len(weights):
        counts[order[:n]] = 1
        return counts
    quota = weights / weights.sum() * n
    counts = np.maximum(np.floor(quota).astype(np.int64), 1)
    while counts.sum() != n:
        over = counts.sum() > n
        # give where most is missing, take where most is too much, but never the last one
        gap = np.where(counts > 1, counts - quota, -np.inf) if over else quota - counts
        counts[np.argmax(gap)] += -1 if over else 1
    return counts
