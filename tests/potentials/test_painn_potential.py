"""PaiNN as a potential: derivatives, invariances, safety, committee, correction, models on disk."""

import pickle

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.errors import InputError, LevelError, ModelError
from sampler.learn.evaluate import open_potential
from sampler.learn.sampling.committee_query import disagreement
from sampler.potentials import get_potential
from sampler.potentials.base import Evaluation, Potential
from sampler.potentials.lennard_jones import LennardJones
from sampler.potentials.painn.card import CARD, WEIGHTS, ModelCard, ReferenceMonomer, load_model, read_card, save_model
from sampler.potentials.painn.delta import DeltaPotential
from sampler.potentials.painn.parameters import Architecture, PaiNNParameters
from sampler.potentials.painn.potential import CommitteePotential, PaiNNPotential

SMALL = Architecture(n_atom_basis=32, n_interactions=3)
MONOMERS = {
    "sa": ReferenceMonomer({"H": 2, "S": 1, "O": 4}, 0, -700.0),
    "am": ReferenceMonomer({"N": 1, "H": 3}, 0, -56.0),
}
CARD_OF_SA_AM = ModelCard(level="b97-3c", elements=("H", "N", "O", "S"), monomers=MONOMERS, min_distance=0.6)
FREE = ModelCard(level="b97-3c", elements=("H", "N", "O", "S"))


def packing(n, seed, closest=0.95):
    rng = np.random.default_rng(seed)
    side, positions = (n * 9.0) ** (1 / 3), []
    while len(positions) < n:
        trial = rng.uniform(0, side, 3)
        if all(np.linalg.norm(trial - p) > closest for p in positions):
            positions.append(trial)
        side *= 1.0002
    return rng.choice([1, 1, 1, 7, 8, 8, 16], n), np.array(positions)


def population(sizes, seed=0):
    parts = [packing(n, seed + i) for i, n in enumerate(sizes)]
    return Clusters.make([p for _, p in parts], [z for z, _ in parts])


def params(seed=0, architecture=SMALL, **options):
    return PaiNNParameters.random(architecture, seed=seed, **options)


# ---- the surface ---------------------------------------------------------------------------------


def test_it_is_a_potential():
    assert isinstance(PaiNNPotential(params(), FREE), Potential)


@pytest.mark.parametrize("engine", ["fused", "torch"])
def test_forces_are_the_numerical_derivative(engine):
    potential = PaiNNPotential(params(), FREE, engine=engine, dtype="float64")
    numbers, positions = packing(9, 4)
    forces = potential.evaluate(Clusters.make([positions], [numbers])).forces
    h, moved = 1e-4, []
    for atom in range(9):
        for axis in range(3):
            for sign in (1, -1):
                moved.append(positions.copy())
                moved[-1][atom, axis] += sign * h
    energy = potential.evaluate(Clusters.make(moved, [numbers] * len(moved)), forces=False).energy
    numerical = -(energy[0::2] - energy[1::2]).reshape(9, 3) / (2 * h)
    assert np.abs(forces - numerical).max() < 1e-7 * max(1.0, np.abs(forces).max()), (forces, numerical)


def test_rotation_translation_reflection_and_permutation_change_nothing():
    potential = PaiNNPotential(params(), FREE, dtype="float64")
    numbers, positions = packing(20, 1)
    base = potential.evaluate(Clusters.make([positions], [numbers]))
    rng = np.random.default_rng(0)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    order = rng.permutation(20)
    for turn in (rotation, -rotation):  # one of the two is a reflection
        moved = (positions @ turn.T + [3.0, -50.0, 8.0])[order]
        found = potential.evaluate(Clusters.make([moved], [numbers[order]]))
        assert found.energy[0] == pytest.approx(base.energy[0], abs=1e-9)
        assert np.abs(found.forces - (base.forces @ turn.T)[order]).max() < 1e-8


@pytest.mark.parametrize("cutoff_function", ["cosine", "mollifier"])
def test_the_energy_is_smooth_across_the_cutoff(cutoff_function):
    architecture = Architecture(n_atom_basis=32, n_interactions=2, cutoff=5.0, cutoff_function=cutoff_function)
    potential = PaiNNPotential(params(3, architecture), FREE, dtype="float64")
    distances = np.linspace(4.99, 5.01, 401)
    found = potential.evaluate(Clusters.make([[[0, 0, 0], [0, 0, d]] for d in distances], [[8, 1]] * len(distances)))
    slope = found.forces[1::2, 2]
    assert np.abs(np.diff(found.energy)).max() < 1e-6
    numerical = -np.gradient(found.energy, distances)
    assert np.abs(slope - numerical)[1:-1].max() < 1e-4
    assert np.abs(np.diff(slope)).max() < 1e-4, "the force jumps"
    assert np.all(slope[distances >= 5.0] == 0.0)


