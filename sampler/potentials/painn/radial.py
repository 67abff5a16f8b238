"""Radial functions times cutoff, and the filters they make, tabulated against distance.

The filters of all layers depend on the distance alone: W(d) = (phi(d) A + b) f(d). They are tabulated with their
slopes at equidistant knots and interpolated with cubic Hermite polynomials, whose derivative is the exact derivative
of the interpolated energy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .parameters import FILTER_BIAS, FILTER_WEIGHT, FREQUENCIES, OFFSETS, WIDTHS, Architecture

LANES = 16


def cutoff_function(a: Architecture, d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """f(d) and f'(d), each of the shape of ``d`` (Å); zero from the cutoff on."""
    rc = a.cutoff
    if a.cutoff_function == "cosine":
        inside = d < rc
        f = 0.5 * (np.cos(d * math.pi / rc) + 1.0)
        df = -0.5 * math.pi / rc * np.sin(d * math.pi / rc)
    else:
        inside = d + a.mollifier_epsilon < rc
        x = np.where(inside, d / rc, 0.0)
        f = np.exp(1.0 - 1.0 / (1.0 - x**2))
        df = -f * 2.0 * x / rc / (1.0 - x**2) ** 2
    return np.where(inside, f, 0.0), np.where(inside, df, 0.0)


def radial_basis(a: Architecture, arrays: dict[str, np.ndarray], d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """phi(d) and phi'(d), (K, n_rbf) each, for (K,) distances in Å."""
    d = d[:, None]
    if a.radial_basis == "bessel":
        w = arrays[FREQUENCIES].astype(np.float64)
        safe = np.where(d == 0.0, 1.0, d)
        phi = np.sin(w * d) / safe
        dphi = np.where(d == 0.0, 0.0, (w * np.cos(w * d) - phi) / safe)
        return np.where(d == 0.0, w, phi), dphi
    offsets, widths = arrays[OFFSETS].astype(np.float64), arrays[WIDTHS].astype(np.float64)
    phi = np.exp(-0.5 * ((d - offsets) / widths) ** 2)
    return phi, -(d - offsets) / widths**2 * phi


@dataclass(frozen=True)
class Basis:
    """Radial functions times cutoff at the knots; made once for an architecture (they do not change in training).

    Attributes:
        knots: number of knots K. spacing: Å; knot k lies at k * spacing, the last at the cutoff.
        value, slope: (K, n_rbf + 1) float64: phi f with the bias's f in the last column, and its derivative times
            ``spacing``.
    """

    knots: int
    spacing: float
    value: np.ndarray
    slope: np.ndarray

    def stacked(self, dtype) -> np.ndarray:
        """(K, 2 (n_rbf + 1)) values beside slopes. Tails of Gaussians are cut: as denormals they take 100 times longer."""
        both = np.concatenate([self.value, self.slope], axis=1)
        both[np.abs(both) < 1e-25] = 0.0
        return both.astype(dtype)


def tabulate(a: Architecture, arrays: dict[str, np.ndarray], tolerance: float) -> Basis:
    """Knots enough that the cubic Hermite error of every radial function stays below ``tolerance``.

    The error is measured between the knots, not estimated.
    """
    knots = 129
    while True:
        h = a.cutoff / (knots - 1)
        value, slope = _products(a, arrays, np.arange(knots) * h)
        slope *= h
        middle = 0.5 * (value[:-1] + value[1:]) + 0.125 * (slope[:-1] - slope[1:])
        exact, _ = _products(a, arrays, (np.arange(knots - 1) + 0.5) * h)
        begin = int(0.1 * knots)  # a Bessel function is steep where no pair of atoms ever is
        if np.abs(middle - exact)[begin:].max() <= tolerance or knots > 20000:
            return Basis(knots, h, value, slope)
        knots = int((knots - 1) * 1.25) // 16 * 16 + 17


def _products(a: Architecture, arrays: dict[str, np.ndarray], d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    phi, dphi = radial_basis(a, arrays, d)
    f, df = cutoff_function(a, d)
    value = np.concatenate([phi * f[:, None], f[:, None]], axis=1)
    slope = np.concatenate([dphi * f[:, None] + phi * df[:, None], df[:, None]], axis=1)
    return value, slope


def filter_table(a: Architecture, arrays: dict[str, np.ndarray], basis: Basis, width: int, table: np.ndarray) -> None:
    """Fill ``table`` with the filters at the knots: [layer][block of 16 features][knot][q, R, mu][value, slope][16].

    Args:
        width: F rounded up; features beyond F are zero. table: flat, :func:`table_size` numbers.
    """
    f, layers, blocks = a.n_atom_basis, _filter_layers(a), width // LANES
    mixed = np.zeros((layers, 3, width, basis.value.shape[1]), table.dtype)
    mixed[:, :, :f, :-1] = arrays[FILTER_WEIGHT].reshape(layers, 3, f, -1)
    mixed[:, :, :f, -1] = arrays[FILTER_BIAS].reshape(layers, 3, f)
    # (layer, block, radial function, q R mu, 16), then values and slopes side by side, each from its own basis
    mixed = mixed.reshape(layers, 3, blocks, LANES, -1).transpose(0, 2, 4, 1, 3)
    radial = mixed.shape[2]
    both = np.zeros((layers, blocks, 2, radial, 3, 2, LANES), table.dtype)
    both[:, :, 0, :, :, 0], both[:, :, 1, :, :, 1] = mixed, mixed
    stacked = basis.stacked(table.dtype)
    out = table.reshape(layers, blocks, basis.knots, 6 * LANES)
    np.matmul(stacked, both.reshape(layers, blocks, 2 * radial, 6 * LANES), out=out)


def table_size(a: Architecture, basis: Basis, width: int) -> int:
    """Numbers in a table of filters."""
    return _filter_layers(a) * width * basis.knots * 6


def _filter_layers(a: Architecture) -> int:
    return 1 if a.shared_filters else a.n_interactions


def filter_gradients(a: Architecture, basis: Basis, table: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """From the gradient with respect to the table to those of the filter weights (rows, n_rbf) and bias (rows,)."""
    f, layers, blocks = a.n_atom_basis, _filter_layers(a), width // LANES
    turned = table.reshape(layers, blocks, basis.knots, 6 * LANES).swapaxes(2, 3)
    stacked = basis.stacked(table.dtype)
    radial = basis.value.shape[1]
    g = (turned @ stacked).reshape(layers, blocks, 3, 2, LANES, 2 * radial)
    g = g[:, :, :, 0, :, :radial] + g[:, :, :, 1, :, radial:]
    g = g.transpose(0, 2, 1, 3, 4).reshape(layers, 3, width, radial)[:, :, :f].reshape(-1, radial)
    return np.ascontiguousarray(g[:, :-1]), np.ascontiguousarray(g[:, -1])
