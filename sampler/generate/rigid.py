"""Rigid molecules on the Coulomb + Lennard-Jones surface: what moves, what it costs, and its minimisation.

A :class:`RigidSystem` is fixed by the protonation state; :class:`Poses` hold where the molecules of B candidates
are. Everything works on all candidates at once; the loops are compiled (numba).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import units
from ..composition import State
from ..errors import MonomerError
from ..monomers import Monomer, MonomerLibrary
from . import fitted
from .handedness import one_handed

# van der Waals radii, Å: Alvarez 2013, DOI 10.1039/C3DT50599E, shrunk below; H: Rowland & Taylor 1996,
# DOI 10.1021/jp953141+; the others Bondi 1964, DOI 10.1021/j100785a001
_RADIUS = {1: 1.10, 6: 1.70, 7: 1.55, 8: 1.52, 9: 1.47, 14: 2.10, 15: 1.80, 16: 1.80, 17: 1.75, 35: 1.85, 53: 1.98}
_CLOSEST_H, _CLOSEST_HEAVY = 1.30, 2.10


def radius(numbers: np.ndarray) -> np.ndarray:
    """(n,) van der Waals radii in Å; elements without an entry get 2.0 Å."""
    return np.array([_RADIUS.get(int(z), 2.0) for z in numbers])


@dataclass(frozen=True)
class RigidSystem:
    """M rigid molecules with N atoms in all: one protonation state, atoms in the order of the state's molecules.

    Attributes:
        numbers: (N,) atomic numbers. charge: total charge, e.
        ptr: (M + 1,) atoms ``ptr[m]:ptr[m+1]`` belong to molecule m.
        local: (N, 3) Å, positions about the centre of mass of each molecule.
        kind: (M,) which molecules are alike (same monomer and conformer).
        scale: (M,) Å, root mean square distance of the atoms from the centre: what a rotation is worth in length.
        volume: (M,) Å³, volume inside the van der Waals radii.
        repulsion, dispersion, coulomb: (N, N) a [eV Å¹²], b [eV Å⁶], c [eV Å] of a/r¹² − b/r⁶ + c/r.
        contact: (N, N) Å, the nearest two atoms of different molecules are packed.
        one_handed: (M,) bool, molecules whose mirror image is another molecule (:mod:`.handedness`).
    """

    numbers: np.ndarray
    charge: int
    ptr: np.ndarray
    local: np.ndarray
    kind: np.ndarray
    scale: np.ndarray
    volume: np.ndarray
    repulsion: np.ndarray
    dispersion: np.ndarray
    coulomb: np.ndarray
    contact: np.ndarray
    one_handed: np.ndarray

    @classmethod
    def build(cls, state: State, library: MonomerLibrary) -> RigidSystem:
        """The rigid molecules of a protonation state, in its order.

        The surface is Σ qᵢqⱼ/r + 4ε[(σ/r)¹² − (σ/r)⁶] over atoms of different molecules, σ and ε mixed by the
        rules of Lorentz and Berthelot. Where a pair attracts electrically and its own repulsion could not hold it
        (hydrogens without Lennard-Jones parameters are usual), a/r¹² is raised so that the two atoms alone would
        rest no nearer than 1.30 Å (2.10 Å between heavy atoms): a point charge never falls into another. Where all
        molecules have parameters that were fitted to relaxed clusters, a, b and c are those (:mod:`.fitted`).

        Raises:
            MonomerError: the state names a conformer that the library does not have.
        """
        forms = state.forms()
        for form in forms:
            if form.conformer >= len(library[form.monomer].conformers):
                raise MonomerError(f"{form.monomer} has no conformer number {form.conformer}")
        monomers = [library[form.monomer] for form in forms]
        shapes = [m.conformers[f.conformer].positions for m, f in zip(monomers, forms)]
        sizes = np.array([len(m.numbers) for m in monomers])
        numbers = np.concatenate([m.numbers for m in monomers])
        centred = [x - _mass_centre(x, m.numbers) for x, m in zip(shapes, monomers)]
        order = {form: k for k, form in enumerate(dict.fromkeys(forms))}
        volumes = {form: _volume(x, m.numbers) for form, x, m in zip(forms, centred, monomers)}
        repulsion, dispersion, coulomb = surface_parameters(
            numbers, np.concatenate([parameters_of(m, library.surface) for m in monomers])
        )
        r = radius(numbers)
        return cls(
            numbers=numbers,
            charge=sum(m.charge for m in monomers),
            ptr=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            local=np.ascontiguousarray(np.concatenate(centred)),
            kind=np.array([order[form] for form in forms]),
            scale=np.array([max(0.5, np.sqrt((x**2).sum(1).mean())) for x in centred]),
            volume=np.array([volumes[form] for form in forms]),
            repulsion=repulsion,
            dispersion=dispersion,
            coulomb=coulomb,
            contact=0.8 * (r[:, None] + r[None]),
            one_handed=np.array([one_handed(m) for m in monomers], bool),
        )

    def hands(self, drawn: np.ndarray) -> np.ndarray:
        """(B, M) handedness as drawn, and +1 for molecules of one hand."""
        return np.where(self.one_handed, 1.0, drawn)

    @property
    def molecules(self) -> int:
        return len(self.ptr) - 1

    @property
    def molecule_of_atom(self) -> np.ndarray:
        """(N,) index of the molecule each atom belongs to."""
        return np.repeat(np.arange(self.molecules), np.diff(self.ptr))


@dataclass(frozen=True)
class Poses:
    """Where the M molecules of B candidates are: atom = translation + handedness · R(quaternion) · local.

    Attributes:
        translations: (B, M, 3) Å. quaternions: (B, M, 4), unit, scalar first.
        handedness: (B, M) ±1; −1 is the mirror image of the library's geometry (all its distances are the same).
    """

    translations: np.ndarray
    quaternions: np.ndarray
    handedness: np.ndarray

    def __len__(self) -> int:
        return len(self.translations)

    def __getitem__(self, key) -> Poses:
        return Poses(self.translations[key], self.quaternions[key], self.handedness[key])

    @classmethod
    def concatenate(cls, parts: list[Poses]) -> Poses:
        names = ("translations", "quaternions", "handedness")
        return cls(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))


@dataclass(frozen=True)
class Minimised:
    """Poses at (near) minima of the rigid surface.

    Attributes:
        energy: (B,) eV. largest: (B,) eV/Å, the largest force or scaled torque on a molecule.
        evaluations: (B,) how often the surface was evaluated.
    """

    poses: Poses
    energy: np.ndarray
    largest: np.ndarray
    evaluations: np.ndarray


def rotation_matrices(quaternions: np.ndarray) -> np.ndarray:
    """(…, 4) unit quaternions, scalar first -> (…, 3, 3)."""
    w, x, y, z = np.moveaxis(quaternions, -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def random_quaternions(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """(*shape, 4) uniformly distributed orientations."""
    q = rng.standard_normal((*shape, 4))
    return q / np.linalg.norm(q, axis=-1, keepdims=True)


def coordinates(system: RigidSystem, poses: Poses) -> np.ndarray:
    """(B, N, 3) Å, the atoms of every candidate."""
    of = system.molecule_of_atom
    turned = rotation_matrices(poses.quaternions) * poses.handedness[..., None, None]
    return np.einsum("bnij,nj->bni", turned[:, of], system.local) + poses.translations[:, of]


def evaluate(system: RigidSystem, poses: Poses) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The surface: energy (B,) eV, force (B, M, 3) eV/Å and torque (B, M, 3) eV about each molecule's centre."""
    from . import rigid_kernels as _kernels

    energy, gradient = _kernels.gradients(0, *_arguments(system, poses, 0, 0.0, 0.0))
    return energy, -gradient[..., :3], -gradient[..., 3:] * system.scale[:, None]