@pytest.mark.parametrize("architecture", [SMALL, Architecture(96, 2, charge_width=1.8), Architecture(64, 2)])
def test_a_batch_gives_what_its_members_give_alone(architecture):
    """To the last bit: the rounds of a search are cut as the number of workers wants it."""
    potential = PaiNNPotential(params(0, architecture), FREE)
    clusters = population([5, 1, 200, 44, 3, 100, 44, 20, 300, 7])
    together = potential.evaluate(clusters)
    assert potential.batch_invariant
    for start, end in ((0, 1), (1, 3), (3, 4), (4, 10), (6, 7), (9, 10)):
        some = potential.evaluate(clusters[start:end])
        assert np.array_equal(some.energy, together.energy[start:end])
        assert np.array_equal(some.forces, together.forces[clusters.ptr[start] : clusters.ptr[end]])
    nothing = potential.evaluate(Clusters.empty())
    assert len(nothing.energy) == 0 and nothing.forces.shape == (0, 3)


def test_a_pickled_potential_says_the_same():
    potential = PaiNNPotential(params(), FREE)
    clusters = population([12])
    first = potential.evaluate(clusters)
    assert np.array_equal(pickle.loads(pickle.dumps(potential)).evaluate(clusters).forces, first.forces)


def test_without_numba_torch_takes_over(monkeypatch):
    from sampler.potentials.painn import potential as module

    clusters = population([12])
    fused = PaiNNPotential(params(), FREE)
    assert fused.engine == "fused" and "fused" in module.describe_engine()
    monkeypatch.setattr(module, "fused_available", lambda: False)
    fallback = PaiNNPotential(params(), FREE)
    assert fallback.engine == "torch" and "PyTorch" in module.describe_engine()
    ours, theirs = fused.evaluate(clusters), fallback.evaluate(clusters)
    assert ours.energy == pytest.approx(theirs.energy, abs=1e-5)
    assert np.abs(ours.forces - theirs.forces).max() < 1e-4
    with pytest.raises(InputError, match="runs on the CPU"):
        PaiNNPotential(params(), FREE, engine="fused", device="cuda")


# ---- what energy means ---------------------------------------------------------------------------


def sa_am(n_sa, n_am, charge=0, extra=()):
    numbers = [1, 1, 16, 8, 8, 8, 8] * n_sa + [7, 1, 1, 1] * n_am + list(extra)
    _, positions = packing(len(numbers), len(numbers))
    return Clusters.make([positions], [numbers], charge=charge)


def test_energy_is_the_prediction_plus_the_monomers():
    weights = params(mean=0.5, energy_unit=0.0433641)
    card = CARD_OF_SA_AM.replace(min_distance=0.0)
    clusters = Clusters.concatenate([sa_am(2, 1), sa_am(1, 0), sa_am(0, 3)])
    total = PaiNNPotential(weights, card).evaluate(clusters).energy
    bare = PaiNNPotential(weights, FREE).evaluate(clusters).energy
    assert total - bare == pytest.approx([2 * -700 - 56, -700, 3 * -56])


def test_a_composition_that_monomers_cannot_make_is_refused():
    found = PaiNNPotential(params(), CARD_OF_SA_AM).evaluate(
        Clusters.concatenate([sa_am(1, 1), sa_am(1, 1, extra=[8, 1, 1])])
    )
    assert found.failure[0] == "" and found.failure[1].startswith("composition: not made of")
    assert np.isnan(found.energy[1]) and np.isfinite(found.energy[0])


def test_monomers_that_are_combinations_of_one_another_are_refused():
    both = ReferenceMonomer({"H": 5, "S": 1, "O": 4, "N": 1}, 0, -757.0)
    with pytest.raises(ModelError, match="combinations of one another"):
        PaiNNPotential(params(), CARD_OF_SA_AM.replace(monomers={**MONOMERS, "salt": both}))


def test_an_energy_of_the_charge_comes_on_top_of_the_elements(tmp_path):
    card = FREE.replace(charges=(-1, 0, 1), element_energies={"H": -13.0}, charge_energies={"-1": -4.0, "1": 9.0})
    save_model(tmp_path, params(), card)
    one = sa_am(1, 1)
    clusters = Clusters.make([one.positions] * 3, [one.numbers] * 3, charge=[-1, 0, 1])
    found = PaiNNPotential(*load_model(tmp_path)).evaluate(clusters).energy
    assert found - found[1] == pytest.approx([-4.0, 0.0, 9.0], abs=1e-9)


