"""Kernel ridge regression against qmllib's own kernel, a plain double sum and scikit-learn; killed, shared and refused."""

import json
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

pytest.importorskip("qmllib", reason="qmllib (extra krr) is not installed")

from sampler.cli.app import app
from sampler.clusters import Clusters
from sampler.errors import InputError, ModelError, PotentialError, RunError
from sampler.learn.evaluate import evaluate, open_potential
from sampler.learn.krr import fit as fitting
from sampler.learn.krr.fit import fit, folds_of, solve
from sampler.learn.krr.kernel_store import BLOCK, KernelPool
from sampler.learn.krr.settings import KrrSettings
from sampler.learn.krr.train import train_krr
from sampler.learn.labels.dataset import LabelSet
from sampler.learn.training.targets import direct_targets
from sampler.monomers import MonomerLibrary
from sampler.potentials import get_potential
from sampler.potentials.krr.kernels import local_kernel
from sampler.potentials.krr.model import KrrModel
from sampler.potentials.krr.representation import Representation
from sampler.potentials.painn.card import is_krr, is_model, read_card
from sampler.potentials.trained import painn
from sampler.units import KCAL_PER_MOL

FEW = KrrSettings(widths=(2.0, 8.0), regularisations=(1e-3, 1e-6), folds=3)


@pytest.fixture(scope="module")
def library():
    return MonomerLibrary.load()


def dimers(library, count: int, seed: int = 0) -> LabelSet:
    """Water or ammonia beside water, at random distances and orientations; Lennard-Jones-like energies between atoms."""
    rng, positions, numbers, names, energies = np.random.default_rng(seed), [], [], [], []
    for k in range(count):
        pair = ("w", "am" if k % 3 == 0 else "w")
        parts = []
        for m, shift in zip(pair, (0.0, rng.uniform(3.6, 5.5))):
            turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
            parts.append(library[m].conformers[0].positions @ turn.T + [shift, 0, 0])
        one, two = parts
        r = np.linalg.norm(one[:, None] - two[None], axis=2)
        numbers.append(np.concatenate([library[m].numbers for m in pair]))
        positions.append(np.vstack(parts))
        names.append("1am1w" if "am" in pair else "2w")
        energies.append(sum({"w": -2000.0, "am": -1500.0}[m] for m in pair) + (np.exp(-r) - 4.0 / r**6).sum())
    clusters = Clusters.make(
        positions, numbers, energy=energies, level="gfn1-xtb", ids=[f"d{k}" for k in range(count)],
        columns={"composition": np.array(names)},
    )  # fmt: skip
    return LabelSet(clusters, {"w": -2000.0, "am": -1500.0}, "none")


def padded(atoms):
    """As qmllib wants them: (B, atoms of the largest, D), and lists of elements."""
    sizes = np.diff(atoms.ptr)
    x, q = np.zeros((len(atoms), sizes.max(), atoms.vectors.shape[1])), []
    for i, n in enumerate(sizes):
        rows = slice(atoms.ptr[i], atoms.ptr[i + 1])
        x[i, :n] = atoms.vectors[rows]
        q.append(atoms.numbers[rows])
    return x, q


def test_kernels_are_those_of_qmllib_and_of_a_double_sum(library):
    from qmllib.kernels import get_local_kernel, get_local_symmetric_kernel

    c = dimers(library, 20).clusters
    atoms = Representation((1, 7, 8)).of(c)
    first, second = atoms.take(0, 8), atoms.take(8, 20)
    ours = local_kernel(first, second, [1.5, 6.0])
    (x, q), (y, p) = padded(first), padded(second)
    plain = np.zeros((2, 8, 12))
    for w, sigma in enumerate((1.5, 6.0)):
        np.testing.assert_allclose(ours[w], get_local_kernel(x, y, q, p, sigma).T, rtol=1e-10)  # (B2, B1) is qmllib's
        for i in range(8):
            for j in range(12):
                for a, z in enumerate(q[i]):
                    for b, u in enumerate(p[j]):
                        if z == u:
                            plain[w, i, j] += np.exp(-((x[i, a] - y[j, b]) ** 2).sum() / (2 * sigma**2))
    np.testing.assert_allclose(ours, plain, rtol=1e-10)
    x, q = padded(atoms)
    np.testing.assert_allclose(local_kernel(atoms, atoms, [3.0])[0], get_local_symmetric_kernel(x, q, 3.0), rtol=1e-10)


