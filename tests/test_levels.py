"""Levels of theory: what may be subtracted from what."""

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.composition import Composition
from sampler.errors import LevelError
from sampler.levels import (
    Binding,
    binding_energy,
    composition_of,
    levels,
    load_level,
    require_references,
    require_same,
    separated,
)
from sampler.monomers import MonomerLibrary
from sampler.units import HARTREE, KCAL_PER_MOL


@pytest.fixture(scope="module")
def library():
    return MonomerLibrary.load()


def cluster(energy_eh, level, n=1):
    """A stand-in for SA1AM1: the geometry does not matter here."""
    numbers = [8, 16, 8, 8, 8, 1, 1, 7, 1, 1, 1]
    positions = np.arange(33.0).reshape(11, 3)
    return Clusters.make([positions] * n, [numbers] * n, energy=[energy_eh * HARTREE] * n, level=level)


def test_every_shipped_level_is_readable_and_finite():
    assert {"gfn1-xtb", "gfn2-xtb", "b97-3c@pyscf", "b97-3c@orca5"} <= set(levels())
    for name in levels():
        level = load_level(name)
        assert level.id == name
        assert level.monomers and all(np.isfinite(e) and e < 0 for e in level.monomers.values())
        assert level.source


def test_published_binding_energy(library):
    # B97-3c electronic energy of the SA1AM1 minimum of Wu et al. 2023 and its binding energy, ACDB
    wu = cluster(-756.630700152885, "b97-3c@orca5")
    ours = binding_energy(wu, Composition.parse("1sa1am", library), library)[0] / KCAL_PER_MOL
    assert ours == pytest.approx(-18.3833, abs=2e-4)


def test_three_published_monomer_energies_are_never_mixed():
    """The literature has at least three B97-3c energies of sulfuric acid; they differ by up to 6 kcal/mol."""
    sets = {n: load_level("b97-3c@orca5", n) for n in ("minima", "engsvang23", "seed_paper_sa_am", "seed_paper_sa_w")}
    sa = {n: level.monomers["sa"] / HARTREE for n, level in sets.items()}
    published = {
        "minima": -700.069492373395,
        "engsvang23": -700.061661046574,
        "seed_paper_sa_am": -700.060001071293,
        "seed_paper_sa_w": -700.067627612341,
    }
    assert sa == pytest.approx(published, abs=1e-10)
    one = cluster(-756.630700152885, "b97-3c@orca5")
    counts = {"sa": 1, "am": 1}
    a, b = (sets[n].binding(one, counts) for n in ("minima", "seed_paper_sa_am"))
    assert abs(a.values[0] - b.values[0]) / KCAL_PER_MOL > 5  # what mixing would cost
    with pytest.raises(LevelError, match="different reference sets cannot be mixed.*minima.*seed_paper_sa_am"):
        Binding.concatenate([a, b])
    joined = Binding.concatenate([a, a])
    assert joined.level == sets["minima"] and len(joined.values) == 2


def test_engines_are_never_mixed(library):
    orca, pyscf = load_level("b97-3c@orca5"), load_level("b97-3c@pyscf")
    with pytest.raises(LevelError, match="b97-3c@pyscf.*cannot be referred to.*b97-3c@orca5"):
        orca.binding(cluster(-756.63, "b97-3c@pyscf"), {"sa": 1, "am": 1})
    with pytest.raises(LevelError, match="cannot be referred"):
        pyscf.binding(cluster(-756.63, ""), {"sa": 1, "am": 1})
    with pytest.raises(LevelError, match="different levels of theory"):
        require_same([orca, pyscf])
    with pytest.raises(LevelError, match="different levels"):
        Clusters.concatenate([cluster(-756.63, "b97-3c@pyscf"), cluster(-756.63, "b97-3c@orca5")])


def test_missing_references_are_named(library):
    with pytest.raises(LevelError, match="no reference energy for tma.*sampler label --references"):
        load_level("b97-3c@orca5", "engsvang23").reference_energy({"sa": 1, "tma": 1})
    with pytest.raises(
        LevelError, match="no level of theory is called 'b97-4c'; known: .*b97-3c@pyscf.*--references .* --level b97-4c"
    ):
        load_level("b97-4c")
    with pytest.raises(LevelError, match="no reference set 'x'; it has minima"):
        load_level("gfn1-xtb", "x")
    with pytest.raises(LevelError, match="no level"):
        binding_energy(cluster(-1.0, ""), Composition.parse("1sa1am", library), library)


