"""``sampler merge``: several searches of one composition in one ranking."""

import csv
import json
import shutil

import numpy as np
import orca_texts
import pytest
from scipy.spatial.transform import Rotation

import sampler
from sampler.cli.thermo_hessians import relaxed_with
from sampler.rundir.directory import read_manifest
from sampler.rundir.state import state_of

STAGES = """
name = "{name}"
description = "relaxes what comes in, and tells minima apart"
[[stage]]
kind = "generate"
candidates = 4
[[stage]]
kind = "relax"
potential = "{potential}"
{more}
fmax = 0.001
[[stage]]
kind = "identify"
[[stage]]
kind = "dedupe"
[export]
preset = "sp"
count = 2
"""


@pytest.fixture(scope="module")
def minima():
    """Two minima of three waters at GFN1-xTB, 0.9 kcal/mol apart."""
    one, turns = sampler.MonomerLibrary.load()["w"].conformers[0].positions, np.random.default_rng(1)
    corners = np.array([[1.6, 0, 0], [-0.8, 1.4, 0], [-0.8, -1.4, 0]])
    made = [np.concatenate([Rotation.random(random_state=turns).apply(one) + c for c in corners]) for _ in range(8)]
    relaxed = sampler.relax(sampler.Clusters.make(made, [[8, 1, 1] * 3] * 8), "gfn1-xtb", fmax=1e-3)
    found = sampler.dedupe(relaxed).representatives.replace(columns={})
    assert len(found) == 2
    return found


def turned(one, ids, seed):
    """The same structures, turned in space, their molecules in another order, and as mirror images."""
    rng = np.random.default_rng(seed)
    order = np.concatenate([np.arange(3) + 3 * k for k in rng.permutation(3)])
    positions = [Rotation.random(random_state=rng).apply(-c.positions[order]) for c in one]
    return sampler.Clusters.make(positions, [c.numbers[order] for c in one], ids=ids)


@pytest.fixture(scope="module")
def runs(minima, tmp_path_factory):
    """``a``: both minima, found 7 times and once; ``b``: the lower one, found 4 times; ``c``: the higher one, another protocol."""
    folder = tmp_path_factory.mktemp("runs")
    sources = {
        "a": (turned(minima, ["x-0", "x-1"], 0), [7, 1], 0, "first"),
        "b": (turned(minima[:1], ["x-0"], 1), [4], 1, "first"),
        "c": (turned(minima[1:], ["y-0"], 2), [2], 0, "second"),
    }
    for name, (clusters, times, seed, protocol) in sources.items():
        path = folder / f"{protocol}.toml"
        path.write_text(STAGES.format(name=protocol, potential="gfn1-xtb", more=""))
        clusters = clusters.with_columns(times_found=np.array(times))
        sampler.run("3w", path, folder / name, seed=seed, source=clusters, workers=1, quiet=True)
    return folder


def test_counts_are_summed_and_provenance_is_kept(words, runs, minima, tmp_path):
    status, out, err = words("merge", runs / "a", runs / "b", runs / "c", "--out", "3w")
    assert status == 0, err
    assert "3 searches, 4 structures, 2 of them distinct; 2 were found by more than one search" in " ".join(out.split())
    made = sampler.read_run(tmp_path / "3w")
    assert made.clusters.columns["times_found"].tolist() == [7 + 4, 1 + 2]
    assert made.clusters.columns["found_in"].tolist() == ["a 7, b 4", "a 1, c 2"]
    np.testing.assert_allclose(made.clusters.energy, minima.energy, atol=1e-4)  # lowest first
    assert [m["source"] for m in made.manifest()["merged"]] == ["a", "b", "c"]
    assert [m["seed"] for m in made.manifest()["merged"]] == [0, 1, 0]
    assert made.ledgers[0].came_in == 4 and made.ledgers[0].out == 2 and made.ledgers[0].dropped == {"duplicate": 2}
    assert len(set(made.clusters.ids)) == 2
    rows = list(csv.DictReader((tmp_path / "3w" / "ranking.csv").open(newline="")))
    assert [r["times_found"] for r in rows] == ["11", "3"]
    # ΔE of the merged ranking is that of the runs
    of_a = sampler.binding_energy(runs / "a", "3w")
    np.testing.assert_allclose([float(r["binding_energy_kcalmol"]) for r in rows], of_a, atol=0.01)


