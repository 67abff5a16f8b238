"""The toy against published minima (Hoare & Pal, Adv. Phys. 20 (1971) 161) and against its own slope."""

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.potentials.lennard_jones import LennardJones


def test_the_pair():
    r = 2.0 * 2 ** (1 / 6)
    pair = Clusters.make([np.array([[0, 0, 0], [r, 0, 0]])], [np.array([18, 18])])
    found = LennardJones(epsilon=0.5).evaluate(pair)
    assert found.energy[0] == pytest.approx(-0.5, abs=1e-12)
    np.testing.assert_allclose(found.forces, 0.0, atol=1e-12)


def test_the_tetrahedron_has_six_pairs():
    corners = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(8) * 2.0 * 2 ** (1 / 6)
    found = LennardJones(epsilon=1.0).evaluate(Clusters.make([corners], [np.full(4, 18)]))
    assert found.energy[0] == pytest.approx(-6.0, abs=1e-12)
