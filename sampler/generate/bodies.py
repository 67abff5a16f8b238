"""A cluster taken apart into its molecules as they are, for moves that keep them whole.

Unlike the packings of :mod:`sampler.generate.rigid`, which use the library's geometries, the molecules here keep the
geometry and the protonation that they have in a relaxed cluster; charges and Lennard-Jones parameters come from the
library.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..clusters import Clusters
from ..composition import Composition, Form
from ..monomers import Monomer, MonomerLibrary
from .handedness import one_handed
from .rigid import RigidSystem, parameters_of, radius, surface_parameters

_BOUND = 1.9  # Å, S–O and N–O that are bonds
_EXCHANGED = 0.5  # Å, root mean square distance of the oxygens after their exchange


@dataclass(frozen=True)
class Bodies:
    """M whole molecules of n atoms in all, at fixed places.

    Attributes:
        numbers: (n,) atomic numbers. positions: (n, 3) Å.
        ptr: (M + 1,) molecule m has the atoms ``ptr[m]:ptr[m+1]``.
        names: (M,) monomer in the library. charges: (M,) e.
        parameters: (n, 4) of the rigid surface (:func:`.rigid.parameters_of`).
        held_by: (n,) the atom a hydrogen is bonded to; a heavy atom: itself.
        one_handed: (M,) bool, molecules whose mirror image is another molecule (:mod:`.handedness`).
    """

    numbers: np.ndarray
    positions: np.ndarray
    ptr: np.ndarray
    names: tuple[str, ...]
    charges: np.ndarray
    parameters: np.ndarray
    held_by: np.ndarray
    one_handed: np.ndarray

    @property
    def molecules(self) -> int:
        return len(self.names)

    @property
    def charge(self) -> int:
        return int(self.charges.sum())

    @property
    def molecule_of_atom(self) -> np.ndarray:
        """(n,) index of the molecule of each atom."""
        return np.repeat(np.arange(self.molecules), np.diff(self.ptr))

    def centres(self) -> np.ndarray:
        """(M, 3) Å, mean position of each molecule's atoms."""
        return np.add.reduceat(self.positions, self.ptr[:-1], axis=0) / np.diff(self.ptr)[:, None]

    @cached_property
    def exchanges(self) -> list[list[tuple[np.ndarray, np.ndarray]]]:
        """Of each molecule the (centre, rotation) that :func:`exchanges_of` finds."""
        bounds = zip(self.ptr, self.ptr[1:])
        return [exchanges_of(self.numbers[i:j], self.positions[i:j], self.held_by[i:j] - i) for i, j in bounds]

    def take(self, molecules: Sequence[int] | np.ndarray) -> Bodies:
        """These molecules alone, in this order."""
        molecules = np.asarray(molecules, int)
        sizes = np.diff(self.ptr)[molecules]
        ptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        shift = np.repeat(self.ptr[:-1][molecules] - ptr[:-1], sizes)
        atoms = np.arange(ptr[-1]) + shift
        return Bodies(
            self.numbers[atoms], self.positions[atoms], ptr, tuple(self.names[m] for m in molecules),
            self.charges[molecules], self.parameters[atoms], self.held_by[atoms] - shift, self.one_handed[molecules],
        )  # fmt: skip

    def without(self, molecules: Sequence[int] | np.ndarray) -> Bodies:
        return self.take(np.setdiff1d(np.arange(self.molecules), molecules))

    def at(self, positions: np.ndarray) -> Bodies:
        """The same molecules at other positions (n, 3) Å."""
        return Bodies(
            self.numbers, positions, self.ptr, self.names, self.charges, self.parameters, self.held_by, self.one_handed
        )  # fmt: skip

    @classmethod
    def join(cls, parts: Sequence[Bodies]) -> Bodies:
        """One cluster of all molecules of ``parts``, in their order."""
        offsets = np.cumsum([0] + [len(p.numbers) for p in parts])
        return cls(
            np.concatenate([p.numbers for p in parts]),
            np.concatenate([p.positions for p in parts]),
            np.concatenate([[0], *(p.ptr[1:] + o for p, o in zip(parts, offsets))]).astype(np.int64),
            sum((p.names for p in parts), ()),
            np.concatenate([p.charges for p in parts]),
            np.concatenate([p.parameters for p in parts]),
            np.concatenate([p.held_by + o for p, o in zip(parts, offsets)]),
            np.concatenate([p.one_handed for p in parts]),
        )

    def system(self, rigid: Sequence[Sequence[int]] | None = None, kinds: Sequence[str] | None = None) -> RigidSystem:
        """The Coulomb + Lennard-Jones surface of these molecules.

        Args:
            rigid: groups of molecules, each moving as one rigid body; the groups must list the molecules in order.
                By default each molecule is one.
            kinds: of each group; those of one kind count as alike. By default no two are alike.
        """
        groups = rigid if rigid is not None else [[m] for m in range(self.molecules)]
        ends = [self.ptr[group[-1] + 1] for group in groups]
        ptr = np.concatenate([[0], ends]).astype(np.int64)
        centre = np.add.reduceat(self.positions, ptr[:-1], axis=0) / np.diff(ptr)[:, None]
        local = self.positions - np.repeat(centre, np.diff(ptr), axis=0)
        repulsion, dispersion, coulomb = surface_parameters(self.numbers, self.parameters)
        r = radius(self.numbers)
        spread = np.sqrt(np.add.reduceat((local**2).sum(1), ptr[:-1]) / np.diff(ptr))
        return RigidSystem(
            numbers=self.numbers,
            charge=self.charge,
            ptr=ptr,
            local=np.ascontiguousarray(local),
            kind=np.arange(len(groups)) if kinds is None else np.unique(kinds, return_inverse=True)[1],
            scale=np.maximum(spread, 0.5),
            volume=np.add.reduceat(4.0 / 3.0 * np.pi * r**3, ptr[:-1]) * 0.6,  # spheres overlap within molecules
            repulsion=repulsion,
            dispersion=dispersion,
            coulomb=coulomb,
            contact=0.8 * (r[:, None] + r[None]),
            one_handed=np.array([self.one_handed[list(group)].any() for group in groups], bool),
        )


