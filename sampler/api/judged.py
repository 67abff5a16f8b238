"""What structures are once they have energies: molecules, binding energies, and how far they are from where they were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..clusters import Clusters
from ..columns import (
    BINDING_ENERGY,
    COMPOSITION,
    CONVERGED,
    EVALUATIONS,
    FATE,
    FATE_DETAIL,
    FMAX,
    IDENTITY,
    IDENTITY_DETAIL,
    NO_BINDING,
    RELATIVE_ENERGY,
    RMSD_TO_START,
    STATE,
    STATE_BEFORE,
    STEPS,
)
from ..composition import Composition
from ..monomers import MonomerLibrary
from ..units import KCAL_PER_MOL
from .chosen import compositions
from .energies import binding_or_why

_TEXTS = (STATE, IDENTITY, IDENTITY_DETAIL, FATE, FATE_DETAIL, NO_BINDING)
_VALUES = (BINDING_ENERGY, RELATIVE_ENERGY)
_RELAXED = (STATE_BEFORE, RMSD_TO_START, CONVERGED, STEPS, EVALUATIONS)


def judged(clusters: Clusters, start: Clusters, known: MonomerLibrary, relaxed: bool) -> Clusters:
    """The structures with the columns ``composition``, ``state``, ``identity`` (against what they were at the start),
    ``binding_energy_kcalmol``, ``no_binding_energy`` (why), ``relative_energy_kcalmol`` (within one composition) and
    ``fmax_eV_per_A``; of relaxed ones also ``state_before`` and ``rmsd_to_start_A``.

    Args:
        start: the same structures before.
    """
    made_of = compositions(start, known)
    made = _identified(clusters, made_of, known)
    binding, why = binding_or_why(made, made_of, known)
    named = np.array([one.name(known) if one is not None else "" for one in made_of], np.str_)
    columns: dict[str, Any] = {
        COMPOSITION: named, BINDING_ENERGY: binding, NO_BINDING: np.array(why, np.str_), RELATIVE_ENERGY: relative(made),
    }  # fmt: skip
    if relaxed:
        columns[STATE_BEFORE] = _identified(start, made_of, known).columns[STATE]
        columns[RMSD_TO_START] = moved(made, start)
    elif made.forces is not None:
        columns[FMAX] = largest_force(made)
    return made.with_columns(**columns)


def rows(clusters: Clusters) -> list[dict[str, Any]]:
    """One dict a structure, for JSON and csv; units are in the keys."""
    columns = clusters.columns
    more = [name for name in (*_VALUES, FMAX, *_RELAXED, *_TEXTS) if name in columns]
    return [
        {
            "id": str(clusters.ids[i]), "composition": str(columns[COMPOSITION][i]), "charge": int(clusters.charge[i]),
            "energy_eV": float(clusters.energy[i]), "level": clusters.level,
        } | {name: columns[name][i].item() for name in more}
        for i in range(len(clusters))
    ]  # fmt: skip


def relative(clusters: Clusters) -> np.ndarray:
    """(B,) kcal/mol above the lowest structure of the same atoms and charge."""
    kinds = np.array([f"{f} {q}" for f, q in zip(clusters.formulas, clusters.charge)], np.str_)
    found = np.full(len(clusters), np.nan)
    for kind in np.unique(kinds):
        chosen = (kinds == kind) & np.isfinite(clusters.energy)
        if chosen.any():
            found[chosen] = (clusters.energy[chosen] - clusters.energy[chosen].min()) / KCAL_PER_MOL
    return found


def moved(clusters: Clusters, start: Clusters) -> np.ndarray:
    """(B,) Å, RMSD to the start over rotations, mirror images and like atoms; NaN where there is no result."""
    from ..similarity.rmsd import permutation_rmsd

    found = np.full(len(clusters), np.nan)
    for i in np.flatnonzero(np.isfinite(clusters.energy)):
        atoms, z = clusters.atoms_of(i), clusters.numbers[clusters.atoms_of(i)]
        if np.isfinite(clusters.positions[atoms]).all():
            found[i] = permutation_rmsd(z, clusters.positions[atoms], z, start.positions[atoms]).rmsd
    return found


def largest_force(clusters: Clusters) -> np.ndarray:
    """(B,) eV/Å, the length of the largest force on an atom; NaN without forces."""
    assert clusters.forces is not None
    lengths = np.sqrt((clusters.forces**2).sum(1))
    spans = map(clusters.atoms_of, range(len(clusters)))
    return np.array([lengths[span].max() if span.stop > span.start else np.nan for span in spans], float)


def _identified(clusters: Clusters, made_of: Sequence[Composition | None], known: MonomerLibrary) -> Clusters:
    """With the columns of :func:`sampler.identify.identify`, each structure judged against its own composition."""
    from ..identify import identify

    names = (STATE, IDENTITY, IDENTITY_DETAIL)
    texts = {name: np.full(len(clusters), "", object) for name in names}
    for one in dict.fromkeys(made_of):
        chosen = np.array([other == one for other in made_of], bool)
        found = identify(clusters[chosen], one, known)
        for name in names:
            texts[name][chosen] = found.columns[name]
    return clusters.with_columns(**{name: values.astype(np.str_) for name, values in texts.items()})
