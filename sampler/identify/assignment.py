"""Which atom belongs to which molecule, and what became of a cluster."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from ..clusters import Clusters
from ..composition import Composition
from ..errors import InputError
from ..monomers import MonomerLibrary
from . import radii
from .templates import Templates


@dataclass(frozen=True)
class BatchAssignment:
    """The assignment of B structures with N atoms; the order of atoms is that of the input.

    Attributes:
        molecule: (N,) molecule of each atom, counted within its structure; -1 for a free H, for H2, or where the
            structure cannot be judged.
        owner: (N,) index within the structure of the heavy atom that holds the hydrogen (a heavy atom: itself), or -1.
        molecules: (B,) number of molecules, fragments of broken ones included.
        family, hydrogens, fragment: (N,) per molecule: entry ``ptr[b] + m`` is molecule m of structure b. Family is -1
            where the skeleton is none of the composition's; fragment numbers the connected parts of the cluster.
        status: (B,) bits of :mod:`sampler.identify.bond_kernels`.
        shared: (B,) protons that lie midway between two molecules.
        other: (N,) the molecule that a proton would belong to if it lay a little elsewhere (shared or nearly so), or -1.
        lean: (N,) by how much its two distances differ, in sums of covalent radii; infinite where ``other`` is -1.
        gap: (B,) Å between the parts of a cluster that is not connected, else 0.
        templates: the families that ``family`` counts.
    """

    molecule: np.ndarray
    owner: np.ndarray
    molecules: np.ndarray
    family: np.ndarray
    hydrogens: np.ndarray
    fragment: np.ndarray
    status: np.ndarray
    shared: np.ndarray
    gap: np.ndarray
    other: np.ndarray
    lean: np.ndarray
    templates: Templates


@dataclass(frozen=True)
class Assignment:
    """The assignment of one structure of n atoms with m molecules.

    Attributes:
        molecule: (n,) molecule of each atom, -1 for a free H, for H2, or where the structure cannot be judged.
        owner: (n,) the heavy atom that holds the hydrogen (a heavy atom: itself), or -1.
        names: (m,) name in the library (``b`` for HSO4⁻), or the formula where the library has no such molecule.
        families: (m,) family, '' for a fragment that is none of them.
        fragment: (m,) which connected part of the cluster the molecule is in.
        state: protonation label. identity: ``intact``, ``reacted``, ``evaporated`` or ``exploded``.
        detail: what happened, '' if intact. shared_protons: protons midway between two molecules.
    """

    molecule: np.ndarray
    owner: np.ndarray
    names: tuple[str, ...]
    families: tuple[str, ...]
    fragment: np.ndarray
    state: str
    identity: str
    detail: str
    shared_protons: int

    @property
    def intact(self) -> bool:
        return self.identity == "intact"


def assign_batch(clusters: Clusters, composition: Composition | None, library: MonomerLibrary) -> BatchAssignment:
    """Assign every atom of every structure; ``composition=None`` tries all families of the library.

    Raises:
        InputError: a structure does not consist of the atoms of the composition.
    """
    from . import bond_kernels as kernels

    if composition is not None:
        check_atoms(clusters, composition, library)
    templates = Templates.build(library, composition)
    results = kernels.assign_all(
        np.ascontiguousarray(clusters.positions, float),
        np.ascontiguousarray(clusters.numbers, np.int64),
        np.ascontiguousarray(clusters.ptr, np.int64),
        radii.covalent(),
        radii.bonding(),
        radii.van_der_waals(),
        np.asarray(radii.HEAVY_BOND),
        radii.FREE_HYDROGEN,
        radii.SHARED_PROTON,
        radii.NEARLY_SHARED,
        radii.OVERLAP,
        radii.CONTACT,
        templates.invariant,
        templates.capacity,
        templates.neutral,
        templates.low,
        templates.high,
        templates.site_ptr,
        templates.site_colour,
        templates.site_low,
        templates.site_high,
        templates.bonds,
    )
    owner, molecule, other, lean, family, hydrogens, fragment, molecules, status, shared, gap = results
    return BatchAssignment(
        molecule, owner, molecules, family, hydrogens, fragment, status, shared, gap, other, lean, templates
    )


def check_atoms(clusters: Clusters, composition: Composition, library: MonomerLibrary) -> None:
    """Raise InputError unless every structure consists of the atoms of the composition."""
    from ase.data import chemical_symbols

    wanted = composition.atoms(library)
    right = clusters.natoms == sum(wanted.values())
    for z, n in wanted.items():
        if len(clusters):
            held = np.concatenate([[0], np.cumsum(clusters.numbers == z)])
            right &= np.diff(held[clusters.ptr]) == n
    if not right.all():
        i = int(np.flatnonzero(~right)[0])
        has = Counter(chemical_symbols[z] for z in clusters.numbers[clusters.atoms_of(i)])
        needs = {chemical_symbols[z]: n for z, n in wanted.items()}
        text = lambda counts: " ".join(f"{s}{counts[s]}" for s in sorted(counts))  # noqa: E731
        raise InputError(
            f"structure {clusters.ids[i]} consists of {text(has)}, but {composition.name(library)} of {text(needs)} "
            f"({int((~right).sum())} of {len(clusters)} structures do not fit); give the right composition or charge"
        )
