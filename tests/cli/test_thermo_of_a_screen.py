"""``sampler thermo SCREEN``: the grid of ΔG, heat maps and ACDC's input; ``sampler show --by G``."""

import csv
import json

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import sampler
from sampler.refine.thermo.sources import load
from sampler.units import KCAL_PER_MOL


def trimers():
    """Two minima of three waters, 0.9 kcal/mol apart, from random turns of the molecules."""
    one, turns = sampler.MonomerLibrary.load()["w"].conformers[0].positions, np.random.default_rng(1)
    corners = np.array([[1.6, 0, 0], [-0.8, 1.4, 0], [-0.8, -1.4, 0]])
    made = [np.concatenate([Rotation.random(random_state=turns).apply(one) + c for c in corners]) for _ in range(8)]
    relaxed = sampler.relax(sampler.Clusters.make(made, [[8, 1, 1] * 3] * 8), "gfn1-xtb", fmax=1e-3)
    return sampler.dedupe(relaxed).representatives.replace(columns={})


@pytest.fixture(scope="module")
def screen(tmp_path_factory):
    """A screen of one and three waters at GFN1-xTB, its runs made from structures that are minima already."""
    folder = tmp_path_factory.mktemp("thermo") / "wet"
    one = sampler.MonomerLibrary.load()["w"]
    water = sampler.Clusters.make([one.conformers[0].positions], [one.numbers], ids=["1w-0"])
    water = sampler.relax(water, "gfn1-xtb", fmax=1e-3).replace(columns={})
    for name, minima in (("1w", water), ("3w", trimers())):
        sampler.run(name, folder=folder / name, source=minima, stage="dedupe", level="gfn1-xtb", workers=1, quiet=True)
    return folder


@pytest.fixture
def copy(screen, tmp_path):
    """Of its own, without free energies."""
    import shutil

    shutil.copytree(screen, tmp_path / "wet", ignore=shutil.ignore_patterns("thermo*"))
    return tmp_path / "wet"


def test_a_whole_screen_in_one_go(words, copy):
    status, out, err = words("thermo", copy, "-T", 278.15, "--vapour", "w=1e17cm-3", "-j", 1, "-q")
    assert status == 0, err
    assert "ΔG of binding at 278.15 K" in out and "ΔG at the given vapours, 278.15 K" in out
    where = copy / "thermo-278.15K"
    names = {
        "free_energies.csv",
        "free_energies.json",
        "gibbs.svg",
        "gibbs.png",
        "actual-gibbs.svg",
        "actual-gibbs.png",
    }
    assert {p.name for p in where.iterdir()} == names | {"acdc"}
    assert (where / "gibbs.png").read_bytes().startswith(b"\x89PNG") and "<svg" in (where / "gibbs.svg").read_text()
    with open(where / "free_energies.csv", newline="") as handle:
        rows = {row["cluster"]: row for row in csv.DictReader(handle)}
    pair = {k: float(v) for k, v in rows["3w"].items() if k.startswith("binding")}
    # the monomers are in the table, so that sums can be taken by hand
    by_hand = (float(rows["3w"]["gibbs_eV"]) - 3 * float(rows["1w"]["gibbs_eV"])) / KCAL_PER_MOL
    print(pair, by_hand)
    assert pair["binding_gibbs_kcalmol"] == pytest.approx(by_hand, abs=1e-6)
    enthalpy, entropy = pair["binding_enthalpy_kcalmol"], pair["binding_entropy_calmolK"]
    assert by_hand == pytest.approx(enthalpy - 278.15 * entropy / 1000, abs=1e-6)
    # ACDC's file has ΔH and ΔS of the same cluster
    lines = [line.split() for line in (where / "acdc" / "HS278.15K.txt").read_text().splitlines()]
    found = next(line for line in lines if line and line[0] == "3W")
    assert float(found[1]) == pytest.approx(enthalpy, abs=0.01) and float(found[2]) == pytest.approx(entropy, abs=0.01)
    told = json.loads((where / "free_energies.json").read_text())
    assert told["temperature_K"] == 278.15 and {c["cluster"] for c in told["clusters"]} == {"1w", "3w"}
    # RUN/thermo.json: what belongs to the run, and the monomers
    sizes = {s.id: len(s.columns["numbers"]) for s in load(copy / "3w" / "thermo.json")}
    assert sorted(sizes.values()) == [3, 9, 9]
    assert all(size == (9 if one.startswith("3w/") else 3) for one, size in sizes.items())


