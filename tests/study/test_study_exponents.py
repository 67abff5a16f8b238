"""The power of a learning curve against numpy, scipy and a law that is known."""

import numpy as np
import pytest
from scipy.optimize import curve_fit

from sampler.study.exponents import _points, power_law

SIZES = (100, 200, 400, 800, 1600)


def noisy(scale, seed=0, repeats=3):
    rng = np.random.default_rng(seed)
    return {n: (5.0 * n**-0.5 * np.exp(scale * rng.normal(size=repeats))).tolist() for n in SIZES}


def test_an_exact_law_is_found():
    law = power_law({n: [7.0 * n**-0.25] * 3 for n in SIZES})
    assert law.exponent == pytest.approx(-0.25, abs=1e-12) and law.factor == pytest.approx(7.0)
    assert law.at(100) == pytest.approx(7.0 * 100**-0.25)


@pytest.mark.parametrize("scale", [0.02, 0.3])
def test_fit_and_error_are_those_of_numpy_and_scipy(scale):
    values = noisy(scale)
    law = power_law(values)
    x, y, sigma = _points(values)
    (slope, offset), free = np.polyfit(x, y, 1, w=1 / sigma, cov="unscaled")
    chi = (((y - offset - slope * x) / sigma) ** 2).sum() / (len(x) - 2)
    other, absolute = curve_fit(lambda x, a, b: a * x + b, x, y, sigma=sigma, absolute_sigma=True)
    print(law.exponent, slope, other[0], law.error, chi)
    assert law.exponent == pytest.approx(slope, rel=1e-9) == pytest.approx(other[0], rel=1e-6)
    assert law.error == pytest.approx(np.sqrt(free[0, 0] * max(1.0, chi)), rel=1e-9)
    assert law.error == pytest.approx(np.sqrt(absolute[0, 0] * max(1.0, chi)), rel=1e-4)


def test_points_that_lie_on_no_line_have_the_larger_error():
    bent = {n: [n**-0.5 * (1 + 0.5 * (k % 2))] * 3 for k, n in enumerate(SIZES)}
    x, y, sigma = _points(bent)
    scaled = np.sqrt(np.polyfit(x, y, 1, w=1 / sigma, cov=True)[1][0, 0])
    assert power_law(bent).error == pytest.approx(scaled, rel=1e-9)


def test_the_error_covers_the_truth():
    """Of many curves with noise, some two thirds have the true power within one standard error."""
    inside = [abs(law.exponent + 0.5) < law.error for law in (power_law(noisy(0.15, seed)) for seed in range(400))]
    share = np.mean(inside)
    print(share)
    assert 0.6 < share < 0.85


def test_a_large_spread_counts_less():
    values = {100: [1.0] * 3, 200: [0.5] * 3, 400: [0.1, 0.25, 2.5], 800: [0.125] * 3}
    assert power_law(values).exponent == pytest.approx(-1.0, abs=0.05)


def test_one_size_has_no_power():
    assert power_law({100: [1.0, 2.0]}) is None
    assert power_law({}) is None