def test_turned_and_reordered_copies_have_the_kernel_of_the_original(library):
    c, rng = dimers(library, 1).clusters, np.random.default_rng(1)
    turn, order = np.linalg.qr(rng.normal(size=(3, 3)))[0], rng.permutation(len(c.numbers))
    both = Clusters.make([c.positions, c.positions[order] @ turn.T], [c.numbers, c.numbers[order]])
    k = local_kernel(*[Representation((1, 7, 8)).of(both)] * 2, [2.0])[0]
    np.testing.assert_allclose(k, k[0, 0], rtol=1e-9)


def test_coefficients_are_those_of_scikit_learn(library, tmp_path):
    from sklearn.kernel_ridge import KernelRidge

    labels = dimers(library, 40)
    y = direct_targets(labels, library, True).energy
    pool = KernelPool(tmp_path, labels.clusters, Representation((1, 7, 8)))
    rows = np.arange(30)
    found = fit(pool, y[rows], rows, FEW)
    kernel = pool.matrix(found.width)
    other = KernelRidge(alpha=found.regularisation, kernel="precomputed").fit(kernel[:30, :30], y[:30])
    np.testing.assert_allclose(found.coefficients, other.dual_coef_, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found.predict(pool, np.arange(30, 40)), other.predict(kernel[30:, :30]), atol=1e-8)


def test_cross_validation_is_that_of_scikit_learn(library, tmp_path):
    from sklearn.kernel_ridge import KernelRidge
    from sklearn.model_selection import PredefinedSplit, cross_val_predict

    labels = dimers(library, 30)
    y = direct_targets(labels, library, True).energy
    pool, rows = KernelPool(tmp_path, labels.clusters, Representation((1, 7, 8))), np.arange(30)
    found = fit(pool, y, rows, FEW)
    folds = PredefinedSplit(folds_of(30, FEW.folds, FEW.seed))
    for w, width in enumerate(FEW.widths):
        for r, alpha in enumerate(FEW.regularisations):
            guess = cross_val_predict(KernelRidge(alpha=alpha, kernel="precomputed"), pool.matrix(width), y, cv=folds)
            assert found.grid[w, r] == pytest.approx(np.abs(guess - y).mean(), rel=1e-5)
    w, r = np.unravel_index(found.grid.argmin(), found.grid.shape)
    assert (found.width, found.regularisation) == (FEW.widths[w], FEW.regularisations[r])


def test_the_error_falls_with_the_number_of_structures_and_kernels_are_shared(library, tmp_path):
    labels = dimers(library, 340)
    y = direct_targets(labels, library, True).energy
    pool, test, errors = KernelPool(tmp_path, labels.clusters, Representation((1, 7, 8))), np.arange(300, 340), []
    for n in (20, 80, 280):
        rows = np.random.default_rng(n).permutation(300)[:n]
        found = fit(pool, y[rows], rows, FEW)
        errors.append(np.abs(found.predict(pool, test) - y[test]).mean() / KCAL_PER_MOL)
    assert errors[2] < 0.7 * errors[1] < 0.7 * errors[0], errors
    computed = pool.computed
    fit(pool, y[:100], np.arange(100), FEW)
    assert (
        pool.computed == computed
    )  # nothing twice: three blocks with one another for two widths, and those of the test
    again = KernelPool(tmp_path, labels.clusters, Representation((1, 7, 8)))
    assert np.array_equal(again.matrix(2.0, np.arange(300)), pool.matrix(2.0, np.arange(300))) and not again.computed


