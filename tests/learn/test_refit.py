"""Fitting GFN1-xTB: parameters that are known come back, derivatives are right, a kill changes nothing, mistakes are told."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from sampler.cli.app import app
from sampler.clusters import Clusters
from sampler.errors import RunError, SamplerError
from sampler.identify import recognise
from sampler.learn.labels.dataset import LabelSet
from sampler.learn.labels.monomer_minima import optimise
from sampler.learn.refit import fit as fitting
from sampler.learn.refit import pieces
from sampler.learn.refit.choice import choose, held_out, near_pairs
from sampler.learn.refit.fit import Fit
from sampler.learn.refit.objective import Target, largest, step
from sampler.learn.refit.plan import Settings, plan
from sampler.learn.refit.result import refit, unfinished
from sampler.learn.refit.vector import changed, parameters_of
from sampler.monomers import MonomerLibrary
from sampler.potentials import get_potential
from sampler.potentials.xtb import XTBPotential
from sampler.potentials.xtb_parameters import XTBParameters, published
from sampler.units import KCAL_PER_MOL
from sampler.workers.progress import Progress

LIBRARY = MonomerLibrary.load()
SMALL = Settings(core_hours=0.005, steps=2, regularisation=1e-4)
KNOWN = {
    ("element", "O", "levels", 1): 0.02,
    ("element", "H", "arep"): -0.03,
    ("hamiltonian", "xtb", "kpair", "H-O"): 0.02,
}


def teacher():
    """GFN1-xTB with three parameters changed by 2 or 3 %: what the labels below are of."""
    table = published(["H", "O"])
    parameters = parameters_of(table, [("H", "O")])
    x = np.array([KNOWN.get(p.where, 0.0) for p in parameters])
    assert np.count_nonzero(x) == len(KNOWN)
    return XTBPotential(accuracy=0.01, parameters=XTBParameters.of(changed(table, parameters, x)))


def waters(count, each, rng):
    """Chains of water molecules, 2.8 Å apart, every atom moved a little."""
    one = LIBRARY["w"].conformers[0].positions
    made = []
    for _ in range(each):
        turned = [one @ np.linalg.qr(rng.normal(size=(3, 3)))[0] + np.array([2.9 * k, 0, 0]) for k in range(count)]
        made.append(np.vstack(turned) + rng.normal(scale=0.03, size=(3 * count, 3)))
    return made, [np.tile(LIBRARY["w"].numbers, count)] * each, [f"{count}w"] * each


@pytest.fixture(scope="module")
def labels():
    rng = np.random.default_rng(5)
    parts = [waters(n, each, rng) for n, each in ((1, 6), (2, 10), (3, 8))]
    positions, numbers, names = ([x for part in parts for x in part[k]] for k in range(3))
    potential = teacher()
    clusters = Clusters.make(positions, numbers, ids=[f"w{i}" for i in range(len(names))])
    found = potential.evaluate(clusters)
    assert not any(found.failure)
    clusters = clusters.replace(energy=found.energy, forces=found.forces, level="teacher")
    references = {"w": optimise(LIBRARY["w"], potential).energy}
    return LabelSet(clusters.with_columns(composition=np.array(names)), references, "test 1")


@pytest.fixture
def file(labels, tmp_path):
    labels.save(tmp_path / "labels.npz")
    return tmp_path / "labels.npz"


def run(file, out, settings=SMALL, workers=1):
    made = plan([file], LIBRARY, settings)
    return refit(made, out, [file], "a test", workers, Progress(), lambda text: None)


def test_known_parameters_come_back(file, tmp_path, monkeypatch):
    done = run(file, tmp_path / "levels" / "found.toml")
    for part in ("fitted", "held_out"):
        before, after = done.errors[part]["before"], done.errors[part]["after"]
        print(part, before, after)
        assert after["forces_mae_kcal_mol_A"] < 0.1 * before["forces_mae_kcal_mol_A"]
        assert after["binding_mae_kcal_mol"] < 0.2 * before["binding_mae_kcal_mol"]
    # what the file says is what was fitted: a monomer relaxes to the energy in it, structures get the teacher's forces
    monkeypatch.setenv("SAMPLER_LEVELS", str(tmp_path / "levels"))
    potential = get_potential(done.level)
    from sampler.levels import load_level

    told = load_level(done.level)
    assert told.monomers["w"] == pytest.approx(optimise(LIBRARY["w"], potential).energy, abs=1e-4)
    assert {"w", "wh"} == set(told.monomers)  # all molecules of the elements, and no others
    test = Clusters.make(*waters(2, 3, np.random.default_rng(77))[:2])
    error = np.abs(potential.evaluate(test).forces - teacher().evaluate(test).forces).mean()
    plain = np.abs(XTBPotential().evaluate(test).forces - teacher().evaluate(test).forces).mean()
    assert error < 0.15 * plain, (error, plain)
    assert not unfinished(done.file).exists()


def test_derivatives_against_central_differences(labels):
    table = published(["H", "O"])
    every = parameters_of(table, [("H", "O"), ("H", "H")])
    names = (
        "element.O.slater.1",
        "element.H.gam3",
        "hamiltonian.xtb.kpair.H-O",
        "dispersion.d3.a1",
        "element.O.shpoly.0",
    )
    parameters = tuple(p for p in every if str(p) in names)
    assert len(parameters) == len(names)
    place = pieces.Place(table, parameters, np.full(len(names), 0.01))
    two = labels.clusters[[7, 17]]
    weights = np.array([0.5, 2.0])
    found, _ = pieces.differentiate((place, two, weights))
    h, slopes, forces = 1e-3, [], []
    for k in range(len(names)):
        both = []
        for side in (h, -h):
            x = place.x.copy()
            x[k] += side
            made = XTBParameters.of(changed(table, parameters, x))
            both.append(XTBPotential(accuracy=0.01, parameters=made).evaluate(two))
        slopes.append((both[0].energy - both[1].energy) / (2 * h))
        forces.append((both[0].forces - both[1].forces).ravel() / (2 * h))
    print(found["energy"], np.transpose(slopes))
    np.testing.assert_allclose(found["energy"], np.transpose(slopes), rtol=0.02, atol=2e-3)
    jacobian = np.transpose(forces)
    each = np.repeat(weights[two.structure_of_atom], 3)
    error = (place.potential.evaluate(two).forces - two.forces).ravel()
    normal = jacobian.T @ (each[:, None] * jacobian)
    noise = 2e-5 / pieces.STEP * np.sqrt(each.sum())  # what forces good to 2e-5 eV/Å add to a column
    size = np.sqrt(np.diag(normal)) + noise
    assert (np.abs(found["normal"] - normal) / np.outer(size, size)).max() < 0.02
    assert (
        np.abs(found["gradient"] - jacobian.T @ (each * error)) / (size * np.sqrt((each * error**2).sum()))
    ).max() < 0.02


def test_the_energy_of_a_molecule_at_its_minimum_follows_its_parameters():
    """Derivatives at fixed atoms are those of minima that are found anew."""
    table = published(["H", "O"])
    parameters = tuple(p for p in parameters_of(table, []) if str(p) in ("element.O.arep", "element.H.levels.0"))
    place = pieces.Place(table, parameters, np.zeros(2))
    found, _ = pieces.monomer((place, LIBRARY["w"], True))
    for k in range(2):
        x = np.zeros((2, 2))
        x[:, k] = (0.005, -0.005)
        up, down = (
            float(pieces.monomer((pieces.Place(table, parameters, y), LIBRARY["w"], False))[0]["energy"]) for y in x
        )
        assert found["slopes"][k] == pytest.approx((up - down) / 0.01, rel=0.02)


def test_a_step_solves_the_linear_problem():
    rng = np.random.default_rng(1)
    jacobian, wanted = rng.normal(size=(30, 4)), np.array([0.1, -0.05, 0.02, 0.0])
    error = -jacobian @ wanted
    free = step(jacobian.T @ jacobian, jacobian.T @ error, np.zeros(4), 0.0, 0.0, 1.0)
    np.testing.assert_allclose(free, wanted, atol=1e-10)
    held = step(jacobian.T @ jacobian, jacobian.T @ error, np.zeros(4), 1e6, 0.0, 1.0)
    assert np.abs(held).max() < 1e-4  # a change that costs too much is not made
    short = step(jacobian.T @ jacobian, jacobian.T @ error, np.zeros(4), 0.0, 0.0, 0.05)
    np.testing.assert_allclose(short, wanted / 2, atol=1e-10)
    assert largest(["a", "b"], np.array([0.1, -0.3])) == {"b": -0.3, "a": 0.1}


def test_weights_of_energies_split_offset_and_differences(labels):
    target = Target.of(labels, LIBRARY)
    good = np.ones(len(labels), bool)
    forces = labels.clusters.forces
    same = target.loss(target.wanted, forces, good)
    offset = target.loss(target.wanted + KCAL_PER_MOL, forces, good)
    spread = target.loss(target.wanted + KCAL_PER_MOL * np.resize([1.0, -1.0], len(labels)), forces, good)
    assert same == pytest.approx(0.0, abs=1e-12) and 0 < offset < spread
    failed = target.wanted.copy()
    failed[3] = np.nan
    assert target.loss(failed, forces, good) == np.inf
    assert np.isfinite(target.loss(failed, forces, np.arange(len(labels)) != 3))


BRIEF = Settings(core_hours=0.001, steps=1)
SMALLEST = 0.05
"""s of a piece of work: there are many."""


@pytest.fixture(scope="module")
def whole(labels, tmp_path_factory):
    """A brief fit that nothing has stopped."""
    folder = tmp_path_factory.mktemp("whole")
    labels.save(folder / "labels.npz")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "_PIECE", SMALLEST)
        return run(folder / "labels.npz", folder / "a.toml", BRIEF)


@pytest.mark.parametrize("stage", ["evaluate", "differentiate", "monomer"])
def test_a_kill_changes_nothing(file, whole, tmp_path, monkeypatch, stage):
    monkeypatch.setattr(fitting, "_PIECE", SMALLEST)
    counted = {"n": 0}
    original = getattr(pieces, stage)

    def stops(task):
        counted["n"] += 1
        if counted["n"] == 3:
            raise KeyboardInterrupt
        return original(task)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(pieces, stage, stops)
        run(file, tmp_path / "b.toml", BRIEF)
    kept = sorted(unfinished(tmp_path / "b.toml").rglob("*.npz"))
    assert kept
    kept[0].write_bytes(b"torn")  # and a damaged file is made again
    before = {p: p.stat().st_mtime_ns for p in kept[1:]}
    seen = {}
    originally = pieces._save
    monkeypatch.setattr(pieces, "_save", lambda path, content: (seen.setdefault(path), originally(path, content)))
    again = run(file, tmp_path / "b.toml", BRIEF)
    assert not set(before) & set(seen)  # nothing twice
    assert again.level == whole.level and again.errors == whole.errors
    assert whole.file.read_text() == again.file.read_text()


def test_structures_that_fail_on_the_way(file, tmp_path, monkeypatch):
    """A few count as far off as before; where there are more, the step is not taken."""
    original = pieces.evaluate

    def fails(task):
        found, note = original(task)
        if task[0].x.any():
            found["energy"][task[1].ids == "w0"] = np.nan
        return found, note

    monkeypatch.setattr(pieces, "evaluate", fails)
    stays = run(file, tmp_path / "a.toml", BRIEF)
    assert stays.steps == 0 and stays.why.startswith("no step") and not any(stays.changes.values())
    monkeypatch.setattr(fitting, "_FAILING", 0.1)
    goes = run(file, tmp_path / "b.toml", BRIEF)
    assert goes.steps == 1 and goes.errors["fitted"]["after"]["failed"] == 1
    assert goes.errors["fitted"]["after"]["structures"] == goes.errors["fitted"]["before"]["structures"]
    assert np.isfinite(goes.errors["fitted"]["after"]["binding_mae_kcal_mol"])


def test_another_fit_does_not_go_on_in_its_folder(file, tmp_path, monkeypatch):
    monkeypatch.setattr(Fit, "run", lambda self: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        run(file, tmp_path / "a.toml")
    with pytest.raises(RunError, match="holds another fit.*regularisation"):
        run(file, tmp_path / "a.toml", Settings(core_hours=0.01, steps=3, regularisation=2.0))


@pytest.mark.slow
def test_two_workers_give_the_same(file, whole, tmp_path, monkeypatch):
    monkeypatch.setattr(fitting, "_PIECE", SMALLEST)
    two = run(file, tmp_path / "two.toml", BRIEF, workers=2)
    assert whole.level == two.level and whole.errors == two.errors


def test_the_choice_is_of_all_compositions_small_ones_first(labels):
    natoms = labels.clusters.natoms
    chosen = choose(labels, ["1w", "2w"], natoms.astype(float), 50.0)
    names = labels.compositions[chosen].tolist()
    assert natoms[chosen].sum() <= 50 and names.count("1w") > names.count("2w") > 1
    assert set(labels.compositions[choose(labels, ["3w"], natoms * 1.0, 0.0, least=2)]) == {"3w"}
    lowest = min(np.flatnonzero(labels.compositions == "2w"), key=lambda i: labels.clusters.energy[i])
    assert lowest in chosen
    assert held_out(labels, [], LIBRARY) == ["3w"]  # never what alone has a molecule, or single molecules
    assert held_out(labels, ["2w"], LIBRARY) == ["2w"]
    assert near_pairs(labels.clusters) == [("H", "H"), ("H", "O"), ("O", "O")]


def cli(*words):
    return CliRunner().invoke(app, ["refit-xtb", *map(str, words)], catch_exceptions=True)


def told(result):
    assert isinstance(result.exception, SamplerError), result.output
    return str(result.exception)


def test_mistakes_are_told_in_a_line(file, labels, tmp_path):
    out = tmp_path / "out.toml"
    changed_level = labels.clusters.replace(level="other")
    LabelSet(changed_level, labels.references, "test 1").save(tmp_path / "other.npz")
    assert "different levels" in told(cli(file, tmp_path / "other.npz", "-o", out))
    LabelSet(labels.clusters.replace(level="gfn1-xtb-refit-00000000"), labels.references).save(tmp_path / "refit.npz")
    assert "itself" in told(cli(tmp_path / "refit.npz", "-o", out))
    LabelSet(labels.clusters, labels.references, "model teacher 0123").save(tmp_path / "taught.npz")
    assert "fitted to labels alone" in told(cli(tmp_path / "taught.npz", "-o", out))
    LabelSet(labels.clusters.replace(level="gfn1-xtb"), labels.references).save(tmp_path / "same.npz")
    assert "of gfn1-xtb itself" in told(cli(tmp_path / "same.npz", "-o", out))
    LabelSet(labels.clusters.replace(forces=None), labels.references).save(tmp_path / "energies.npz")
    assert "no forces" in told(cli(tmp_path / "energies.npz", "-o", out))
    labels.subset(np.arange(8)).save(tmp_path / "few.npz")
    assert "too few" in told(cli(tmp_path / "few.npz", "-o", out))
    LabelSet(labels.clusters, {}, "test 1").save(tmp_path / "nothing.npz")
    assert "no reference energy of w" in told(cli(tmp_path / "nothing.npz", "-o", out))
    assert "no structure of it" in told(cli(file, "-o", out, "--hold-out", "4w"))
    assert "must be positive" in told(cli(file, "-o", out, "--core-hours", "0"))
    assert ".toml" in told(cli(file, "-o", tmp_path / "out.npz"))
    out.write_text("")
    assert "exists" in told(cli(file, "-o", out))


def test_a_plan_starts_nothing(file, tmp_path):
    result = cli(file, "-o", tmp_path / "a.toml", "--plan", "--json")
    found = json.loads(result.stdout)
    assert found["held_out"] == ["3w"] and found["elements"] == ["H", "O"] and found["core_seconds"] >= 0
    assert "hamiltonian.xtb.kpair.H-O" in found["parameters"] and "element.O.lgam.0" not in found["parameters"]
    assert list(tmp_path.iterdir()) == [file]


def test_ions_are_fitted_beside_neutral_clusters():
    """Their binding energies count from the monomers that carry the charge, with the same parameters."""
    one = np.vstack([LIBRARY["w"].conformers[0].positions, LIBRARY["wh"].conformers[0].positions + [0, 0, 2.6]])
    numbers = np.concatenate([LIBRARY["w"].numbers, LIBRARY["wh"].numbers])
    clusters = Clusters.make([one], [numbers], charge=[1]).replace(energy=np.array([0.0]), forces=one * 0, level="any")
    ion = recognise(clusters, LIBRARY)[0].name(LIBRARY)
    references = {"w": -1.0, "wh": -2.0}
    target = Target.of(LabelSet(clusters.with_columns(composition=np.array([ion])), references), LIBRARY)
    assert target.monomers == ["w", "wh"]
    assert target.binding(np.array([-3.5]), references) == pytest.approx([-0.5])
    slopes = target.binding_slopes(
        np.array([[1.0, 2.0]]), references, {"w": np.array([0.25, 0]), "wh": np.array([0.5, 1])}
    )
    np.testing.assert_allclose(slopes, [[0.25, 1.0]])
