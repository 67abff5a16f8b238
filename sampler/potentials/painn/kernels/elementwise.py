"""Activations and the elementwise parts of the mixing block, 16 features at a time."""

from __future__ import annotations

import math

import numba
import numpy as np

from .simd import add, broadcast, clip, div, exp2_integer, fma, fnma, load, mul, rint, splat, sqrt, store, sub

SILU, SHIFTED_SOFTPLUS = 0, 1

njit = numba.njit(inline="never", error_model="numpy")

# numbers that every kernel needs, at the start of the weights: exp(r) = sum r^k / k!, and the reduction by ln 2
_HIGH: dict[np.dtype, np.float32 | float] = {np.dtype(np.float32): np.float32(0.693359375), np.dtype(np.float64): 6.93147180369123816490e-01}


def constants(dtype) -> np.ndarray:
    """(32,): 1/k! for k = 0 … 13, then log2(e), the high and low part of ln 2, the range of exp."""
    out = np.zeros(32)
    out[:14] = [1.0 / math.factorial(k) for k in range(14)]
    high = float(_HIGH[np.dtype(dtype)])
    low = -2.12194440e-4 if np.dtype(dtype) == np.float32 else 1.90821492927058770002e-10
    limit = 87.0 if np.dtype(dtype) == np.float32 else 700.0
    out[14:18] = [1.0 / math.log(2.0), high, low, limit]
    return out.astype(dtype)


@numba.njit(inline="always")
def _exp(x, constant, terms):
    x = clip(x, -constant[17], constant[17])
    n = rint(mul(x, splat(constant, 14)))
    r = fnma(n, splat(constant, 16), fnma(n, splat(constant, 15), x))
    p = splat(constant, terms)
    for k in range(terms - 1, -1, -1):
        p = fma(p, r, splat(constant, k))
    return mul(p, exp2_integer(n))


@njit
def activate(work, u0, d0, size, kind, constant):
    """In place: work[u0:] -> activation, and its derivative to work[d0:]."""
    terms = 7 if constant[17] < 100 else 13
    if kind == SILU:
        one = splat(constant, 0)
        for o in range(0, size, 16):
            u = load(work, u0 + o)
            s = div(one, add(one, _exp(sub(sub(u, u), u), constant, terms)))
            y = mul(u, s)
            store(work, u0 + o, y)
            store(work, d0 + o, fma(y, sub(one, s), s))
    else:
        for o in range(size):
            u = work[u0 + o]
            e = math.exp(-abs(u))
            work[u0 + o] = max(u, 0.0) + math.log1p(e) - math.log(2.0)
            work[d0 + o] = 1.0 / (1.0 + e) if u >= 0 else e / (1.0 + e)


@njit
def multiply_into(work, a0, b0, size):
    """work[a0:] *= work[b0:]."""
    for o in range(0, size, 16):
        store(work, a0 + o, mul(load(work, a0 + o), load(work, b0 + o)))


@njit
def norms(work, vw0, ctx0, n, width, epsilon):
    """ctx[:, width:] = sqrt(sum over x, y, z of V² + epsilon)."""
    eps = broadcast(epsilon)
    for i in range(n):
        for f in range(0, width, 16):
            v = vw0 + i * 6 * width + f
            a, b, c = load(work, v), load(work, v + 2 * width), load(work, v + 4 * width)
            store(work, ctx0 + i * 2 * width + width + f, sqrt(fma(a, a, fma(b, b, fma(c, c, eps)))))


@njit
def mix(work, y0, vw0, ctx0, mid0, q0, mu0, n, width, last):
    """q = ctx_q + y_a + y_c sum(V W), mu = mid + y_b W; the last layer's mu is never used."""
    for i in range(n):
        for f in range(0, width, 16):
            v, y = vw0 + i * 6 * width + f, y0 + i * 3 * width + f
            wa, wb, wc = load(work, v + width), load(work, v + 3 * width), load(work, v + 5 * width)
            s = mul(load(work, v), wa)
            s = fma(load(work, v + 2 * width), wb, s)
            s = fma(load(work, v + 4 * width), wc, s)
            q = add(load(work, ctx0 + i * 2 * width + f), load(work, y))
            store(work, q0 + i * width + f, fma(load(work, y + 2 * width), s, q))
            if not last:
                yb = load(work, y + width)
                m, o = mid0 + i * 3 * width + f, mu0 + i * 3 * width + f
                store(work, o, fma(yb, wa, load(work, m)))
                store(work, o + width, fma(yb, wb, load(work, m + width)))
                store(work, o + 2 * width, fma(yb, wc, load(work, m + 2 * width)))


@njit
def mix_backward(work, gq0, gmu0, y0, vw0, gy0, gvw0, n, width):
    """Gradients with respect to y and, through the products, to V and W."""
    for i in range(n):
        for f in range(0, width, 16):
            v, y, m = vw0 + i * 6 * width + f, y0 + i * 3 * width + f, gmu0 + i * 3 * width + f
            va, vb, vc = load(work, v), load(work, v + 2 * width), load(work, v + 4 * width)
            wa, wb, wc = load(work, v + width), load(work, v + 3 * width), load(work, v + 5 * width)
            ga, gb, gc = load(work, m), load(work, m + width), load(work, m + 2 * width)
            gq = load(work, gq0 + i * width + f)
            yb, gs = load(work, y + width), mul(gq, load(work, y + 2 * width))
            o = gy0 + i * 3 * width + f
            store(work, o, gq)
            store(work, o + width, fma(ga, wa, fma(gb, wb, mul(gc, wc))))
            store(work, o + 2 * width, mul(gq, fma(va, wa, fma(vb, wb, mul(vc, wc)))))
            g = gvw0 + i * 6 * width + f
            store(work, g, mul(gs, wa))
            store(work, g + 2 * width, mul(gs, wb))
            store(work, g + 4 * width, mul(gs, wc))
            store(work, g + width, fma(ga, yb, mul(gs, va)))
            store(work, g + 3 * width, fma(gb, yb, mul(gs, vb)))
            store(work, g + 5 * width, fma(gc, yb, mul(gs, vc)))


@njit
def norms_backward(work, gctx0, ctx0, vw0, gq0, gvw0, n, width):
    """g_q += gctx[:, :width]; g_V += g_n V / n."""
    for i in range(n):
        for f in range(0, width, 16):
            c, v, g = i * 2 * width + f, vw0 + i * 6 * width + f, gvw0 + i * 6 * width + f
            q = gq0 + i * width + f
            store(work, q, add(load(work, q), load(work, gctx0 + c)))
            r = div(load(work, gctx0 + c + width), load(work, ctx0 + c + width))
            for k in range(0, 6 * width, 2 * width):
                store(work, g + k, fma(r, load(work, v + k), load(work, g + k)))


@njit
def add_column_sums(work, a0, n, columns, out, o0):
    """out[o0:] += sum over rows of (n, columns): the gradient of a bias."""
    for f in range(0, columns, 16):
        s = load(out, o0 + f)
        for i in range(n):
            s = add(s, load(work, a0 + i * columns + f))
        store(out, o0 + f, s)
