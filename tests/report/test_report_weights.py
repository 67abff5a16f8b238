"""Boltzmann weights against the gas constant by hand."""

import math

import numpy as np
import pytest

from sampler.report.weights import boltzmann

R = 1.987204259e-3  # kcal/mol/K


def test_two_states():
    found = boltzmann(np.array([0.0, 1.0]), 298.15)
    ratio = math.exp(-1.0 / (R * 298.15))
    print(found[1] / found[0], ratio)
    assert found[1] / found[0] == pytest.approx(ratio, rel=1e-6)
    assert found.sum() == pytest.approx(1.0)


def test_the_zero_does_not_matter_and_what_is_unknown_has_no_weight():
    found = boltzmann(np.array([-1000.0, np.nan, -999.0]), 250.0)
    assert found[[0, 2]] == pytest.approx(boltzmann(np.array([0.0, 1.0]), 250.0))
    assert np.isnan(found[1])
    assert np.isnan(boltzmann(np.array([np.nan]), 300.0)).all()
