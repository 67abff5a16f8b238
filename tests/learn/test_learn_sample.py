"""Sampling structures: deterministic, resumable, apart from each other, and spread as statistical mechanics says."""

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.composition import Composition
from sampler.errors import InputError, RunError
from sampler.learn.sampling.committee_query import choose
from sampler.learn.sampling.displace import draw_apart, move_proton, turn
from sampler.learn.sampling.near_duplicates import distinct
from sampler.learn.sampling.sample import SHARES, Sampling, SamplingRun, run_sampling, sample_chunk
from sampler.learn.sampling.scatter import scatter
from sampler.monomers import MonomerLibrary
from sampler.potentials import Potential
from sampler.potentials.base import Evaluation, evaluate_each
from sampler.relax.langevin import Langevin
from sampler.units import KB

FEW = Sampling(starts=2, quench=6, quench_frames=3, temperatures=(300.0,), steps=10, every=5, displaced=1,
               largest_force=1e9)  # fmt: skip


class Wells(Potential):
    """Every atom in its own harmonic well, 1 eV/Å²."""

    level = "wells"

    def __init__(self, centres=None):
        self.centres = centres

    def evaluate(self, clusters, forces=True) -> Evaluation:
        return evaluate_each(clusters, self._one, forces)

    def _one(self, numbers, positions, charge):
        d = positions - (0.0 if self.centres is None else self.centres)
        return 0.5 * float((d**2).sum()), -d


@pytest.fixture(scope="module")
def library():
    return MonomerLibrary.load()


def test_dynamics_has_the_variance_of_its_temperature():
    """Equipartition: k⟨x²⟩ = kT for every coordinate, whatever the mass."""
    centres = np.zeros((60, 3))
    start = Clusters.make([centres], [np.ones(60, int)])
    seen = []
    Langevin(time_step=4.0, friction=0.02, longest_step=9.0).run(
        start, Wells(centres), 500.0, 600, np.random.default_rng(0), lambda k, c, e: seen.append(c.positions)
    )
    variance = np.mean(np.square(seen[100:]))
    assert variance == pytest.approx(KB * 500.0, rel=0.06), (variance, KB * 500.0)


def test_at_zero_kelvin_it_is_a_quench():
    rng = np.random.default_rng(1)
    start = Clusters.make([rng.normal(0, 0.5, (8, 3))], [np.ones(8, int)])
    end, _ = Langevin(friction=0.05).run(start, Wells(), 0.0, 300, rng)
    assert np.abs(end.positions).max() < 0.1 * np.abs(start.positions).max()


def test_scatter_places_every_molecule_in_contact_but_not_inside(library):
    parsed = Composition.parse("2sa2am", library)
    made, molecule = scatter(parsed, library, 20, np.random.default_rng(2), "x")
    assert (made.natoms == 22).all() and (made.charge == 0).all()
    assert len(set(made.columns["state"].tolist())) > 1
    for i in range(20):
        atoms = made.atoms_of(i)
        p, owner = made.positions[atoms], molecule[atoms]
        distance = np.linalg.norm(p[:, None] - p[None], axis=-1)
        between = distance[owner[:, None] != owner[None]]
        assert len(set(owner.tolist())) == 4 and 1.2 < between.min() < 2.6, between.min()


def test_displacements_do_what_they_say(library):
    rng = np.random.default_rng(5)
    made, molecule = scatter(Composition.parse("1sa1am", library), library, 1, rng, "x")
    p, z = made.positions, made.numbers
    turned = turn(p, z, molecule, rng)
    for k in (0, 1):  # molecules stay rigid
        a, b = p[molecule == k], turned[molecule == k]
        assert np.allclose(np.linalg.norm(a[:, None] - a, axis=-1), np.linalg.norm(b[:, None] - b, axis=-1))
    apart = draw_apart(p, z, molecule, rng)
    centre = lambda x: np.linalg.norm(x[molecule == 0].mean(0) - x[molecule == 1].mean(0))  # noqa: E731
    assert 0.3 <= centre(apart) - centre(p) <= 6.1
    bridge = np.array([[0.0, 0, 0], [1.0, 0, 0], [2.7, 0, 0]])  # O-H...N
    moved = move_proton(bridge, np.array([8, 1, 7]), np.array([0, 0, 1]), rng)
    assert np.allclose(moved[[0, 2]], bridge[[0, 2]]) and -0.3 < moved[1, 0] - 1.0 < 1.0
    assert (
        move_proton(bridge + [[0, 0, 0], [0, 0, 0], [9, 0, 0]], np.array([8, 1, 7]), np.array([0, 0, 1]), rng) is None
    )