def test_a_killed_training_ends_with_the_same_model(library, tmp_path):
    targets = direct_targets(dimers(library, BLOCK + 20), library, True)
    whole = train_krr(targets, FEW, tmp_path / "whole")

    class Killed(Exception):
        pass

    def kill(_):
        raise Killed

    with pytest.raises(Killed):
        train_krr(targets, FEW, tmp_path / "killed", advance=kill)
    files = sorted((tmp_path / "killed" / "kernels").rglob("*.npy"))
    assert len(files) == 2  # one block, two widths
    files[0].write_bytes(files[0].read_bytes()[:100])  # torn: computed anew
    train_krr(targets, FEW, tmp_path / "killed")
    shared = train_krr(targets, FEW, tmp_path / "third", kernels=tmp_path / "whole" / "kernels")
    assert shared.seconds["kernel"] == pytest.approx(whole.seconds["kernel"], rel=1e-3)  # found, with what they cost
    one, two = ((tmp_path / n / "model" / "model.npz").read_bytes() for n in ("whole", "killed"))
    assert one == two
    kept = read_card(whole.model).training
    assert kept["seconds_kernel"] > 0 and kept["seconds_prediction"] > 0 and kept["width"] == whole.fit.width
    with pytest.raises(RunError, match="another training .differing in folds"):
        train_krr(targets, KrrSettings(widths=(2.0, 8.0), regularisations=(1e-3, 1e-6), folds=2), tmp_path / "whole")


@pytest.fixture(scope="module")
def model(library, tmp_path_factory):
    folder = tmp_path_factory.mktemp("krr")
    labels = dimers(library, 60)
    labels.save(folder / "train.npz")
    train_krr(direct_targets(labels, library, True), FEW, folder / "run")
    return folder / "run" / "model"


def test_a_model_on_disk_predicts_total_energies_and_no_forces(model, library):
    assert is_model(model) and is_krr(model) and read_card(model).level == "gfn1-xtb"
    test = dimers(library, 10, seed=9)
    potential = open_potential([str(model)])
    found = potential.evaluate(test.clusters, forces=False)
    assert found.forces is None and not potential.gives_forces and (found.failure == "").all()
    loaded, card = KrrModel.load(model)
    sums = np.where(test.compositions == "2w", -4000.0, -3500.0)
    np.testing.assert_allclose(found.energy, loaded.predict(test.clusters) + sums, atol=1e-9)
    with pytest.raises(PotentialError, match="kernel ridge regression, which has energies and no forces"):
        potential.evaluate(test.clusters)
    report = evaluate(potential, test, library).report()
    assert "forces" not in report["all"] and report["all"]["energy"]["structures"] == 10


def test_what_it_cannot_say_anything_of_fails_alone(model, library):
    sa, w = library["sa"], library["w"]
    good = dimers(library, 1).clusters
    close = good.positions.copy()
    close[-3:] += close[0] - close[-3] + [0.3, 0, 0]
    both = Clusters.make(
        [good.positions, sa.conformers[0].positions, close, w.conformers[0].positions],
        [good.numbers, sa.numbers, good.numbers, w.numbers], charge=[0, 0, 0, 1],
    )  # fmt: skip
    found = open_potential([str(model)]).evaluate(both, forces=False)
    assert [f.split(":")[0] for f in found.failure] == ["", "element", "clash", "charge"]
    assert np.isfinite(found.energy).tolist() == [True, False, False, False]


def test_where_forces_are_needed_it_is_refused(model, tmp_path):
    with pytest.raises(ModelError, match="energies and no forces"):
        painn(str(model))
    with pytest.raises(ModelError, match="energies and no forces"):
        open_potential([str(model), str(model)])
    done = CliRunner().invoke(app, ["run", "2w", "--model", str(model), "--out", str(tmp_path / "r")])
    assert done.exit_code and "energies and no forces" in str(done.exception)


def test_damaged_models_are_refused(model, tmp_path):
    shutil.copytree(model, tmp_path / "m")
    weights = tmp_path / "m" / "model.npz"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(ModelError, match="was written for"):
        KrrModel.load(tmp_path / "m")
    weights.unlink()
    assert not is_model(tmp_path / "m")


def test_too_many_and_too_few_structures(monkeypatch, library, tmp_path):
    targets = direct_targets(dimers(library, 12), library, True)
    monkeypatch.setattr(fitting, "LARGEST", 10)
    with pytest.raises(InputError, match="12 structures; a kernel ridge regression takes at most 10"):
        train_krr(targets, FEW, tmp_path / "a")
    with pytest.raises(InputError, match="2 structures cannot be divided into 3 folds"):
        fitting.require_number(2, 3)
    assert not (tmp_path / "a").exists()


