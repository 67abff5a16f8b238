"""What a network learns from labels: binding energies and forces, direct or as a correction to a cheaper level."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from ...clusters import Clusters
from ...composition import Composition
from ...errors import InputError, LevelError
from ...levels import separated
from ...monomers import MonomerLibrary
from ...potentials import Potential
from ..labels.dataset import LabelSet, atom_references

if TYPE_CHECKING:
    from ...potentials.painn.card import ReferenceMonomer


class References(TypedDict, total=False):
    """What a model card says of the zero of its energies: monomers, or elements with charges."""

    monomers: dict[str, ReferenceMonomer]
    element_energies: dict[str, float]
    charge_energies: dict[str, float]


@dataclass(frozen=True)
class Targets:
    """Structures with the quantities to learn.

    Attributes:
        clusters: B structures of N atoms; their energies are not used.
        energy: (B,) eV. forces: (N, 3) eV/Å.
        references: as a model card holds them (:func:`card_references`): what was taken off ``energy``.
        level: of the labels. base: the cheaper level whose energies and forces were subtracted, '' if none.
        base_engine: the program that made these. digest: sha256 of the labels.
        has_forces: False where the labels have none; ``forces`` are then zeros that nothing may be compared with.
    """

    clusters: Clusters
    energy: np.ndarray
    forces: np.ndarray
    references: References
    level: str
    base: str
    digest: str
    has_forces: bool = True
    base_engine: str = ""

    def __len__(self) -> int:
        return len(self.clusters)

    def take(self, chosen: np.ndarray) -> tuple[Clusters, np.ndarray, np.ndarray]:
        """Structures, energies and forces of the indices ``chosen``."""
        c = self.clusters
        sizes = c.natoms[chosen]
        ends = np.cumsum(sizes)
        atoms = np.arange(ends[-1]) - np.repeat(ends - sizes, sizes) + np.repeat(c.ptr[:-1][chosen], sizes)
        part = Clusters(
            positions=c.positions[atoms], numbers=c.numbers[atoms], ptr=np.concatenate([[0], ends]).astype(np.int64),
            charge=c.charge[chosen], ids=c.ids[chosen], energy=np.full(len(chosen), np.nan),
        )  # fmt: skip
        return part, self.energy[chosen], self.forces[atoms]


def card_references(labels: LabelSet, library: MonomerLibrary) -> References:
    """What a model card needs to turn predictions into total energies: ``monomers``, or ``element_energies``.

    Monomers where a cluster's atoms tell how many of each there are (SA, AM, W); energies per element where they do
    not (a series of amines; acids and bases with their ions), with one energy of each charge, and the network then
    learns the rest.

    Raises:
        LevelError: the set names no monomer energies.
    """
    from ase.data import chemical_symbols

    from ...errors import ModelError
    from ...potentials.painn.card import ModelCard, ReferenceMonomer
    from ...potentials.painn.monomer_energies import Scope

    if not labels.references:
        raise LevelError("the labels name no monomer energies; binding energies need them (sampler data collect)")
    needed = {
        monomer
        for name in set(labels.compositions.tolist())
        for choice in separated(Composition.parse(name, library), library)
        for monomer in choice
    }
    formulas = {}
    for name in sorted(needed & set(labels.references)):
        z, n = np.unique(library[name].numbers, return_counts=True)
        formulas[name] = dict(zip(z.tolist(), n.tolist()))
    monomers = {
        name: ReferenceMonomer(
            {chemical_symbols[z]: n for z, n in formula.items()}, library[name].charge, labels.references[name]
        )
        for name, formula in formulas.items()
    }
    try:
        Scope.of(ModelCard(labels.level, (), monomers=monomers))
        return {"monomers": monomers}
    except ModelError:
        return _by_element({name: labels.references[name] for name in formulas}, formulas, library)


def _by_element(energies: dict[str, float], formulas: dict[str, dict[int, int]], library: MonomerLibrary) -> References:
    """Energies of elements from the neutral monomers, and of each charge from what they leave of the ions."""
    from ase.data import chemical_symbols

    held = {z for formula in formulas.values() for z in formula}
    neutral = [name for name in formulas if not library[name].charge]
    if {z for name in neutral for z in formulas[name]} != held:
        neutral = list(formulas)  # ions alone hold an element
    table = atom_references({name: energies[name] for name in neutral}, {name: formulas[name] for name in neutral})
    rest: dict[str, list[float]] = {}
    for name, formula in formulas.items():
        if library[name].charge:
            whole = sum(table[z] * n for z, n in formula.items())
            rest.setdefault(str(library[name].charge), []).append(energies[name] - whole)
    return {
        "element_energies": {chemical_symbols[z]: float(table[z]) for z in np.flatnonzero(table)},
        "charge_energies": {charge: float(np.mean(left)) for charge, left in sorted(rest.items())},
    }


def direct_targets(labels: LabelSet, library: MonomerLibrary, energies_only: bool = False) -> Targets:
    """Energies minus those of the monomers (see :func:`card_references`), and forces.

    Args:
        energies_only: labels without forces will do, for a loss that has no term of them (``energy_share`` = 1).

    Raises:
        LevelError: the set holds no monomer references, or a cluster of other molecules.
        InputError: no forces.
    """
    from ...potentials.painn.card import ModelCard
    from ...potentials.painn.monomer_energies import Scope

    _require_forces(labels, energies_only)
    references = card_references(labels, library)
    charges = tuple(np.unique(labels.clusters.charge).tolist())
    offset, failure = Scope.of(ModelCard(labels.level, (), charges, **references)).reference(labels.clusters)
    wrong = [i for i, reason in enumerate(failure) if reason]
    if wrong:
        raise LevelError(f"structure {labels.clusters.ids[wrong[0]]}: {failure[wrong[0]]}")
    c = labels.clusters
    forces = np.zeros(c.positions.shape) if c.forces is None else c.forces
    energy, known = c.energy - offset, c.forces is not None
    return Targets(c, energy, forces, references, labels.level, "", labels.digest(), known)


def _require_forces(labels: LabelSet, energies_only: bool) -> None:
    if labels.clusters.forces is None and not energies_only:
        raise InputError("the labels hold no forces; training needs them, unless its loss is of energies alone")


def delta_targets(labels: LabelSet, base: Potential, library: MonomerLibrary, energies_only: bool = False) -> Targets:
    """The difference of ``labels`` and the cheaper ``base``, each against its own monomers.

    The base is evaluated at the labelled structures; structures that it fails on are left out.

    Args:
        energies_only: see :func:`direct_targets`.

    Raises:
        LevelError: ``base`` is of the level of the labels.
        InputError: no forces, or the base failed on every structure.
    """
    from ..labels.provenance import describe

    if base.level == labels.level:
        raise LevelError(
            f"labels and base are both {base.level}; the difference of a level with itself teaches nothing"
        )
    _require_forces(labels, energies_only)
    with_forces = labels.clusters.forces is not None
    low = base.evaluate(labels.clusters, with_forces)
    good = np.isfinite(low.energy)
    if not good.any():
        raise InputError(f"{base.level} failed on every structure: {low.failure[0]}")
    names = sorted(labels.references)
    monomers = Clusters.make(
        [library[n].conformers[0].positions for n in names], [library[n].numbers for n in names],
        charge=[library[n].charge for n in names],
    )  # fmt: skip
    # at the library's geometries, not at minima of the base: this only shifts the zero of what is learnt
    energies = base.evaluate(monomers, forces=False).energy
    difference = {n: labels.references[n] - float(e) for n, e in zip(names, energies)}
    forces = labels.clusters.forces - low.needed_forces if labels.clusters.forces is not None else None
    c = labels.clusters.replace(energy=labels.clusters.energy - low.energy, forces=forces)[good]
    made = direct_targets(LabelSet(c, difference, labels.engine), library, energies_only)
    return replace(made, base=base.level, base_engine=describe(base)["engine"], digest=labels.digest())