def _run(folder, library, how=FEW, **options):
    return SamplingRun(folder, {"1sa1am": 40, "1am": 10}, how, "wells", "wells", 5, library=library, **options)


def test_sampling_does_not_depend_on_kills(tmp_path, library):
    whole = _run(tmp_path / "a", library)
    assert [f for *_, f in run_sampling(whole, Wells(), None)] == [False] * len(whole.tasks())
    parts = _run(tmp_path / "b", library)
    halted = run_sampling(parts, Wells(), None)
    next(halted)
    halted.close()
    found = list(run_sampling(_run(tmp_path / "b", library), Wells(), None))
    assert found[0][2] and not found[-1][2]
    a, b = whole.collect(), parts.collect()
    assert np.array_equal(a.positions, b.positions) and np.array_equal(a.ids, b.ids) and len(a) > 20
    assert distinct(a, FEW.threshold).all()
    assert set(a.columns["origin"].tolist()) >= {"arranged", "quenched", "relaxed", "dynamics", "turned"}
    labels = Wells().evaluate(a)
    assert np.allclose(labels.energy, a.energy) and np.allclose(labels.forces, a.forces)


def test_labels_are_the_labellers_even_if_the_driver_calls_itself_alike(library):
    """A model trained on a level carries the level's name; what it says must not be taken for a label."""
    labeller = Wells(np.full(3, 0.1))
    found = sample_chunk("1am", 0, FEW, Wells(), labeller, 5, library)
    own, driven = labeller.evaluate(found), Wells().evaluate(found)
    assert np.allclose(found.energy, own.energy) and np.allclose(found.forces, own.forces)
    assert np.abs(found.energy - driven.energy).min() > 1e-3


def test_other_settings_and_held_out_sizes_are_refused(tmp_path, library):
    _run(tmp_path, library)
    with pytest.raises(RunError, match="other settings"):
        _run(tmp_path, library, how=Sampling())
    with pytest.raises(InputError, match="held out"):
        _run(tmp_path / "b", library, hold_out=["1AM1SA"])


class Disputed(Potential):
    """A committee whose members differ by the first coordinate of the first atom."""

    level = "disputed"

    def evaluate(self, clusters, forces=True):
        spread = np.zeros(len(clusters.numbers))
        spread[clusters.ptr[:-1]] = clusters.positions[clusters.ptr[:-1], 0]
        energy = np.zeros(len(clusters))
        energy[2] = np.nan
        return Evaluation(energy, None, np.full(len(clusters), ""), force_spread=spread)


def test_the_most_disputed_new_structures_are_chosen(library):
    rng = np.random.default_rng(8)
    z = np.array([8, 1, 1])
    positions = [rng.normal(0, 1.0, (3, 3)) for _ in range(6)]
    for p, first in zip(positions, (0.1, 0.5, 0.9, 7.0, 0.3, 0.4)):
        p -= p[0] - [first, 0, 0]
    positions[4] = positions[1] + [-0.1, 0, 0]  # the same geometry as 1, less disputed
    candidates = Clusters.make(positions, [z] * 6)
    found = choose(candidates, Disputed(), 10, threshold=0.02)
    # 2 failed, 3 is beyond all sense, 4 repeats 1
    assert found.ids.tolist() == ["0001", "0005", "0000"], found.ids
    assert choose(candidates, Disputed(), 1, threshold=0.02).ids.tolist() == ["0001"]
    known = Clusters.make([positions[5]], [z])
    assert choose(candidates, Disputed(), 10, known, 0.02).ids.tolist() == ["0001", "0000"]
    with pytest.raises(InputError, match="committee"):
        choose(candidates, Wells(), 3)


def test_default_shares_add_up():
    assert sum(SHARES.values()) == pytest.approx(1.0, abs=1e-9)