def molecule_energies(system: RigidSystem, poses: Poses) -> np.ndarray:
    """(B, M) eV, the interaction of every molecule with all others; half their sum is the energy."""
    from . import rigid_kernels as _kernels

    local, ptr, _, pairs, _, _, *turns = _arguments(system, poses, 0, 0.0, 0.0)
    return _kernels.molecule_energies(local, ptr, pairs, *turns)


def minimise(system: RigidSystem, poses: Poses, *, fmax: float = 0.01, max_evaluations: int = 1000) -> Minimised:
    """Bring every candidate to the nearest minimum of the rigid surface (L-BFGS, each on its own).

    Args:
        fmax: eV/Å; the largest force, and torque divided by the molecule's ``scale``, at the end.
        max_evaluations: of the surface, per candidate.
    """
    return _descend(0, system, poses, 0.0, 0.0, fmax, max_evaluations)


def separate(system: RigidSystem, poses: Poses, wall: float = np.inf) -> Minimised:
    """Push overlapping molecules apart, keeping their centres within ``wall`` Å of the origin.

    The energy of the result, in Å², is Σ ½ (contact − r)² over the atoms that still overlap, and the same for centres
    beyond the wall.
    """
    return _descend(1, system, poses, wall, 1.0, 0.02, 150)


def _descend(kind, system, poses, wall, stiffness, fmax, max_evaluations) -> Minimised:
    from . import rigid_kernels as _kernels

    poses = Poses(poses.translations.copy(), poses.quaternions.copy(), poses.handedness)
    energy, largest, evaluations = _kernels.minimise(
        kind, *_arguments(system, poses, kind, wall, stiffness), fmax, max_evaluations, 0.5
    )
    return Minimised(poses, energy, largest, evaluations)


