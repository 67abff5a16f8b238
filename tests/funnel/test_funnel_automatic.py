"""potential = "auto": a recommended model where it is at home, GFN1-xTB elsewhere, and written down as what it is."""

import json

import pytest
from ase.data import chemical_symbols

from sampler.composition import Composition
from sampler.errors import ProtocolError
from sampler.funnel.protocols import automatic
from sampler.funnel.protocols import protocol as protocols
from sampler.funnel.results import energies_by
from sampler.funnel.runner import run
from sampler.monomers import MonomerLibrary
from sampler.potentials import get_potential

TABLE = {
    "name": "toy",
    "description": "d",
    "stage": [
        {"kind": "generate", "candidates": 6, "chunk": 3},
        {"kind": "relax", "potential": "Auto", "fmax": 0.5, "max_steps": 5},
        {"kind": "select", "count": 2},
    ],
}


@pytest.fixture(scope="module")
def library():
    return MonomerLibrary.load()


def test_every_recommended_model_ships_and_knows_its_molecules(library):
    for entry in automatic.recommendations():
        potential = get_potential(entry["potential"], **entry["options"])
        cards = [m.card for m in potential.models]
        for card in cards:
            assert card.level.split("@")[0] == entry["level"]
            assert bool(card.base_level) == entry.get("delta", False)
            needed = {chemical_symbols[z] for f in entry["molecules"] for z in library[f].numbers}
            assert needed <= set(card.elements) and entry["charge"] in card.charges


def test_auto_is_resolved_by_composition(library, monkeypatch, tmp_path):
    entry = {
        "level": "b97-3c", "molecules": ["sa", "am"], "charge": 0, "largest_difference": 1, "potential": "lennard-jones",
        "options": {},
    }  # fmt: skip
    monkeypatch.setattr(automatic, "recommendations", lambda: [entry])
    chosen = {}
    for name, charge in (("3sa2am", 0), ("2sa2am", 0), ("3sa1am", 0), ("2sa", 0), ("2sa1am1w", 0), ("1sa1b1am", -1)):
        chosen[name] = automatic.recommended(Composition.parse(name, library, charge), library)[0]
    assert chosen == {
        "3sa2am": "lennard-jones", "2sa2am": "lennard-jones",
        "3sa1am": "gfn1-xtb", "2sa": "gfn1-xtb", "2sa1am1w": "gfn1-xtb", "1sa1b1am": "gfn1-xtb",
    }  # fmt: skip
    run(Composition.parse("1sa1am", library), protocols.build(TABLE, "toy"), tmp_path / "run", library=library)
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["protocol"]["stage"][1]["potential"] == "lennard-jones"


def test_the_first_model_at_home_is_taken_and_one_may_be_for_large_clusters(library, monkeypatch):
    entry = {"level": "gfn1-xtb", "molecules": ["sa", "am"], "charge": 0, "potential": "painn"}
    large = entry | {"fewest_molecules": 9, "options": {"model": "large"}}
    monkeypatch.setattr(automatic, "recommendations", lambda: [large, entry | {"options": {"model": "any"}}])
    for name, model in (("4sa4am", "any"), ("5sa4am", "large"), ("1sa1am", "any"), ("15sa15am", "large")):
        found = automatic.recommended(Composition.parse(name, library), library, "gfn1-xtb")
        assert found == ("painn", {"model": model}), name


def test_a_level_can_be_asked_for(library, monkeypatch):
    """A model of GFN1-xTB stands for mixtures of its molecules, and is not what plain auto means."""
    entry = {
        "level": "gfn1-xtb", "molecules": ["sa", "am", "w"], "mixtures": True, "among": ["sa", "w"], "charge": 0,
        "potential": "lennard-jones", "options": {},
    }  # fmt: skip
    monkeypatch.setattr(automatic, "recommendations", lambda: [entry])
    table = {**TABLE, "stage": [*TABLE["stage"], {"kind": "relax", "potential": "auto:GFN1-xTB"}]}
    found = {}
    for name, charge in (("3sa1w", 0), ("2w", 0), ("1sa1dma", 0), ("2am", 0), ("1sa1b1w", -1)):
        made = automatic.resolve(protocols.build(table, "toy"), Composition.parse(name, library, charge), library)
        found[name] = [s.potential for s in made.stage if hasattr(s, "potential")]
    model, exact = ["gfn1-xtb", "lennard-jones"], ["gfn1-xtb", "gfn1-xtb"]
    assert found == {"3sa1w": model, "2w": model, "1sa1dma": exact, "2am": exact, "1sa1b1w": exact}
    with pytest.raises(ProtocolError, match=r"no such potential; known: auto, auto:member, auto:gfn1-xtb"):
        protocols.build({**table, "stage": [*TABLE["stage"], {"kind": "relax", "potential": "auto:gfn2-xtb"}]}, "toy")


