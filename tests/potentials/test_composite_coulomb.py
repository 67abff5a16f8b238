"""The Coulomb term of the fast driver, against the integrals of PySCF."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import gamma, gammainc

pyscf = pytest.importorskip("pyscf")
from pyscf import df, gto  # noqa: E402

from sampler.potentials.composite.coulomb import FittedCoulomb  # noqa: E402
from sampler.potentials.composite.coulomb_gradient import coulomb_gradient  # noqa: E402
from sampler.potentials.composite.hermite import boys, boys_table, indices  # noqa: E402
from sampler.potentials.composite.molecule import fitting_basis  # noqa: E402

# sulfur has fitting functions up to g; the fourth atom is so far away that no product with it matters
ATOMS = "S 0 0 0; O 1.4 0.3 -0.2; H -0.7 1.1 0.4; O 0.2 -0.1 30.0; N 3.1 1.0 0.6; H 4.0 0.4 0.3"


def system(cart: bool):
    mol = gto.M(atom=ATOMS, basis="def2-mtzvp", charge=-1, cart=cart, verbose=0)
    symbols = tuple(sorted({mol.atom_symbol(k) for k in range(mol.natm)}))
    return mol, fitting_basis("file:def2-mtzvp-j.nwchem", symbols)


def density(nao: int) -> np.ndarray:
    some = np.random.default_rng(3).normal(size=(nao, nao))
    return some + some.T


@pytest.mark.parametrize("argument", [0.0, 1e-9, 0.049, 0.051, 3.77, 39.999, 40.001, 250.0])
def test_boys_function(argument):
    out = np.zeros(10)
    boys(9, argument, boys_table(9), out)
    m = np.arange(10) + 0.5
    expected = 1 / (2 * m) if argument == 0 else gammainc(m, argument) * gamma(m) / (2 * argument**m)
    assert out == pytest.approx(expected, rel=1e-10 if argument > 1e-6 else 1e-8)


def test_indices_add_and_descend():
    tables = indices(5, 4)
    assert len(tables.order) == 220 and list(tables.size[:5]) == [0, 1, 4, 10, 20]
    assert (tables.order[:56, None] + tables.order[None, :35] == tables.order[tables.plus]).all()
    k = np.arange(1, 220)
    unit = np.eye(3, dtype=int)[tables.axis[k]]
    assert (tables.order[tables.one[k]] + unit == tables.order[k]).all()
    again = tables.times[k] > 0
    assert (tables.order[tables.two[k]] + 2 * unit == tables.order[k])[again].all()


@pytest.mark.parametrize("cart", [False, True])
def test_coulomb_of_a_density(cart):
    """Matrix and energy against all integrals, none left out."""
    mol, basis = system(cart)
    coulomb, dm = FittedCoulomb(mol, basis), density(mol.nao)
    aux = df.addons.make_auxmol(mol, basis)
    three = df.incore.aux_e2(mol, aux, "int3c2e")
    c = np.linalg.solve(aux.intor("int2c2e"), np.einsum("uvp,uv->p", three, dm))
    energy, matrix = coulomb(dm)
    assert coulomb.coefficients(dm) == pytest.approx(c, rel=1e-6, abs=1e-8)
    assert matrix == pytest.approx(three @ c, abs=1e-7)
    assert energy == pytest.approx(0.5 * np.vdot(three @ c, dm), rel=1e-10)
    assert len(coulomb._three) < 0.8 * mol.nao**2 / 2  # the distant atom's products are not kept


@pytest.mark.parametrize("cart", [False, True])
def test_derivatives_against_those_of_the_integrals(cart):
    mol, basis = system(cart)
    aux = df.addons.make_auxmol(mol, basis)
    dm = density(mol.nao)
    c = np.random.default_rng(4).normal(size=aux.nao)
    first = df.incore.aux_e2(mol, aux, "int3c2e_ip1")
    by_orbital = -2 * np.einsum("xuvp,uv,p->xu", first, dm, c)
    by_fit = 2 * np.einsum("xuvp,uv,p->xp", first, dm, c)
    expected = np.zeros((mol.natm, 3))
    for sums, of in ((by_orbital, mol), (by_fit, aux)):
        for atom, (_, _, p0, p1) in enumerate(of.aoslice_by_atom()):
            expected[atom] += sums[:, p0:p1].sum(axis=1)
    assert coulomb_gradient(mol, aux, dm, c) == pytest.approx(expected, abs=1e-9 * np.abs(expected).max())
