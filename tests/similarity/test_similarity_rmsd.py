"""The permutation-invariant RMSD against scipy's Hungarian assignment and Kabsch superposition from many starts."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.spatial.transform import Rotation

from sampler.clusters import Clusters
from sampler.errors import InputError
from sampler.similarity import permutation_rmsd
from sampler.similarity.fingerprints import Group, gyration_radius, pair_distances, radii, rotational_constants

WATER = (np.array([8, 1, 1]), np.array([[0, 0, 0.117], [0, 0.757, -0.469], [0, -0.757, -0.469]]))


def random_cluster(rng, n=12, elements=(1, 1, 7, 8, 16)):
    """Atoms at random, at least 0.9 Å apart."""
    x = np.zeros((0, 3))
    while len(x) < n:
        new = rng.uniform(-3, 3, 3)
        if not len(x) or np.linalg.norm(x - new, axis=1).min() > 0.9:
            x = np.vstack([x, new])
    return rng.choice(elements, n), x


def brute_force(z, a, b, starts=300):
    """Best RMSD over both hands for structures whose atoms have the same elements ``z`` in the same order."""
    a, b = a - a.mean(0), b - b.mean(0)
    blocks = [np.flatnonzero(z == e) for e in np.unique(z)]
    best = np.inf
    for hand in (1, -1):
        for turn in Rotation.random(starts, random_state=0).as_matrix():
            moved, last = hand * a @ turn.T, None
            for _ in range(30):
                perm = np.empty(len(z), int)
                for block in blocks:
                    d = ((moved[block][:, None] - b[block]) ** 2).sum(2)
                    perm[block] = block[linear_sum_assignment(d)[1]]
                if last is not None and (perm == last).all():
                    break
                last = perm
                moved = Rotation.align_vectors(b[perm], hand * a)[0].apply(hand * a)
            best = min(best, np.sqrt(((moved - b[last]) ** 2).sum(1).mean()))
    return best


@pytest.mark.parametrize("hand", [1, -1])
@pytest.mark.parametrize("seed", range(10))
def test_a_shuffled_turned_copy_is_found(seed, hand):
    rng = np.random.default_rng(seed)
    z, x = random_cluster(rng, 20)
    shuffle = rng.permutation(20)
    y = hand * x @ Rotation.random(random_state=seed).as_matrix() + rng.normal(0, 5, 3)
    match = permutation_rmsd(z, x, z[shuffle], y[shuffle])
    assert match.rmsd < 1e-6, match
    assert match.mirrored == (hand < 0)
    np.testing.assert_allclose(np.linalg.det(match.rotation), hand, atol=1e-9)
    np.testing.assert_array_equal(shuffle[match.permutation], np.arange(20))


def test_the_reported_superposition_has_the_reported_deviation():
    rng = np.random.default_rng(1)
    z, x = random_cluster(rng, 15)
    shuffle = rng.permutation(15)
    y = (x + rng.normal(0, 0.1, x.shape))[shuffle]
    match = permutation_rmsd(z, x, z[shuffle], y)
    moved, aim = (x - x.mean(0)) @ match.rotation.T, (y - y.mean(0))[match.permutation]
    d = np.linalg.norm(moved - aim, axis=1)
    np.testing.assert_allclose([match.rmsd, match.max_displacement], [np.sqrt((d**2).mean()), d.max()], rtol=1e-9)
    np.testing.assert_array_equal(z, z[shuffle][match.permutation])


@pytest.mark.parametrize("jitter", [0.03, 0.1, 0.2])
def test_agrees_with_brute_force_on_jittered_copies(jitter):
    rng = np.random.default_rng(2)
    for _ in range(5):
        z, x = random_cluster(rng, 10)
        y = x @ Rotation.random(random_state=int(rng.integers(1000))).as_matrix() + rng.normal(0, jitter, x.shape)
        ours, brute = permutation_rmsd(z, x, z, y).rmsd, brute_force(z, x, y)
        assert ours <= brute + 1e-6, f"ours {ours:.6f} Å, brute force {brute:.6f} Å"
        assert ours >= brute - 1e-6, f"ours {ours:.6f} Å is lower than brute force {brute:.6f} Å"


@pytest.mark.parametrize("seed", range(5))
def test_bounds_never_exceed_the_rmsd(seed):
    """Whatever superposition and pairing is found gives at least the bounds, near and far."""
    rng = np.random.default_rng(seed)
    z, x = random_cluster(rng, 14)
    for jitter in (0.01, 0.1, 0.5, 2.0):
        y = -x + rng.normal(0, jitter, x.shape)
        match = permutation_rmsd(z, x, z, y)
        group = Group.make(Clusters.make([x, y], [z, z]), np.arange(2))
        found = {
            "environments": match.lower_bound,
            "radii": np.linalg.norm(np.diff(radii(group), axis=0)),
            "pair distances": np.linalg.norm(np.diff(pair_distances(group), axis=0)),
            "averaged pair distances": np.linalg.norm(np.diff(pair_distances(group, columns=10), axis=0)),
            "gyration radius": abs(np.diff(gyration_radius(group)))[0],
        }
        for name, bound in found.items():
            assert bound <= match.rmsd + 1e-4, f"{name}: bound {bound:.5f} above RMSD {match.rmsd:.5f} Å"


def test_a_proton_may_belong_to_any_molecule():
    """SA·NH3 and HSO4-·NH4+ written with the atoms of either picture are one structure."""
    z = np.array([16, 8, 8, 8, 8, 1, 1, 7, 1, 1, 1])
    x = np.random.default_rng(3).uniform(-2, 2, (11, 3))
    other = np.array([0, 2, 1, 4, 3, 9, 6, 7, 8, 5, 10])
    assert permutation_rmsd(z, x, z[other], x[other]).rmsd < 1e-9


def test_without_mirror_images_a_mirrored_copy_is_another_structure():
    z, x = random_cluster(np.random.default_rng(4), 12)
    assert permutation_rmsd(z, x, z, -x).rmsd < 1e-9
    assert permutation_rmsd(z, x, z, -x, mirror=False).rmsd > 0.2


@pytest.mark.parametrize(
    "z, x",
    [
        ([8], [[1.0, 2.0, 3.0]]),
        ([1, 1], [[0, 0, 0], [0, 0, 0.74]]),
        ([8, 6, 8], [[0, 0, -1.16], [0, 0, 0], [0, 0, 1.16]]),
        (WATER[0], WATER[1]),
        ([7, 1, 1, 1], [[0, 0, 0.1], [0.94, 0, -0.3], [-0.47, 0.81, -0.3], [-0.47, -0.81, -0.3]]),
        ([1, 1, 1, 1], [[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]),
    ],
    ids=["atom", "diatomic", "linear", "water", "ammonia", "tetrahedron"],
)
def test_small_and_symmetric(z, x):
    z, x = np.array(z), np.array(x, float)
    y = x[::-1] @ Rotation.from_euler("xyz", [0.3, 1.2, -2]).as_matrix()
    match = permutation_rmsd(z, x, z[::-1], y)
    assert match.rmsd < 1e-6 and not match.mirrored, match


def test_bad_input_is_refused():
    z, x = WATER
    with pytest.raises(InputError, match="compositions"):
        permutation_rmsd(z, x, np.array([8, 1, 8]), x)
    with pytest.raises(InputError, match="not finite"):
        permutation_rmsd(z, x, z, np.where(x == 0.117, np.nan, x))
    with pytest.raises(InputError, match="no atoms"):
        permutation_rmsd(z[:0], x[:0], z[:0], x[:0])


def test_rotational_constants_of_water():
    """Against ASE's moments of inertia."""
    from ase import Atoms

    from sampler.units import AMU_ANGSTROM2_TO_CM1

    z, x = WATER
    ours = rotational_constants(Group.make(Clusters.make([x], [z]), np.arange(1)))[0]
    np.testing.assert_allclose(ours, AMU_ANGSTROM2_TO_CM1 / Atoms(z, x).get_moments_of_inertia(), rtol=1e-9)


