"""Hessians by central differences of forces, in batches, and the harmonic normal modes they give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..clusters import Clusters
from ..errors import InputError
from ..potentials.base import Potential
from ..units import CM1_PER_SQRT_EV_PER_AMU_ANGSTROM2

_LINEAR = 1e-4  # smallest over largest moment of inertia below which a molecule counts as linear
_NO_ROTOR = 0.05  # amu Å²; its rotational constant, 337 cm⁻¹, is above kT, and no bent molecule has one above 80 cm⁻¹


@dataclass(frozen=True)
class Hessians:
    """The Hessians of B structures.

    Attributes:
        matrices: B entries, (3n, 3n) eV/Å², symmetric; filled with NaN where the potential failed.
        failure: (B,) str, '' or the first reason of the potential.
        fmax: (B,) eV/Å, largest force at the undisplaced geometry: harmonic frequencies mean something at 0 only.
        energy: (B,) eV at the undisplaced geometry.
        asymmetry: (B,) eV/Å², largest element of H − Hᵀ before symmetrisation: the numerical noise.
        level: of the potential.
    """

    matrices: tuple[np.ndarray, ...]
    failure: np.ndarray
    fmax: np.ndarray
    energy: np.ndarray
    asymmetry: np.ndarray
    level: str


def hessians(clusters: Clusters, potential: Potential, step: float = 0.005, batch_atoms: int = 20_000) -> Hessians:
    """Second derivatives of the energy of every structure, from 6n displaced copies and the structure itself.

    Args:
        clusters: B structures, at minima of ``potential`` if frequencies are wanted.
        step: Å, to either side. 0.005 balances the SCF noise of tight-binding against anharmonicity.
        batch_atoms: how many atoms at most go to the potential at once.

    Raises:
        InputError: ``step`` is not positive.
    """
    if not step > 0:
        raise InputError(f"the step of a numerical Hessian must be positive, it is {step}")
    made = [_one(clusters[i], potential, step, batch_atoms) for i in range(len(clusters))]
    return Hessians(
        matrices=tuple(m[0] for m in made),
        failure=np.asarray([m[1] for m in made], dtype=np.str_).reshape(len(clusters)),
        fmax=np.array([m[2] for m in made]),
        energy=np.array([m[3] for m in made]),
        asymmetry=np.array([m[4] for m in made]),
        level=potential.level,
    )


def _one(one: Clusters, potential: Potential, step: float, batch_atoms: int):
    n = len(one.numbers)
    shift = np.zeros((6 * n + 1, n, 3))
    index = np.arange(3 * n)
    shift.reshape(6 * n + 1, 3 * n)[1 + index, index] = step
    shift.reshape(6 * n + 1, 3 * n)[1 + 3 * n + index, index] = -step
    forces, energy, failure = [], np.nan, ""
    size = max(1, batch_atoms // max(n, 1))
    for start in range(0, len(shift), size):
        part = one.positions[None] + shift[start : start + size]
        copies = Clusters.make(part, [one.numbers] * len(part), charge=int(one.charge[0]))
        found = potential.evaluate(copies)
        wrong = np.flatnonzero(found.failure != "")
        if len(wrong):
            failure = str(found.failure[wrong[0]])
            break
        energy = float(found.energy[0]) if start == 0 else energy
        forces.append(found.needed_forces.reshape(len(part), 3 * n))
    if failure:
        return np.full((3 * n, 3 * n), np.nan), failure, np.nan, np.nan, np.nan
    f = np.concatenate(forces)
    hessian = (f[1 + 3 * n :] - f[1 : 1 + 3 * n]) / (2 * step)
    asymmetry = float(np.abs(hessian - hessian.T).max())
    fmax = float(np.sqrt((f[0].reshape(n, 3) ** 2).sum(1).max()))
    return 0.5 * (hessian + hessian.T), "", fmax, energy, asymmetry


@dataclass(frozen=True)
class NormalModes:
    """Harmonic vibrations of one structure of n atoms.

    Attributes:
        frequencies: (m,) cm⁻¹, ascending; imaginary ones are negative. m = 3n − 6, 3n − 5 (linear), 0 (atom).
        modes: (m, n, 3) Cartesian displacements, each of unit length.
        residual: cm⁻¹, the largest frequency (by size) that translations and rotations had before they were
            projected out; large where the geometry is no stationary point.
    """

    frequencies: np.ndarray
    modes: np.ndarray
    residual: float

    @property
    def imaginary(self) -> np.ndarray:
        """(k,) cm⁻¹, the imaginary frequencies, as negative numbers."""
        return self.frequencies[self.frequencies < 0]


def normal_modes(
    numbers: np.ndarray, positions: np.ndarray, hessian: np.ndarray, masses: np.ndarray | None = None
) -> NormalModes:
    """Frequencies from a Hessian, translations and rotations projected out.

    Args:
        numbers: (n,) atomic numbers. positions: (n, 3) Å. hessian: (3n, 3n) eV/Å².
        masses: (n,) amu; by default the standard atomic weights.

    Raises:
        InputError: the Hessian has another shape or is not finite.
    """
    n = len(numbers)
    hessian = np.asarray(hessian, float)
    if hessian.shape != (3 * n, 3 * n) or not np.isfinite(hessian).all():
        raise InputError(f"a Hessian of {n} atoms needs {3 * n} x {3 * n} finite numbers, it has {hessian.shape}")
    masses = standard_masses(numbers) if masses is None else np.asarray(masses, float)
    root = np.repeat(np.sqrt(masses), 3)
    weighted = hessian / np.outer(root, root)
    external = _external(positions, masses)
    # an orthonormal basis of what is left: the null space of the external motions
    _, _, vt = np.linalg.svd(external, full_matrices=True)
    internal = vt[len(external) :]
    values, vectors = np.linalg.eigh(internal @ weighted @ internal.T)
    cartesian = (vectors.T @ internal) / root
    modes = cartesian / np.sqrt((cartesian**2).sum(1))[:, None]
    outside = np.linalg.eigvalsh(external @ weighted @ external.T)
    return NormalModes(
        frequencies=_wavenumber(values),
        modes=modes.reshape(-1, n, 3),
        residual=float(np.abs(_wavenumber(outside)).max(initial=0.0)),
    )


def _wavenumber(eigenvalues: np.ndarray) -> np.ndarray:
    """cm⁻¹ of mass-weighted eigenvalues in eV/(amu Å²); negative for negative eigenvalues."""
    return np.sign(eigenvalues) * np.sqrt(np.abs(eigenvalues)) * CM1_PER_SQRT_EV_PER_AMU_ANGSTROM2


def _external(positions: np.ndarray, masses: np.ndarray) -> np.ndarray:
    """(3, 5 or 6; 3n) orthonormal mass-weighted translations and rotations."""
    root = np.sqrt(masses)
    centred = positions - (masses[:, None] * positions).sum(0) / masses.sum()
    rows = [np.kron(root, axis) / np.sqrt(masses.sum()) for axis in np.eye(3)]
    moments, axes = np.linalg.eigh(inertia_tensor(positions, masses))
    for moment, axis in zip(_without_axis(moments), axes.T):
        if moment > 0:
            row = (np.cross(axis, centred) * root[:, None]).ravel()
            rows.append(row / np.linalg.norm(row))
    return np.stack(rows)


def inertia_tensor(positions: np.ndarray, masses: np.ndarray) -> np.ndarray:
    """(3, 3) amu Å², about the centre of mass."""
    centred = positions - (masses[:, None] * positions).sum(0) / masses.sum()
    second = (masses[:, None, None] * centred[:, :, None] * centred[:, None, :]).sum(0)
    return np.trace(second) * np.eye(3) - second


def principal_moments(positions: np.ndarray, masses: np.ndarray) -> np.ndarray:
    """(3,) amu Å², ascending; exactly 0 where a linear molecule or an atom has none.

    A molecule that is bent by a few degrees turns about its axis no more than a linear one: what moves is its bend.
    """
    return _without_axis(np.linalg.eigvalsh(inertia_tensor(positions, masses)))


def _without_axis(moments: np.ndarray) -> np.ndarray:
    """(3,) ascending moments with 0 for the axis of a linear molecule, and for all axes of an atom."""
    if moments[-1] < 1e-8:
        return np.zeros(3)
    axis = moments[0] <= max(_LINEAR * moments[-1], _NO_ROTOR) < moments[1]
    return np.concatenate([[0.0], moments[1:]]) if axis else moments


def standard_masses(numbers: np.ndarray) -> np.ndarray:
    """(n,) amu, standard atomic weights (as ORCA and xtb use them)."""
    from ase.data import atomic_masses

    return atomic_masses[np.asarray(numbers)]


def isotope_masses(numbers: np.ndarray) -> np.ndarray:
    """(n,) amu, masses of the most abundant isotopes (as Gaussian uses them)."""
    from ase.data import atomic_masses_common

    return atomic_masses_common[np.asarray(numbers)]