@pytest.mark.parametrize("key", ["+1", "plus", "0", ""])
def test_a_charge_of_a_card_that_is_none_is_refused(tmp_path, key):
    save_model(tmp_path, params(), FREE.replace(charge_energies={"1": 9.0}))
    file = tmp_path / "card.toml"
    file.write_text(file.read_text().replace("1 = 9.0", f'"{key}" = 9.0'))
    with pytest.raises(ModelError, match="a charge, such as -1"):
        load_model(tmp_path)


# ---- safety --------------------------------------------------------------------------------------


def test_one_bad_structure_costs_itself_alone():
    clean = sa_am(1, 1)
    numbers, positions = clean.numbers, clean.positions
    carbon, near, same, nan = numbers.copy(), positions.copy(), positions.copy(), positions.copy()
    carbon[2] = 6
    near[1] = near[0] + [0.0, 0.3, 0.0]
    same[1] = same[0]
    nan[0, 0] = np.nan
    clusters = Clusters.make(
        [positions, positions, near, same, nan, positions, positions],
        [numbers, carbon, numbers, numbers, numbers, numbers, numbers],
        charge=[0, 0, 0, 0, 0, 1, 0],
    )
    found = PaiNNPotential(params(), CARD_OF_SA_AM).evaluate(clusters)
    kinds = [f.split(":")[0] for f in found.failure]
    assert kinds == ["", "element", "clash", "clash", "nan", "charge", ""]
    assert "not trained on C" in found.failure[1] and "atoms 0 and 1 are 0.300 Å apart" in found.failure[2]
    reference = PaiNNPotential(params(), CARD_OF_SA_AM).evaluate(clean)
    for i in (0, 6):
        assert found.energy[i] == pytest.approx(reference.energy[0], abs=1e-9)
        assert np.abs(found.forces[clusters.atoms_of(i)] - reference.forces).max() < 1e-6
    for i in range(1, 6):
        assert np.isnan(found.energy[i]) and np.isnan(found.forces[clusters.atoms_of(i)]).all()


def test_a_model_on_disk_comes_back(tmp_path):
    weights = params(mean=0.25, atomref=np.arange(100.0), energy_unit=0.0433641)
    card = CARD_OF_SA_AM.replace(
        training={"epochs": 3, "loss": "mse"},
        errors={"energy_mae_kcal_per_mol": 0.5},
        not_for='anything with "quotes"\nand lines',
        data_hash="ab12",
    )
    written = save_model(tmp_path / "m", weights, card)
    again, read = load_model(tmp_path / "m")
    assert read == written == read_card(tmp_path / "m")
    assert read.replace(weights_sha256="", energy_unit="eV") == card
    assert again.architecture == weights.architecture and again.energy_unit == weights.energy_unit
    assert all(np.array_equal(again.arrays[n], a) for n, a in weights.arrays.items())
    clusters = sa_am(1, 1)
    assert np.array_equal(
        PaiNNPotential(tmp_path / "m").evaluate(clusters).energy,
        PaiNNPotential(weights, read).evaluate(clusters).energy,
    )


def test_tampered_or_foreign_models_are_refused(tmp_path):
    folder = tmp_path / "m"
    save_model(folder, params(), FREE)
    data = bytearray((folder / WEIGHTS).read_bytes())
    data[-1] ^= 1
    (folder / WEIGHTS).write_bytes(data)
    with pytest.raises(ModelError, match="belong together"):
        load_model(folder)
    (folder / WEIGHTS).write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(ModelError, match="pickle"):
        load_model(folder)
    for name, content, words in [("best_model", b"PK\x03\x04....", "pickle"), ("x.txt", b"hello", "is a file")]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelError, match=words):
            PaiNNPotential(tmp_path / name)
    with pytest.raises(ModelError, match="does not exist"):
        PaiNNPotential(tmp_path / "absent")
    (folder / CARD).write_text("format = 'other'")
    with pytest.raises(ModelError, match="format"):
        PaiNNPotential(folder)
    with pytest.raises(ModelError, match="without a card"):
        PaiNNPotential(params())


def test_weights_that_do_not_fit_are_refused():
    arrays = dict(params().arrays)
    name = next(iter(arrays))
    with pytest.raises(ModelError, match="missing"):
        PaiNNParameters(SMALL, {k: v for k, v in arrays.items() if k != name})
    with pytest.raises(ModelError, match="not numbers"):
        PaiNNParameters(SMALL, {**arrays, name: np.full_like(arrays[name], np.nan)})
    with pytest.raises(InputError, match="supported: cosine"):
        Architecture(cutoff_function="step")


