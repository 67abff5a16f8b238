"""Parameters of GFN1-xTB other than the published ones: files, levels, elements, and what tblite itself makes of them."""

import copy
import pickle
import tomllib

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.errors import LevelError, PotentialError
from sampler.learn.labels.monomer_minima import level_text
from sampler.learn.labels.provenance import describe
from sampler.levels import load_level
from sampler.monomers import MonomerLibrary
from sampler.potentials import get_potential
from sampler.potentials.of_level import potential_of
from sampler.potentials.trained import base_of
from sampler.potentials.xtb import XTBPotential
from sampler.potentials.xtb_parameters import XTBParameters, published, read, toml
from sampler.units import BOHR, HARTREE

OHH = np.array([8, 1, 1])
WATER = np.array([[0, 0, 0], [0, 0, 0.96], [0.93, 0, -0.24]])


@pytest.fixture(scope="module")
def other():
    """GFN1-xTB of water with a few parameters changed."""
    table = published(["H", "O"])
    table["element"]["O"]["levels"][1] *= 1.02
    table["hamiltonian"]["xtb"]["kpair"]["H-O"] = 1.01
    return XTBParameters.of(table)


@pytest.fixture
def file(other, tmp_path, monkeypatch):
    """The same as a file of a level, in a folder that is named."""
    potential = XTBPotential(parameters=other)
    sets = {"minima": {"source": "test", "monomers": {"w": {"energy_Eh": -5.8}}}}
    text = level_text(**describe(potential), sets=sets, library=MonomerLibrary.load())
    path = tmp_path / "levels" / "mine.toml"
    path.parent.mkdir()
    path.write_text(f"{text}\n{toml(other.table)}")
    monkeypatch.setenv("SAMPLER_LEVELS", str(path.parent))
    return path


def water():
    return Clusters.make([WATER, WATER * 1.02], [OHH] * 2)


def test_published_parameters_are_those_of_the_method():
    mine = XTBPotential(parameters=XTBParameters.of(published(["H", "O"])), accuracy=0.01).evaluate(water())
    tblites = XTBPotential(accuracy=0.01).evaluate(water())
    np.testing.assert_allclose(mine.energy, tblites.energy, rtol=0, atol=1e-9)
    np.testing.assert_allclose(mine.forces, tblites.forces, rtol=0, atol=1e-7)


def test_a_file_gives_what_the_dictionary_gives_and_tblite_reads_it(file, other):
    from tblite.interface import Calculator

    kept = XTBPotential(parameters=other).evaluate(water()).energy
    assert (XTBPotential(parameters=file).evaluate(water()).energy == kept).all()
    calculator = Calculator(tomllib.loads(file.read_text()), OHH, WATER / BOHR)  # with all else that is in the file
    calculator.set("verbosity", 0)
    assert calculator.singlepoint().get("energy") * HARTREE == pytest.approx(kept[0], abs=1e-9)
    assert abs(kept - XTBPotential().evaluate(water()).energy).min() > 0.1  # and it is another method


def test_the_level_says_which_parameters(other):
    table = copy.deepcopy(other.table)
    table["element"]["H"]["arep"] *= 1 + 1e-9
    assert XTBParameters.of(table).id != other.id
    assert XTBPotential(parameters=other).level == other.id != "gfn1-xtb"
    told = {"meta": {"name": "something else"}} | {k: v for k, v in other.table.items() if k != "meta"}
    assert XTBParameters.of(told).id == other.id  # a name is no parameter


def test_by_the_name_of_the_level_everywhere(file, other):
    for made in (get_potential(other.id), potential_of(other.id.upper()), base_of(other.id)):
        assert made == XTBPotential(parameters=other) and made.level == other.id
    assert get_potential("gfn1-xtb", parameters=str(file)).level == other.id
    assert pickle.loads(pickle.dumps(get_potential(other.id))).evaluate(water()).failure.tolist() == ["", ""]
    assert load_level(other.id).monomers["w"] == pytest.approx(-5.8 * HARTREE)


def test_a_level_whose_file_is_nowhere(other, monkeypatch):
    monkeypatch.delenv("SAMPLER_LEVELS", raising=False)
    with pytest.raises(PotentialError, match="SAMPLER_LEVELS"):
        get_potential(other.id)


def test_a_file_that_was_changed_by_hand(file):
    file.write_text(file.read_text().replace("H-O = 1.01", '"H-O" = 1.02'))
    with pytest.raises(PotentialError, match="whoever changes parameters changes the level"):
        read(file)
    file.write_text("id = 1")
    with pytest.raises(PotentialError, match="holds no parameters"):
        read(file)


def test_elements_that_nothing_was_fitted_for(other):
    potential = XTBPotential(parameters=other)
    with pytest.raises(PotentialError, match="has no parameters of N"):
        potential.require([1, 7])
    potential.require([1, 8])
    ammonia = Clusters.make([np.vstack([WATER, [-0.5, 0.8, -0.2]])], [np.array([7, 1, 1, 1])])
    assert potential.evaluate(ammonia).failure[0].startswith("element: ")
    with pytest.raises(PotentialError, match="no parameters of Am"):
        published(["H", "Am"])
    with pytest.raises(PotentialError, match="of GFN1-xTB, not of GFN2-xTB"):
        XTBPotential("GFN2-xTB", parameters=other)


def test_monomers_are_not_written_into_a_file_of_parameters(file, other):
    from sampler.learn.labels.monomer_minima import read_sets

    with pytest.raises(LevelError, match="holds the parameters"):
        read_sets(file, **describe(XTBPotential(parameters=other)))


@pytest.mark.parametrize("name", ["gfn1", "quick", "standard"])
def test_runs_search_and_end_with_it(name, file, other):
    from sampler.composition import Composition
    from sampler.funnel.protocols.ending import at_level, ending
    from sampler.funnel.protocols.protocol import load
    from sampler.report.commands import of_run

    library = MonomerLibrary.load()
    composition = Composition.parse("2w", library)
    made = at_level(load(name), other.id, composition, library)
    potentials = [s.potential for s in made.stage if hasattr(s, "potential")]
    assert potentials and set(potentials) == {other.id}, potentials
    end = ending(made, other.id, composition, library)
    assert str(end) == f"{other.id} by GFN1-xTB with fitted parameters: asked for"
    manifest = {"protocol": made.dump(), "composition": "2w", "seed": 0, "level": end.dump()}
    command = of_run(file.parent, manifest, composition, library, end.level)[0]
    assert f"--protocol {name} --level {other.id} --seed" in command


def test_what_is_cited_for_it(other):
    from sampler.citations.used import Citations, add_potential

    found = Citations()
    add_potential({"potential": other.id}, found)
    assert "grimme2017" in found.used_for and "fitted to labels" in found.remarks[0]
