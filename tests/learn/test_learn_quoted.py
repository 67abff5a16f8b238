"""Numbers that people quote: angles by hand, protons that moved, and a committee's spread against one that is known."""

import json
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from sampler.cli.app import app
from sampler.errors import InputError, ModelError
from sampler.learn.by_protons import NOT_WHOLE, by_protons, moved_protons, protons
from sampler.learn.evaluate import evaluate
from sampler.learn.labels.dataset import LabelSet
from sampler.learn.metrics import force_metrics
from sampler.learn.parity import parity_plot
from sampler.learn.spread import energy_reliability, force_reliability, reliability
from sampler.monomers import MonomerLibrary
from sampler.potentials.painn.calibration import factors, store
from sampler.potentials.painn.card import read_card
from sampler.potentials.painn.potential import CommitteePotential
from sampler.potentials.trained import model_folder
from sampler.units import KCAL_PER_MOL

DATA = Path(__file__).resolve().parents[2] / "data" / "training"
MODELS = ("gfn1-xtb_sa_am", "gfn1-xtb_sa_am_dma_w")


@pytest.fixture(scope="module")
def library():
    return MonomerLibrary.load()


@pytest.fixture(scope="module")
def labels():
    whole = LabelSet.load(DATA / "gfn1-xtb_sa_am.npz")
    rng = np.random.default_rng(2)
    rows = [rng.permutation(np.flatnonzero(whole.compositions == n))[:20] for n in ("2sa2am", "4sa4am")]
    return whole.subset(np.concatenate(rows))


@pytest.fixture
def members(tmp_path):
    """Copies, whose cards may be changed."""
    return [Path(shutil.copytree(model_folder(n), tmp_path / n)) for n in MODELS]


@pytest.fixture(scope="module")
def judged(labels, library):
    return evaluate(CommitteePotential([model_folder(n) for n in MODELS]), labels, library)


def test_angles_by_hand():
    wanted = np.array([[1.0, 0, 0], [0, 2.0, 0], [0, 0, 3.0], [0.01, 0, 0]])  # the last is too short to be judged
    predicted = np.array([[0.0, 5.0, 0], [0, 1.0, 0], [0, 3.0, 3.0], [-0.02, 0, 0]])  # 90, 0, 45 and 180 degrees
    found = force_metrics(predicted, wanted)
    assert found["mean_angle_deg"] == pytest.approx(45.0) and found["median_angle_deg"] == pytest.approx(45.0)
    assert found["angle_atoms"] == 3
    assert found["weighted_angle_deg"] == pytest.approx((90 * 1 + 0 * 2 + 45 * 3 + 180 * 0.01) / 6.01)


def test_a_force_of_nothing_has_no_angle():
    found = force_metrics(np.array([[0.0, 0, 0], [1.0, 1.0, 0]]), np.array([[1.0, 0, 0], [1.0, 0, 0]]))
    assert found["mean_angle_deg"] == pytest.approx(45.0) and found["angle_atoms"] == 1
    assert np.isnan(force_metrics(np.zeros((2, 3)), np.ones((2, 3)))["weighted_angle_deg"])


@pytest.mark.parametrize("state, moved", [
    ("2 H2SO4 · 2 NH3", 0), ("2 HSO4⁻ · 2 NH4⁺", 2), ("1 H2SO4 · 1 HSO4⁻ · 1 NH4⁺ · 1 NH3", 1),
    ("1 SO4²⁻ · 2 NH4⁺", 2), ("12 HSO4⁻ · 1 SO4²⁻ · 14 NH4⁺", 14),
    ("1 HSO4⁻ · 1 NH3", 0), ("1 H2SO4 · 1 NH4⁺", 0), ("2 HSO4⁻ · 1 NH4⁺", 1), ("1 HSO4⁻ · 2 NH4⁺", 1),
])  # fmt: skip
def test_protons_that_moved(state, moved):
    """Of charged clusters those that moved between molecules, not the one that it lacks."""
    assert moved_protons(state) == moved


