"""Partial charges for rigid-body Coulomb surfaces.

Two sources, and the monomer file says which was used:

* ``resp``: charges that reproduce the electrostatic potential of a Hartree-Fock/6-31G* density (PySCF; iodine, which
  6-31G* lacks, has def2-SVP with its effective core potential) on
  Merz-Kollman shells (1.4, 1.6, 1.8, 2.0 van der Waals radii; Singh & Kollman 1984, doi:10.1002/jcc.540050204), with
  the weak hyperbolic restraint of RESP on heavy atoms (Bayly et al. 1993, doi:10.1021/j100142a004). This density
  overestimates dipoles a little, as the polarisation inside a cluster does, which is why force fields use it.
* ``mulliken``: GFN1-xTB Mulliken charges, where PySCF is not installed.

Either way, atoms that the bond graph cannot tell apart share one charge, all conformers share one set, and the
charges add exactly to the charge of the molecule.
"""

from __future__ import annotations

import numpy as np

from ..errors import MissingDependency, MonomerError
from ..units import BOHR

SHELLS = (1.4, 1.6, 1.8, 2.0)
POINTS_PER_A2 = 2.0
# Bondi radii (doi:10.1021/j100785a001), H 1.20 as in the Merz-Kollman scheme, Å
RADII = {1: 1.20, 6: 1.50, 7: 1.50, 8: 1.40, 9: 1.35, 14: 2.10, 15: 1.80, 16: 1.75, 17: 1.70, 35: 1.85, 53: 1.98}
RESTRAINT, TIGHTNESS = 0.0005, 0.1
BASIS = "6-31g*"
OWN_BASIS = {"I": "def2-svp"}
"""Elements that BASIS lacks; with the effective core potential of the same name."""


def symmetrise(charges: np.ndarray, classes: np.ndarray, total: int, decimals: int = 5) -> np.ndarray:
    """Average ``charges`` (n,) over each class and spread what is missing to ``total`` evenly.

    Rounded to ``decimals``; the rest of the rounding goes to the class where it changes the charge least.
    """
    sizes = np.bincount(classes)
    mean = np.bincount(classes, charges) / sizes
    mean += (total - (mean * sizes).sum()) / sizes.sum()
    mean = np.round(mean, decimals)
    rest = total - (mean * sizes).sum()
    if len(sizes):
        # an atom of its own takes the rest whole; otherwise the largest class gets the smallest change
        best = int(np.argmin(np.where(sizes == 1, 0, 1 / sizes)))
        mean[best] += rest / sizes[best]
    return np.round(mean[classes], decimals + 3)


def mulliken(molecule, conformers: list[np.ndarray], classes: np.ndarray) -> np.ndarray:
    """GFN1-xTB Mulliken charges (n,), averaged over ``conformers`` and equivalent atoms."""
    mean = np.mean([molecule.evaluate(x)[2] for x in conformers], axis=0)
    return symmetrise(mean, classes, molecule.charge)