def exchanges_of(numbers: np.ndarray, x: np.ndarray, held_by: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """(centre, rotation) of a molecule that exchange the oxygens around its central atom; the first one does nothing.

    Of a molecule without hydroxyl, or without two more oxygens on the same atom, that is all.
    """
    still = [(np.zeros(3), np.eye(3))]
    oxygens = np.flatnonzero(numbers == 8)
    hydroxyl = np.intersect1d(held_by[numbers == 1], oxygens)
    if not len(hydroxyl) or len(oxygens) < 3:
        return still
    others = np.flatnonzero((numbers != 8) & (numbers != 1))
    if not len(others):
        return still
    centre = x[others[np.linalg.norm(x[others] - x[hydroxyl[0]], axis=1).argmin()]]
    ring = oxygens[np.linalg.norm(x[oxygens] - centre, axis=1) < _BOUND]
    if len(ring) < 3:
        return still
    from scipy.spatial.transform import Rotation

    arm, found = x[ring] - centre, still
    for order in itertools.permutations(range(len(ring))):
        rotation, distance = Rotation.align_vectors(arm[list(order)], arm)
        if order != tuple(range(len(ring))) and distance < _EXCHANGED * np.sqrt(len(ring)):
            found = [*found, (centre, rotation.as_matrix())]
    return found


class Kinds:
    """What the molecules of a library look like to :func:`take_apart`: parameters by the place in the molecule."""

    def __init__(self, library: MonomerLibrary):
        self.library = library
        self._known: dict[str, dict[int, np.ndarray]] = {}

    def parameters(self, monomer: Monomer, colours: np.ndarray) -> np.ndarray | None:
        """(n, 4) parameters for atoms with these colours; None where a colour does not occur in the monomer."""
        if monomer.name not in self._known:
            bonded = np.zeros((len(monomer.numbers),) * 2, bool)
            bonded[monomer.bonds[:, 0], monomer.bonds[:, 1]] = bonded[monomer.bonds[:, 1], monomer.bonds[:, 0]] = True
            table = parameters_of(monomer, self.library.surface)
            own = _colours(monomer.numbers, bonded)
            # atoms that the bond graph cannot tell apart get the mean of their parameters
            self._known[monomer.name] = {int(c): table[own == c].mean(0) for c in np.unique(own)}
        known = self._known[monomer.name]
        if not all(int(c) in known for c in colours):
            return None
        return np.array([known[int(c)] for c in colours])


def take_apart(clusters: Clusters, composition: Composition, kinds: Kinds) -> list[Bodies | None]:
    """The molecules of each structure, protonated as :func:`sampler.identify.identify` finds them.

    None for a structure that is not intact, or that holds an ion the library does not have (such as H3SO4⁺).

    Raises:
        InputError: a structure does not consist of the atoms of the composition.
    """
    from ..identify.assignment import assign_batch

    found = assign_batch(clusters, composition, kinds.library)
    return [_one(found, i, clusters, kinds) for i in range(len(clusters))]


def _one(found, i: int, clusters: Clusters, kinds: Kinds) -> Bodies | None:
    from ..identify import radii

    if found.status[i]:
        return None
    atoms = clusters.atoms_of(i)
    numbers, positions = clusters.numbers[atoms], clusters.positions[atoms]
    molecule, owner = found.molecule[atoms], found.owner[atoms]
    bonding = radii.bonding()
    order, parameters, names, charges, hands = [], [], [], [], []
    for m in range(int(found.molecules[i])):
        key = int(found.family[atoms][m]), int(found.hydrogens[atoms][m])
        monomer = found.templates.members.get(key)
        if monomer is None:
            return None
        mine = np.flatnonzero(molecule == m)
        x, z = positions[mine], numbers[mine]
        heavy = z != 1
        reach = radii.HEAVY_BOND[0] * (bonding[z][:, None] + bonding[z][None])
        bonded = (np.linalg.norm(x[:, None] - x[None], axis=-1) < reach) & heavy[:, None] & heavy[None]
        np.fill_diagonal(bonded, False)
        place = {int(a): k for k, a in enumerate(mine)}
        for k in np.flatnonzero(~heavy):
            bonded[k, place[int(owner[mine[k]])]] = bonded[place[int(owner[mine[k]])], k] = True
        table = kinds.parameters(monomer, _colours(z, bonded))
        if table is None:
            return None
        order.append(mine)
        parameters.append(table)
        names.append(monomer.name)
        charges.append(monomer.charge)
        hands.append(one_handed(monomer))
    line = np.concatenate(order)
    back = np.empty(len(line), np.int64)
    back[line] = np.arange(len(line))
    return Bodies(
        numbers[line], positions[line], np.concatenate([[0], np.cumsum([len(o) for o in order])]).astype(np.int64),
        tuple(names), np.array(charges, np.int64), np.concatenate(parameters), back[owner[line]], np.array(hands, bool),
    )  # fmt: skip


def from_library(form: Form, library: MonomerLibrary) -> Bodies:
    """One molecule of the library, in one of its conformers, about the origin."""
    monomer = library[form.monomer]
    n = len(monomer.numbers)
    held_by = np.arange(n)
    for a, b in monomer.bonds:
        for h, other in ((a, b), (b, a)):
            if monomer.numbers[h] == 1:
                held_by[h] = other
    x = monomer.conformers[form.conformer].positions
    return Bodies(
        monomer.numbers, x - x.mean(0), np.array([0, n]), (monomer.name,), np.array([monomer.charge]),
        parameters_of(monomer, library.surface), held_by, np.array([one_handed(monomer)]),
    )  # fmt: skip


def _colours(numbers: np.ndarray, bonded: np.ndarray) -> np.ndarray:
    from ..identify.bond_kernels import colours

    return colours(np.ascontiguousarray(numbers, np.int64), bonded)
