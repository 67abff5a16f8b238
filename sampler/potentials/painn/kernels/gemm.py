"""Dense layers: C = A B + D with weights packed once, no BLAS, one thread.

A BLAS packs both operands in every call, which costs as much as the product itself for a few dozen rows; here the
weights are packed when the model is loaded and the rows are read where they lie.
"""

from __future__ import annotations

import numba
import numpy as np

from . import simd

PANEL = 64  # columns of a packed panel: four vectors


def pack(matrix: np.ndarray, out: np.ndarray) -> None:
    """(k, n) -> (k n,): panels of 64 columns (the last of 32 where n is an odd multiple of 32), row by row inside."""
    k, n = matrix.shape
    panels = n // PANEL
    whole = panels * PANEL
    out[: k * whole].reshape(panels, k, PANEL)[...] = matrix[:, :whole].reshape(k, panels, PANEL).swapaxes(0, 1)
    out[k * whole :].reshape(k, n - whole)[...] = matrix[:, whole:]


@numba.njit(inline="never")
def multiply(a, a0, a_row, a_k, b, b0, d, d0, d_row, c, c0, c_row, m, k, n):
    """C (m, n) = A (m, k) B (k, n, packed) + D; strides count elements, ``d_row`` 0 repeats one row (a bias)."""
    column = 0
    while column < n:
        width = min(64, n - column)
        bp = b0 + column * k
        row = 0
        while row < m:
            rest = m - row
            ar, cr, dr = a0 + row * a_row, c0 + row * c_row + column, d0 + row * d_row + column
            if width == 64:
                if rest >= 6:
                    simd.block_6x4(a, ar, a_row, a_k, b, bp, 64, d, dr, d_row, c, cr, c_row, k)
                    row += 6
                elif rest >= 3:
                    simd.block_3x4(a, ar, a_row, a_k, b, bp, 64, d, dr, d_row, c, cr, c_row, k)
                    row += 3
                else:
                    simd.block_1x4(a, ar, a_row, a_k, b, bp, 64, d, dr, d_row, c, cr, c_row, k)
                    row += 1
            else:
                if rest >= 6:
                    simd.block_6x2(a, ar, a_row, a_k, b, bp, 32, d, dr, d_row, c, cr, c_row, k)
                    row += 6
                elif rest >= 3:
                    simd.block_3x2(a, ar, a_row, a_k, b, bp, 32, d, dr, d_row, c, cr, c_row, k)
                    row += 3
                else:
                    simd.block_1x2(a, ar, a_row, a_k, b, bp, 32, d, dr, d_row, c, cr, c_row, k)
                    row += 1
        column += width


@numba.njit(inline="never")
def add_outer(a, a0, a_row, b, b0, b_row, c, c0, c_row, k, m, n):
    """C (m, n) += Aᵀ B with A (k, m) and B (k, n): the gradient of a weight matrix."""
    column = 0
    while column < n:
        width = 64 if n - column >= 64 else 32
        row = 0
        while row < m:
            rest = m - row
            cr = c0 + row * c_row + column
            if width == 64:
                if rest >= 6:
                    simd.block_6x4(a, a0 + row, 1, a_row, b, b0 + column, b_row, c, cr, c_row, c, cr, c_row, k)
                    row += 6
                elif rest >= 3:
                    simd.block_3x4(a, a0 + row, 1, a_row, b, b0 + column, b_row, c, cr, c_row, c, cr, c_row, k)
                    row += 3
                else:
                    simd.block_1x4(a, a0 + row, 1, a_row, b, b0 + column, b_row, c, cr, c_row, c, cr, c_row, k)
                    row += 1
            else:
                if rest >= 6:
                    simd.block_6x2(a, a0 + row, 1, a_row, b, b0 + column, b_row, c, cr, c_row, c, cr, c_row, k)
                    row += 6
                elif rest >= 3:
                    simd.block_3x2(a, a0 + row, 1, a_row, b, b0 + column, b_row, c, cr, c_row, c, cr, c_row, k)
                    row += 3
                else:
                    simd.block_1x2(a, a0 + row, 1, a_row, b, b0 + column, b_row, c, cr, c_row, c, cr, c_row, k)
                    row += 1
        column += width
