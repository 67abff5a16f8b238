"""Derivatives of the Coulomb energy of two densities, orbital products with a density matrix and fitting functions.

The density of each pair of primitive Gaussians is written in Hermite functions first, so that no integral over orbitals
is ever formed: one potential and its derivatives at each pair's centre suffice (a "J engine": Ahmadi and Almlöf,
doi:10.1016/0009-2614(95)01204-3). The fitting functions are taken many at a time, side by side. Atomic units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...compiled import compiled
from .hermite import boys, boys_table, expansion, indices

_NEGLIGIBLE = 1e-11
"""Charge of a pair of primitives, below which it is left out."""
_TOGETHER = 64


@dataclass(frozen=True)
class Shells:
    """Cartesian shells of primitives: arrays over shells, and over primitives from ``first[k]`` to ``first[k + 1]``."""

    atom: np.ndarray
    momentum: np.ndarray
    orbital: np.ndarray  # first Cartesian function
    first: np.ndarray
    exponent: np.ndarray
    coefficient: np.ndarray

    @classmethod
    def of(cls, mol) -> Shells:
        """The shells of PySCF's ``mol``, one for each contraction; the orbitals are the Cartesian ones of libcint."""
        atom, momentum, orbital, exponents, coefficients = [], [], [], [], []
        start = mol.ao_loc_nr(cart=True)
        for s in range(mol.nbas):
            angular = mol.bas_angular(s)
            # libcint's Cartesian s and p functions contain the constant of the spherical harmonic
            constant = {0: np.sqrt(0.25 / np.pi), 1: np.sqrt(0.75 / np.pi)}.get(angular, 1.0)
            for k, column in enumerate(mol._libcint_ctr_coeff(s).T):
                atom.append(mol.bas_atom(s))
                momentum.append(angular)
                orbital.append(start[s] + k * (angular + 1) * (angular + 2) // 2)
                exponents.append(mol.bas_exp(s))
                coefficients.append(constant * column)
        return cls(
            np.array(atom),
            np.array(momentum),
            np.array(orbital),
            np.cumsum([0, *(len(e) for e in exponents)]),
            np.concatenate(exponents),
            np.concatenate(coefficients),
        )


def coulomb_gradient(mol, aux, dm: np.ndarray, c: np.ndarray) -> np.ndarray:
    """(n, 3) derivative of the sum over u, v, P of dm[u, v] (uv|P) c[P], with ``dm`` and ``c`` fixed."""
    to_cartesian = _to_cartesian(mol)
    density = to_cartesian @ dm @ to_cartesian.T
    shells = Shells.of(mol)
    fit = _fitting_functions(aux, _to_cartesian(aux) @ c)
    bra = 2 * int(shells.momentum.max()) + 1
    ket = len(fit) - 1
    tables = indices(bra, ket)
    gradient = np.zeros((mol.natm, 3))
    xyz = mol.atom_coords()
    for angular, (atom, exponent, coefficient) in enumerate(fit):
        if len(atom):
            _accumulate(
                angular, xyz, atom, exponent, coefficient, shells.atom, shells.momentum, shells.orbital, shells.first,
                shells.exponent, shells.coefficient, density, boys_table(bra + ket), *tables, gradient,
            )  # fmt: skip
    return gradient


def _to_cartesian(mol) -> np.ndarray:
    """(Cartesian, spherical) coefficients of the orbitals."""
    return np.eye(mol.nao) if mol.cart else mol.cart2sph_coeff(normalized="sp")


def _fitting_functions(aux, c: np.ndarray) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """For each momentum: atom (k,), exponent (k,) and Hermite coefficients (h, k) of the density with ``c`` (Cartesian)."""
    shells = Shells.of(aux)
    parts: list[list] = [[] for _ in range(int(shells.momentum.max()) + 1)]
    for s, angular in enumerate(shells.momentum):
        order = indices(int(angular), 0).order
        monomials = _monomials(int(angular))
        mine = c[shells.orbital[s] : shells.orbital[s] + len(monomials)]
        for k in range(shells.first[s], shells.first[s + 1]):
            q = shells.exponent[k]
            one = np.zeros((angular + 1, 1, angular + 3))
            expansion(int(angular), 0, q, 0.0, 0.0, 1.0, one)
            e = one[:, 0]
            x, y, z = monomials.T
            t, u, v = order.T
            products = e[x][:, t] * e[y][:, u] * e[z][:, v]
            sign = (-1.0) ** order.sum(axis=1)
            parts[angular].append((shells.atom[s], q, sign * (shells.coefficient[k] * mine @ products)))
    return [
        (
            np.array([a for a, _, _ in p], dtype=np.int64),
            np.array([q for _, q, _ in p]),
            np.ascontiguousarray(np.array([h for _, _, h in p]).T),
        )
        for p in parts
    ]


def _monomials(angular: int) -> np.ndarray:
    """(k, 3) powers of x, y and z in libcint's order."""
    return np.array([(x, y, angular - x - y) for x in range(angular, -1, -1) for y in range(angular - x, -1, -1)])


@compiled
def _accumulate(
    angular, xyz, fit_atom, fit_exponent, fit_coefficient, atoms, momenta, orbitals, first, exponents, coefficients,
    density, table, order, size, axis, one, two, times, plus, gradient,
):  # fmt: skip
    """Adds the derivatives of all pairs of shells with the fitting functions of one momentum to ``gradient``."""
    count = len(fit_atom)
    by_fit = np.zeros((3, count))
    most = 2 * momenta.max() + 1
    kept = size[most + 1]
    expansions = np.zeros((3, momenta.max() + 2, momenta.max() + 1, 2 * momenta.max() + 4))
    whole = np.zeros(kept)  # Hermite coefficients of the pair's density
    moved = np.zeros((3, kept))  # and of its derivative with respect to the first centre
    potential = np.zeros(kept)
    highest = size[most + angular + 1]
    work = (np.zeros((highest, _TOGETHER)), np.zeros((highest, _TOGETHER)), np.zeros((kept, _TOGETHER)))
    small = np.zeros((most + angular + 1, _TOGETHER))
    value = np.zeros(most + angular + 1)
    between = np.zeros((3, _TOGETHER))
    for s1 in range(len(atoms)):
        a, la = atoms[s1], momenta[s1]
        for s2 in range(s1 + 1):
            b, lb = atoms[s2], momenta[s2]
            same = a == b
            twice = 1.0 if s1 == s2 else 2.0
            separation = 0.0
            for d in range(3):
                separation += (xyz[a, d] - xyz[b, d]) ** 2
            # a pair on one atom moves as a whole
            last = la + lb if same else la + lb + 1
            bra = la + lb + 1
            for k1 in range(first[s1], first[s1 + 1]):
                for k2 in range(first[s2], first[s2 + 1]):
                    alpha, beta = exponents[k1], exponents[k2]
                    p = alpha + beta
                    scale = twice * coefficients[k1] * coefficients[k2] * np.exp(-alpha * beta / p * separation)
                    if abs(scale) * p**-1.5 < 1e-3 * _NEGLIGIBLE:
                        continue
                    px = (alpha * xyz[a, 0] + beta * xyz[b, 0]) / p
                    py = (alpha * xyz[a, 1] + beta * xyz[b, 1]) / p
                    pz = (alpha * xyz[a, 2] + beta * xyz[b, 2]) / p
                    first_power = la if same else la + 1
                    expansion(first_power, lb, p, px - xyz[a, 0], px - xyz[b, 0], 1.0, expansions[0])
                    expansion(first_power, lb, p, py - xyz[a, 1], py - xyz[b, 1], 1.0, expansions[1])
                    expansion(first_power, lb, p, pz - xyz[a, 2], pz - xyz[b, 2], 1.0, expansions[2])
                    _hermite_density(
                        la,
                        lb,
                        alpha,
                        scale,
                        same,
                        density,
                        orbitals[s1],
                        orbitals[s2],
                        expansions,
                        order,
                        size,
                        whole,
                        moved,
                    )
                    charge = 0.0
                    for t in range(size[la + lb + 1]):
                        charge += abs(whole[t]) * p ** (0.5 * (order[t, 0] + order[t, 1] + order[t, 2]))
                    if charge * (np.pi / p) ** 1.5 < _NEGLIGIBLE:
                        continue
                    potential[: size[bra + 1]] = 0.0
                    for start in range(0, count, _TOGETHER):
                        stop = min(count, start + _TOGETHER)
                        _potential(
                            bra, angular, p, px, py, pz, xyz, fit_atom[start:stop], fit_exponent[start:stop],
                            fit_coefficient[:, start:stop], table, size, axis, one, two, times, plus, between, value, small,
                            work[0], work[1], work[2], potential,
                        )  # fmt: skip
                        _on_fit(la + lb, whole, size, plus, work[2], by_fit[:, start:stop])
                    for d in range(3):
                        both = 0.0
                        for t in range(size[la + lb + 1]):
                            both += whole[t] * potential[plus[t, d + 1]]
                        if same:
                            gradient[a, d] += both
                        else:
                            alone = 0.0
                            for t in range(size[last + 1]):
                                alone += moved[d, t] * potential[t]
                            gradient[a, d] += alone
                            gradient[b, d] += both - alone
    for n in range(count):
        for d in range(3):
            gradient[fit_atom[n], d] -= by_fit[d, n]


@compiled
def _hermite_density(la, lb, alpha, scale, same, density, o1, o2, e, order, size, whole, moved):
    """Hermite coefficients of a pair of primitives with their part of the density matrix, into ``whole`` and ``moved``."""
    sum_l = la + lb
    whole[: size[sum_l + 1]] = 0.0
    if not same:
        moved[:, : size[sum_l + 2]] = 0.0
    row = o1
    for x1 in range(la, -1, -1):
        for y1 in range(la - x1, -1, -1):
            z1 = la - x1 - y1
            column = o2
            for x2 in range(lb, -1, -1):
                for y2 in range(lb - x2, -1, -1):
                    z2 = lb - x2 - y2
                    factor = scale * density[row, column]
                    column += 1
                    for k in range(size[sum_l + 1]):
                        t, u, v = order[k]
                        whole[k] += factor * e[0, x1, x2, t] * e[1, y1, y2, u] * e[2, z1, z2, v]
                    if same:
                        continue
                    for k in range(size[sum_l + 2]):
                        t, u, v = order[k]
                        ex, ey, ez = e[0, x1, x2, t], e[1, y1, y2, u], e[2, z1, z2, v]
                        dx = 2 * alpha * e[0, x1 + 1, x2, t]
                        dy = 2 * alpha * e[1, y1 + 1, y2, u]
                        dz = 2 * alpha * e[2, z1 + 1, z2, v]
                        if x1 > 0:
                            dx -= x1 * e[0, x1 - 1, x2, t]
                        if y1 > 0:
                            dy -= y1 * e[1, y1 - 1, y2, u]
                        if z1 > 0:
                            dz -= z1 * e[2, z1 - 1, z2, v]
                        moved[0, k] += factor * dx * ey * ez
                        moved[1, k] += factor * ex * dy * ez
                        moved[2, k] += factor * ex * ey * dz
            row += 1


@compiled
def _potential(
    bra, angular, p, px, py, pz, xyz, fit_atom, fit_exponent, fit_coefficient, table, size, axis, one, two, times, plus,
    between, value, small, current, before, each, total,
):  # fmt: skip
    """Derivatives up to the order ``bra`` of the potential of fitting functions at P: of each, and added to ``total``."""
    count = len(fit_atom)
    last = bra + angular
    for n in range(count):
        q = fit_exponent[n]
        x, y, z = px - xyz[fit_atom[n], 0], py - xyz[fit_atom[n], 1], pz - xyz[fit_atom[n], 2]
        between[0, n], between[1, n], between[2, n] = x, y, z
        reduced = p * q / (p + q)
        boys(last, reduced * (x * x + y * y + z * z), table, value)
        factor = 2 * np.pi**2.5 / (p * q * np.sqrt(p + q))
        for m in range(last + 1):
            small[m, n] = factor * value[m]
            factor *= -2 * reduced
    current[0, :count] = small[last, :count]
    for m in range(last - 1, -1, -1):
        current, before = before, current
        current[0, :count] = small[m, :count]
        for k in range(1, size[last - m + 1]):
            r, r1, r2, x, f = current[k], before[one[k]], before[two[k]], between[axis[k]], times[k]
            if f > 0:
                for n in range(count):
                    r[n] = x[n] * r1[n] + f * r2[n]
            else:
                for n in range(count):
                    r[n] = x[n] * r1[n]
    for t in range(size[bra + 1]):
        w, r, h = each[t], current[plus[t, 0]], fit_coefficient[0]
        for n in range(count):
            w[n] = h[n] * r[n]
        for s in range(1, size[angular + 1]):
            r, h = current[plus[t, s]], fit_coefficient[s]
            for n in range(count):
                w[n] += h[n] * r[n]
        sum_ = 0.0
        for n in range(count):
            sum_ += w[n]
        total[t] += sum_


@compiled
def _on_fit(sum_l, whole, size, plus, each, by_fit):
    """Adds the derivative with respect to the pair's centre of its energy with each fitting function."""
    count = by_fit.shape[1]
    for t in range(size[sum_l + 1]):
        h = whole[t]
        for d in range(3):
            w, out = each[plus[t, d + 1]], by_fit[d]
            for n in range(count):
                out[n] += h * w[n]