def shell_points(numbers: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Points (p, 3) Å of the Merz-Kollman shells: a Fibonacci sphere about each atom, less what lies inside others."""
    points = []
    for scale in SHELLS:
        radii = scale * np.array([RADII[int(z)] for z in numbers])
        for k, (centre, radius) in enumerate(zip(positions, radii)):
            count = int(POINTS_PER_A2 * 4 * np.pi * radius**2)
            i = np.arange(count) + 0.5
            height, angle = 1 - 2 * i / count, np.pi * (1 + 5**0.5) * i
            ring = np.sqrt(1 - height**2)
            sphere = centre + radius * np.column_stack([ring * np.cos(angle), ring * np.sin(angle), height])
            distance = np.linalg.norm(sphere[:, None] - positions[None], axis=-1)
            distance[:, k] = np.inf
            points.append(sphere[(distance >= radii).all(axis=1)])
    return np.concatenate(points)


def electrostatic_potential(numbers: np.ndarray, charge: int, positions: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Hartree-Fock electrostatic potential (p,) in Hartree/e at ``points`` (p, 3) Å, in the basis of :func:`basis_name`.

    Raises:
        MissingDependency: PySCF is not installed. MonomerError: no basis, or the SCF does not converge.
    """
    try:
        from pyscf import gto, scf
    except ImportError as error:
        raise MissingDependency("pyscf", "fitting charges to an electrostatic potential", extra="dft") from error
    atoms = [(int(z), tuple(x)) for z, x in zip(numbers, positions)]
    basis = {"default": BASIS, **OWN_BASIS}
    try:
        molecule = gto.M(
            atom=atoms, unit="Ang", basis=basis, ecp=OWN_BASIS, charge=int(charge), cart=True, verbose=0
        )  # fmt: skip
    except (KeyError, RuntimeError, ValueError) as error:  # what PySCF raises where it has no basis for an element
        raise MonomerError(f"PySCF has no basis for this molecule: {error}") from error
    field = scf.RHF(molecule).run(conv_tol=1e-9)
    if not field.converged:
        field = field.newton().run()
    if not field.converged:
        raise MonomerError("the Hartree-Fock calculation for the charges does not converge; use charges from GFN1-xTB")
    density, grid = field.make_rdm1(), points / BOHR
    electronic = np.concatenate(
        [np.einsum("gij,ij->g", molecule.intor("int1e_grids", grids=part), density) for part in _parts(grid)]
    )
    nuclei = molecule.atom_coords()
    nuclear = (molecule.atom_charges() / np.linalg.norm(grid[:, None] - nuclei[None], axis=-1)).sum(1)
    return nuclear - electronic


def basis_name(numbers: np.ndarray) -> str:
    """The basis of the potential as printed: ``6-31G*``, and what iodine has."""
    from ase.data import chemical_symbols

    own = sorted({chemical_symbols[int(z)] for z in numbers} & set(OWN_BASIS))
    return "6-31G*" + "".join(f" ({e}: {OWN_BASIS[e].replace('svp', 'SVP')}, ECP)" for e in own)


def resp(numbers: np.ndarray, charge: int, conformers: list[np.ndarray], classes: np.ndarray) -> np.ndarray:
    """Restrained ESP charges (n,) e, one set for all ``conformers`` (each (n, 3) Å).

    Raises:
        MissingDependency: PySCF is not installed.
        MonomerError: an element without 6-31G* basis or radius, or an SCF that does not converge.
    """
    unknown = sorted({int(z) for z in numbers} - set(RADII))
    if unknown:
        raise MonomerError(f"no fitting radius for the elements {unknown}; use charges from GFN1-xTB")
    count = classes.max() + 1
    member = np.zeros((len(numbers), count))
    member[np.arange(len(numbers)), classes] = 1.0
    square, linear = np.zeros((count, count)), np.zeros(count)
    for positions in conformers:
        points = shell_points(numbers, positions)
        potential = electrostatic_potential(numbers, charge, positions, points)
        inverse = BOHR / np.linalg.norm(points[:, None] - positions[None], axis=-1) @ member
        square += inverse.T @ inverse / len(conformers)
        linear += inverse.T @ potential / len(conformers)
    sizes = member.sum(0)
    heavy = np.array([numbers[classes == k][0] > 1 for k in range(count)])
    q = np.zeros(count)
    for _ in range(100):
        restraint = np.where(heavy, RESTRAINT * sizes / np.sqrt(q**2 + TIGHTNESS**2), 0.0)
        system = np.zeros((count + 1, count + 1))
        system[:count, :count] = square + np.diag(restraint)
        system[:count, count] = system[count, :count] = sizes
        new = np.linalg.lstsq(system, np.append(linear, charge), rcond=None)[0][:count]
        change, q = np.abs(new - q).max(), new
        if change < 1e-8:
            break
    return symmetrise(q[classes], classes, charge)


def _parts(grid: np.ndarray, size: int = 2000):
    for start in range(0, len(grid), size):
        yield grid[start : start + size]