# ---- committee and correction --------------------------------------------------------------------


def test_committee_is_the_mean_and_spread_of_its_members():
    other = Architecture(n_atom_basis=32, n_interactions=2, cutoff=4.0)
    members = [PaiNNPotential(params(s), FREE) for s in range(3)] + [PaiNNPotential(params(9, other), FREE)]
    clusters = population([5, 30, 12])
    found = CommitteePotential(members).evaluate(clusters)
    each = [m.evaluate(clusters) for m in members]
    energies, forces = np.array([e.energy for e in each]), np.array([e.forces for e in each])
    assert found.energy == pytest.approx(energies.mean(0), abs=1e-9)
    assert found.energy_spread == pytest.approx(energies.std(0, ddof=1), abs=1e-9)
    assert np.abs(found.forces - forces.mean(0)).max() < 1e-9
    assert found.force_spread == pytest.approx(np.linalg.norm(forces.std(0, ddof=1), axis=1), abs=1e-9)
    with pytest.raises(LevelError, match="different levels"):
        CommitteePotential([members[0], PaiNNPotential(params(), FREE.replace(level="gfn1-xtb"))])
    with pytest.raises(InputError, match="at least two"):
        CommitteePotential(members[:1])


def test_correction_adds_to_its_base_only():
    correction = PaiNNPotential(params(), FREE.replace(base_level="lennard-jones"))
    clusters = population([6, 9])
    total = DeltaPotential(LennardJones(), correction)
    low, high, both = LennardJones().evaluate(clusters), correction.evaluate(clusters), total.evaluate(clusters)
    assert total.level == "b97-3c"
    assert both.energy == pytest.approx(low.energy + high.energy)
    assert np.allclose(both.forces, low.forces + high.forces)
    with pytest.raises(LevelError, match="on top of 'gfn1-xtb'"):
        DeltaPotential(LennardJones(), PaiNNPotential(params(), FREE.replace(base_level="gfn1-xtb")))
    with pytest.raises(LevelError, match="no correction"):
        DeltaPotential(LennardJones(), PaiNNPotential(params(), FREE))


class Counted(LennardJones):
    """A base that counts its structures, and fails on those with an atom beyond x = 900 Å."""

    evaluated = 0

    def evaluate(self, clusters, forces=True):
        self.evaluated += len(clusters)
        found = super().evaluate(clusters, forces)
        far = np.array([clusters.positions[clusters.atoms_of(i), 0].max() > 900 for i in range(len(clusters))])
        energy = np.where(far, np.nan, found.energy)
        gradient = np.where(far[clusters.structure_of_atom][:, None], np.nan, found.forces) if forces else None
        return Evaluation(energy, gradient, np.where(far, "scf_failed: too far", found.failure))


CORRECTION = FREE.replace(base_level="lennard-jones")


def test_a_committee_of_corrections_shares_one_calculation_of_the_base():
    members = [PaiNNPotential(params(s), CORRECTION) for s in range(3)]
    base = Counted()
    total = DeltaPotential(base, CommitteePotential(members))
    clusters = population([5, 20, 12])
    found = total.evaluate(clusters)
    assert base.evaluated == 3
    low = LennardJones().evaluate(clusters)
    each = [m.evaluate(clusters) for m in members]
    energies, forces = np.array([e.energy for e in each]), np.array([e.forces for e in each])
    assert total.level == "b97-3c" and list(total.models) == list(members)
    assert found.energy_spread is not None
    assert found.energy == pytest.approx(low.energy + energies.mean(0), abs=1e-9)
    assert np.abs(found.forces - low.forces - forces.mean(0)).max() < 1e-9
    assert found.energy_spread == pytest.approx(energies.std(0, ddof=1), abs=1e-9)
    assert found.force_spread == pytest.approx(np.linalg.norm(forces.std(0, ddof=1), axis=1), abs=1e-9)
    alone = total.evaluate(clusters, forces=False)
    assert alone.forces is None and alone.force_spread is None
    assert alone.energy == pytest.approx(found.energy, abs=1e-5)
    assert alone.energy_spread == pytest.approx(found.energy_spread, abs=1e-5)


