"""Symmetric packings: invariant under their group, sound, and where the lowest minima are."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from sampler.composition import Composition
from sampler.errors import InputError
from sampler.generate import generate, plan
from sampler.generate.packing import pack, pack_and_minimise, random_poses, sound
from sampler.generate.rigid import RigidSystem, coordinates
from sampler.generate.symmetry import _images, orders, symmetrise
from sampler.monomers import MonomerLibrary

LIBRARY = MonomerLibrary.load()


def system_of(name: str, state: int = -1) -> RigidSystem:
    return RigidSystem.build(Composition.parse(name, LIBRARY).states(LIBRARY)[state], LIBRARY)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("1sa1am", []),
        ("2sa1am", []),
        ("2sa2am", [2]),
        ("3sa3am", [2, 3]),
        ("4sa3am", [2, 3]),
        ("1sa", []),
        ("5w", [2, 3, 4, 5]),
    ],
)
def test_orders_that_half_of_the_molecules_can_form(name, expected):
    assert orders(system_of(name)) == expected


@pytest.mark.parametrize(("order", "mirrored"), [(2, False), (2, True), (3, False), (4, False), (4, True)])
def test_the_group_leaves_the_cluster_as_it_is(order, mirrored):
    system = system_of(f"{order}sa{2 * order}am")
    poses = random_poses(system, 6, np.random.default_rng(0), 0.2)
    _images(system, poses, np.arange(6), order, mirrored)
    angle = 2 * np.pi / order
    operation = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, -1 if mirrored else 1]]
    )
    for x in coordinates(system, poses):
        image = x @ operation.T
        for z in np.unique(system.numbers):
            of = system.numbers == z
            nearest = cdist(image[of], x[of]).min(1)
            assert nearest.max() < 1e-9, f"an atom of element {z} has no image within {nearest.max():.3f} Å"


def test_only_the_rows_asked_for_change_and_whole_molecules_stay_apart():
    system = system_of("4sa3am")
    poses = random_poses(system, 40, np.random.default_rng(1), 0.2)
    rows = np.arange(0, 40, 2)
    made = symmetrise(system, poses, rows, np.random.default_rng(2))
    kept = np.arange(1, 40, 2)
    assert np.array_equal(made.translations[kept], poses.translations[kept])
    assert (made.translations[rows] != poses.translations[rows]).any((1, 2)).all()
    gaps = np.linalg.norm(made.translations[:, :, None] - made.translations[:, None], axis=-1)[
        :, ~np.eye(7, dtype=bool)
    ]
    assert gaps.min() > 1e-3, "two molecules of an orbit in one place"


@pytest.mark.parametrize("name", ["3sa3am", "4sa3am", "6w", "1sa1am", "1sa"])
def test_symmetric_packings_are_sound_and_varied(name):
    system = system_of(name)
    poses, energy, largest, good = pack_and_minimise(system, 60, np.random.default_rng(3), symmetric=1.0)
    assert good.all() and sound(system, poses).all() and np.isfinite(energy).all()
    if system.molecules > 2:
        assert len(np.unique(energy.round(3))) > 20


def test_minima_are_not_saddle_points_of_the_symmetric_space():
    """Turned a little, minimised again: what stood on a saddle point would go down."""
    from sampler.generate.moves import shake
    from sampler.generate.rigid import minimise

    system = system_of("2sa2am")
    poses, energy, _, _ = pack_and_minimise(system, 80, np.random.default_rng(4), symmetric=1.0, fmax=1e-3)
    again = minimise(system, shake(system, poses, np.random.default_rng(5), 0.05), fmax=1e-3)
    assert np.mean(again.energy < energy - 0.02) < 0.1, "eV; symmetric packings stand on saddle points"


def test_the_share_is_that_of_the_candidates():
    system = system_of("3sa3am")
    plain = random_poses(system, 400, np.random.default_rng(6), 0.3)
    mixed = random_poses(system, 400, np.random.default_rng(6), 0.3, symmetric=0.5)
    changed = (plain.translations != mixed.translations).any((1, 2)).mean()
    assert changed == pytest.approx(0.5, abs=0.1)
    assert np.array_equal(
        pack(system, 5, np.random.default_rng(7)).translations,
        pack(system, 5, np.random.default_rng(7), symmetric=0.0).translations,
    )


def test_through_the_plan_reproducible_and_checked():
    composition = Composition.parse("2sa2am", LIBRARY)
    made = [generate(composition, 60, library=LIBRARY, seed=1, symmetric=0.5, chunk_size=30) for _ in range(2)]
    assert np.array_equal(made[0].positions, made[1].positions)
    other = generate(composition, 60, library=LIBRARY, seed=1, chunk_size=30)
    assert not np.array_equal(made[0].positions, other.positions)
    with pytest.raises(InputError, match="symmetric is 1.5"):
        plan(composition, LIBRARY, 10, symmetric=1.5)