def test_agrees_with_irmsd_given_element_ranks(reference):
    """The peer, in a process of its own, is never better on near copies of real minima."""
    import json
    import subprocess
    import sys

    pytest.importorskip("irmsd")
    from ase.io import read

    frames = read(reference / "dimers_forces_wb97xd" / "minima_1sa_1nh3.extxyz", "::20", format="extxyz")
    rng = np.random.default_rng(6)
    pairs, ours = [], []
    for frame in frames:
        z, x = frame.numbers, frame.positions
        shuffle = rng.permutation(len(z))
        y = (-x + rng.normal(0, 0.02, x.shape))[shuffle]
        ours.append(permutation_rmsd(z, x, z[shuffle], y).rmsd)
        pairs.append([z.tolist(), x.tolist(), z[shuffle].tolist(), y.tolist()])
    code = (
        "import json, sys, numpy as np, irmsd\n"
        "rank = lambda z: np.unique(z, return_inverse=True)[1] + 1\n"
        "print(json.dumps([float(irmsd.get_irmsd(*map(np.array, p), 0, rank(p[0]), rank(p[2]))[0])"
        " for p in json.load(sys.stdin)]))"
    )
    run = subprocess.run([sys.executable, "-c", code], input=json.dumps(pairs), capture_output=True, text=True)
    if run.returncode:
        pytest.skip(f"irmsd ended with status {run.returncode}")
    theirs = np.array(json.loads(run.stdout))
    assert np.all(np.array(ours) <= theirs + 1e-4), f"ours {ours}, irmsd {theirs}"
