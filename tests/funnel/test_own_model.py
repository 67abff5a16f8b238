"""``sampler run --model``: a model of one's own ends the run, its card is quoted, and nonsense is called so."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from sampler.cli.app import app
from sampler.clusters import Clusters
from sampler.composition import Composition
from sampler.errors import LevelError, ModelError, ProtocolError
from sampler.funnel.protocols import protocol as protocols
from sampler.funnel.protocols.own_model import doubt, remarks, with_models
from sampler.levels import load_level
from sampler.monomers import MonomerLibrary
from sampler.potentials import get_potential
from sampler.potentials.painn.card import ModelCard, ReferenceMonomer, save_model
from sampler.potentials.painn.parameters import Architecture, PaiNNParameters
from sampler.rundir.directory import read_manifest, read_result

LIBRARY = MonomerLibrary.load()
SEED = "b97-3c_sa_am_dma_w-seed7"
SHORT = ["--set", "generate.candidates=6", "--set", "generate.explorations=1", "--set", "relax.max_steps=2"]


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """Random weights, with the card of a model of GFN1-xTB that was validated and seen 1sa1am alone."""
    energies = load_level("gfn1-xtb").monomers
    formulas = {"sa": {"H": 2, "S": 1, "O": 4}, "am": {"N": 1, "H": 3}}
    card = ModelCard(
        level="gfn1-xtb",
        elements=("H", "N", "O", "S"),
        monomers={m: ReferenceMonomer(f, 0, energies[m]) for m, f in formulas.items()},
        errors={"validation_mae_energy_kcal_mol": 17.25, "validation_rmse_energy_kcal_mol": 20.0},
        notes="A toy. trained and validated on 7 1am, 9 1sa, 34 1sa1am",
    )
    folder = tmp_path_factory.mktemp("toy") / "model"
    save_model(folder, PaiNNParameters.random(Architecture(n_atom_basis=16, n_interactions=1), seed=3), card)
    return folder


def composition(name):
    return Composition.parse(name, LIBRARY)


def potentials(protocol):
    return [(s.kind, s.potential, s.options.get("model")) for s in protocol.stage if hasattr(s, "potential")]


def test_the_models_take_the_place_of_those_that_a_protocol_chooses(toy):
    name = str(toy.resolve())
    quick = with_models(
        protocols.load("quick"), [toy], composition("1sa3am"), LIBRARY
    )  # where no shipped one is at home
    assert potentials(quick) == [("relax", "painn", name)] * 2
    standard = with_models(protocols.load("standard"), [toy], composition("2sa2am"), LIBRARY)
    assert potentials(standard)[-2:] == [("relax", "painn", name), ("refine", "painn", name)]
    committee = ["b97-3c_sa_am_dma_w-seed7", "b97-3c_sa_am_dma_w-seed42"]
    both = with_models(protocols.load("b97-3c"), committee, composition("2sa2am"), LIBRARY)
    assert potentials(both)[0] == ("relax", "painn", SEED) and potentials(both)[-1] == ("refine", "painn", committee)
    delta = with_models(protocols.load("b97-3c"), [f"{SEED[:-6]}-delta-gfn1"], composition("2sa2am"), LIBRARY)
    assert potentials(delta)[0] == ("relax", "auto:member", None)  # a correction is too slow to search with
    with pytest.raises(ProtocolError, match="refined has no stage that takes a model; for --model take quick"):
        with_models(protocols.load("refined"), [toy], composition("1sa1am"), LIBRARY)


def test_models_that_cannot_do_it_are_refused(toy):
    quick = protocols.load("quick")
    with pytest.raises(ModelError, match="was not trained on C, which 1sa1dma holds"):
        with_models(quick, [toy], composition("1sa1dma"), LIBRARY)
    with pytest.raises(ModelError, match=r"was not trained on the charge -1 of 1sa1b"):
        with_models(quick, [toy], composition("1sa1b"), LIBRARY)
    with pytest.raises(ModelError, match="no model 'nowhere'"):
        with_models(quick, ["nowhere"], composition("1sa1am"), LIBRARY)
    with pytest.raises(LevelError, match="is of gfn1-xtb, --level asks for b97-3c"):
        with_models(quick, [toy], composition("1sa1am"), LIBRARY, "b97-3c")
    with pytest.raises(LevelError, match="no committee"):
        with_models(quick, [SEED, f"{SEED[:-6]}-delta-gfn1"], composition("1sa1am"), LIBRARY)


def test_what_the_card_says_is_said(toy):
    (inside,) = remarks([toy], composition("1sa1am"), LIBRARY)
    assert "gfn1-xtb, mean absolute errors by its card, kcal/mol: 17.25 (validation)" in inside
    assert "not trained" not in inside
    assert remarks([toy], composition("2sa2am"), LIBRARY)[0].endswith("trained on at most 2 molecules, 2sa2am has 4")
    assert "0.5 (validation)" not in remarks([SEED], composition("2sa2am"), LIBRARY)[0]
    assert "validation" in remarks([SEED], composition("2sa2am"), LIBRARY)[0]


def far_apart(binding):
    """1sa1am, its molecules 8 Å apart, which GFN1-xTB binds with about 0, with a binding energy in kcal/mol."""
    from sampler.units import KCAL_PER_MOL

    sa, am = LIBRARY["sa"], LIBRARY["am"]
    positions = np.vstack([sa.conformers[0].positions, am.conformers[0].positions + [8.0, 0, 0]])
    level = load_level("b97-3c@pyscf")
    energy = level.monomers["sa"] + level.monomers["am"] + binding * KCAL_PER_MOL
    made = Clusters.make([positions], [np.concatenate([sa.numbers, am.numbers])])
    return made.replace(energy=np.array([energy]), level="b97-3c@pyscf")


def test_nonsense_is_called_so():
    """Against GFN1-xTB, which is itself off by up to 4 kcal/mol a molecule."""
    name = composition("1sa1am")
    assert doubt(far_apart(-3.0), name, LIBRARY) == ""
    told = doubt(far_apart(-40.0), name, LIBRARY)
    assert (
        "with -40.0 kcal/mol" in told and "20 kcal/mol a molecule apart" in told and "the ranking means nothing" in told
    )
    assert "no binding energies" in doubt(far_apart(0.0).replace(level="mine"), name, LIBRARY)


def test_a_run_with_a_toy_says_what_it_is(toy, tmp_path):
    run = ["run", "1sa1am", "--model", str(toy), "-o", str(tmp_path / "run"), "-j", "1", *SHORT]
    done = CliRunner().invoke(app, run)
    assert done.exit_code == 0, (done.output, done.exception)
    told = " ".join(done.output.split())
    assert f"level: gfn1-xtb by PaiNN ({toy.resolve()}): the model that was named" in told, told
    assert "17.25 (validation)" in told and "not fit for this cluster" in told
    manifest = read_manifest(tmp_path / "run")
    assert manifest["level"]["level"] == read_result(tmp_path / "run").level == "gfn1-xtb"
    shown = CliRunner().invoke(app, ["show", str(tmp_path / "run")])
    assert "not fit for this cluster" in " ".join(shown.output.split())
    as_json = json.loads(CliRunner().invoke(app, ["show", str(tmp_path / "run"), "--json"]).stdout)
    assert len(as_json["remarks"]) == 2 and as_json["level"]["by"].startswith("PaiNN")


def test_a_screen_takes_a_model_too(toy, tmp_path):
    out = tmp_path / "screen"
    done = CliRunner().invoke(
        app, ["screen", "1sa", "1am", "1dma1sa", "--model", str(toy), "-o", str(out), "-j", "1", "-q", "--json", *SHORT]
    )
    assert done.exit_code == 1, (done.output, done.exception)
    rows = {row["system"]: row for row in json.loads(done.stdout)}
    assert "not trained on C" in rows["1sa1dma"]["error"] and "not fit" in rows["1sa1am"]["remark"]


def test_the_shipped_models_pass(tmp_path):
    """The same check on a sound model: 1sa1am of the committee, of which GFN1-xTB is 3 kcal/mol off."""
    start = far_apart(0.0).without_energies()
    start.positions[7:] -= [4.6, 0, 0]
    potential = get_potential("painn", model=SEED)
    from sampler.relax import RelaxParams, relax

    relaxed = relax(start, potential, RelaxParams(fmax=0.05, max_steps=300))
    assert doubt(relaxed, composition("1sa1am"), LIBRARY) == ""