def test_errors_by_protons_are_those_of_the_parts(judged, labels, library):
    rows = by_protons(judged, library)
    moved = protons(judged, library)
    assert sum(r["structures"] for r in rows) == 40 and len(rows) > 2
    error = (judged.predicted - judged.wanted) / KCAL_PER_MOL
    for row in rows:
        chosen = moved == (NOT_WHOLE if row["moved_protons"] is None else row["moved_protons"])
        assert row["structures"] == chosen.sum() == sum(row["states"].values())
        assert row["energy"]["mae_kcal_mol"] == pytest.approx(np.abs(error[chosen]).mean())
    # each moved proton is one hydrogen more on a nitrogen
    few = next(i for i in range(40) if moved[i] == 2)
    c = labels.clusters
    atoms = c.atoms_of(few)
    z, x = c.numbers[atoms], c.positions[atoms]
    near = np.linalg.norm(x[z == 7][:, None] - x[z == 1][None], axis=2) < 1.3
    assert near.sum() - 3 * (z == 7).sum() == 2


def test_a_known_factor_is_found():
    rng = np.random.default_rng(0)
    spread = np.exp(rng.normal(size=20_000))
    found = reliability(2.5 * spread * rng.normal(size=20_000), spread)
    print(found.factor, found.ence, found.ence_calibrated, found.within)
    assert found.factor == pytest.approx(2.5, rel=0.05)
    assert found.within == pytest.approx((0.683, 0.954), abs=0.02)
    assert found.ence == pytest.approx(1.5, abs=0.15) and found.ence_calibrated < 0.06
    assert found.error == pytest.approx(found.factor * found.spread, rel=0.12)


def test_three_members_that_know_nothing_of_each_other():
    """Their mean is off by 1/√3 of their standard deviation, however few they are."""
    rng = np.random.default_rng(1)
    width = np.exp(rng.normal(size=20_000))
    members = width * rng.normal(size=(3, 20_000))
    found = reliability(members.mean(0), members.std(0, ddof=1))
    print(found.factor)
    assert found.factor == pytest.approx(3**-0.5, rel=0.05)


def test_a_spread_that_says_nothing_is_told():
    rng = np.random.default_rng(2)
    found = reliability(rng.normal(size=5000), rng.permutation(np.exp(rng.normal(size=5000))))
    assert abs(found.rank_correlation) < 0.05 and found.ence_calibrated > 0.3
    with pytest.raises(InputError, match="3 values are too few"):
        reliability(np.ones(3), np.ones(3))
    with pytest.raises(InputError, match="agree exactly"):
        reliability(np.ones(30), np.zeros(30))


def test_the_spread_is_that_of_the_committee(judged, labels, library):
    """With and without progress, which predicts in pieces."""
    said = CommitteePotential([model_folder(n) for n in MODELS]).evaluate(labels.clusters)
    pieces = evaluate(CommitteePotential([model_folder(n) for n in MODELS]), labels, library, lambda n: None)
    for found in (judged, pieces):
        assert found.energy_spread == pytest.approx(said.energy_spread) and found.energy_spread.shape == (40,)
        assert found.force_spread == pytest.approx(said.force_spread)
    error = judged.predicted - judged.wanted
    by_hand = np.sqrt((error**2).mean() / (said.energy_spread**2).mean())
    assert energy_reliability(judged).factor == pytest.approx(by_hand)
    lengths = np.linalg.norm(judged.forces - labels.clusters.forces, axis=1)
    by_hand = np.sqrt((lengths**2).mean() / (said.force_spread**2).mean())
    assert force_reliability(judged).factor == pytest.approx(by_hand)


def test_one_model_has_no_spread(labels, library):
    found = evaluate(CommitteePotential([model_folder(n) for n in MODELS]).members[0], labels, library)
    assert found.energy_spread is None and energy_reliability(found) is None and force_reliability(found) is None


def test_the_plot_has_all_panels(judged, library, tmp_path):
    parity_plot(judged, tmp_path / "p.svg", protons(judged, library))
    text = (tmp_path / "p.svg").read_text()
    for words in ("predicted ΔE", "predicted force", "angle to the label force", "protons moved", "spread, kcal/mol"):
        assert f"<!-- {words}" in text or words in text, words