def test_a_singular_kernel_is_not_solved():
    assert solve(np.array([[1.0, 1.0], [1.0, 1.0 - 1e-9]]), np.ones(2), 1e-12) is None
    assert folds_of(10, 3, 0).tolist() != folds_of(10, 3, 1).tolist()
    assert np.bincount(folds_of(10, 3, 0)).tolist() == [4, 3, 3]


def test_the_commands(model, library, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = CliRunner().invoke
    dimers(library, 40).save("train.npz")
    dimers(library, 10, seed=4).save("test.npz")
    how = ["--engine", "krr", "--set", "widths=2,8", "--set", "regularisations=1e-3,1e-6", "--set", "folds=3"]
    done = run(app, ["train", "train.npz", "-o", "k", *how, "--kernels", "shared"])
    assert done.exit_code == 0, done.output
    assert "chosen by cross-validation in 3 folds" in done.stdout and "seconds of a core: representation" in done.stdout
    assert "about" in done.stderr and "of a core" in done.stderr  # the cost, beforehand
    said = json.loads(run(app, ["evaluate", "k/model", "test.npz", "--json"]).stdout)["k/model"]
    assert said["structures"] == 10 and said["trained_on"] == 0
    assert said["all"]["energy"]["mae_kcal_mol"] < 3.0
    said = json.loads(run(app, ["evaluate", "k/model", "train.npz", "--json"]).stdout)["k/model"]
    assert said["trained_on"] == 40
    said = json.loads(run(app, ["train", "train.npz", "-o", "d", *how, "--delta", "gfn2-xtb", "--json"]).stdout)
    assert read_card(said["model"]).base_level == "gfn2-xtb"
    assert json.loads(run(app, ["evaluate", "d/model", "test.npz", "--json"]).stdout)["d/model"]["structures"] == 10
    for wrong, told in (
        (["--epochs", "3"], "--epochs: of networks"),
        (["--set", "n_rbf=3"], "krr has no setting 'n_rbf'"),
        (["--set", "widths=a"], "widths wants numbers with commas between them, got 'a'"),
    ):
        done = run(app, ["train", "train.npz", "-o", "x", "--engine", "krr", *wrong])
        assert isinstance(done.exception, InputError) and told in str(done.exception)
    done = run(app, ["train", "train.npz", "-o", "x", "--engine", "kr"])
    assert "no engine is called 'kr'; did you mean krr?" in str(done.exception)


def test_corrections_with_their_base_come_near_the_level(library, tmp_path):
    """GFN2-xTB learnt on top of GFN1-xTB: the sum is nearer to it than the base, and than what is learnt without one."""
    labels = dimers(library, 110)
    high, low = get_potential("gfn2-xtb"), get_potential("gfn1-xtb")
    from sampler.learn.training.targets import delta_targets
    from sampler.levels import level_with

    clusters = labels.clusters.replace(energy=high.evaluate(labels.clusters, forces=False).energy, level="gfn2-xtb")
    monomers = level_with("gfn2-xtb", library).monomers
    labels = LabelSet(clusters, {m: monomers[m] for m in ("w", "am")}, "tblite")
    known, test = labels.subset(np.arange(90)), labels.subset(np.arange(90, 110))
    train_krr(delta_targets(known, low, library, True), FEW, tmp_path / "d")
    train_krr(direct_targets(known, library, True), FEW, tmp_path / "k")
    both, alone = (open_potential([str(tmp_path / n / "model")]) for n in "dk")

    def error(potential, on):
        return evaluate(potential, on, library).report()["all"]["energy"]["mae_kcal_mol"]

    assert error(both, test) < min(error(alone, test), error(low, test))
    exact = KrrSettings(widths=(2.0,), regularisations=(1e-9,), folds=2)
    train_krr(delta_targets(known, low, library, True), exact, tmp_path / "e")
    assert error(open_potential([str(tmp_path / "e" / "model")]), known) < 0.001
