"""The Coulomb energy in a fitting basis (RI-J), with the three-centre integrals of overlapping orbitals kept.

Orbitals are taken in runs of one atom and similar extent; pairs of runs whose products are negligible are left out,
by Schwarz's inequality. Each pair of runs is a block small enough for the cache. Atomic units.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg
from pyscf import df, gto
from pyscf.scf._vhf import _VHFOpt

from .coulomb_gradient import coulomb_gradient

_NEGLIGIBLE = 1e-10
"""Self-repulsion^(1/2) of a product of two orbitals, below which the product is left out."""
_EXTENTS = (0.6, 3.0)
"""Smallest exponents that separate the runs of one atom: diffuse, medium, tight."""


class FittedCoulomb:
    """Coulomb potential and gradient of a density matrix, with the fitting basis ``auxbasis`` (PySCF's form)."""

    def __init__(self, mol, auxbasis):
        self.mol = mol
        self.aux = df.addons.make_auxmol(mol, auxbasis)
        self._metric = scipy.linalg.cho_factor(self.aux.intor("int2c2e"))
        shells, runs = _runs(mol)
        loc = mol.ao_loc_nr()
        self._keep(
            shells, runs, [np.concatenate([np.arange(loc[s], loc[s + 1]) for s in shells[a:b]]) for a, b in runs]
        )

    def _keep(self, shells: np.ndarray, runs: list[tuple[int, int]], orbitals: list[np.ndarray]) -> None:
        """The integrals (pairs of orbitals, fitting functions) and the orbitals of their rows."""
        mol, aux = self.mol, self.aux
        pairs = [(i, j) for i, j in np.argwhere(_bounds(mol, shells, runs) > _NEGLIGIBLE) if i >= j]
        u = [np.repeat(orbitals[i], len(orbitals[j])) for i, j in pairs]
        v = [np.tile(orbitals[j], len(orbitals[i])) for i, j in pairs]
        # a run with itself holds both triangles
        self._times = np.concatenate([np.full(len(a), 1.0 if i == j else 2.0) for (i, j), a in zip(pairs, u)])
        self._u, self._v = np.concatenate(u), np.concatenate(v)
        self._three = np.empty((len(self._u), aux.nao))
        atm, bas, env = gto.mole.conc_env(mol._atm, mol._bas[shells], mol._env, aux._atm, aux._bas, aux._env)
        name = mol._add_suffix("int3c2e")
        loc = gto.moleintor.make_loc(bas, name)
        optimizer = gto.moleintor.make_cintopt(atm, bas, env, name)
        row = 0
        for (i, j), a in zip(pairs, u):
            ranges = (*runs[i], *runs[j], mol.nbas, len(bas))
            block = gto.moleintor.getints(name, atm, bas, env, ranges, 1, 0, "s1", loc, optimizer)
            self._three[row : row + len(a)] = block.reshape(len(a), -1)
            row += len(a)

    def coefficients(self, dm: np.ndarray) -> np.ndarray:
        """Fitting coefficients of the density."""
        return scipy.linalg.cho_solve(self._metric, (dm[self._u, self._v] * self._times) @ self._three)

    def __call__(self, dm: np.ndarray) -> tuple[float, np.ndarray]:
        """Coulomb energy [Eh] and potential matrix."""
        values = self._three @ self.coefficients(dm)
        potential = np.zeros_like(dm)
        potential[self._u, self._v] = values
        potential[self._v, self._u] = values
        return 0.5 * float(np.vdot(potential, dm)), potential

    def gradient(self, dm: np.ndarray) -> np.ndarray:
        """(n, 3) derivative of the Coulomb energy at fixed density matrix."""
        aux, c = self.aux, self.coefficients(dm)
        gradient = coulomb_gradient(self.mol, aux, dm, c)
        by_fit = np.einsum("xpq,q->xp", aux.intor("int2c2e_ip1"), c) * c
        for atom, (_, _, p0, p1) in enumerate(aux.aoslice_by_atom()):
            gradient[atom] += by_fit[:, p0:p1].sum(axis=1)
        return gradient


def _runs(mol) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Order of the shells, and the ranges of that order which are one atom's shells of similar extent."""
    extent = [np.searchsorted(_EXTENTS, mol.bas_exp(s).min()) for s in range(mol.nbas)]
    kinds = list(zip((mol.bas_atom(s) for s in range(mol.nbas)), extent))
    order = np.array(sorted(range(mol.nbas), key=lambda s: (*kinds[s], s)))
    starts = [k for k in range(mol.nbas) if k == 0 or kinds[order[k]] != kinds[order[k - 1]]]
    return order, list(zip(starts, [*starts[1:], mol.nbas]))


def _bounds(mol, shells: np.ndarray, runs: list[tuple[int, int]]) -> np.ndarray:
    """(runs, runs) largest self-repulsion^(1/2) of a product of orbitals."""
    each = np.asarray(_VHFOpt(mol, "int2e", "CVHFnrs8_prescreen", "CVHFnr_int2e_q_cond").q_cond)[np.ix_(shells, shells)]
    starts = [a for a, _ in runs]
    return np.maximum.reduceat(np.maximum.reduceat(each, starts, axis=0), starts, axis=1)
