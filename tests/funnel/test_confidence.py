"""How many structures to keep: the integral against drawing lots, the fit against a known error."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from sampler.errors import InputError
from sampler.funnel.stages import minimum_probability as confidence

pytestmark = pytest.mark.once

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "confidence_b97"


@pytest.fixture
def fitted_error(monkeypatch):
    """Of the script that calibrates. Skips where the benchmarks are not beside the tests."""
    if not BENCHMARK.is_dir():
        pytest.skip("the benchmarks are not here")
    monkeypatch.syspath_prepend(str(BENCHMARK))
    yield importlib.import_module("fit").fitted_error
    sys.modules.pop("fit", None)


def test_two_structures_have_a_closed_form():
    from scipy.stats import norm

    for gap, sigma in ((0.0, 1.0), (0.7, 1.3), (4.0, 0.9)):
        found = confidence.minimum_probabilities([gap, 0.0], sigma)
        expected = norm.cdf(gap / (sigma * np.sqrt(2)))  # the difference of two errors
        print(f"gap {gap}: {found[1]:.10f}, closed form {expected:.10f}")
        assert found[1] == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("n", [3, 40, 2000])
def test_probabilities_are_those_of_drawing_lots(n):
    rng = np.random.default_rng(n)
    energy = np.sort(rng.gamma(2.0, 2.0, n)) - 100.0
    p = confidence.minimum_probabilities(energy, 1.5)
    draws = 100_000 if n < 1000 else 4_000
    lowest = np.concatenate([(energy + rng.normal(0, 1.5, (1000, n))).argmin(1) for _ in range(draws // 1000)])
    for k in (1, 2, max(3, n // 10)):
        drawn = (lowest < k).mean()
        print(f"{n} structures, lowest {k}: {p[:k].sum():.4f}, drawn {drawn:.4f}")
        assert p[:k].sum() == pytest.approx(drawn, abs=4.5 * np.sqrt(0.25 / draws))
    assert p.sum() == pytest.approx(1.0) and (np.diff(p) <= 1e-12).all()


def test_order_and_far_structures_change_nothing():
    energy = np.array([3.0, 0.0, 500.0, 1.0])
    p = confidence.minimum_probabilities(energy, 1.0)
    assert p[2] == 0.0
    assert p[[1, 3, 0]] == pytest.approx(confidence.minimum_probabilities([0.0, 1.0, 3.0], 1.0), abs=1e-12)


def test_how_many():
    energy = np.arange(10.0)
    p = np.cumsum(confidence.minimum_probabilities(energy, 2.0))
    for wanted in (0.1, 0.5, 0.9, 0.999):
        k, reached = confidence.how_many(energy, 2.0, wanted)
        assert reached >= wanted and reached == pytest.approx(p[k - 1])
        assert k == 1 or p[k - 2] < wanted
    assert confidence.how_many([0.0], 2.0, 0.99) == (1, 1.0)
    assert confidence.how_many(energy, 1e-6, 0.999)[0] == 1
    assert confidence.how_many(np.zeros(100), 1.0, 0.95)[0] == 95


@pytest.mark.parametrize(
    "energy, sigma, wanted",
    [([], 1, 0.9), ([0, np.nan], 1, 0.9), ([0, 1], 0, 0.9), ([0, 1], -1, 0.9), ([0, 1], 1, 1.0)],
)
def test_nonsense_is_refused(energy, sigma, wanted):
    with pytest.raises(InputError):
        confidence.how_many(energy, sigma, wanted)


def test_a_known_error_is_found_again_and_covers(fitted_error):
    """Systems made with an error of 0.8 per square root of a molecule: it is fitted, and coverage is nominal."""
    rng = np.random.default_rng(2)

    def draw(n):
        systems = []
        for _ in range(n):
            molecules = int(rng.integers(2, 9))
            low = rng.uniform(0, 8, 40)  # a flat density of states, as the model has it
            high = low + rng.normal(0, 0.8 * np.sqrt(molecules), 40)
            systems.append((low, int(high.argmin()), molecules))
        return systems

    fitted = fitted_error(draw(150))
    print(f"fitted {fitted:.3f}, made with 0.8")
    assert fitted == pytest.approx(0.8, rel=0.2)
    kept = 0
    for low, minimum, molecules in draw(300):
        k, _ = confidence.how_many(low, fitted * np.sqrt(molecules), 0.9)
        kept += (low < low[minimum]).sum() < k
    print(f"kept in {kept} of 300 at 90 %")
    assert 0.84 < kept / 300 < 0.96
