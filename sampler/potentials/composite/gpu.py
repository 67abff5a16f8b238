"""Energy and gradient on a GPU through gpu4pyscf: the numbers of :mod:`.reference`.

Wu et al., WIREs Comput. Mol. Sci. 2025, 15, e70008, doi:10.1002/wcms.70008; Li et al., J. Phys. Chem. A 2025, 129,
1459, doi:10.1021/acs.jpca.4c05876. Functional, bases, fitting basis, grid, pruning and thresholds are those of the
CPU, and so is the response of the grid in the gradient.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache

import numpy as np

from ..base import StructureFailure
from .methods import CompositeMethod
from .reference import kohn_sham


@cache
def unavailable() -> str:
    """Why no GPU can be used here, or '' if one can."""
    try:
        import cupy

        devices = cupy.cuda.runtime.getDeviceCount()
    except ImportError:
        return "cupy is not installed (pip install gpu4pyscf-cuda12x or gpu4pyscf-cuda13x)"
    except Exception as error:  # cupy's own: no driver, a driver too old, no device
        return f"no CUDA device: {error}"
    if not devices:
        return "no CUDA device"
    try:
        import gpu4pyscf.dft  # noqa: F401
    except Exception as error:  # its libraries need a matching CUDA and PySCF
        return f"gpu4pyscf cannot be loaded: {type(error).__name__}: {error}"
    return ""


def scf(method: CompositeMethod, mol, forces: bool = True) -> tuple[float, np.ndarray | None]:
    """SCF energy [Eh] and gradient (n, 3) [Eh/bohr], without the corrections of ``method``.

    Raises:
        StructureFailure: the SCF did not converge, or the device has too little memory.
    """
    with _device():
        energy, mf = _converged(method, mol)
        if not forces:
            return energy, None
        gradient = mf.nuc_grad_method()
        gradient.grid_response = True
        return energy, np.asarray(gradient.kernel())


def dipole(method: CompositeMethod, mol) -> np.ndarray:
    """(3,) dipole moment [e bohr] about the origin, nuclei plus, electrons minus.

    Raises:
        StructureFailure: see :func:`scf`.
    """
    with _device():
        _, mf = _converged(method, mol)
        return np.asarray(mf.dip_moment(mol, unit="AU", verbose=0))


@contextmanager
def _device():
    """A device too full for the structure is that structure's failure; its memory is free for the next one."""
    import cupy

    try:
        yield
    except cupy.cuda.memory.OutOfMemoryError as error:
        raise StructureFailure(f"out_of_memory: on the GPU: {error}") from error
    finally:
        # the next structure has other sizes: blocks of this one are of no use to it
        cupy.get_default_memory_pool().free_all_blocks()


def _converged(method: CompositeMethod, mol):
    """Energy and converged SCF object."""
    from gpu4pyscf import dft

    mf = kohn_sham(dft, method, mol)
    energy = mf.kernel()
    if not mf.converged:
        raise StructureFailure("scf_failed: no convergence with DIIS on the GPU")
    return float(energy), mf