def test_other_conditions_take_no_new_hessians(words, copy):
    assert words("thermo", copy, "-j", 1)[0] == 0
    before = {s.id: s.frequencies for s in load(copy / "thermo.json")}
    status, _, err = words("thermo", copy, "-T", 250, "-j", 1)
    assert status == 0 and "4 of 4 Hessians were finished earlier" in err, err
    after = {s.id: s.frequencies for s in load(copy / "thermo.json")}
    assert before.keys() == after.keys() and all(np.array_equal(before[k], after[k]) for k in before)
    assert {p.name for p in copy.glob("thermo-*")} == {"thermo-298.15K", "thermo-250K"}
    status, _, err = words("thermo", copy / "thermo.json", "-T", 260, "-j", 1)  # the file stands for its screen
    assert status == 0 and (copy / "thermo-260K" / "gibbs.svg").exists()
    assert "Hessians" not in err


def test_nothing_is_left_where_that_is_not_wanted(words, copy):
    before = sorted(copy.rglob("*"))
    assert words("thermo", copy, "-j", 1, "--no-keep", "-q")[0] == 0
    assert sorted(copy.rglob("*")) == before


def test_show_by_G(words, copy):
    status, _, err = words("show", copy / "3w", "--by", "G")
    assert status == 2 and f"3w has no free energies; this makes them: sampler thermo {copy / '3w'}" in err
    status, _, err = words("show", copy, "--by", "G")
    assert status == 2 and f"this makes them: sampler thermo {copy}" in err
    assert words("thermo", copy, "-j", 1, "-q")[0] == 0
    status, out, _ = words("show", copy / "3w", "--by", "G", "-T", 150, "--json")
    told = json.loads(out)
    rows = told["structures"]
    assert status == 0 and told["temperature_K"] == 150 and len(rows) == 2
    values = [row["gibbs_eV"] for row in rows]
    assert values == sorted(values)
    relative = [(v - values[0]) / KCAL_PER_MOL for v in values]
    np.testing.assert_allclose([row["relative_gibbs_kcalmol"] for row in rows], relative, atol=1e-9)
    weights = np.exp(-np.array(relative) * KCAL_PER_MOL / (8.617333262e-5 * 150))
    np.testing.assert_allclose([row["population"] for row in rows], weights / weights.sum(), atol=1e-6)
    by_energy = {row["id"]: row["rank"] for row in json.loads(words("show", copy / "3w", "--json")[1])["structures"]}
    assert all(by_energy[row["id"]] == row["rank"] for row in rows)
    status, out, _ = words("show", copy, "--by", "G")
    assert status == 0 and out.index("3w") < out.index("1w  ")
    status, out, _ = words("show", copy / "3w", "--by", "G")
    assert status == 0 and max(map(len, out.splitlines())) <= 80 and "298.15 K" in out


def test_free_energies_of_an_earlier_result_are_refused(words, copy):
    assert words("thermo", copy / "3w", "-j", 1, "-q")[0] == 0
    path = copy / "3w" / "thermo.json"
    text = path.read_text()
    sha = next(s.columns["result_sha256"] for s in load(path) if s.id.startswith("3w/"))
    path.write_text(text.replace(sha, "0" * 64))
    status, _, err = words("show", copy / "3w", "--by", "G")
    assert status == 2 and "belongs to an earlier result of the run" in err and "sampler thermo" in err


def test_energies_of_another_level_keep_the_frequencies(words, copy):
    assert words("thermo", copy / "3w", "--energies", "gfn2-xtb", "-j", 1, "-q")[0] == 0
    high = {s.id: s for s in load(copy / "3w" / "thermo.json")}
    assert all(s.level == "gfn2-xtb//gfn1-xtb" for s in high.values())
    status, _, err = words("thermo", copy / "3w", "-j", 1)
    assert status == 0 and "3 of 3 Hessians were finished earlier" in err, err
    low = {s.id: s for s in load(copy / "3w" / "thermo.json")}
    assert all(s.level == "gfn1-xtb" for s in low.values())
    one = sampler.Clusters.make(
        [s.columns["positions"] for s in low.values()], [s.columns["numbers"] for s in low.values()]
    )
    np.testing.assert_allclose([s.energy for s in low.values()], sampler.evaluate(one, "gfn1-xtb").energy, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "said"),
    [(["--by", "H"], "by energy or by G"), (["-T", "250"], "only with --by G"), (["--by", "G", "-T", "x"], "x")],
)
def test_mistakes(words, copy, options, said):
    status, _, err = words("show", copy / "3w", *options)
    assert status == 2 and said in err
