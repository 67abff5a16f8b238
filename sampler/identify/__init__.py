"""Identity of a cluster: which atom belongs to which molecule, its protonation state, and whether it is whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..clusters import Clusters
from ..columns import OTHER_STATES

if TYPE_CHECKING:
    from ..composition import Composition
    from ..monomers import MonomerLibrary
    from .assignment import Assignment

SEPARATOR = "; "
"""Between the labels of the column ``other_states``."""


def identify(clusters: Clusters, composition: Composition | None, library: MonomerLibrary) -> Clusters:
    """Say what every cluster of one composition has become.

    Heavy-atom skeletons are matched with the molecules of the composition, every hydrogen goes to its nearest heavy
    atom, and a molecule is named by its skeleton and its hydrogens. Each structure is judged alone, against the
    composition, never against the majority. Proton transfer is not damage.

    Args:
        composition: what the clusters were built from; None tries all molecules of the library.

    Returns:
        The clusters with the columns ``state`` (protonation label such as ``2 HSO4⁻ · 2 NH4⁺``; as good as can be for
        a broken one), ``identity`` (``intact``, ``reacted``: a covalent bond changed, ``evaporated``: not one connected
        cluster, or ``exploded``), ``identity_detail`` (what happened, '' if nothing), ``intact`` (bool) and
        ``shared_protons`` (how many lie midway between two molecules; their owner is a matter of definition). Where a
        proton lies so, or nearly, ``other_states`` holds the labels with it on the other side, separated by ``; ``: noise
        may make one of them the label, so that a comparison has to know them. Without such protons there is no such column.

    Raises:
        InputError: a structure does not consist of the atoms of the composition.
    """
    from . import bond_kernels as kernels
    from .assignment import assign_batch
    from .describe import label, molecules_of, other_labels, what_happened

    found = assign_batch(clusters, composition, library)
    state = [""] * len(clusters)
    labels: dict[bytes, str] = {}
    unusual: set[str] = set()
    for i in range(len(clusters)):
        start = int(clusters.ptr[i])
        kinds = slice(start, start + int(found.molecules[i]))
        if found.status[i] & (kernels.SKELETON | kernels.NOT_FINITE):
            state[i] = label(molecules_of(found, i, clusters.ptr, clusters.numbers), library)
            continue
        # structures with the same molecules share their label: most of a population differ in geometry alone
        key = np.sort(found.family[kinds] * 1000 + found.hydrogens[kinds]).tobytes()
        if key not in labels:
            molecules = molecules_of(found, i, clusters.ptr, clusters.numbers)
            labels[key] = label(molecules, library)
            if not all(m.known for m in molecules):
                unusual.add(labels[key])
        state[i] = labels[key]
    identity, detail = ["intact"] * len(clusters), [""] * len(clusters)
    for i in range(len(clusters)):
        if found.status[i] or state[i] in unusual:
            identity[i], detail[i] = what_happened(
                found, i, clusters.positions, clusters.numbers, clusters.ptr, composition, library
            )
    others = [""] * len(clusters)
    for i in np.unique(clusters.structure_of_atom[found.other >= 0]).tolist():
        if not found.status[i] & (kernels.SKELETON | kernels.NOT_FINITE):
            labels_there = other_labels(found, i, clusters.ptr, clusters.numbers, library)
            others[i] = SEPARATOR.join(sorted(labels_there - {state[i]}))
    if any(others) or OTHER_STATES in clusters.columns:
        clusters = clusters.with_columns(**{OTHER_STATES: np.asarray(others, dtype=np.str_)})
    identity_array = np.asarray(identity, dtype=np.str_)
    return clusters.with_columns(
        state=np.asarray(state, dtype=np.str_),
        identity=identity_array,
        identity_detail=np.asarray(detail, dtype=np.str_),
        intact=identity_array == "intact",
        shared_protons=found.shared,
    )


def assign(
    numbers: Sequence[int] | np.ndarray,
    positions: np.ndarray,
    composition: Composition | None,
    library: MonomerLibrary,
    charge: int = 0,
) -> Assignment:
    """Assign the atoms of one structure to molecules; see :func:`identify`.

    Args:
        numbers: (n,) atomic numbers. positions: (n, 3) Å.

    Raises:
        InputError: the atoms are not those of the composition.
    """
    from .assignment import Assignment, assign_batch
    from .describe import label, molecules_of, what_happened

    one = Clusters.make([np.asarray(positions, float)], [np.asarray(numbers)], charge=charge)
    found = assign_batch(one, composition, library)
    molecules = molecules_of(found, 0, one.ptr, one.numbers)
    identity, detail = what_happened(found, 0, one.positions, one.numbers, one.ptr, composition, library)
    return Assignment(
        molecule=found.molecule,
        owner=found.owner,
        names=tuple(m.name for m in molecules),
        families=tuple(m.family for m in molecules),
        fragment=found.fragment[: len(molecules)],
        state=label(molecules, library),
        identity=identity,
        detail=detail,
        shared_protons=int(found.shared[0]),
    )


def recognise(clusters: Clusters, library: MonomerLibrary) -> list[Composition | None]:
    """The composition of each structure, read off its molecules; None where a part is no molecule of the library.

    For structures that come without a name. The charge is that of the molecules found, so it can be compared with
    ``clusters.charge``.
    """
    from collections import Counter

    from ..composition import Composition
    from . import bond_kernels as kernels
    from .assignment import assign_batch

    found = assign_batch(clusters, None, library)
    broken = kernels.SKELETON | kernels.SITE | kernels.FREE_H | kernels.H2 | kernels.NOT_FINITE | kernels.OVERLAPPING
    made: list[Composition | None] = []
    for i in range(len(clusters)):
        start = int(clusters.ptr[i])
        kinds = slice(start, start + int(found.molecules[i]))
        family, n = found.family[kinds], found.hydrogens[kinds]
        if found.status[i] & broken or len(family) == 0:
            made.append(None)
            continue
        counts = Counter(int(f) for f in family)
        charge = int((n - found.templates.neutral[family]).sum())
        made.append(Composition(tuple((found.templates.families[f], counts[f]) for f in sorted(counts)), charge))
    return made
