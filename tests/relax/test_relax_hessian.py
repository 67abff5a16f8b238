"""The model Hessian: symmetries it must have, force constants it should have, against GFN1-xTB."""

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.potentials import get_potential
from sampler.relax.hessian import model_hessian

ACID = np.array(
    [[0, 0, 0.1], [1.20, 0, 0.85], [-1.15, 0.15, 0.9], [0.05, 1.3, -0.8], [0, -1.25, -0.85], [0, 2.15, -0.35], [0.9, -1.4, -1.2]]
)  # fmt: skip
NUMBERS = np.array([16, 8, 8, 8, 8, 1, 1])


def test_symmetric_and_blind_to_motion_as_a_whole():
    hessian = model_hessian(NUMBERS, ACID)
    np.testing.assert_allclose(hessian, hessian.T, atol=1e-12)
    assert np.linalg.eigvalsh(hessian).min() > -1e-10
    for axis in np.eye(3):
        np.testing.assert_allclose(hessian @ np.tile(axis, 7), 0.0, atol=1e-10)
        np.testing.assert_allclose(hessian @ np.cross(axis, ACID).ravel(), 0.0, atol=1e-10)


def test_turns_with_the_molecule():
    turn = np.array([[0.36, 0.48, -0.8], [-0.8, 0.6, 0.0], [0.48, 0.64, 0.6]])
    big = np.kron(np.eye(7), turn)
    np.testing.assert_allclose(
        model_hessian(NUMBERS, ACID @ turn.T), big @ model_hessian(NUMBERS, ACID) @ big.T, atol=1e-9
    )


@pytest.mark.parametrize("bent", [0.0, 1e-6, 0.02])
def test_straight_angles_are_finite_and_stiff_sideways(bent):
    """A straight hydrogen bond resists bending in both directions."""
    line = np.array([[0, 0, 0], [0.0, bent, 0.97], [0, 0, 2.7]])
    hessian = model_hessian(np.array([8, 1, 8]), line)
    assert np.isfinite(hessian).all()
    for axis in (0, 1):
        aside = np.zeros((3, 3))
        aside[1, axis] = 1.0
        assert aside.ravel() @ hessian @ aside.ravel() > 0.1


def test_one_atom_and_two():
    assert not model_hessian(np.array([8]), np.zeros((1, 3))).any()
    assert model_hessian(np.array([8, 1]), np.array([[0, 0, 0], [0, 0, 0.97]]))[2, 2] > 10


def test_it_resembles_the_real_hessian():
    """Of the curvatures of GFN1-xTB along the model's own stiff modes none is off by more than a factor of 2.5."""
    potential = get_potential("gfn1-xtb", accuracy=0.1)
    h, n = 0.005, 21
    steps = np.eye(n).reshape(n, 7, 3) * h
    displaced = Clusters.make([ACID + s for s in steps] + [ACID - s for s in steps], [NUMBERS] * (2 * n))
    forces = potential.evaluate(displaced).forces.reshape(2, n, n)
    real = -(forces[0] - forces[1]) / (2 * h)
    value, mode = np.linalg.eigh(model_hessian(NUMBERS, ACID))
    stiff = value > 10.0
    ratio = value[stiff] / np.einsum("im,ij,jm->m", mode, real, mode)[stiff]
    assert stiff.sum() >= 6
    assert ratio.min() > 0.4 and ratio.max() < 2.5, f"model / GFN1-xTB: {np.round(ratio, 2)}"
