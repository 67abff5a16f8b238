"""Molecules of one's own: names with digits, and their energies wherever binding energies are taken."""

import dataclasses

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.composition import Composition, split_name
from sampler.errors import CompositionError, LevelError, MonomerError
from sampler.funnel.results import no_binding, ranking
from sampler.generate.candidates import molecule_index
from sampler.interop.jkqc import _cluster_type
from sampler.levels import binding_energy, level_with, load_level, require_references
from sampler.monomer_builder import to_toml
from sampler.monomers import Monomer, MonomerLibrary
from sampler.screen.grid import expand, systems
from sampler.units import KCAL_PER_MOL

SHIPPED = MonomerLibrary.load()


def called(name, like="w", **more):
    """A molecule of the library under another name."""
    return dataclasses.replace(SHIPPED[like], name=name, aliases=(), family=name, rank=1000, **more)


@pytest.fixture(scope="module")
def library():
    return SHIPPED.adding(called("hio3", "nta", reference_energies={"gfn1-xtb": -450.0}))


@pytest.mark.parametrize(
    "text, parts, name",
    [
        ("1hio31am", [(1, "hio3"), (1, "am")], "1am1hio3"),
        ("2hio3", [(2, "hio3")], "2hio3"),
        ("2HIO311am", [(2, "hio3"), (11, "am")], "11am2hio3"),
        ("1am12hio33sa", [(1, "am"), (12, "hio3"), (3, "sa")], "3sa1am12hio3"),
        ("1hio31am1p", [(1, "hio3"), (1, "am"), (1, "p")], "1am1hio31p"),
    ],
)
def test_names_with_digits(library, text, parts, name):
    assert split_name(text, library) == parts
    composition = Composition.parse(text, library)
    assert composition.name(library) == name and Composition.parse(name, library) == composition


def test_spaces_part_names_with_digits(library):
    assert Composition.parse("1hio3 1am", library).name(library) == "1am1hio3"


@pytest.mark.parametrize("text", ["1hio3am", "1hio", "1hio21am", "hio31am"])
def test_names_that_mean_nothing(library, text):
    with pytest.raises(CompositionError):
        Composition.parse(text, library)


@pytest.mark.parametrize(
    "first, second", [("hio3", "hio"), ("hio", "hio3"), ("hio3", "hio31"), (None, "sa2"), (None, "p2")]
)
def test_no_name_is_another_with_digits(first, second):
    known = SHIPPED.adding(called(first)) if first else SHIPPED
    with pytest.raises(MonomerError, match="could be read in two ways; choose a name with other letters"):
        known.adding(called(second))


@pytest.mark.parametrize("name", ["h2so4", "3a", "Hio3", "hio-3", ""])
def test_names_that_are_refused(name):
    with pytest.raises(MonomerError, match="digits at the end"):
        Monomer.loads(to_toml(called(name)))


def test_names_with_digits_elsewhere(library, monkeypatch):
    grid = systems(expand(["1-2hio3", "0-1am"]), library)
    assert list(grid) == ["1hio3", "1am1hio3", "2hio3", "1am2hio3"]
    assert list(systems(expand(["1hio3", "am=hio3±1"]), library)) == ["1hio3", "1am1hio3", "2am1hio3"]
    assert list(systems(expand(["1hio31am"]), library)) == ["1am1hio3"]
    assert np.bincount(molecule_index("2hio3 1am", library)).tolist() == [5, 5, 4]
    assert _cluster_type("1hio31am-0001_0002", library) == ("1am1hio3", ["hio3", "am"], [1, 1])
    assert _cluster_type("2gd1sa", library) == ("2gd1sa", ["gd", "sa"], [2, 1])


def pair(library, level="gfn1-xtb", energy=-590.0):
    positions = np.vstack([library["hio3"].conformers[0].positions, library["am"].conformers[0].positions + [4, 0, 0]])
    numbers = np.concatenate([library["hio3"].numbers, library["am"].numbers])
    return Clusters.make([positions], [numbers], energy=[energy], level=level)


def test_the_energy_in_a_molecules_file_is_a_reference(library):
    """Sum of the energies by hand: that of the molecule's own file, and that of ammonia in the level."""
    wanted = -590.0 - (-450.0) - load_level("gfn1-xtb").monomers["am"]
    composition = Composition.parse("1hio31am", library)
    assert binding_energy(pair(library), composition, library) == pytest.approx([wanted], abs=1e-9)
    row = ranking(pair(library), composition, library)[0]
    assert row["binding_energy_kcalmol"] == pytest.approx(wanted / KCAL_PER_MOL, abs=1e-4)
    require_references("gfn1-xtb", composition, library)
    with pytest.raises(LevelError, match="b97-3c@pyscf .* has no reference energy for hio3"):
        require_references("b97-3c@pyscf", composition, library)
    with pytest.raises(LevelError, match="no reference energy for hio3"):  # of another level: no fallback to this one
        binding_energy(pair(library, "gfn2-xtb"), composition, library)


def test_two_energies_of_one_molecule_are_a_contradiction(tmp_path, monkeypatch, library):
    file = tmp_path / "levels" / "more.toml"
    file.parent.mkdir()
    head = (load_level("gfn1-xtb"), "[reference_sets.minima.monomers.hio3]\nenergy_Eh = {}\n")
    settings = "".join(f'{k} = "{v}"\n' for k, v in head[0].settings.items())
    text = f'id = "gfn1-xtb"\nmethod = "{head[0].method}"\nengine = "mine"\n[settings]\n{settings}'
    text += '[reference_sets.minima]\nsource = "mine"\n' + head[1]
    monkeypatch.setenv("SAMPLER_LEVELS", str(file.parent))
    file.write_text(text.format(-450.0 / 27.211386245988))
    assert level_with("gfn1-xtb", library).monomers["hio3"] == pytest.approx(-450.0)
    file.write_text(text.format(-450.1 / 27.211386245988))
    with pytest.raises(LevelError, match="hio3 has .* in its own file"):
        level_with("gfn1-xtb", library)


def test_show_says_why_there_are_no_binding_energies(library):
    composition = Composition.parse("1hio31am", library)
    assert no_binding("gfn1-xtb", composition, library) == ""
    told = no_binding("gfn2-xtb", composition, library)
    assert "no reference energy for hio3" in told and "sampler label --references hio3 --level gfn2-xtb" in told
    assert "'other' has no monomer energies" in no_binding("other", composition, library)