def test_the_result_is_a_run_for_every_command(words, runs, tmp_path):
    assert words("merge", runs / "a", runs / "b", "--out", "3w", "-q")[0] == 0
    told = json.loads(words("show", "3w", "--json")[1])
    assert told["complete"] and len(told["structures"]) == 2 and told["energies_by"] == "gfn1-xtb"
    status, out, _ = words("show", "3w")
    assert status == 0 and "merged from a: 2 structures, protocol first, seed 0" in out
    assert words("export", "xyz", "3w")[1].startswith("9\n")
    assert len(list((tmp_path / "3w" / "orca").glob("*.inp"))) == 2
    assert relaxed_with(read_manifest(tmp_path / "3w")) == ("gfn1-xtb", {})  # what sampler thermo takes
    assert state_of(tmp_path / "3w").status == "finished"
    status, out, err = words("audit", "3w")
    assert status == 0, out + err
    status, _, err = words("cite", "3w")
    assert status == 0, err
    # and it can be merged again, and read by the next larger system as its parent
    status, _, err = words("merge", "3w", runs / "c", "--out", "all", "-q")
    assert status == 0, err
    assert sampler.read_run(tmp_path / "all").clusters.columns["times_found"].tolist() == [11, 3]


def orca_output(folder, clusters, i):
    """An output of ORCA for a structure: its geometry, an invented energy and frequencies."""
    symbols = ["H" if n == 1 else "O" for n in clusters.numbers[clusters.atoms_of(i)]]
    energy = -229.0 - 0.001 * i  # the second becomes the lowest
    text = orca_texts.step(symbols, clusters.positions[clusters.atoms_of(i)], energy, 0)
    more, _ = orca_texts.vibrations([50.0 + 100 * k for k in range(21)], 6, energy, 54.04)
    whole = orca_texts.banner() + orca_texts.echo(["! B97-3c Freq\n* xyz 0 1\n*"]) + text + more + orca_texts.end()
    (folder / f"{clusters.ids[i]}.out").write_text(whole)


def test_what_follows_a_search_follows_a_merger(words, runs, tmp_path):
    status, out, err = words("merge", runs / "a", runs / "c", "--out", "3w", "-q")
    assert status == 0, err
    status, out, err = words("report", "3w")
    assert status == 0 and (tmp_path / "3w" / "report.html").is_file(), err
    assert json.loads((tmp_path / "3w" / "report.json").read_text())["structures"][0]["id"] == "x-0"
    for kind in ("csv", "xyz", "orca"):
        status, out, err = words("export", kind, "3w")
        assert status == 0 and ("x-0" in out or kind == "orca"), err

    status, out, err = words("thermo", "3w", "-n", 1, "-j", 1)
    assert status == 0 and "3w" in out and (tmp_path / "3w" / "thermo.json").is_file(), err
    status, out, err = words("show", "3w", "--by", "G")
    assert status == 0 and "x-0" in out, err

    other = ("thermo", "3w", "-n", 1, "-j", 1, "--energies", "gfn2-xtb")
    first = words(*other)
    assert first[0] == 0 and "energies: " in first[2], first[2]
    assert words("thermo", "3w", "-n", 1, "-j", 1)[0] == 0  # which leaves those of its own level
    again = words(*other)
    assert again[1] == first[1] and "energies: " not in again[2]
    colder = words(*other, "-T", "270", "--json")
    assert colder[0] == 0 and "energies: " not in colder[2]  # a temperature costs no single point
    warm, cold = (json.loads(words(*other, "-T", t, "--json")[1])["clusters"][-1] for t in ("298.15", "270"))
    assert cold == json.loads(colder[1])["clusters"][-1]
    assert cold["binding_gibbs_kcalmol"] < warm["binding_gibbs_kcalmol"]

    status, out, err = words("import", "orca", "3w/orca")
    assert status == 0 and "2 missing" in out and "Next: cd 3w/orca && sbatch" in err, (out, err)
    merged = sampler.read_run(tmp_path / "3w").clusters
    for i in range(2):
        orca_output(tmp_path / "3w" / "orca", merged, i)
    status, out, err = words("import", "orca", "3w/orca")
    assert status == 0 and "2 finished" in out and "Next: sampler thermo 3w/orca" in err, (out, err)
    ranks = [line.split()[:3] for line in out.splitlines() if "y-0" in line or "x-0" in line or "x-1" in line]
    assert ranks[0] == ["1", "2", str(merged.ids[1])] and ranks[1] == ["2", "1", str(merged.ids[0])]
    assert words("report", "3w")[0] == 0
    told = json.loads((tmp_path / "3w" / "report.json").read_text())
    assert [s["orca_rank"] for s in told["structures"]] == [2, 1]


