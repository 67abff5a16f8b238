"""Models by short names, wherever one is taken, and the list of those that ship."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import sampler as public
from sampler.cli.app import app
from sampler.cli.thermo_hessians import models_of
from sampler.composition import Composition
from sampler.errors import ModelError, PotentialError
from sampler.funnel.protocols.automatic import home, recommendations
from sampler.funnel.protocols.own_model import with_models
from sampler.funnel.protocols.protocol import load
from sampler.learn.evaluate import open_potential
from sampler.monomers import MonomerLibrary
from sampler.potentials import get_potential
from sampler.potentials.catalogue import catalogue
from sampler.potentials.painn.card import read_card
from sampler.potentials.trained import model_folder, named, shipped, short_names

COMMITTEE = ["b97-3c_sa_am_dma_w-seed7", "b97-3c_sa_am_dma_w-seed42", "b97-3c_sa_am_dma_w-seed69"]


def test_every_model_that_ships_has_a_short_name_of_its_own():
    alone = [models[0] for models in short_names().values() if len(models) == 1]
    assert sorted(alone) == shipped()
    assert not set(short_names()) & set(shipped())


def test_short_names_stand_for_what_they_say():
    assert named(["b97-painn"]) == COMMITTEE
    assert named(["b97-painn-7", "elsewhere"]) == [COMMITTEE[0], "elsewhere"]
    assert model_folder("gfn1-painn") == model_folder("gfn1-xtb_sa_am_dma_w")
    for short, models in short_names().items():
        levels = {(read_card(model_folder(m)).level, read_card(model_folder(m)).base_level) for m in models}
        assert len(levels) == 1, f"{short} is no committee: {levels}"
        level, base = levels.pop()
        assert level.startswith("b97") == short.startswith("b97") and bool(base) == ("delta" in short)


def test_a_short_name_is_the_same_potential():
    water = public.MonomerLibrary.load()["w"]
    one = public.Clusters.make([water.conformers[0].positions], [water.numbers])
    short, long = (open_potential(names).evaluate(one) for names in (["b97-painn"], COMMITTEE))
    np.testing.assert_array_equal(short.energy, long.energy)
    np.testing.assert_array_equal(short.forces, long.forces)
    by_protocol = get_potential("painn", model="b97-painn").evaluate(one)  # options = { model = "b97-painn" }
    np.testing.assert_array_equal(by_protocol.energy, long.energy)


def test_a_protocol_and_thermo_have_the_models_in_full():
    known = MonomerLibrary.load()
    made = with_models(load("quick"), ["b97-painn"], Composition.parse("1sa1am", known), known)
    models = [s.options["model"] for s in made.stage if getattr(s, "potential", "") == "painn"]
    assert models and all(m == COMMITTEE for m in models)
    assert models_of("b97-painn-7,b97-painn-42") == {"model": COMMITTEE[:2]}
    assert models_of("gfn1-painn") == {"model": "gfn1-xtb_sa_am_dma_w"}


def test_unknown_names_get_suggestions():
    with pytest.raises(ModelError, match="did you mean b97-painn"):
        model_folder("b97-pain")
    with pytest.raises(ModelError, match="did you mean b97-delta"):
        open_potential(["b97-dleta"])
    with pytest.raises(PotentialError, match=r"did you mean gfn2-xtb or gfn1-xtb\?"):
        get_potential("gfn-xtb")
    with pytest.raises(ModelError, match="stands for 3 models"):
        model_folder("b97-delta")


def test_the_list_says_what_the_cards_say(words):
    status, out, _ = words("models", "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert status == 0 and list(rows) == list(short_names())
    card = read_card(model_folder("b97-delta-7"))
    assert (
        rows["b97-delta"]["correction_to"] == "gfn1-xtb" and rows["b97-delta"]["models"][0] == named(["b97-delta-7"])[0]
    )
    assert rows["b97-delta"]["mae_energy_kcal_mol"] == card.errors["committee_orca_4sa4am_mae_energy_kcal_mol"]
    assert rows["b97-delta-7"]["mae_energy_kcal_mol"] == card.errors["orca_4sa4am_mae_energy_kcal_mol"]
    # the largest cluster on the card is 12sa12am; that of gfn1-painn-large is 10sa10am
    assert rows["b97-painn"]["largest_molecules"] == 24 and rows["gfn1-painn-large"]["largest_molecules"] == 20
    status, out, _ = words("models")
    assert status == 0 and "b97-painn" in out and max(map(len, out.splitlines())) <= 80


def test_catalogue_rows_are_whole():
    for row in catalogue():
        assert row["error_on"] and row["mae_energy_kcal_mol"] > 0 and row["mae_forces_kcal_mol_A"] > 0
        assert row["molecules"] and row["charges"] == [0]


def test_the_table_of_homes_is_what_runs_take():
    """Every entry of the recommendations is in the list, under the name of its models."""
    said = json.loads(CliRunner().invoke(app, ["models", "--json"]).stdout)
    shown = {row["name"]: row["at_home"] for row in said}
    for entry in recommendations():
        models = entry["options"]["model"]
        full = named([models] if isinstance(models, str) else models)
        name = next(short for short, stands in short_names().items() if list(stands) == full)
        assert {"in": home(entry), "purpose": entry["purpose"]} in shown[name]
    assert sum(map(len, shown.values())) == len(recommendations())
    text = CliRunner().invoke(app, ["models"]).stdout
    assert "what a run takes by itself" in text and "puts what is left in order" in text