def _arguments(system: RigidSystem, poses: Poses, kind: int, wall: float, stiffness: float) -> tuple:
    surface = (system.repulsion, system.dispersion, system.coulomb) if kind == 0 else (system.contact,) * 3
    turns = (poses.translations, poses.quaternions, poses.handedness.astype(float))
    return (system.local, system.ptr, system.scale, surface, float(wall), float(stiffness), *turns)


def parameters_of(monomer: Monomer, surface: str) -> np.ndarray:
    """(n, 4): charge (e), σ (Å), ε (eV), and the type of each atom on this fitted surface, −1 without."""
    types = fitted.marks(surface, monomer.name, len(monomer.numbers))
    return np.column_stack([monomer.surface_charges, monomer.sigma, monomer.epsilon, types])


def surface_parameters(numbers: np.ndarray, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """a, b, c of every pair of atoms; see :meth:`RigidSystem.build`.

    Args:
        parameters: (N, 4) as :func:`parameters_of` gives them. Where all atoms have a type, the fitted values are taken: the
            two kinds of charges do not mix.
    """
    charges, sigma, epsilon, types = parameters.T
    if (types >= 0).all():
        return fitted.pairs(types.astype(int))
    coulomb = units.COULOMB * charges[:, None] * charges[None]
    depth = 4.0 * np.sqrt(epsilon[:, None] * epsilon[None])
    sixth = (0.5 * (sigma[:, None] + sigma[None])) ** 6
    hydrogen = (numbers[:, None] == 1) | (numbers[None] == 1)
    closest = np.where(hydrogen, _CLOSEST_H, _CLOSEST_HEAVY)
    # c/r + a/r¹² is stationary where 12 a = −c r¹¹
    needed = np.maximum(-coulomb, 0.0) * closest**11 / 12.0
    return np.maximum(depth * sixth**2, needed), depth * sixth, coulomb


def _mass_centre(positions: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    from ase.data import atomic_masses

    return np.average(positions, axis=0, weights=atomic_masses[numbers])


def _volume(positions: np.ndarray, numbers: np.ndarray, spacing: float = 0.25) -> float:
    """Å³ inside the union of the van der Waals spheres, counted on a grid."""
    r = radius(numbers)
    low, high = (positions - r[:, None]).min(0), (positions + r[:, None]).max(0)
    axes = [np.arange(a, b + spacing, spacing) for a, b in zip(low, high)]
    inside = np.zeros([len(axis) for axis in axes], bool)
    for x, d in zip(positions, r):
        u, v, w = ((axis - c) ** 2 for axis, c in zip(axes, x))
        inside |= u[:, None, None] + v[:, None] + w < d * d
    return float(inside.sum() * spacing**3)