class TestCards:
    def test_a_factor_counts_for_its_committee_alone(self, members):
        before = [(m / "card.toml").read_text() for m in members]
        store(members, 1.5, 2.5, {"structures": 40})
        cards = [read_card(m) for m in members]
        assert factors(cards) == {"energy": 1.5, "forces": 2.5} == factors(cards[::-1])
        assert factors(cards[:1]) is None and factors([*cards, read_card(model_folder(f"{MODELS[1]}-large"))]) is None
        store(members, 1.75, None, {})
        assert factors([read_card(m) for m in members]) == {"energy": 1.75}
        for m, text in zip(members, before):
            assert (m / "card.toml").read_text().startswith(text.rstrip()) and CommitteePotential([*members]).level
            assert tomllib.loads((m / "card.toml").read_text()) == tomllib.loads(text) | {
                "calibration": tomllib.loads((m / "card.toml").read_text())["calibration"]
            }

    def test_a_table_in_the_middle_is_replaced(self, members):
        file = members[0] / "card.toml"
        text = file.read_text()
        middle = '[calibration]\nenergy_factor = 9.0\ncommittee = ["x"]\n\n[errors]'
        file.write_text(text.replace("[errors]", middle))
        assert (
            read_card(members[0]).calibration["energy_factor"] == 9.0
            and factors([read_card(m) for m in members]) is None
        )
        store(members, 1.5, None, {})
        assert file.read_text().count("[calibration]") == 1 and read_card(members[0]).errors
        assert factors([read_card(m) for m in members]) == {"energy": 1.5}

    @pytest.mark.parametrize("value", ["-1.0", '"much"', "true", "inf"])
    def test_a_damaged_factor_is_named(self, members, value):
        file = members[0] / "card.toml"
        file.write_text(f'{file.read_text()}\n[calibration]\nenergy_factor = {value}\ncommittee = ["x"]\n')
        with pytest.raises(ModelError, match=r"card.toml: calibration.energy_factor is .* above 0"):
            read_card(members[0])


def command(*words, status=0):
    done = CliRunner().invoke(app, ["evaluate", *map(str, words)])
    if status == 0 and done.exception:
        raise done.exception
    return done


def test_the_command_calibrates_and_says_so(members, labels, judged, tmp_path):
    file = tmp_path / "few.npz"
    labels.save(file)
    (report,) = json.loads(command(*members, file, "--json", "--calibrate", "--by-state").stdout).values()
    wanted = energy_reliability(judged).factor
    assert report["calibrated"]["energy"] == pytest.approx(wanted, rel=1e-4)
    assert factors([read_card(m) for m in members])["energy"] == pytest.approx(wanted, rel=1e-4)
    assert read_card(members[0]).calibration["data_hash"] == labels.digest()
    assert sum(r["structures"] for r in report["by_moved_protons"]) == 40
    shown = command(*members, file, "-q", "--by-state", "--plot", tmp_path / "p.png").stdout
    print(shown)
    assert f"errors are {wanted:.2f} times as large (the cards say {wanted:.2f})" in shown
    assert "by protonation state" in shown and "above 0.05 eV/Å" in shown and "median" in shown
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_calibrated(members, labels, tmp_path):
    file = tmp_path / "few.npz"
    labels.subset(slice(0, 5)).save(file)
    before = [(m / "card.toml").read_bytes() for m in members]
    for words, said in (
        ([members[0], file], "no committee"),
        (["gfn1-xtb", file], "no committee"),
        ([*members, file], "5 structures are too few"),
    ):
        done = command(*words, "--calibrate", status=1)
        assert done.exit_code and said in str(done.exception), done.exception
    whole = DATA / "gfn1-xtb_sa_am_large.npz"
    LabelSet.load(whole).subset(slice(0, 20)).save(tmp_path / "seen.npz")
    from sampler.learn.labels.trained_on import TRAINED, TrainedOn

    few = LabelSet.load(tmp_path / "seen.npz")
    TrainedOn.make(few.clusters, np.full(20, TRAINED)).save(members[0])
    done = command(*members, tmp_path / "seen.npz", "--calibrate", status=1)
    assert done.exit_code and "20 of 20 structures were trained on" in str(done.exception)
    assert before == [(m / "card.toml").read_bytes() for m in members]
