"""The whole network, forward and backward, over all atoms of a batch; single thread.

Everything a layer needs again on the way back lies in ``work``, 25 F numbers per atom and layer (see LAYER).
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from ....compiled import compiled
from . import elementwise as ew
from . import pairs as pk
from .gemm import add_outer, multiply

# Offsets inside the block of a layer, in units of atoms * width.
Q, MU, D1, H1, X, CTX, MID, VW, D2, H2, Y = 0, 1, 4, 5, 6, 9, 11, 14, 20, 21, 22
LAYER = 25
# Scratch behind the layers, same units: q after the last layer, then the gradients.
GQ, GMU, GIN, GX, GH, GCTX, GVW = 1, 2, 5, 8, 11, 12, 14
SCRATCH = 20

# Columns of the offset table of packed weights: forward, bias, …, backward.
W1, B1, W2, B2, W3, B3, W4, B4, WM, W1T, W2T, W3T, W4T, WMT = range(14)

# numba's cache looks at the time stamp of this file alone; the fingerprint makes it see the files below it too
_SOURCES = ("simd.py", "gemm.py", "elementwise.py", "pairs.py", "network.py")
_FINGERPRINT = hashlib.sha256(b"".join((Path(__file__).parent / s).read_bytes() for s in _SOURCES)).hexdigest()


def work_size(n: int, width: int, layers: int, output_widths: tuple[int, ...]) -> int:
    """Numbers of ``work`` for n atoms."""
    return n * (width * (LAYER * layers + SCRATCH) + 4 * max(output_widths) * len(output_widths)) + 64


def _build_forward(fingerprint: str):
    @compiled(error_model="numpy")
    def forward(kinds, first, partner, knot, geometry, table, table_step, knots, weights, offsets, embedding,
                out_offsets, out_widths, width, layers, activation, out_activation, epsilon, work, atomic, charges):
        """Atomic outputs (N,) of the network into ``atomic``, latent charges into ``charges`` (N,), or none (0,)."""
        _ = fingerprint
        n = len(kinds)
        unit = n * width
        for i in range(n):
            for f in range(width):
                work[i * width + f] = embedding[kinds[i] * width + f]
        for layer in range(layers):
            o = layer * LAYER * unit
            q, mu, d1, h1, x, ctx = o, o + MU * unit, o + D1 * unit, o + H1 * unit, o + X * unit, o + CTX * unit
            mid, vw, d2, h2, y = o + MID * unit, o + VW * unit, o + D2 * unit, o + H2 * unit, o + Y * unit
            multiply(work, q, width, 1, weights, offsets[layer, W1], weights, offsets[layer, B1], 0, work, h1, width,
                     n, width, width)
            ew.activate(work, h1, d1, unit, activation, weights)
            multiply(work, h1, width, 1, weights, offsets[layer, W2], weights, offsets[layer, B2], 0, work, x, 3 * width,
                     n, width, 3 * width)
            if layer == 0:
                pk.forward_first(first, partner, knot, geometry, table, 0, knots, work, x, q, ctx, mid, n, width)
            else:
                pk.forward(first, partner, knot, geometry, table, layer * table_step, knots, work, x, q, mu, ctx, mid,
                           n, width)
            multiply(work, mid, width, 1, weights, offsets[layer, WM], weights, 32, 0, work, vw, 2 * width,
                     3 * n, width, 2 * width)
            ew.norms(work, vw, ctx, n, width, epsilon)
            multiply(work, ctx, 2 * width, 1, weights, offsets[layer, W3], weights, offsets[layer, B3], 0, work, h2, width,
                     n, 2 * width, width)
            ew.activate(work, h2, d2, unit, activation, weights)
            multiply(work, h2, width, 1, weights, offsets[layer, W4], weights, offsets[layer, B4], 0, work, y, 3 * width,
                     n, width, 3 * width)
            following = o + LAYER * unit
            ew.mix(work, y, vw, ctx, mid, following, following + MU * unit, n, width, layer == layers - 1)
        # output network: activations and derivatives behind the scratch space
        a, a_width = layers * LAYER * unit, width
        free = (layers * LAYER + SCRATCH) * unit
        for m in range(len(out_widths) - 2):
            w = out_widths[m + 1]
            multiply(work, a, a_width, 1, weights, out_offsets[m, 0], weights, out_offsets[m, 1], 0, work, free, w,
                     n, a_width, w)
            ew.activate(work, free, free + n * w, n * w, out_activation, weights)
            a, a_width = free, w
            free += 2 * n * w
        last = len(out_widths) - 2
        for i in range(n):
            s = weights[out_offsets[last, 1]]
            for f in range(a_width):
                s += work[a + i * a_width + f] * weights[out_offsets[last, 0] + f]
            atomic[i] = s
        for i in range(len(charges)):
            s = weights[out_offsets[last + 1, 1]]
            for f in range(a_width):
                s += work[a + i * a_width + f] * weights[out_offsets[last + 1, 0] + f]
            charges[i] = s

    return forward


def _build_backward(fingerprint: str, training: bool):
    """For forces or, apart from it so that only what is used is compiled, for training."""

    @compiled(error_model="numpy")
    def backward(seeds, charge_seeds, kinds, first, partner, knot, geometry, table, table_step, knots, weights, offsets,
                 out_offsets, out_widths, width, layers, work, pair_gradient, tg, gw, g_offsets, go_offsets,
                 ge):
        """After ``forward``: derivatives of sum(seeds * atomic) + sum(charge_seeds * charges), the latter (N,) or (0,).

        For forces, adds dE/dd and dE/du to ``pair_gradient``; in training adds to the gradients of the table ``tg``,
        of the dense layers ``gw`` and of the embedding ``ge``.
        """
        _ = fingerprint
        n = len(kinds)
        unit = n * width
        s = layers * LAYER * unit
        gq, gmu, gin, gx = s + GQ * unit, s + GMU * unit, s + GIN * unit, s + GX * unit
        gh, gctx, gvw = s + GH * unit, s + GCTX * unit, s + GVW * unit
        # output network
        steps = len(out_widths) - 2
        free = (layers * LAYER + SCRATCH) * unit
        here = np.empty(steps + 1, np.int64)
        here[0] = s
        spot = free
        for m in range(steps):
            here[m + 1] = spot
            spot += 2 * n * out_widths[m + 1]
        g = spot if steps > 0 else gq
        w = out_widths[steps]
        for i in range(n):
            for f in range(w):
                work[g + i * w + f] = seeds[i] * weights[out_offsets[steps, 0] + f]
        if training:
            for i in range(n):
                gw[go_offsets[steps, 1]] += seeds[i]
                for f in range(w):
                    gw[go_offsets[steps, 0] + f] += seeds[i] * work[here[steps] + i * w + f]
        for i in range(len(charge_seeds)):
            for f in range(w):
                work[g + i * w + f] += charge_seeds[i] * weights[out_offsets[steps + 1, 0] + f]
            if training:
                gw[go_offsets[steps + 1, 1]] += charge_seeds[i]
                for f in range(w):
                    gw[go_offsets[steps + 1, 0] + f] += charge_seeds[i] * work[here[steps] + i * w + f]
        for m in range(steps - 1, -1, -1):
            w, below = out_widths[m + 1], out_widths[m]
            ew.multiply_into(work, g, here[m + 1] + n * w, n * w)
            if training:
                add_outer(work, g, w, work, here[m], below, gw, go_offsets[m, 0], below, n, w, below)
                ew.add_column_sums(work, g, n, w, gw, go_offsets[m, 1])
            target = gq if m == 0 else g + n * w
            multiply(work, g, w, 1, weights, out_offsets[m, 2], weights, 32, 0, work, target, below, n, w, below)
            g = target
        for o in range(0, 3 * unit):
            work[gmu + o] = 0.0
        for layer in range(layers - 1, -1, -1):
            o = layer * LAYER * unit
            q, mu, d1, h1, x, ctx = o, o + MU * unit, o + D1 * unit, o + H1 * unit, o + X * unit, o + CTX * unit
            mid, vw, d2, h2, y = o + MID * unit, o + VW * unit, o + D2 * unit, o + H2 * unit, o + Y * unit
            ew.mix_backward(work, gq, gmu, y, vw, gx, gvw, n, width)
            multiply(work, gx, 3 * width, 1, weights, offsets[layer, W4T], weights, 32, 0, work, gh, width,
                     n, 3 * width, width)
            if training:
                add_outer(work, gx, 3 * width, work, h2, width, gw, g_offsets[layer, W4], width, n, 3 * width, width)
                ew.add_column_sums(work, gx, n, 3 * width, gw, g_offsets[layer, B4])
            ew.multiply_into(work, gh, d2, unit)
            multiply(work, gh, width, 1, weights, offsets[layer, W3T], weights, 32, 0, work, gctx, 2 * width,
                     n, width, 2 * width)
            if training:
                add_outer(work, gh, width, work, ctx, 2 * width, gw, g_offsets[layer, W3], 2 * width, n, width, 2 * width)
                ew.add_column_sums(work, gh, n, width, gw, g_offsets[layer, B3])
            ew.norms_backward(work, gctx, ctx, vw, gq, gvw, n, width)
            multiply(work, gvw, 2 * width, 1, weights, offsets[layer, WMT], work, gmu, width, work, gmu, width,
                     3 * n, 2 * width, width)
            if training:
                add_outer(work, gvw, 2 * width, work, mid, width, gw, g_offsets[layer, WM], width, 3 * n, 2 * width, width)
                if layer == 0:
                    pk.backward_training_first(first, partner, knot, geometry, table, 0, knots, work, x, mu, gq, gmu,
                                               gx, gin, n, width, pair_gradient, tg)
                else:
                    pk.backward_training(first, partner, knot, geometry, table, layer * table_step, knots, work, x, mu,
                                         gq, gmu, gx, gin, n, width, pair_gradient, tg)
            elif layer == 0:
                pk.backward_forces_first(first, partner, knot, geometry, table, 0, knots, work, x, mu, gq, gmu,
                                         gx, gin, n, width, pair_gradient, tg)
                return  # the embedding does not move with the atoms
            else:
                pk.backward_forces(first, partner, knot, geometry, table, layer * table_step, knots, work, x, mu,
                                   gq, gmu, gx, gin, n, width, pair_gradient, tg)
            gmu, gin = gin, gmu
            multiply(work, gx, 3 * width, 1, weights, offsets[layer, W2T], weights, 32, 0, work, gh, width,
                     n, 3 * width, width)
            if training:
                add_outer(work, gx, 3 * width, work, h1, width, gw, g_offsets[layer, W2], width, n, 3 * width, width)
                ew.add_column_sums(work, gx, n, 3 * width, gw, g_offsets[layer, B2])
            ew.multiply_into(work, gh, d1, unit)
            multiply(work, gh, width, 1, weights, offsets[layer, W1T], work, gq, width, work, gq, width, n, width, width)
            if training:
                add_outer(work, gh, width, work, q, width, gw, g_offsets[layer, W1], width, n, width, width)
                ew.add_column_sums(work, gh, n, width, gw, g_offsets[layer, B1])
        for i in range(n):
            for f in range(width):
                ge[kinds[i] * width + f] += work[gq + i * width + f]

    return backward


forward = _build_forward(_FINGERPRINT)
backward_forces, backward_training = _build_backward(_FINGERPRINT, False), _build_backward(_FINGERPRINT, True)


@compiled(error_model="numpy")
def forces_from_pairs(first, partner, geometry, pair_gradient, n, forces, factor):
    """See :func:`.pairs.forces_from_pairs`."""
    pk.forces_from_pairs(first, partner, geometry, pair_gradient, n, forces, factor)