def test_the_function_is_the_command(runs, tmp_path):
    made = sampler.merge([runs / "a", runs / "b"], tmp_path / "3w")
    assert made.clusters.columns["times_found"].tolist() == [11, 1]
    assert sampler.read_run(tmp_path / "3w").clusters == made.clusters
    again = sampler.merge([runs / "a", runs / "b"], tmp_path / "3w")  # the same once more is no other result
    assert again.clusters == made.clusters


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a"], "two runs or more"),
        (["a", "a"], "is named twice"),
        (["a", "copy"], "hold the same result"),
        (["a", "nowhere"], "is not a run directory"),
        (["a", "unfinished"], "is not complete"),
        (["a", "water"], "a search of 1w"),
        (["a", "high"], "energies of different levels or engines do not compare"),
    ],
)
def test_what_does_not_compare_is_refused(words, runs, tmp_path, names, said):
    if "copy" in names:
        shutil.copytree(runs / "a", tmp_path / "copy")
    if "unfinished" in names:
        shutil.copytree(runs / "b", tmp_path / "unfinished")
        (tmp_path / "unfinished" / "ledger.json").unlink()
    if "water" in names or "high" in names:
        potential, more = ("gfn1-xtb", "") if "water" in names else ("painn", 'options = { model = "b97-painn-7" }')
        path = tmp_path / "other.toml"
        path.write_text(STAGES.format(name="other", potential=potential, more=more))
        start = sampler.read(runs / "b").replace(columns={})
        if "water" in names:
            one = sampler.MonomerLibrary.load()["w"]
            start = sampler.Clusters.make([one.conformers[0].positions], [one.numbers])
        name = "1w" if "water" in names else "3w"
        sampler.run(name, path, tmp_path / names[1], source=start.without_energies(), workers=1, quiet=True)
    places = [runs / n if (runs / n).exists() else tmp_path / n for n in names]
    status, _, err = words("merge", *places, "--out", "merged")
    assert status != 0 and said in err and "Traceback" not in err
    if "high" in names:
        assert "b97-painn" in err or "PaiNN" in err
        assert f"sampler run 3w --from {tmp_path / 'high'} --stage relax --level gfn1-xtb --out" in err
    assert not (tmp_path / "merged").exists()


def test_other_results_are_not_overwritten(words, runs):
    assert words("merge", runs / "a", runs / "b", "--out", "3w", "-q")[0] == 0
    status, _, err = words("merge", runs / "a", runs / "c", "--out", "3w", "-q")
    assert status == 1 and "holds other results" in err
    assert words("merge", runs / "a", runs / "c", "--out", "3w", "-q", "--replace")[0] == 0
    status, _, err = words("merge", runs / "a", runs / "b", "--out", runs / "a")
    assert status == 2 and "is one of the runs" in err
