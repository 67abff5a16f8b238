"""How many structures to keep: the integral against drawing lots, the fit against a known error, the stage in the funnel."""

import json

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.composition import Composition
from sampler.errors import InputError, ModelError, ProtocolError
from sampler.funnel import confidence
from sampler.funnel import protocol as protocols
from sampler.funnel.context import Context
from sampler.funnel.select_stage import Select, with_confidence
from sampler.monomers import MonomerLibrary
from sampler.units import KCAL_PER_MOL


@pytest.fixture(scope="module")
def library():
    return MonomerLibrary.load()


def test_two_structures_have_a_closed_form():
    from scipy.stats import norm

    for gap, sigma in ((0.0, 1.0), (0.7, 1.3), (4.0, 0.9)):
        found = confidence.minimum_probabilities([gap, 0.0], sigma)
        expected = norm.cdf(gap / (sigma * np.sqrt(2)))  # the difference of two errors
        print(f"gap {gap}: {found[1]:.10f}, closed form {expected:.10f}")
        assert found[1] == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("n", [3, 40, 2000])
def test_probabilities_are_those_of_drawing_lots(n):
    rng = np.random.default_rng(n)
    energy = np.sort(rng.gamma(2.0, 2.0, n)) - 100.0
    p = confidence.minimum_probabilities(energy, 1.5)
    draws = 100_000 if n < 1000 else 4_000
    lowest = np.concatenate([(energy + rng.normal(0, 1.5, (1000, n))).argmin(1) for _ in range(draws // 1000)])
    for k in (1, 2, max(3, n // 10)):
        drawn = (lowest < k).mean()
        print(f"{n} structures, lowest {k}: {p[:k].sum():.4f}, drawn {drawn:.4f}")
        assert p[:k].sum() == pytest.approx(drawn, abs=4.5 * np.sqrt(0.25 / draws))
    assert p.sum() == pytest.approx(1.0) and (np.diff(p) <= 1e-12).all()


def test_order_and_far_structures_change_nothing():
    energy = np.array([3.0, 0.0, 500.0, 1.0])
    p = confidence.minimum_probabilities(energy, 1.0)
    assert p[2] == 0.0
    assert p[[1, 3, 0]] == pytest.approx(confidence.minimum_probabilities([0.0, 1.0, 3.0], 1.0), abs=1e-12)


def test_how_many():
    energy = np.arange(10.0)
    p = np.cumsum(confidence.minimum_probabilities(energy, 2.0))
    for wanted in (0.1, 0.5, 0.9, 0.999):
        k, reached = confidence.how_many(energy, 2.0, wanted)
        assert reached >= wanted and reached == pytest.approx(p[k - 1])
        assert k == 1 or p[k - 2] < wanted
    assert confidence.how_many([0.0], 2.0, 0.99) == (1, 1.0)
    assert confidence.how_many(energy, 1e-6, 0.999)[0] == 1
    assert confidence.how_many(np.zeros(100), 1.0, 0.95)[0] == 95


@pytest.mark.parametrize(
    "energy, sigma, wanted",
    [([], 1, 0.9), ([0, np.nan], 1, 0.9), ([0, 1], 0, 0.9), ([0, 1], -1, 0.9), ([0, 1], 1, 1.0)],
)
def test_nonsense_is_refused(energy, sigma, wanted):
    with pytest.raises(InputError):
        confidence.how_many(energy, sigma, wanted)


def test_a_known_error_is_found_again_and_covers():
    """Systems made with an error of 0.8 per square root of a molecule: it is fitted, and coverage is nominal."""
    rng = np.random.default_rng(2)

    def draw(n):
        systems = []
        for _ in range(n):
            molecules = int(rng.integers(2, 9))
            low = rng.uniform(0, 8, 40)  # a flat density of states, as the model has it
            high = low + rng.normal(0, 0.8 * np.sqrt(molecules), 40)
            systems.append((low, int(high.argmin()), molecules))
        return systems

    fitted = confidence.fitted_error(draw(150))
    print(f"fitted {fitted:.3f}, made with 0.8")
    assert fitted == pytest.approx(0.8, rel=0.2)
    kept = 0
    for low, minimum, molecules in draw(300):
        k, _ = confidence.how_many(low, fitted * np.sqrt(molecules), 0.9)
        kept += (low < low[minimum]).sum() < k
    print(f"kept in {kept} of 300 at 90 %")
    assert 0.84 < kept / 300 < 0.96


def population(n=30, level="gfn1-xtb"):
    energies = np.linspace(0, 10, n)[::-1] * KCAL_PER_MOL - 50
    return Clusters.make([np.zeros((1, 3))] * n, [np.array([1])] * n, energy=energies, level=level)


def context(library, name="2sa2w", folder="."):
    return Context(Composition.parse(name, library), library, 0, folder)


def test_the_stage_keeps_what_the_confidence_takes(library):
    stage = Select(kind="select", confidence=0.9, error_kcalmol=1.2)
    out = stage.run(population(), context(library))
    kept = out.columns["fate"] == ""
    k, reached = confidence.how_many(np.linspace(0, 10, 30), 1.2, 0.9)
    assert kept.sum() == k and kept[:k].all() and 1 < k < 30
    ledger = stage.summary(out)["confidence"]
    assert ledger["kept"] == k and ledger["probability"] == pytest.approx(reached, abs=1e-4)
    assert ledger["error_kcalmol"] == 1.2 and ledger["error_from"] == "protocol"
    json.dumps(ledger)


def test_the_stage_says_what_a_limit_costs(library):
    free = Select(kind="select", confidence=0.95, error_kcalmol=3.0)
    limits = ({"count": 2}, {"window_kcalmol": 0.5})
    asked = free.summary(free.run(population(), context(library)))["confidence"]["probability"]
    for limit in limits:
        stage = Select(kind="select", confidence=0.95, error_kcalmol=3.0, **limit)
        ledger = stage.summary(stage.run(population(), context(library)))["confidence"]
        assert ledger["kept"] == 2 and ledger["probability"] < 0.95 <= asked


def test_the_calibrated_error(library):
    stage = Select(kind="select", confidence=0.9)
    stage.check(context(library))
    ledger = stage.summary(stage.run(population(), context(library)))["confidence"]
    expected = confidence.calibrated_error("gfn1-xtb", Composition.parse("2sa2w", library)).kcalmol
    assert ledger["error_kcalmol"] == pytest.approx(expected, abs=1e-4) and ledger["error_from"] == "calibration"
    larger = confidence.calibrated_error("gfn1-xtb", Composition.parse("4sa4w", library)).kcalmol
    assert larger == pytest.approx(np.sqrt(2) * expected)
    assert "calibration_sha256" in stage.identity(context(library))


def test_the_error_of_a_model_comes_on_top(library):
    plain = Select(kind="select", confidence=0.9)
    stage = Select(kind="select", confidence=0.9, model="gfn1-xtb_sa_am")
    added = stage.run(population(), context(library)).columns["assumed_error_kcalmol"][0]
    alone = plain.run(population(), context(library)).columns["assumed_error_kcalmol"][0]
    assert added**2 == pytest.approx(alone**2 + confidence.model_error("gfn1-xtb_sa_am") ** 2)
    with pytest.raises(ModelError):
        Select(kind="select", confidence=0.9, model="nothing").check(context(library))


def test_the_error_of_a_model_is_its_own_and_not_that_of_what_it_was_compared_with():
    """The cards of the B97-3c models hold GFN1-xTB's errors on the same frames, four times as large."""
    from sampler.potentials.painn.card import read_card
    from sampler.potentials.trained import model_folder

    errors = read_card(model_folder("b97-3c_sa_am_dma_w-seed7")).errors
    mae = max(errors[f"{test}_relative_mae_energy_kcal_mol"] for test in ("orca_4sa4am", "held_out_15sa15am"))
    assert errors["baseline_gfn1_orca_4sa4am_relative_mae_energy_kcal_mol"] > 3 * mae
    assert confidence.model_error("b97-3c_sa_am_dma_w-seed7") == pytest.approx(np.sqrt(np.pi / 2) * mae, rel=0.05)


def test_what_was_not_calibrated_is_said_before_the_run(library):
    with pytest.raises(InputError, match="was calibrated for.*nta.*error_kcalmol"):
        Select(kind="select", confidence=0.9).check(context(library, "1nta1am"))
    Select(kind="select", confidence=0.9, error_kcalmol=2.0).check(context(library, "1nta1am"))
    with pytest.raises(InputError, match="gfn2-xtb"):
        Select(kind="select", confidence=0.9).run(population(level="gfn2-xtb"), context(library))


@pytest.mark.parametrize(
    "wrong", [{}, {"confidence": 1.5}, {"confidence": 0.9, "diverse": 0.2}, {"count": 3, "error_kcalmol": 1.0},
              {"confidence": 0.9, "error_kcalmol": 1.0, "model": "gfn1-xtb_sa_am"}]
)  # fmt: skip
def test_contradictions_in_a_protocol(wrong):
    with pytest.raises(ProtocolError):
        protocols.build(
            {"name": "x", "description": "x", "stage": [{"kind": "generate"}, {"kind": "select", **wrong}]}, "x"
        )


def test_the_option_changes_the_decisive_selection():
    plain = protocols.load("standard")
    changed = with_confidence(plain, 0.9, 2.0)
    before, after = ([s for s in p.stage if s.kind == "select"] for p in (plain, changed))
    assert after[:-1] == before[:-1] and len(after) == len(before)
    assert after[-1] == Select(kind="select", confidence=0.9, error_kcalmol=2.0)
    assert changed.export.count is None
    table = {"name": "x", "description": "x", "stage": [
        {"kind": "generate"}, {"kind": "select", "count": 9}, {"kind": "refine"}, {"kind": "select", "count": 2}]}  # fmt: skip
    refined = with_confidence(protocols.build(table, "x"), 0.9)
    assert refined.stage[1].confidence == 0.9 and refined.stage[3].count == 2
    # single points of the level that is relaxed with afterwards lead to nothing higher
    table["stage"] += [{"kind": "relax"}, {"kind": "select", "count": 1}]
    assert [getattr(s, "confidence", None) for s in with_confidence(protocols.build(table, "x"), 0.9).stage] == [
        None
    ] * 5 + [0.9]
    # nor do those of a Δ model of the run's own level
    declared = protocols.load("b97-3c")
    changed = with_confidence(declared, 0.9, 2.0)
    assert changed.stage[:-1] == declared.stage[:-1] and changed.stage[-1].confidence == 0.9
    with pytest.raises(ProtocolError, match="confidence = 1.5"):
        with_confidence(plain, 1.5)
    with pytest.raises(ProtocolError, match="no stage 'select'"):
        with_confidence(protocols.build({"name": "x", "description": "x", "stage": [{"kind": "generate"}]}, "x"), 0.9)


def test_a_run_with_confidence(library, tmp_path):
    """From the command line: the ledger and `show` say what was kept and why; the columns reach the next reader."""
    from typer.testing import CliRunner

    from sampler.cli.app import app
    from sampler.funnel.rundir import read_ledgers, read_result

    toy = tmp_path / "toy.toml"
    toy.write_text(
        'name = "toy"\ndescription = "toy"\n[[stage]]\nkind = "generate"\ncandidates = 12\n'
        '[[stage]]\nkind = "relax"\npotential = "lennard-jones"\nmax_steps = 5\n[[stage]]\nkind = "select"\ncount = 3\n'
    )
    run = ["run", "1sa1w", "-p", str(toy), "-o", str(tmp_path / "run"), "-j", "1", "-q"]
    refused = CliRunner().invoke(app, [*run, "--confidence", "0.8"])
    assert refused.exit_code and "lennard-jones" in str(refused.exception)
    done = CliRunner().invoke(app, [*run, "--confidence", "0.8", "--error-kcalmol", "5"])
    assert done.exit_code == 0, done.output
    ledger = read_ledgers(tmp_path / "run")[-1]["confidence"]
    kept = read_result(tmp_path / "run")
    assert ledger["kept"] == len(kept) and ledger["probability"] >= 0.8
    assert kept.columns["lowest_probability"].sum() == pytest.approx(ledger["probability"], abs=1e-4)
    shown = CliRunner().invoke(app, ["show", str(tmp_path / "run")])
    assert "hold the high-level minimum with" in shown.output
