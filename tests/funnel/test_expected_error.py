"""Whose error a selection assumes: that of the very models in use, of their level, or of their card; never a silent guess."""

import shutil

import numpy as np
import pytest

from sampler import resources
from sampler.composition import Composition
from sampler.errors import InputError
from sampler.funnel.protocols.automatic import recommended_as
from sampler.funnel.stages import expected_error
from sampler.funnel.stages.expected_error import model_error
from sampler.monomers import MonomerLibrary
from sampler.potentials.painn.card import read_card
from sampler.potentials.trained import model_folder

LIBRARY = MonomerLibrary.load()
B97 = "b97-3c@pyscf"
MEMBER = "b97-3c_sa_am_dma_w-seed7"
COMMAND = "OMP_NUM_THREADS=1 python benchmarks/confidence_b97 --reference ../shared/reference --write"


def error(level, name, models=()):
    return expected_error.expected_error(level, Composition.parse(name, LIBRARY), models)


@pytest.mark.parametrize("asked", ["", "member", "gfn1-xtb", "delta"])
@pytest.mark.parametrize("name", ["1sa1am", "4sa4am", "7sa7am", "3sa3dma", "3sa3w", "2sa2am1w", "4w"])
def test_what_is_recommended_is_calibrated(asked, name):
    """After a model of data/models/recommended.toml was trained again this fails until its error was measured again."""
    _, options = recommended_as(Composition.parse(name, LIBRARY), LIBRARY, asked)
    models = options.get("model", [])
    models = [models] if isinstance(models, str) else models
    level = read_card(model_folder(models[0])).level
    found = error(level, name, models)
    print(f"{name}, auto:{asked}: {found}")
    assert found.kind == "calibration", f"the calibration is of other weights; run: {COMMAND}"
    assert 0.05 < found.kcalmol < 12


def test_a_model_of_b97_3c_is_nearer_to_it_than_gfn1_xtb():
    committee = [f"b97-3c_sa_am_dma_w-seed{n}" for n in (7, 42, 69)]
    found = [error(B97, "4sa4am", committee).kcalmol, error("gfn1-xtb", "4sa4am").kcalmol]
    print(f"committee {found[0]:.2f}, GFN1-xTB {found[1]:.2f} kcal/mol")
    assert found[0] < 0.5 * found[1]


def test_weights_decide_not_names(tmp_path):
    copy = tmp_path / "mine"
    shutil.copytree(model_folder(MEMBER), copy)
    assert error(B97, "3sa3am", [str(copy)]).kcalmol == error(B97, "3sa3am", [MEMBER]).kcalmol
    card = (copy / "card.toml").read_text()
    (copy / "card.toml").write_text(card.replace(read_card(copy).weights_sha256, "0" * 64))
    other = error(B97, "3sa3am", [str(copy)])
    assert other.kind == "card" and other.kcalmol == model_error(str(copy)) and "not calibrated" in other.source


def test_a_model_of_another_level_adds_its_own_error():
    plain, own = error("gfn1-xtb", "2sa2am").kcalmol, model_error("gfn1-xtb_sa_am")
    found = error("gfn1-xtb", "2sa2am", ["gfn1-xtb_sa_am"])
    assert found.kcalmol == pytest.approx(np.hypot(plain, own)) and found.kind == "calibration and card"


def test_b97_3c_itself_has_no_error_to_allow_for():
    for level in (B97, "b97-3c@orca"):
        with pytest.raises(InputError, match="itself.*count or.*error_kcalmol"):
            error(level, "4sa4am")


def test_the_error_on_a_card_is_the_models_own():
    """Cards hold GFN1-xTB's errors on the same frames, four times as large, and those of the committee besides."""
    errors = read_card(model_folder(MEMBER)).errors
    relative = {k: v for k, v in errors.items() if k.endswith("relative_mae_energy_kcal_mol")}
    alone = max(v for k, v in relative.items() if not k.startswith(("committee_", "baseline_")))
    together = max(v for k, v in relative.items() if k.startswith("committee_"))
    assert relative["baseline_gfn1_orca_4sa4am_relative_mae_energy_kcal_mol"] > 2 * alone
    assert model_error(MEMBER) == pytest.approx(np.sqrt(np.pi / 2) * alone)
    assert model_error(MEMBER, "b97-3c_sa_am_dma_w-seed42") == pytest.approx(np.sqrt(np.pi / 2) * together)


def test_the_files_say_what_they_are():
    for name in expected_error.TABLES:
        assert resources.path(*name).is_file()
    for entry in expected_error._table():
        low, high = entry["interval"]
        assert low <= entry["kcalmol_per_sqrt_molecule"] <= high and entry["systems"] >= 3
        assert entry["against"] and entry["molecules"]