def test_a_correction_leaves_the_memory_of_its_base_alone():
    """A relaxation with a Δ model starts each calculation of the base from the wave function of the step before."""

    class Remembers(Counted):
        def evaluate_warm(self, clusters, memory, forces=True):
            return self.evaluate(clusters, forces), [(m or 0) + 1 for m in memory]

    clusters, correction = population([5, 12]), PaiNNPotential(params(), CORRECTION)
    memory = [None, None]
    for step in (1, 2):
        found, memory = DeltaPotential(Remembers(), correction).evaluate_warm(clusters, memory)
        assert memory == [step, step]
    cold = DeltaPotential(Counted(), correction).evaluate(clusters)
    np.testing.assert_array_equal(found.energy, cold.energy)
    np.testing.assert_array_equal(found.forces, cold.forces)
    assert DeltaPotential(Counted(), correction).evaluate_warm(clusters, [None, None])[1] == [None, None]


def test_forces_of_a_committee_of_corrections_are_the_numerical_derivative():
    members = [PaiNNPotential(params(s), CORRECTION, dtype="float64") for s in range(2)]
    total = DeltaPotential(LennardJones(), CommitteePotential(members))
    numbers, positions = packing(7, 4, closest=1.5)
    forces = total.evaluate(Clusters.make([positions], [numbers])).forces
    h = 1e-4
    steps = [positions + sign * h * np.eye(21)[k].reshape(7, 3) for k in range(21) for sign in (1, -1)]
    energy = total.evaluate(Clusters.make(steps, [numbers] * 42), forces=False).energy
    numerical = -(energy[0::2] - energy[1::2]).reshape(7, 3) / (2 * h)
    assert np.abs(forces - numerical).max() < 1e-6 * max(1.0, np.abs(forces).max()), (forces, numerical)


def test_what_base_or_member_refuses_costs_that_structure_alone():
    members = [PaiNNPotential(params(s), CORRECTION) for s in range(2)]
    total = DeltaPotential(Counted(), CommitteePotential(members))
    numbers, positions = packing(6, 0)
    carbon = np.r_[6, numbers[1:]]
    one, mixed = (
        Clusters.make(p, z)
        for p, z in (([positions], [numbers]), ([positions, positions + 1e3, positions], [numbers, numbers, carbon]))
    )
    good, found = total.evaluate(one), total.evaluate(mixed)
    assert [f.split(":")[0] for f in found.failure] == ["", "scf_failed", "element"]
    assert found.energy[0] == pytest.approx(good.energy[0], abs=1e-5)
    assert found.energy_spread[0] == pytest.approx(good.energy_spread[0], abs=1e-5)
    lost = mixed.structure_of_atom > 0
    for values in (found.energy[1:], found.energy_spread[1:], found.forces[lost], found.force_spread[lost]):
        assert np.isnan(values).all()
    assert np.isfinite(found.forces[~lost]).all() and np.isfinite(found.force_spread[~lost]).all()


def test_a_list_of_corrections_is_a_committee_on_their_base_and_mixtures_are_refused(tmp_path):
    for name, seed, changes in [
        ("a", 0, {"base_level": "lennard-jones"}), ("b", 1, {"base_level": "lennard-jones"}),
        ("whole", 2, {}), ("other-base", 3, {"base_level": "gfn1-xtb"}),
        ("other-level", 4, {"base_level": "lennard-jones", "level": "r2scan-3c"}),
    ]:  # fmt: skip
        save_model(tmp_path / name, params(seed), FREE.replace(**changes))
    a, b, whole, other_base, other_level = (str(tmp_path / n) for n in ("a", "b", "whole", "other-base", "other-level"))
    clusters = population([6, 9])
    hand = LennardJones().evaluate(clusters).energy + np.mean(
        [PaiNNPotential(f).evaluate(clusters).energy for f in (a, b)], axis=0
    )
    for potential in (get_potential("painn", model=[a, b]), open_potential([a, b])):
        assert isinstance(potential, DeltaPotential)
        assert [m.folder.name for m in potential.models] == ["a", "b"]
        assert potential.evaluate(clusters).energy == pytest.approx(hand, abs=1e-9)
    # the forces of a committee of corrections differ, so that sampler data choose can tell what to label
    assert (disagreement(clusters, open_potential([a, b])) > 0).all()
    for names, words in [
        ([a, whole], r"/a: b97-3c as a correction \(Δ model\) of lennard-jones; .*/whole: b97-3c\)"),
        ([a, b, other_base], r"/a, .*/b: b97-3c as .* of lennard-jones; .*/other-base: b97-3c as .* of gfn1-xtb"),
        ([a, other_level], r"/other-level: r2scan-3c as a correction .* of lennard-jones\); name only models that"),
    ]:
        for make in (lambda n: get_potential("painn", model=n), open_potential):
            with pytest.raises(LevelError, match=words):
                make(names)
