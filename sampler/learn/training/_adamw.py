"""The compiled update of :class:`.optimiser.AdamW`; import it only where it runs (numba is a heavy import)."""

import numpy as np

from ...compiled import compiled


@compiled(error_model="numpy")  # a check for division by zero would keep the loop from being vectorised
def adamw(w, g, m, v, average, scale, rate, b1, b2, eps, shrink, c1, c2, decay):
    """One pass over (P,) float32 arrays: weights, gradient, both moments, moving average (if ``decay`` >= 0)."""
    one = np.float32(1.0)
    for i in range(w.size):
        gi = g[i] * scale
        m[i] = b1 * m[i] + (one - b1) * gi
        v[i] = b2 * v[i] + (one - b2) * gi * gi
        w[i] = w[i] - shrink * w[i] - rate / c1 * m[i] / (np.sqrt(v[i]) / c2 + eps)
        if decay >= 0.0:
            average[i] += (one - decay) * (w[i] - average[i])
