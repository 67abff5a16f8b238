"""The Coulomb energy in a fitting basis (RI-J), with its three-centre integrals kept. Atomic units."""

from __future__ import annotations

import numpy as np
import scipy.linalg
from pyscf import df, gto, lib


class FittedCoulomb:
    """Coulomb potential and gradient of a density matrix, with the fitting basis ``auxbasis`` (PySCF's form)."""

    def __init__(self, mol, auxbasis):
        self.mol = mol
        self.aux = df.addons.make_auxmol(mol, auxbasis)
        self._three = df.incore.aux_e2(mol, self.aux, "int3c2e", aosym="s2ij")  # (pairs, fitting functions)
        self._metric = scipy.linalg.cho_factor(self.aux.intor("int2c2e"))

    def coefficients(self, dm: np.ndarray) -> np.ndarray:
        """Fitting coefficients of the density."""
        packed = lib.pack_tril(dm)
        packed *= 2
        n = len(dm)
        diagonal = np.arange(n) * (np.arange(n) + 3) // 2
        packed[diagonal] *= 0.5
        return scipy.linalg.cho_solve(self._metric, packed @ self._three)

    def __call__(self, dm: np.ndarray) -> tuple[float, np.ndarray]:
        """Coulomb energy [Eh] and potential matrix."""
        potential = lib.unpack_tril(self._three @ self.coefficients(dm))
        return 0.5 * float(np.vdot(potential, dm)), potential

    def gradient(self, dm: np.ndarray) -> np.ndarray:
        """(n, 3) derivative of the Coulomb energy at fixed density matrix, from one pass over the integrals.

        The derivative with respect to the centre of a fitting function follows from translational invariance.
        """
        mol, aux = self.mol, self.aux
        c = self.coefficients(dm)
        nao, loc = mol.nao, aux.ao_loc
        atm, bas, env = gto.mole.conc_env(mol._atm, mol._bas, mol._env, aux._atm, aux._bas, aux._env)
        name = mol._add_suffix("int3c2e_ip1")
        optimizer = gto.moleintor.make_cintopt(atm, bas, env, name)
        weighted = np.zeros((3, nao * nao))
        by_fit = np.zeros((3, aux.nao))
        flat = dm.ravel()
        width = max(1, int(4e6 / nao**2))  # fitting functions at a time: about 100 MB
        start = 0
        while start < aux.nbas:
            stop = start + 1
            while stop < aux.nbas and loc[stop + 1] - loc[start] <= width:
                stop += 1
            shells = (0, mol.nbas, 0, mol.nbas, mol.nbas + start, mol.nbas + stop)
            block = gto.moleintor.getints(name, atm, bas, env, shells, 3, 0, "s1", None, optimizer)
            p0, p1 = loc[start], loc[stop]
            for x in range(3):
                part = block[x].T.reshape(p1 - p0, nao * nao)  # (fit, v * u) in memory order
                weighted[x] += c[p0:p1] @ part
                by_fit[x, p0:p1] = part @ flat
            start = stop
        by_orbital = (weighted.reshape(3, nao, nao) * dm).sum(axis=1)
        by_fit = 2 * by_fit * c + np.einsum("xpq,q->xp", aux.intor("int2c2e_ip1"), c) * c
        gradient = np.zeros((mol.natm, 3))
        for atom, (_, _, p0, p1) in enumerate(mol.aoslice_by_atom()):
            gradient[atom] -= 2 * by_orbital[:, p0:p1].sum(axis=1)
        for atom, (_, _, p0, p1) in enumerate(aux.aoslice_by_atom()):
            gradient[atom] += by_fit[:, p0:p1].sum(axis=1)
        return gradient
