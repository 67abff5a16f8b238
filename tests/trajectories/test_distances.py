"""Distances, displacements and diffusion against loops and exact laws."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from test_dynamics_ensembles import plan_of

from sampler.clusters import Clusters
from sampler.dynamics.ensembles import Langevin
from sampler.dynamics.integrate import Sink, advance, begin
from sampler.dynamics.motion import Masses
from sampler.potentials.base import Evaluation, Potential
from sampler.trajectories.distances import (
    PairCount,
    Unturned,
    diffusion,
    displacement,
    mean_square_displacement,
    rmsd,
    without_overall_motion,
)
from sampler.units import FS, KB


class Nothing(Potential):
    level = "nothing"

    def evaluate(self, clusters, forces=True):
        return Evaluation(np.zeros(len(clusters)), np.zeros_like(clusters.positions), np.zeros(len(clusters), "<U1"))


def test_diffusion_of_a_particle_in_a_langevin_bath_is_that_of_einstein():
    """Free particles with friction γ: D = kT / (m γ), within the error that is told."""
    apart = np.arange(3)[:, None] * np.array([50.0, 7.0, 1.0])
    clusters = Clusters.make([apart] * 150, [[18] * 3] * 150)
    plan = plan_of(Langevin(5.0, friction=0.02), 3000, log_every=0)
    batch, _ = begin(clusters, list(range(150)), Nothing(), plan, None)
    points = []
    for step in range(20, 3001, 20):
        batch = advance(batch, step, Nothing(), plan, Sink())
        points.append(batch.phase.positions.copy())
    moved = np.array(points)[20:]
    found = diffusion([displacement(part) for part in np.array_split(moved, 50, axis=1)], 100.0)
    exact = KB * 300.0 / Masses.of(clusters).mass[0] * FS**2 / 0.02
    print(f"{1e4 * found.value:.3f} ± {1e4 * found.error:.3f} 10⁻⁴ Å²/fs, exact {1e4 * exact:.3f}")
    assert found.error < 0.06 * exact
    assert abs(found.value - exact) < 3 * found.error


def test_the_error_of_a_diffusion_coefficient_is_how_far_others_scatter():
    rng = np.random.default_rng(6)
    walks = rng.normal(size=(40, 200, 60, 3)).cumsum(1)  # D = 1/2 Å²/fs with steps of 1 Å² along each axis a fs
    found = [diffusion([displacement(p) for p in np.array_split(walk, 12, axis=1)], 1.0) for walk in walks]
    told, seen = np.mean([d.error for d in found]), np.std([d.value for d in found], ddof=1)
    mean = np.mean([d.value for d in found])
    print(f"D {mean:.4f}, exact 0.5; error told {told:.4f}, seen {seen:.4f}")
    assert told == pytest.approx(seen, rel=0.35) and mean == pytest.approx(0.5, abs=3 * seen / np.sqrt(40))


def test_mean_square_displacements_are_those_of_the_double_loop():
    x = np.random.default_rng(3).normal(size=(40, 5, 3)).cumsum(0) + 100.0
    slow = [((x[k:] - x[: len(x) - k]) ** 2).sum(2).mean() for k in range(20)]
    assert mean_square_displacement(x) == pytest.approx(slow, abs=1e-9)
    short = x[:11]
    both = displacement(x) + displacement(short)
    for k in (0, 3, 4, 5, 12):
        parts = [((y[k:] - y[: len(y) - k]) ** 2).sum(2).ravel() for y in (x, short) if k < len(y) // 2]
        assert both.mean[k] == pytest.approx(np.concatenate(parts).mean(), abs=1e-9)


def test_pairs_are_counted_between_molecules_only():
    x = np.array([[0.0, 0, 0], [1, 0, 0], [3, 0, 0], [3, 1, 0]])[None]
    distance = np.linalg.norm(x[:, :, None] - x[:, None], axis=3)
    count = PairCount(np.array([0, 2]), np.array([1, 3]), longest=5.0)
    count.add(distance, np.array([[0, 0, 1, 1]]))
    found = count.found()
    assert found.running[-1] == 1.0 and found.distance[found.density > 0] == pytest.approx([2.025, 3.175], abs=0.03)
    count.add(distance, np.array([[0, -1, 1, 1]]))  # a free hydrogen is a neighbour of nobody
    assert count.found().running[-1] == 0.75


def test_overall_motion_goes_also_over_the_pieces_that_frames_come_in():
    rng = np.random.default_rng(0)
    masses, x = np.array([1.0, 2.0, 3.0, 4.0]), rng.normal(size=(4, 3))
    turned = np.array([Rotation.from_rotvec([0, 0.1 * k, 0.05 * k]).apply(x) + k for k in range(20)])
    still = without_overall_motion(turned, masses)
    assert np.abs(still - still[0]).max() < 1e-12
    wobbling = turned + rng.normal(0, 0.1, turned.shape)
    pieces = Unturned(masses)
    together = np.concatenate([pieces.add(wobbling[:7]), pieces.add(wobbling[7:8]), pieces.add(wobbling[8:])])
    assert together == pytest.approx(without_overall_motion(wobbling, masses), abs=1e-12)
    apart = lambda y: np.linalg.norm(y[:, :, None] - y[:, None], axis=3)  # noqa: E731
    assert apart(together) == pytest.approx(apart(wobbling), abs=1e-12)


def test_the_rmsd_is_that_of_scipy_and_knows_a_mirror_image():
    rng = np.random.default_rng(1)
    still = rng.normal(size=(7, 3))
    moved = np.array([Rotation.random(random_state=rng).apply(still) + rng.normal(0, 0.3, (7, 3)) for _ in range(9)])
    moved[0] = -still
    centred = still - still.mean(0)
    wanted = [Rotation.align_vectors(centred, y - y.mean(0))[1] / np.sqrt(7) for y in moved]
    assert rmsd(moved, still) == pytest.approx(wanted, abs=1e-9) and wanted[0] > 0.3
