"""Messages between pairs of atoms, forward and backward, without ever storing an array over pairs.

One pass over the half list serves both directions. Features are taken 16 at a time (one ``Vec``), so that the filter
table of those features and the features of a structure stay in the cache while all pairs go by.

Notation, for a pair i, j with unit vector u from i to j, filters W = (Wq, WR, Wm) and messages x = (xq, xR, xm):
q_i += Wq xq_j and mu_i += WR xR_j u + Wm xm_j mu_j; for j the same with i and -u.
"""

from __future__ import annotations

import numba

from .simd import add, add_sums4, fma, fnma, load, mul, splat, store, sub, zero

njit = numba.njit(inline="never", error_model="numpy")


@numba.njit(inline="always")
def _hermite(table, t, c0, c1, c2, c3):
    """Interpolate one filter; knot rows lie 96 numbers apart, value and slope 16."""
    w = mul(c0, load(table, t))
    w = fma(c1, load(table, t + 16), w)
    w = fma(c2, load(table, t + 96), w)
    return fma(c3, load(table, t + 112), w)


@njit
def forward_first(first, partner, knot, geometry, table, t0, knots, work, x0, q0, ctx0, mid0, n, width):
    """Layer 0, where all mu are zero: ctx[:, :width] = q + messages, mid = messages."""
    for f in range(0, width, 16):
        slab = t0 + (f // 16) * knots * 96
        for i in range(n):
            store(work, ctx0 + i * 2 * width + f, load(work, q0 + i * width + f))
            m = mid0 + i * 3 * width + f
            for c in range(3):
                store(work, m + c * width, zero(work))
        for i in range(n):
            x = x0 + i * 3 * width + f
            xq, xr = load(work, x), load(work, x + width)
            c, m = ctx0 + i * 2 * width + f, mid0 + i * 3 * width + f
            q, mx, my, mz = load(work, c), load(work, m), load(work, m + width), load(work, m + 2 * width)
            for p in range(first[i], first[i + 1]):
                g, j = 12 * p, partner[p]
                t = slab + knot[p] * 96
                c0, c1, c2, c3 = splat(geometry, g), splat(geometry, g + 1), splat(geometry, g + 2), splat(geometry, g + 3)
                ux, uy, uz = splat(geometry, g + 8), splat(geometry, g + 9), splat(geometry, g + 10)
                wq = _hermite(table, t, c0, c1, c2, c3)
                wr = _hermite(table, t + 32, c0, c1, c2, c3)
                y = x0 + j * 3 * width + f
                ri, rj = mul(wr, load(work, y + width)), mul(wr, xr)
                q = fma(wq, load(work, y), q)
                mx, my, mz = fma(ri, ux, mx), fma(ri, uy, my), fma(ri, uz, mz)
                o, k = ctx0 + j * 2 * width + f, mid0 + j * 3 * width + f
                store(work, o, fma(wq, xq, load(work, o)))
                store(work, k, fnma(rj, ux, load(work, k)))
                store(work, k + width, fnma(rj, uy, load(work, k + width)))
                store(work, k + 2 * width, fnma(rj, uz, load(work, k + 2 * width)))
            store(work, c, q)
            store(work, m, mx)
            store(work, m + width, my)
            store(work, m + 2 * width, mz)


@njit
def forward(first, partner, knot, geometry, table, t0, knots, work, x0, q0, mu0, ctx0, mid0, n, width):
    """ctx[:, :width] = q + messages, mid = mu + messages."""
    for f in range(0, width, 16):
        slab = t0 + (f // 16) * knots * 96
        for i in range(n):
            store(work, ctx0 + i * 2 * width + f, load(work, q0 + i * width + f))
            m, u = mid0 + i * 3 * width + f, mu0 + i * 3 * width + f
            for c in range(3):
                store(work, m + c * width, load(work, u + c * width))
        for i in range(n):
            x, u = x0 + i * 3 * width + f, mu0 + i * 3 * width + f
            xq, xr, xm = load(work, x), load(work, x + width), load(work, x + 2 * width)
            vx, vy, vz = load(work, u), load(work, u + width), load(work, u + 2 * width)
            c, m = ctx0 + i * 2 * width + f, mid0 + i * 3 * width + f
            q, mx, my, mz = load(work, c), load(work, m), load(work, m + width), load(work, m + 2 * width)
            for p in range(first[i], first[i + 1]):
                g, j = 12 * p, partner[p]
                t = slab + knot[p] * 96
                c0, c1, c2, c3 = splat(geometry, g), splat(geometry, g + 1), splat(geometry, g + 2), splat(geometry, g + 3)
                ux, uy, uz = splat(geometry, g + 8), splat(geometry, g + 9), splat(geometry, g + 10)
                wq = _hermite(table, t, c0, c1, c2, c3)
                wr = _hermite(table, t + 32, c0, c1, c2, c3)
                wm = _hermite(table, t + 64, c0, c1, c2, c3)
                y, v = x0 + j * 3 * width + f, mu0 + j * 3 * width + f
                ri, rj = mul(wr, load(work, y + width)), mul(wr, xr)
                si, sj = mul(wm, load(work, y + 2 * width)), mul(wm, xm)
                q = fma(wq, load(work, y), q)
                mx = fma(si, load(work, v), fma(ri, ux, mx))
                my = fma(si, load(work, v + width), fma(ri, uy, my))
                mz = fma(si, load(work, v + 2 * width), fma(ri, uz, mz))
                o, k = ctx0 + j * 2 * width + f, mid0 + j * 3 * width + f
                store(work, o, fma(wq, xq, load(work, o)))
                store(work, k, fma(sj, vx, fnma(rj, ux, load(work, k))))
                store(work, k + width, fma(sj, vy, fnma(rj, uy, load(work, k + width))))
                store(work, k + 2 * width, fma(sj, vz, fnma(rj, uz, load(work, k + 2 * width))))
            store(work, c, q)
            store(work, m, mx)
            store(work, m + width, my)
            store(work, m + 2 * width, mz)


@numba.njit(inline="always")
def _scatter(tg, t, dw, c0, c1, c2, c3):
    """The transpose of _hermite: add the gradient of one filter to its knots."""
    store(tg, t, fma(c0, dw, load(tg, t)))
    store(tg, t + 16, fma(c1, dw, load(tg, t + 16)))
    store(tg, t + 96, fma(c2, dw, load(tg, t + 96)))
    store(tg, t + 112, fma(c3, dw, load(tg, t + 112)))


def _make_backward(training: bool, is_first: bool):
    """The four backward passes.

    For forces: ``pair_gradient`` (P, 4) += dE/dd and dE/du; in training: ``tg`` += dE/d(table) instead.
    ``gx`` = dE/dx (not for forces in layer 0) and ``gin`` = g_mu + dE/d(mu) (not in layer 0).
    """
    messages, vectors = training or not is_first, not is_first

    @njit
    def backward(first, partner, knot, geometry, table, t0, knots, work, x0, mu0, gq0, gmu0, gx0, gin0, n, width,
                 pair_gradient, tg):
        for f in range(0, width, 16):
            slab = t0 + (f // 16) * knots * 96
            if messages:
                for i in range(n):
                    for c in range(3):
                        o = i * 3 * width + c * width + f
                        store(work, gx0 + o, zero(work))
                        if vectors:
                            store(work, gin0 + o, load(work, gmu0 + o))
            for i in range(n):
                x, b = x0 + i * 3 * width + f, gmu0 + i * 3 * width + f
                xq, xr = load(work, x), load(work, x + width)
                gq = load(work, gq0 + i * width + f)
                gx, gy, gz = load(work, b), load(work, b + width), load(work, b + 2 * width)
                aq = ar = am = zero(work)
                xm = vx = vy = vz = bx = by = bz = zero(work)
                if vectors:
                    xm = load(work, x + 2 * width)
                    u = mu0 + i * 3 * width + f
                    vx, vy, vz = load(work, u), load(work, u + width), load(work, u + 2 * width)
                for p in range(first[i], first[i + 1]):
                    g, j = 12 * p, partner[p]
                    t = slab + knot[p] * 96
                    c0, c1 = splat(geometry, g), splat(geometry, g + 1)
                    c2, c3 = splat(geometry, g + 2), splat(geometry, g + 3)
                    ux, uy, uz = splat(geometry, g + 8), splat(geometry, g + 9), splat(geometry, g + 10)
                    y, h = x0 + j * 3 * width + f, gmu0 + j * 3 * width + f
                    yq, yr = load(work, y), load(work, y + width)
                    hq = load(work, gq0 + j * width + f)
                    hx, hy, hz = load(work, h), load(work, h + width), load(work, h + 2 * width)
                    si = fma(gz, uz, fma(gy, uy, mul(gx, ux)))
                    sj = fma(hz, uz, fma(hy, uy, mul(hx, ux)))
                    dq = fma(gq, yq, mul(hq, xq))
                    dr = sub(mul(yr, si), mul(xr, sj))
                    k = gx0 + j * 3 * width + f
                    wr = _hermite(table, t + 32, c0, c1, c2, c3)
                    if messages:
                        wq = _hermite(table, t, c0, c1, c2, c3)
                        store(work, k, fma(wq, gq, load(work, k)))
                        store(work, k + width, fma(wr, si, load(work, k + width)))
                        aq, ar = fma(wq, hq, aq), fnma(wr, sj, ar)
                    if vectors:
                        wm = _hermite(table, t + 64, c0, c1, c2, c3)
                        v, e = mu0 + j * 3 * width + f, gin0 + j * 3 * width + f
                        wx, wy, wz = load(work, v), load(work, v + width), load(work, v + 2 * width)
                        ym = load(work, y + 2 * width)
                        mi = fma(gz, wz, fma(gy, wy, mul(gx, wx)))
                        mj = fma(hz, vz, fma(hy, vy, mul(hx, vx)))
                        dm = fma(ym, mi, mul(xm, mj))
                        store(work, k + 2 * width, fma(wm, mi, load(work, k + 2 * width)))
                        am = fma(wm, mj, am)
                        ci, cj = mul(wm, xm), mul(wm, ym)
                        store(work, e, fma(cj, gx, load(work, e)))
                        store(work, e + width, fma(cj, gy, load(work, e + width)))
                        store(work, e + 2 * width, fma(cj, gz, load(work, e + 2 * width)))
                        bx, by, bz = fma(ci, hx, bx), fma(ci, hy, by), fma(ci, hz, bz)
                    if training:
                        _scatter(tg, t, dq, c0, c1, c2, c3)
                        _scatter(tg, t + 32, dr, c0, c1, c2, c3)
                        if vectors:
                            _scatter(tg, t + 64, dm, c0, c1, c2, c3)
                    else:
                        d0, d1 = splat(geometry, g + 4), splat(geometry, g + 5)
                        d2, d3 = splat(geometry, g + 6), splat(geometry, g + 7)
                        gd = mul(dq, _hermite(table, t, d0, d1, d2, d3))
                        gd = fma(dr, _hermite(table, t + 32, d0, d1, d2, d3), gd)
                        if vectors:
                            gd = fma(dm, _hermite(table, t + 64, d0, d1, d2, d3), gd)
                        ri, rj = mul(wr, yr), mul(wr, xr)
                        add_sums4(
                            pair_gradient,
                            4 * p,
                            gd,
                            sub(mul(ri, gx), mul(rj, hx)),
                            sub(mul(ri, gy), mul(rj, hy)),
                            sub(mul(ri, gz), mul(rj, hz)),
                        )
                if messages:
                    k = gx0 + i * 3 * width + f
                    store(work, k, add(aq, load(work, k)))
                    store(work, k + width, add(ar, load(work, k + width)))
                    if vectors:
                        store(work, k + 2 * width, add(am, load(work, k + 2 * width)))
                        e = gin0 + i * 3 * width + f
                        store(work, e, add(bx, load(work, e)))
                        store(work, e + width, add(by, load(work, e + width)))
                        store(work, e + 2 * width, add(bz, load(work, e + 2 * width)))

    return backward


backward_forces, backward_forces_first = _make_backward(False, False), _make_backward(False, True)
backward_training, backward_training_first = _make_backward(True, False), _make_backward(True, True)


@njit
def forces_from_pairs(first, partner, geometry, pair_gradient, n, forces, factor):
    """forces (N, 3) float64 from dE/dd and dE/du of every pair, times ``factor``."""
    for i in range(n):
        for p in range(first[i], first[i + 1]):
            g, j = 12 * p, partner[p]
            ux, uy, uz, inverse = geometry[g + 8], geometry[g + 9], geometry[g + 10], geometry[g + 11]
            gx, gy, gz = pair_gradient[4 * p + 1], pair_gradient[4 * p + 2], pair_gradient[4 * p + 3]
            along = pair_gradient[4 * p] - (gx * ux + gy * uy + gz * uz) * inverse
            fx = factor * (along * ux + gx * inverse)
            fy = factor * (along * uy + gy * inverse)
            fz = factor * (along * uz + gz * inverse)
            forces[i, 0] += fx
            forces[i, 1] += fy
            forces[i, 2] += fz
            forces[j, 0] -= fx
            forces[j, 1] -= fy
            forces[j, 2] -= fz
