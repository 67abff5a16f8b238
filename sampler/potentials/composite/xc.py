"""Exchange and correlation of a generalised gradient functional on a grid, with kept and screened orbital values.

PySCF evaluates the orbitals on the grid again in each SCF cycle. Here the points are sorted into compact blocks;
each block keeps the values and gradients of the orbitals that are not negligible on it, so that a cycle is two
small matrix products per block. All in atomic units.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
from pyscf import dft
from pyscf.gto.eval_gto import BLKSIZE, eval_gto, make_screen_index
from scipy.spatial import cKDTree

from .grid_kernels import contract, gradient_terms, scale, weight_response

_POINTS = 448  # a block: 8 of PySCF's screening blocks, small enough for the second-level cache
_CANDIDATE = 1e-9  # shells below this everywhere on a block are not evaluated
_KEEP = 2e-8  # orbitals with |value| sqrt(weight) below this everywhere on a block are dropped


@dataclass(frozen=True)
class Block:
    """Points of one compact region and the orbitals that matter there."""

    points: np.ndarray  # (p,) indices into the grid
    shells: np.ndarray  # shells evaluated
    screen: np.ndarray  # PySCF's screening table of these shells
    orbitals: np.ndarray  # (k,) indices of the kept orbitals
    values: np.ndarray  # (4, k, p) value, d/dx, d/dy, d/dz


class Grid:
    """Integration points of a molecule: coords (P, 3) bohr, weights (P,), parent atom (P,)."""

    def __init__(self, mol, atom_grid=None, level: int | None = None):
        grids = dft.gen_grid.Grids(mol)
        if level is None:
            grids.atom_grid = dict(atom_grid)
        else:
            grids.level = level
        # PySCF's numbers, with the parent of each point; sorted into blocks here
        grids.build(sort_grids=False)
        real = grids.atm_idx >= 0
        self.coords = np.ascontiguousarray(grids.coords[real])
        self.weights = grids.weights[real]
        self.parent = grids.atm_idx[real].astype(np.int64)
        self.volume = grids.quadrature_weights[real]
        self.radii_adjust = (grids.radii_adjust, grids.atomic_radii)


class ExchangeCorrelation:
    """Energy, potential matrix and gradient of ``functional`` (PySCF's name of a GGA) on ``grid``."""

    def __init__(self, mol, functional: str, grid: Grid):
        self.mol, self.functional, self.grid = mol, functional, grid
        self._numint = dft.numint.NumInt()
        self._suffix = "cart" if mol.cart else "sph"
        self._ao_loc = mol.ao_loc_nr()
        self.blocks = [self._block(p) for p in _compact_blocks(grid.coords)]

    def _block(self, points: np.ndarray) -> Block:
        coords = self.grid.coords[points]
        screen = make_screen_index(self.mol, coords, cutoff=_CANDIDATE, blksize=BLKSIZE)
        shells = np.flatnonzero(screen.any(axis=0))
        screen = np.ascontiguousarray(screen[:, shells])
        values = self._orbitals(coords, shells, screen, 1)
        size = np.abs(values[0]) * np.sqrt(np.abs(self.grid.weights[points]))
        rows = np.flatnonzero(size.max(axis=1) > _KEEP)
        orbitals = self._orbitals_of(shells)[rows]
        return Block(points, shells, screen, orbitals, np.ascontiguousarray(values[:, rows]))

    def _orbitals_of(self, shells) -> np.ndarray:
        return np.concatenate([np.arange(self._ao_loc[s], self._ao_loc[s + 1]) for s in shells])

    def _orbitals(self, coords, shells, screen, derivative) -> np.ndarray:
        """(components, orbitals, points) of the given shells."""
        part = SimpleNamespace(_atm=self.mol._atm, _bas=self.mol._bas[shells], _env=self.mol._env)
        components = {1: 4, 2: 10}[derivative]
        name = f"GTOval_{self._suffix}_deriv{derivative}"
        return eval_gto(part, name, coords, comp=components, non0tab=screen).transpose(0, 2, 1)

    def density(self, dm: np.ndarray) -> np.ndarray:
        """(4, P) electron density and its gradient of the density matrix ``dm``."""
        rho = np.empty((4, len(self.grid.weights)))
        for block in self.blocks:
            half = dm[np.ix_(block.orbitals, block.orbitals)] @ block.values[0]
            rho[:, block.points] = contract(block.values, half)
        rho[1:] *= 2
        return rho

    def __call__(self, dm: np.ndarray) -> tuple[float, np.ndarray]:
        """Energy [Eh] and potential matrix."""
        rho = self.density(dm)
        exc, vxc = self._numint.eval_xc_eff(self.functional, rho, deriv=1, xctype="GGA", spin=0)[:2]
        weighted = vxc * self.grid.weights
        weighted[0] *= 0.5
        matrix = np.zeros_like(dm)
        for block in self.blocks:
            scaled = scale(block.values, weighted[:, block.points])
            matrix[np.ix_(block.orbitals, block.orbitals)] += block.values[0] @ scaled.T
        return float(rho[0] * self.grid.weights @ exc), matrix + matrix.T

    def gradient(self, dm: np.ndarray) -> np.ndarray:
        """(n, 3) derivative of the energy at fixed density matrix, with the movement of the grid's points and weights."""
        natm = self.mol.natm
        rho = self.density(dm)
        exc, vxc = self._numint.eval_xc_eff(self.functional, rho, deriv=1, xctype="GGA", spin=0)[:2]
        weighted = vxc * self.grid.weights
        weighted[0] *= 0.5
        by_orbital = np.zeros((3, self.mol.nao))
        by_point = np.zeros((3, len(self.grid.weights)))
        for block in self.blocks:
            v = weighted[:, block.points]
            index = self._orbitals_of(block.shells)
            local = dm[np.ix_(index, index)]
            phi = self._orbitals(self.grid.coords[block.points], block.shells, block.screen, 2)
            orbital, point = gradient_terms(phi, local @ phi[0], local @ scale(phi, v), v)
            by_orbital[:, index] += orbital
            by_point[:, block.points] = point
        gradient = np.zeros((natm, 3))
        owner = np.repeat(np.arange(natm), [p1 - p0 for p0, p1 in self.mol.aoslice_by_atom()[:, 2:]])
        np.add.at(gradient, owner, -2 * by_orbital.T)
        np.add.at(gradient, self.grid.parent, 2 * by_point.T)
        return gradient + self._weight_response(exc * rho[0])

    def _weight_response(self, density: np.ndarray) -> np.ndarray:
        adjust, radii = self.grid.radii_adjust
        shift = adjust(self.mol, radii)
        # the adjustment is a_ij (1 - mu^2): its value at mu = 0 is a_ij
        atoms = range(self.mol.natm)
        table = np.array([[shift(i, j, 0.0) if i != j else 0.0 for j in atoms] for i in atoms])
        grid = self.grid
        return weight_response(self.mol.atom_coords(), table, grid.coords, grid.parent, grid.weights, density)


def _compact_blocks(coords: np.ndarray) -> list[np.ndarray]:
    """Indices of the points of each leaf of a balanced tree."""
    tree = cKDTree(coords, leafsize=_POINTS, balanced_tree=True)
    leaves, stack = [], [tree.tree]
    while stack:
        node = stack.pop()
        if node.split_dim == -1:
            leaves.append(node.indices)
        else:
            stack += [node.greater, node.lesser]
    return leaves