def test_unreadable_level(tmp_path):
    bad = tmp_path / "bad.toml"
    bad.write_text("id = 'x'\n")
    with pytest.raises(LevelError, match="bad.toml is not a readable level"):
        load_level(bad)


def test_what_a_cluster_falls_apart_into(library):
    def parts(name):
        return separated(Composition.parse(name, library), library)

    assert parts("2sa1am") == [{"sa": 2, "am": 1}]
    assert parts("1sa1b1am") == [{"sa": 1, "b": 1, "am": 1}]
    # either base can carry the proton: both choices, the lower energy counts
    ways = parts("1am1dma1p")
    assert {"amh": 1, "dma": 1} in ways and {"am": 1, "dmah": 1} in ways and len(ways) == 2
    gfn1 = load_level("gfn1-xtb")
    # dimethylamine has the higher proton affinity (NIST: 930 against 854 kJ/mol)
    assert min(ways, key=gfn1.reference_energy) == {"am": 1, "dmah": 1}


def test_gfn1_references_are_minima(library):
    """The published GFN1-xTB energy of the water monomer's minimum, and a recomputation."""
    from sampler.potentials import get_potential

    level = load_level("gfn1-xtb")
    water = library["w"]
    one = Clusters.make([water.conformers[0].positions], [water.numbers])
    energy = get_potential("gfn1-xtb", accuracy=0.1).evaluate(one).energy[0]
    assert level.monomers["w"] == pytest.approx(energy, abs=2e-5), (level.monomers["w"], energy)


def test_composition_of(library):
    sa, am = library["sa"].numbers, library["am"].numbers
    numbers = np.concatenate([sa, sa, am])
    assert composition_of(numbers, 0, ("sa", "am"), library).name(library) == "2sa1am"
    minus = np.delete(numbers, np.flatnonzero(numbers == 1)[0])
    assert composition_of(minus, -1, ("sa", "am"), library).charge == -1
    with pytest.raises(LevelError, match="no cluster of sa, am"):
        composition_of(minus, 0, ("sa", "am"), library)
    with pytest.raises(LevelError, match="do not tell"):
        composition_of(numbers, 0, ("sa", "am", "ma", "dma"), library)


def test_users_add_monomers_and_levels(library, tmp_path, monkeypatch):
    """Files in SAMPLER_LEVELS extend a level that ships, and may not contradict it."""
    from pathlib import Path

    shipped = (Path(__file__).parents[1] / "data" / "levels" / "b97-3c@pyscf.toml").read_text()
    head = shipped[: shipped.index("[reference_sets.minima.monomers")]
    file = tmp_path / "b97-3c@pyscf.toml"
    monkeypatch.setenv("SAMPLER_LEVELS", str(tmp_path))
    before = dict(load_level("b97-3c@pyscf").monomers)
    file.write_text(head + "[reference_sets.minima.monomers.mine]\nenergy_Eh = -1.5\n")
    assert load_level("b97-3c@pyscf").monomers == {**before, "mine": -1.5 * HARTREE}
    file.write_text(head + "[reference_sets.minima.monomers.sa]\nenergy_Eh = -700.0\n")
    with pytest.raises(LevelError, match="another energy of sa"):
        load_level("b97-3c@pyscf")
    file.write_text(head.replace("def2-mtzvp-j", "other") + "[reference_sets.minima.monomers.mine]\nenergy_Eh = -1.5\n")
    with pytest.raises(LevelError, match="other settings"):
        load_level("b97-3c@pyscf")
    file.unlink()
    (tmp_path / "my-level.toml").write_text(
        head.replace('id = "b97-3c@pyscf"', 'id = "my-level"')
        + "[reference_sets.minima.monomers.w]\nenergy_Eh = -76.0\n"
    )
    assert "my-level" in levels()
    # a file is found by the id it holds, whatever its name
    (tmp_path / "my-level.toml").rename(tmp_path / "of-tuesday.toml")
    assert "my-level" in levels() and "of-tuesday" not in levels()
    assert load_level("my-level").monomers["w"] == -76.0 * HARTREE
    require_references("my-level", Composition.parse("2w", library), library)
    with pytest.raises(LevelError, match="--references sa --level my-level --out levels/my-level.toml"):
        require_references("my-level", Composition.parse("1sa", library), library)