def test_a_member_searches_for_a_committee(library):
    """One member where auto takes a committee; elsewhere what searches for GFN1-xTB."""
    declared = protocols.load("b97-3c")
    made = {
        name: [(s.potential, s.options.get("model")) for s in stages if hasattr(s, "potential")]
        for name in ("2sa2am", "2sa2dma", "3sa1dma", "2sa2tma")
        for stages in [automatic.resolve(declared, Composition.parse(name, library), library).stage]
    }
    for cluster in ("2sa2am", "2sa2dma"):
        committee = [f"b97-3c_sa_am_dma_w-seed{seed}" for seed in (7, 42, 69)]
        name, options = automatic.recommended(Composition.parse(cluster, library), library, delta=True)
        assert made[cluster] == [("painn", committee[0])] * 3 + [("painn", committee), (name, options["model"])]
    assert made["3sa1dma"] == [("painn", "gfn1-xtb_sa_am_dma_w")] * 3 + [("gfn1-xtb", None)] * 2
    assert made["2sa2tma"] == [("gfn1-xtb", None)] * 5
    warned = automatic.without_model(
        declared, automatic.resolve(declared, Composition.parse("2sa2tma", library), library)
    )
    assert "--protocol gfn1" in warned


def test_a_delta_model_is_taken_where_one_is_at_home_and_else_what_auto_takes(library, monkeypatch):
    whole = {"level": "b97-3c", "molecules": ["sa", "am"], "charge": 0, "potential": "lennard-jones", "options": {}}
    delta = whole | {"delta": True, "largest_difference": 1, "potential": "gfn2-xtb", "options": {"accuracy": 0.5}}
    monkeypatch.setattr(automatic, "recommendations", lambda: [delta, whole])  # the order does not matter
    table = {**TABLE, "stage": [*TABLE["stage"], {"kind": "refine", "potential": "auto:delta", "binding": False}]}
    found = {}
    for name in ("2sa2am", "4sa1am", "2sa2dma"):
        stages = automatic.resolve(protocols.build(table, "toy"), Composition.parse(name, library), library).stage
        found[name] = [(stages[i].potential, stages[i].options) for i in (1, 3)]
    assert found == {
        "2sa2am": [("lennard-jones", {}), ("gfn2-xtb", {"accuracy": 0.5})],
        "4sa1am": [("lennard-jones", {}), ("lennard-jones", {})],
        "2sa2dma": [("gfn1-xtb", {}), ("gfn1-xtb", {})],
    }


def test_the_energies_of_a_run_of_the_shipped_protocols_stay_at_one_level(library):
    """The Δ model orders the structures that the last relaxation leaves, so both are of one level wherever they are at home."""
    for declared in map(protocols.load, ("b97-3c", "b97-3c-large", "standard", "thorough", "large")):
        for name in ("1sa1am", "3sa2am", "3sa1am", "9sa9am", "2sa2dma", "2sa1am1w"):
            stages = automatic.resolve(declared, Composition.parse(name, library), library).stage
            relaxed = [s for s in stages if s.kind == "relax"][-1].make()
            refined = [s for s in stages if s.kind == "refine"][-1].make()
            assert relaxed.level == refined.level, name


@pytest.mark.parametrize("name", ["auto", "auto:member", "auto:gfn1-xtb", "auto:delta"])
def test_auto_takes_no_options(name):
    table = {**TABLE, "stage": [TABLE["stage"][0], {"kind": "relax", "potential": name, "options": {"model": "x"}}]}
    with pytest.raises(ProtocolError, match="takes no options"):
        protocols.build(table, "toy")


def test_what_gave_the_energies_is_told():
    stages = [{"kind": "generate"}, {"kind": "relax", "potential": "painn"}, {"kind": "dedupe"}, {"kind": "select"}]
    manifest = {"protocol": {"stage": stages}}
    assert energies_by(manifest) == "painn"
    assert energies_by({**manifest, "from": {"stage": "dedupe"}}) == ""
    assert energies_by({"protocol": {"stage": [*stages, {"kind": "orca"}]}}) == "orca"


def test_a_search_without_a_model_is_told(library):
    """standard is meant for a model: where none is at home, the user hears what it costs and what to take instead."""
    standard = protocols.load("standard")
    words = {}
    for name in ("2sa2am", "1sa1w", "2sa2dma", "2sa2tma"):
        made = automatic.resolve(standard, Composition.parse(name, library), library)
        words[name] = automatic.without_model(standard, made)
    assert [n for n, w in words.items() if w] == ["2sa2tma"] and "--protocol gfn1" in words["2sa2tma"]
    plain = protocols.load("gfn1")
    assert not automatic.without_model(plain, automatic.resolve(plain, Composition.parse("2sa2tma", library), library))
