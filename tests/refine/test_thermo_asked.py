"""Thermochemistry of what was asked: conformers that are none, isotopes, the lowest of every input, options, levels."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from test_thermo_formation import LIBRARY, make

from sampler.cli.thermo_hessians import Hessians, read_structures, relaxed_with
from sampler.cli.thermo_inputs import check_options
from sampler.cli.thermo_wanted import Gathered, Source, Wanted
from sampler.errors import InputError, LevelError
from sampler.refine.orca import read_output
from sampler.refine.thermo import thermochemistry
from sampler.refine.thermo.sources import from_orca, load, save
from sampler.refine.thermo.study import study
from sampler.units import HARTREE, KCAL_PER_MOL

DATA = Path(__file__).parents[1] / "data"
DEUTERIUM = DATA / "orca" / "04-orca-deuterium" / "d2o.out"
WATERS = DATA / "02-dissociated-conformer"
FRAMES = DATA / "11-count-not-the-lowest" / "unsorted.extxyz"


def told(sampler, *words):
    status, out, err = sampler("thermo", *words, "--json", "-j", 1)
    assert status == 0, err
    return json.loads(out)


# ---- conformers that are none ----------------------------------------------------------------------------------------


def test_an_evaporated_structure_is_no_conformer(sampler, tmp_path):
    """Two waters 12 Å apart: what is left is the dimer alone, whose numbers follow from its own two files."""
    found = told(sampler, WATERS)
    one, two = found["clusters"]
    assert (two["cluster"], two["used"], two["conformers"], two["lowest"]) == ("2w", 1, 2, "d")
    assert "evaporated" in found["problems"]["d_far"] and "no conformer of 2w" in found["problems"]["d_far"]
    names = ("energy_kcalmol", "enthalpy_kcalmol", "gibbs_kcalmol")
    assert [two[f"binding_{n}"] for n in names] == pytest.approx([-4.80, -3.43, 2.16], abs=0.01)
    (tmp_path / "two").mkdir()
    for name in ("d.out", "w.out"):
        shutil.copy(WATERS / name, tmp_path / "two")
    alone = told(sampler, tmp_path / "two")["clusters"][1]
    assert alone["binding_gibbs_kcalmol"] == two["binding_gibbs_kcalmol"]
    assert {c["id"]: c["population"] for c in two["conformer_list"]} == {"d": 1.0, "d_far": 0.0}


def test_a_reacted_structure_is_no_conformer():
    """Of the atoms of 1sa1am, but no longer of its molecules; the numbers of the cluster are those without it."""
    pair = make(["sa", "am"], -14.0, 50.0)
    x = np.array(pair.columns["positions"])
    broken = x.copy()
    broken[0] += [0.0, 2.2, 0.0]  # an atom of sulfuric acid torn out
    torn = dataclasses.replace(pair, id="torn", columns={**pair.columns, "positions": broken.tolist()})
    rest = [make(["sa"], -10.0, 300.0), make(["am"], -3.0, 900.0)]
    whole = study([*rest, pair], LIBRARY)["1sa1am"]
    made = study([*rest, pair, torn], LIBRARY)
    assert [c.name for c in made.clusters] == ["1am", "1sa", "1sa1am"]
    assert made["1sa1am"].binding == whole.binding and made["1sa1am"].mixture.used == 1
    assert "reacted" in made.problems["torn"] and "no conformer of 1sa1am" in made.problems["torn"]


def test_what_a_run_was_of_is_what_its_structures_must_be():
    """2sa of a run of 1sa1am is not silently a cluster of its own."""
    stray = make(["sa", "sa"], -20.8, 30.0, name="run/0001", composition="1sa1am")
    species = [make(["sa"], -10.0, 300.0), make(["am"], -3.0, 900.0), make(["sa", "am"], -14.0, 50.0), stray]
    made = study(species, LIBRARY)
    assert [c.name for c in made.clusters] == ["1am", "1sa", "1sa1am"]
    assert made.problems["run/0001"].startswith("reacted: 2sa")


# ---- isotopes --------------------------------------------------------------------------------------------------------


def test_masses_of_the_output(sampler):
    """D2O: entropy and free energy as the output prints them (ORCA's recipe for low modes differs by nothing here)."""
    printed = read_output(DEUTERIUM).thermochemistry[0]
    found = told(sampler, DEUTERIUM.parent)
    (water,) = found["clusters"]
    assert water["cluster"] == "1w[2H]"
    assert water["entropy_calmolK"] == pytest.approx(printed.entropy / KCAL_PER_MOL * 1000, abs=0.02)
    assert water["entropy_calmolK"] == pytest.approx(47.35, abs=0.02)
    assert water["thermal_gibbs_kcalmol"] == pytest.approx(-2.47, abs=0.01)


def test_symmetry_sees_isotopes():
    """HDO has no rotation that exchanges its hydrogens; its moments are those of its masses."""
    heavy = read_output(DEUTERIUM)
    mixed = dataclasses.replace(heavy, name="hdo", masses=np.array([15.999, 1.008, 2.014]))
    light = dataclasses.replace(heavy, name="h2o", masses=None)
    d2o, hdo, h2o = from_orca([heavy, mixed, light])
    assert (d2o.symmetry_number, hdo.symmetry_number, h2o.symmetry_number) == (2, 1, 2)
    assert (d2o.mass, hdo.mass, h2o.mass) == pytest.approx((20.027, 19.021, 18.015))
    assert [s.columns.get("isotopes", "") for s in (d2o, hdo, h2o)] == ["2H", "1 of 2 H is 2H", ""]
    assert d2o.moments[0] > hdo.moments[0] > h2o.moments[0]


def test_isotopes_are_not_averaged_with_the_light_ones(tmp_path):
    heavy = read_output(DEUTERIUM)
    light = dataclasses.replace(heavy, name="h2o", masses=None)
    mixed = dataclasses.replace(heavy, name="hdo", masses=np.array([15.999, 1.008, 2.014]))
    species = from_orca([heavy, light, mixed])
    save(tmp_path / "all.json", species)
    made = study(load(tmp_path / "all.json"), LIBRARY)
    assert {c.name: len(c.species) for c in made.clusters} == {"1w": 1, "1w[2H]": 1, "1w[1 of 2 H is 2H]": 1}
    for cluster, one in zip(sorted(made.clusters, key=lambda c: c.mixture.thermo.entropy), (1, 0, 2)):
        assert cluster.mixture.thermo.gibbs == pytest.approx(thermochemistry(species[one]).gibbs)


def test_heavy_clusters_are_referred_to_heavy_molecules():
    def heavy(names, energy, lowest):
        one = make(names, energy, lowest)
        return dataclasses.replace(one, mass=one.mass * 1.1, columns={**one.columns, "isotopes": "2H"})

    light = [make(["w"], -5.0, 1600.0), make(["w", "w"], -10.3, 60.0)]
    made = study([*light, heavy(["w"], -5.0, 1200.0), heavy(["w", "w"], -10.3, 45.0)], LIBRARY)
    one, two = made["1w[2H]"].mixture.thermo, made["2w[2H]"].mixture.thermo
    assert made["2w[2H]"].binding.gibbs == pytest.approx(two.gibbs - 2 * one.gibbs)
    assert made["2w"].binding.gibbs != pytest.approx(made["2w[2H]"].binding.gibbs)
    lonely = study([*light, heavy(["w", "w"], -10.3, 45.0)], LIBRARY)
    assert lonely["2w[2H]"].binding is None and "same isotopes" in lonely.problems["2w[2H]"]


def test_isotopes_elsewhere_are_refused_by_name(sampler, tmp_path):
    save(tmp_path / "d2o.json", from_orca([read_output(DEUTERIUM)]))
    status, _, err = sampler("export", "acdc", "d2o.json")
    assert status == 2 and "isotopes" in err and "d2o (2H)" in err
    status, _, err = sampler("thermo", "d2o.json", "--isotopes")
    assert status == 2 and "--isotopes does not apply to the file of frequencies d2o.json" in err
    (tmp_path / "d2o.extxyz").write_text(
        "3\nProperties=species:S:1:pos:R:3:masses:R:1 charge=0\nO 0 0 0.12 15.999\nH 0 0.76 -0.47 2.014\nH 0 -0.76 -0.47 2.014\n"
    )
    status, _, err = sampler("thermo", "d2o.extxyz", "-P", "gfn1-xtb")
    assert status == 2 and "isotope" in err


def test_frequencies_of_a_part_of_the_atoms_are_refused():
    whole = read_output(DEUTERIUM)
    with pytest.raises(InputError, match="2 frequencies; 3 atoms have 3"):
        from_orca([dataclasses.replace(whole, frequencies=whole.frequencies[1:])])


# ---- the lowest ------------------------------------------------------------------------------------------------------


def frames_of(path, wanted):
    taken = Hessians(wanted, LIBRARY, Gathered())
    taken.add_file(Source(path, "structures"))
    return taken.structures[0]


def test_count_takes_the_lowest_of_a_file(tmp_path):
    """Energies in the key ``energy``, in CREST's comments and in a file of two compositions: always the lowest."""
    from ase.io import read

    frames = read(FRAMES, ":")
    energies = [a.get_potential_energy() for a in frames]
    assert np.argmin(energies) == 2 and frames_of(FRAMES, Wanted(count=1)).ids.tolist() == ["f2"]
    assert frames_of(FRAMES, Wanted(count=2)).ids.tolist() == [frames[i].info["id"] for i in np.argsort(energies)[:2]]
    crest = tmp_path / "crest_conformers.xyz"
    atoms = lambda a: "".join(f"{s} {x} {y} {z}\n" for s, (x, y, z) in zip(a.symbols, a.positions))  # noqa: E731
    crest.write_text("".join(f"{len(a)}\n   {e / HARTREE:.8f}\n{atoms(a)}" for a, e in zip(frames, energies)))
    lowest = frames_of(crest, Wanted(count=1))
    assert lowest.positions == pytest.approx(frames[2].positions, abs=1e-6)
    water = (
        "3\nProperties=species:S:1:pos:R:3 id=w{0} charge=0 energy={1}\nO 0 0 0.12\nH 0 0.7{0} -0.47\nH 0 -0.76 -0.47\n"
    )
    both = tmp_path / "both.extxyz"
    both.write_text(FRAMES.read_text().rstrip() + "\n" + water.format(1, -5.0) + water.format(2, -6.0))
    assert set(frames_of(both, Wanted(count=1)).ids) == {"f2", "w2"}  # each composition has its lowest


def test_the_lowest_cannot_be_told_without_energies(tmp_path):
    plain = tmp_path / "plain.xyz"
    water = "3\n{}\nO 0 0 0.12\nH 0 0.76 -0.4{}\nH 0 -0.76 -0.47\n"
    plain.write_text("".join(water.format("a remark", i) for i in range(4)))
    with pytest.raises(InputError, match="4 structures of one composition, 0 of them with an energy.*--count 4"):
        frames_of(plain, Wanted(count=2))
    assert len(frames_of(plain, Wanted(count=4))) == 4 and len(frames_of(plain, Wanted())) == 4
    plain.write_text("".join(water.format("a remark", i % 10) for i in range(11)))
    with pytest.raises(InputError, match="which 10 are the lowest cannot be told"):  # the default, too
        frames_of(plain, Wanted())


def test_count_applies_to_outputs_and_kept_frequencies(sampler, tmp_path):
    kept = tmp_path / "many.json"
    save(
        kept,
        [make(["sa"], -10.0, 300.0), make(["am"], -3.0, 900.0)]
        + [make(["sa", "am"], e, 50.0 - 30.0 * e, name=f"c{-e}") for e in (-14.0, -14.2, -14.1)],
    )
    found = told(sampler, kept, "-n", 1)
    assert [(c["cluster"], c["lowest"], c["conformers"]) for c in found["clusters"]][2] == ("1sa1am", "c14.2", 1)
    assert told(sampler, kept)["clusters"][2]["conformers"] == 3
    found = told(sampler, WATERS, "-n", 1)["clusters"][1]  # the apart one is higher by 4.8 kcal/mol
    assert (found["lowest"], found["conformers"]) == ("d", 1)


@pytest.mark.slow
def test_count_takes_the_lowest_through_hessians(sampler):
    found = told(sampler, FRAMES, "-P", "gfn1-xtb", "-n", 1, "-q")
    pair = found["clusters"][2]
    assert pair["lowest"] == "f2" and pair["binding_gibbs_kcalmol"] == pytest.approx(-10.99, abs=0.03)


# ---- options and inputs ----------------------------------------------------------------------------------------------

KINDS = ("run", "structures", "outputs", "kept")
OPTIONS = {
    "potential": ("gfn1-xtb", {"run", "structures"}),
    "model": ("some-model", {"run", "structures"}),
    "step": (0.01, {"run", "structures"}),
    "isotopes": (True, {"run", "structures"}),
    "level": ("b97-3c@orca5", {"structures", "outputs", "kept"}),
    "charge": (1, {"structures"}),
    "count": (3, set(KINDS)),
    "energies": ("b97-3c", set(KINDS)),
    "workers": (2, set(KINDS)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_applies_to_an_input_or_is_refused(option, kind):
    value, good = OPTIONS[option]
    source, wanted = Source(Path("here"), kind), Wanted(**{option: value})
    if kind in good:
        check_options([source], wanted)
        return
    with pytest.raises(InputError, match=f"--{option} does not apply to the .* here, which"):
        check_options([source], wanted)


def test_options_of_several_inputs():
    run, kept = Source(Path("run"), "run"), Source(Path("kept"), "kept")
    check_options([run, kept], Wanted(potential="gfn1-xtb"))  # the level of the one, which that of the other must be
    with pytest.raises(InputError, match="--isotopes does not apply to the file of frequencies kept"):
        check_options([run, kept], Wanted(isotopes=True))
    with pytest.raises(InputError, match="--model x is an option of --potential painn, not of gfn1-xtb"):
        check_options([run], Wanted(potential="gfn1-xtb", model="x"))


def test_options_that_need_others(sampler, tmp_path):
    kept = DATA / "34-vapour-without-unit" / "neutral.json"
    for words, told_ in (
        (("--cutoff", 50, "--low-modes", "harmonic"), "--cutoff 50 has no effect"),
        (("--definition", "mass-action"), "--vapour"),
        (("-v", "sa=1e7cm-3", "-v", "am=100ppt", "-v", "dma=1ppt"), "--vapour dma applies to no cluster here"),
        (
            ("-v", "sa=1e7cm-3", "-v", "am=100"),
            "--vapour 'am=100': '100' has no unit; a vapour concentration is in cm-3, ppt",
        ),
        (("-v", "sa=1e7cm-3", "-v", "sa=1e8cm-3"), "sa twice"),
        (("-P", "gfn1-xtb"), "--potential does not apply to the file of frequencies"),
    ):
        status, out, err = sampler("thermo", kept, *words)
        assert status == 2 and told_ in err and not out, (words, err)
    found = told(sampler, kept, "-T", 278.15, "-v", "sa=1e7cm-3", "-v", "am=100ppt")
    assert found["clusters"][2]["actual_gibbs_kcalmol"] == pytest.approx(2.54, abs=0.01)
    status, out, _ = sampler("thermo", "--help")
    assert "cm-3, ppt, ppb, ppm" in " ".join(out.split()).replace("│ │ ", "")


def test_a_charge_that_is_not_stated(tmp_path, capsys):
    """It is that of the molecules, which is said; never a silent 0, that would make a radical of HSO4⁻."""
    ion = LIBRARY["b"]
    path = tmp_path / "b.xyz"
    path.write_text(
        f"{len(ion.numbers)}\nfrom elsewhere\n"
        + "".join(f"{z} {x} {y} {q}\n" for z, (x, y, q) in zip(ion.numbers, ion.conformers[0].positions))
    )
    source = Source(path, "structures")
    assert read_structures(source, Wanted(), LIBRARY).charge.tolist() == [-1]
    assert "not stated" in capsys.readouterr().err
    assert read_structures(source, Wanted(charge=-1), LIBRARY).charge.tolist() == [-1]


# ---- levels ----------------------------------------------------------------------------------------------------------


def test_outputs_of_several_levels(sampler, tmp_path):
    """The folder holds the same molecules at two levels: an error that names the option, and the option."""
    folder = tmp_path / "outs"
    shutil.copytree(WATERS, folder)
    for name in ("d", "w"):
        text = (WATERS / f"{name}.out").read_text().replace("B97-3c", "r2SCAN-3c")
        (folder / f"{name}_other.out").write_text(text)
    levels = {read_output(p).level for p in folder.glob("*.out")}
    assert len(levels) == 2
    status, _, err = sampler("thermo", folder)
    assert status == 2 and all(level in err for level in levels)
    other = read_output(folder / "d_other.out").level
    found = told(sampler, folder, "--level", other)
    assert found["level"] == other and [c["lowest"] for c in found["clusters"]] == ["w_other", "d_other"]
    assert "level" in found["problems"]["d"]
    status, _, err = sampler("thermo", folder, "--level", "pbe@orca5")
    assert status == 2 and "pbe@orca5" in err
    save(tmp_path / "both.json", [make(["w"], -5.0, 1600.0, level="x"), make(["w"], -6.0, 1600.0, level="y")])
    status, _, err = sampler("thermo", "both.json")
    assert status == 2 and "choose one with --level" in err
    assert told(sampler, "both.json", "--level", "y")["level"] == "y"


def test_unfinished_outputs_and_single_points_are_named(sampler, tmp_path):
    folder = tmp_path / "outs"
    shutil.copytree(WATERS, folder)
    text = (WATERS / "d.out").read_text()
    (folder / "cut.out").write_text(text[: text.index("VIBRATIONAL FREQUENCIES")])
    found = told(sampler, folder)
    assert "left out: not finished" in found["problems"]["cut"]
    status, _, err = sampler("thermo", folder / "cut.out")
    assert status == 2 and "not finished" in err


def collected(runs, **wanted):
    taken = Hessians(Wanted(**wanted), LIBRARY, Gathered())
    taken.own = dict(runs)
    taken.structures = [object()]
    taken._from_home = lambda: None
    taken.one_potential()
    return taken.potential, taken.options


def test_each_run_has_its_own_level():
    committee = ("painn", {"model": ["a", "b"]})
    runs = {"1sa1am": committee, "1sa3am": ("gfn1-xtb", {})}
    for order in (runs, dict(reversed(runs.items()))):
        with pytest.raises(LevelError) as error:
            collected(order)
        text = str(error.value)
        assert "1sa1am: PaiNN (a, b)" in text and "1sa3am: gfn1-xtb" in text and "--potential gfn1-xtb" in text
        assert collected(order, potential="gfn1-xtb") == ("gfn1-xtb", {})
        assert collected(order, model="a,b") == committee
    assert collected({"1sa1am": committee, "2sa2am": committee}) == committee
    with pytest.raises(LevelError, match="--potential painn --model a,b computes all"):
        collected({"1sa1am": committee, "1w": ("painn", {"model": "c"})})  # of one level, but two models


def test_what_relaxed_a_run_last():
    stage = lambda kind, **more: {"kind": kind, **more}  # noqa: E731
    last = stage("refine", potential="b97-3c", mode="optimise", options={})
    single = stage("refine", potential="b97-3c", mode="single-point", options={})
    stages = [stage("generate"), stage("relax", potential="gfn1-xtb", options={}), stage("select")]
    assert relaxed_with({"protocol": {"stage": stages}}) == ("gfn1-xtb", {})
    assert relaxed_with({"protocol": {"stage": [*stages, single]}}) == ("gfn1-xtb", {})
    assert relaxed_with({"protocol": {"stage": [*stages, last]}}) == ("b97-3c", {})
    assert relaxed_with({"protocol": {"stage": stages[:1]}}) is None


PROTOCOL = """
name = "toy"
description = "a minute of work in a second"
[[stage]]
kind = "generate"
candidates = 2
chunk = 2
[[stage]]
kind = "relax"
potential = "{potential}"
max_steps = 1
"""


def test_runs_and_screens_of_different_levels(sampler, tmp_path):
    """In both orders, by a shell's star and by the folder: refused with the option, by thermo and export acdc alike."""
    model = 'options = { model = "b97-3c_sa_am_dma_w-seed7" }'
    (tmp_path / "xtb.toml").write_text(PROTOCOL.format(potential="gfn1-xtb"))
    (tmp_path / "painn.toml").write_text(PROTOCOL.format(potential="painn") + model)
    for name, protocol in (("1w", "xtb"), ("2w", "painn")):
        status, _, err = sampler("run", name, "-p", f"{protocol}.toml", "-j", 1, "-q", "-o", f"screen/{name}")
        assert status == 0, err
    (tmp_path / "screen" / "errors").mkdir()
    (tmp_path / "screen" / "screen.csv").touch()
    runs = sorted((tmp_path / "screen").glob("*/"))
    assert {r.name for r in runs} >= {"1w", "2w", "errors"}
    for command in (("thermo",), ("export", "acdc")):
        for inputs in (runs, runs[::-1], [tmp_path / "screen"]):
            status, out, err = sampler(*command, *[r for r in inputs if r.is_dir()], "-j", 1, "-q")
            assert status == 2 and not out, (command, err)
            assert "1w: gfn1-xtb" in err and "2w: PaiNN" in err and "--potential gfn1-xtb" in err
    shutil.copytree(
        tmp_path / "screen" / "2w", tmp_path / "other" / "1w"
    )  # runs of one name hide nothing of each other
    status, _, err = sampler("thermo", tmp_path / "screen" / "1w", tmp_path / "other" / "1w", "-j", 1, "-q")
    assert status == 2 and "screen/1w: gfn1-xtb" in err and "other/1w: PaiNN" in err
    found = told(sampler, tmp_path / "screen", "-P", "gfn1-xtb", "-n", 1, "-q")
    assert found["level"] == "gfn1-xtb" and found["engine"] == "tblite"
    assert {c["cluster"] for c in found["clusters"]} >= {"1w", "2w"}


def test_one_level_by_two_engines_is_refused(sampler, tmp_path):
    """A network carries the name of the level it was trained on; its energies do not add up with that level's own."""
    level = {"level": "b97-3c@pyscf"}
    one = [
        make(["sa"], -10.0, 300.0, engine="pyscf, dftd3", **level),
        make(["am"], -3.0, 900.0, engine="pyscf, dftd3", **level),
    ]
    two = make(["sa", "am"], -14.0, 50.0, engine="PaiNN b97-3c-x (0a1b2c3d)", **level)
    with pytest.raises(LevelError, match="PaiNN b97-3c-x .*pyscf"):
        study([*one, two], LIBRARY)
    same = dataclasses.replace(two, columns={**two.columns, "engine": "pyscf, dftd3"})
    assert study([*one, same], LIBRARY).engine == "pyscf, dftd3"


def test_painn_without_a_model():
    own = ("painn", {"model": "a"})
    assert collected({"1sa1am": own, "1w": ("gfn1-xtb", {})}, potential="PaiNN") == own  # there is but one
    for runs in ({"1w": ("gfn1-xtb", {})}, {"1w": own, "2w": ("painn", {"model": "b"})}):
        with pytest.raises(InputError, match="--potential painn needs --model NAME"):
            collected(runs, potential="painn")


def test_a_model_away_from_home_is_named(sampler, tmp_path):
    """Of the shipped models none was made for 1sa3am; the committee, each member and Δ models say so, GFN1-xTB has none to."""
    from sampler.cli.thermo_hessians import models_of, strangers
    from sampler.composition import Composition

    known = {n: Composition.parse(n, LIBRARY) for n in ("1sa1am", "2sa3am", "1sa3am", "1sa1b", "1sa")}
    for model in ("b97-3c_sa_am_dma_w-seed7", "b97-3c_sa_am_dma_w-delta-gfn1"):
        found = strangers("painn", models_of(model), known.values(), LIBRARY)
        assert [name for name, _ in found] == ["1sa3am", "1sa1b"] and model in found[0][1]
    assert strangers("painn", models_of("my-own"), known.values(), LIBRARY) == []
    assert strangers("gfn1-xtb", {}, known.values(), LIBRARY) == []
    save(
        tmp_path / "t.json",
        [make(["sa"], -1.0, 300.0), make(["am"], -1.0, 300.0), make(["sa", "am", "am", "am"], -5.0, 50.0)],
    )
    found = told(sampler, "t.json", "--energies", "b97-3c_sa_am_dma_w-seed7")
    assert "not at home" in found["problems"]["1sa3am"]


def test_inputs_are_told_from_their_content(sampler, tmp_path):
    """Frequencies kept under any name read back the same; ORCA's outputs may be called .log."""
    kept = DATA / "34-vapour-without-unit" / "neutral.json"
    first = told(sampler, kept, "--out", "kept.txt")
    assert told(sampler, "kept.txt") == first
    shutil.copy(DEUTERIUM, tmp_path / "d2o.log")
    assert told(sampler, "d2o.log")["clusters"][0]["cluster"] == "1w[2H]"


def test_masses_of_one_kind():
    """Gaussian's habit and ORCA's are told apart by the masses, and not combined."""
    heavy = read_output(DEUTERIUM)
    gaussian = dataclasses.replace(heavy, name="g", masses=np.array([15.99491, 1.00783, 1.00783]))
    orca = dataclasses.replace(heavy, name="o", masses=np.array([15.999, 1.008, 1.008]))
    g, o = from_orca([gaussian, orca])
    assert (g.columns.get("masses"), o.columns.get("masses")) == ("main isotopes", None)
    assert g.mass == pytest.approx(18.0106, abs=1e-3) and o.mass == pytest.approx(18.015)
    with pytest.raises(LevelError, match="main isotopes .g. and standard atomic weights .o."):
        study([g, o], LIBRARY)
    assert study([g], LIBRARY).clusters and study([o], LIBRARY).clusters


def test_outputs_of_our_inputs_must_be_of_their_composition(sampler, tmp_path):
    """The manifest says 2w; what the output of that name has become is compared with it."""
    from sampler.refine.orca import write_inputs

    dimer = read_output(WATERS / "d.out")
    from sampler.clusters import Clusters

    clusters = Clusters.make([dimer.positions], [dimer.numbers], ids=["d"])
    write_inputs(clusters, tmp_path / "outs", provenance={"composition": "2w"})
    for name in ("d", "w"):
        shutil.copy(WATERS / f"{name}.out", tmp_path / "outs")
    found = told(sampler, tmp_path / "outs")
    assert [c["cluster"] for c in found["clusters"]] == ["1w", "2w"] and "d" not in found["problems"]
    text = (tmp_path / "outs" / "manifest.json").read_text()
    (tmp_path / "outs" / "manifest.json").write_text(text.replace('"2w"', '"1sa"'))
    found = told(sampler, tmp_path / "outs")
    assert found["problems"]["d"] == "reacted: 2w; it is no conformer of 1sa"
    assert [c["cluster"] for c in found["clusters"]] == ["1w"]


def test_acdc_options_that_apply_to_nothing(sampler):
    kept = DATA / "34-vapour-without-unit" / "neutral.json"
    for words in (("--name", "dma=D"), ("--density", "dma=680")):
        status, _, err = sampler("export", "acdc", kept, *words)
        assert status == 2 and f"{words[0]} dma applies to nothing here" in err


def test_a_monomer_without_a_minimum_is_told():
    """The reason is its imaginary mode, and not that nobody computed it."""
    saddle = make(["am"], -3.0, -90.0)
    with pytest.raises(LevelError, match="no thermochemistry of am .*imaginary mode"):
        study([make(["sa"], -10.0, 300.0), saddle, make(["sa", "am"], -14.0, 50.0)], LIBRARY)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_inputs_does_not_matter(seed):
    """Any order of the same structures, evaporated and heavy ones among them, gives the same numbers and remarks."""
    pair = make(["sa", "am"], -14.0, 50.0)
    x = np.array(pair.columns["positions"])
    x[len(LIBRARY["sa"].numbers) :] += [15.0, 0.0, 0.0]
    apart = dataclasses.replace(pair, id="apart", columns={**pair.columns, "positions": x.tolist()})
    heavy = dataclasses.replace(pair, id="heavy", mass=pair.mass + 5, columns={**pair.columns, "isotopes": "2H"})
    species = [
        make(["sa"], -10.0, 300.0), make(["am"], -3.0, 900.0), pair, apart, heavy, make(["amh"], -2.5, 900.0, charge=1),
        make(["sa", "am"], -14.02, 55.0, name="other"), make(["sa", "sa"], -20.8, 30.0), make(["sa", "sa", "am"], -25.0, 25.0),
        make(["amh", "am"], -6.5, 60.0, charge=1), make(["w"], -5.0, 1600.0),
    ]  # fmt: skip
    right = study(species, LIBRARY)
    order = np.random.default_rng(seed).permutation(len(species))
    found = study([species[i] for i in order], LIBRARY)
    assert [c.name for c in found.clusters] == [c.name for c in right.clusters] and found.problems == right.problems
    assert "evaporated" in found.problems["apart"]
    for one, other in zip(found.clusters, right.clusters):
        assert one.mixture.thermo.gibbs == pytest.approx(other.mixture.thermo.gibbs, abs=1e-12)
        assert (one.binding is None) == (other.binding is None)
        assert one.lowest.id == other.lowest.id
    assert set(found.evaporation) == set(right.evaporation) and set(found.splits) == set(right.splits)


def test_one_minimum_with_two_energies_counts_once(sampler, tmp_path):
    """Kept with a better energy and brought again without: once --energies has made them alike, they are one."""
    plain = [make(["w"], -5.0, 1600.0), make(["am"], -3.0, 900.0), make(["w", "am"], -8.3, 60.0)]
    save(tmp_path / "low.json", plain)
    right = told(sampler, "low.json", "--energies", "gfn1-xtb", "--out", "high.json")
    status, _, err = sampler("thermo", "low.json", "high.json")
    assert status == 2 and "gfn1-xtb//x" in err and "--energies" in err
    both = told(sampler, "low.json", "high.json", "--energies", "gfn1-xtb")
    gibbs = lambda d: [c["gibbs_eV"] for c in d["clusters"]]  # noqa: E731
    assert gibbs(both) == pytest.approx(gibbs(right)) and [c["conformers"] for c in both["clusters"]] == [1, 1, 1]
    assert sum("same minimum" in text for text in both["problems"].values()) == 3


def test_what_ranked_a_run():
    from sampler.cli.thermo_hessians import ranked_by

    stage = lambda kind, potential, **options: {"kind": kind, "potential": potential, "options": options}  # noqa: E731
    committee = {"model": ["a", "b", "c"]}
    stages = [stage("relax", "painn", **committee), {"kind": "select"}]
    manifest = lambda *more: {"protocol": {"stage": [*stages, *more]}}  # noqa: E731
    assert ranked_by(manifest(), "painn", committee) == ""
    assert ranked_by(manifest(stage("refine", "painn", model=["a", "d"])), "painn", committee) == "PaiNN (a and 1 more)"
    assert ranked_by(manifest({"kind": "orca"}), "painn", committee) == "ORCA"


def test_kept_energies_in_another_unit_are_refused(sampler, tmp_path):
    """Energies of the file divided by 27.2: Hartree under the name energy_eV."""
    content = json.loads((DATA / "01-acdc-two-protonated-bases" / "cations.json").read_text())
    for species in content["species"]:
        species["energy_eV"] /= 27.211386245988
    (tmp_path / "hartree.json").write_text(json.dumps(content))
    status, _, err = sampler("thermo", "hartree.json")
    assert status == 2 and "hartree.json: the energy_eV of" in err and "not in eV but in Hartree" in err
