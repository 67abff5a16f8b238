"""Energy and gradient on PySCF's public interface: the plain version that the fast one is tested against."""

from __future__ import annotations

import numpy as np

from ..base import StructureFailure
from .methods import CompositeMethod
from .molecule import fitting_basis, require_pyscf


def scf(method: CompositeMethod, mol, forces: bool = True) -> tuple[float, np.ndarray | None]:
    """SCF energy [Eh] and gradient (n, 3) [Eh/bohr], without the corrections of ``method``.

    Raises:
        StructureFailure: the SCF did not converge.
    """
    energy, mf = _converged(method, mol)
    if not forces:
        return energy, None
    gradient = mf.nuc_grad_method()
    gradient.grid_response = True
    return energy, gradient.kernel()


def dipole(method: CompositeMethod, mol) -> np.ndarray:
    """(3,) dipole moment [e bohr] about the origin, nuclei plus, electrons minus.

    Raises:
        StructureFailure: the SCF did not converge.
    """
    return np.asarray(_converged(method, mol)[1].dip_moment(mol, unit="AU", verbose=0))


def _converged(method: CompositeMethod, mol):
    """Energy and converged SCF object."""
    mf = mean_field(method, mol)
    energy = mf.kernel()
    if not mf.converged:
        mf = mf.newton()
        energy = mf.kernel(mf.mo_coeff, mf.mo_occ)
        if not mf.converged:
            raise StructureFailure("scf_failed: no convergence, neither with DIIS nor to second order")
        plain = mean_field(method, mol)
        plain.__dict__.update(mo_coeff=mf.mo_coeff, mo_occ=mf.mo_occ, mo_energy=mf.mo_energy, e_tot=mf.e_tot)
        mf = plain
    return float(energy), mf


def mean_field(method: CompositeMethod, mol):
    """PySCF's restricted Kohn-Sham object with the fitting basis, the grid and the thresholds of ``method``."""
    mf = kohn_sham(require_pyscf().dft, method, mol)
    if method.fitting:
        mf.with_df.build()
    return mf


def kohn_sham(dft, method: CompositeMethod, mol):
    """The restricted Kohn-Sham object of ``dft``, PySCF's module or gpu4pyscf's, with the settings of ``method``."""
    mf = dft.RKS(mol, xc=method.functional)
    if method.fitting:
        symbols = tuple(sorted({mol.atom_symbol(i) for i in range(mol.natm)}))
        mf = mf.density_fit(auxbasis=fitting_basis(method.fitting, symbols))
    mf.grids.atom_grid = dict(method.grid)
    mf.conv_tol, mf.conv_tol_grad = method.convergence
    mf.max_cycle = 100
    return mf
