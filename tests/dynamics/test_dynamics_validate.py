"""``sampler md validate``: frames drawn uniformly, the numbers against ASE's calculators, and what stands in the way."""

import csv
import gzip
import json
import shutil
import tomllib

import numpy as np
import pytest
from toys import acid_and_ammonia

from sampler.resources import path as resource
from sampler.units import HARTREE, KCAL_PER_MOL

ase_io = pytest.importorskip("ase.io")


@pytest.fixture
def simulated(sampler, tmp_path):
    acid_and_ammonia(tmp_path / "pair.npz")
    words = ["--level", "gfn1-xtb", "--time", 0.02, "--frames", 1, "--replicas", 2, "-T", 200, "--stop-at", "none"]
    status, _, err = sampler("md", "pair.npz", *words, "-j", 1)
    assert status == 0, err
    return tmp_path / "md" / "pair"


def _energies(folder, rows, method):
    """Binding energies and forces of the frames of a table, by tblite's own calculator."""
    from tblite.ase import TBLite

    level = tomllib.loads(resource("data", "levels", f"{method.lower()}.toml").read_text())["reference_sets"]["minima"]
    monomers = sum(level["monomers"][m]["energy_Eh"] for m in ("sa", "am")) * HARTREE
    energies, forces = [], []
    for row in rows:
        with gzip.open(folder / f"replica-{int(row['replica']):04d}" / "trajectory.xyz.gz", "rt") as text:
            frames = ase_io.read(text, index=":", format="extxyz")
        (frame,) = (f for f in frames if abs(f.info["time_fs"] - float(row["time_fs"])) < 1e-6)
        frame.calc = TBLite(method=method, verbosity=0)
        energies.append(frame.get_potential_energy() - monomers)
        forces.append(frame.get_forces())
    return np.array(energies) / KCAL_PER_MOL, np.array(forces) / KCAL_PER_MOL


def test_the_errors_are_those_of_independent_calculators(sampler, simulated):
    words = ["md", "validate", simulated, "--reference", "gfn2-xtb", "-n", 6, "-j", 1]
    status, out, err = sampler(*words)
    assert status == 0 and "6 of 40 frames, gfn1-xtb against gfn2-xtb" in err and "±" in out, err
    folder = simulated / "validation" / "gfn2-xtb"
    rows = list(csv.DictReader(open(folder / "frames.csv")))
    told = json.loads((folder / "summary.json").read_text())
    ours, their_forces = _energies(simulated, rows, "GFN1-xTB")
    wanted, wanted_forces = _energies(simulated, rows, "GFN2-xTB")
    assert [float(r["binding_energy_kcalmol"]) for r in rows] == pytest.approx(ours, abs=2e-3)
    assert [float(r["reference_binding_energy_kcalmol"]) for r in rows] == pytest.approx(wanted, abs=2e-3)
    assert told["energy"]["mae_kcal_mol"] == pytest.approx(np.abs(ours - wanted).mean(), abs=2e-3)
    error = their_forces - wanted_forces
    assert told["forces"]["mae_kcal_mol_A"] == pytest.approx(np.abs(error).mean(), abs=5e-3)
    correlation = np.corrcoef(their_forces.ravel(), wanted_forces.ravel())[0, 1]
    assert told["forces"]["pearson"] == pytest.approx(correlation, abs=1e-4)
    assert (folder / "parity.svg").read_text().rstrip().endswith("</svg>")


def test_what_is_computed_is_kept_and_a_larger_count_adds_to_it(sampler, simulated):
    words = ["md", "validate", simulated, "--reference", "gfn2-xtb", "-j", 1, "--json"]
    labels = lambda: {p: p.stat().st_mtime_ns for p in simulated.rglob("labels/labels/*/*.npz")}  # noqa: E731
    assert sampler(*words, "-n", 3)[0] == 0
    three = labels()
    status, out, _ = sampler(*words, "-n", 5)
    five = labels()
    assert status == 0 and json.loads(out)["frames"] == 5
    assert len(three) == 3 and len(five) == 5 and all(five[p] == t for p, t in three.items())


def test_frames_are_drawn_uniformly(simulated):
    from sampler.dynamics.drawn import draw

    few, more = draw(simulated, 5, 1), draw(simulated, 20, 1)
    assert set(few.clusters.ids) < set(more.clusters.ids) and few.of == 40
    late = draw(simulated, 100, 1, after_fs=10.0)
    assert late.time_fs.min() == 10.0 and late.of == 22
    counts = np.zeros(40)
    for seed in range(120):
        one = draw(simulated, 6, seed)
        counts[(one.replicas * 20 + np.round(one.time_fs) - 1).astype(int)] += 1
    chance = 6 / 40
    deviation = (counts - 120 * chance) / np.sqrt(120 * chance * (1 - chance))
    assert abs(deviation).max() < 4.0, deviation


def test_mistakes_cost_one_line(sampler, simulated, tmp_path):
    manifest = json.loads((simulated / "md.json").read_text())
    for words, says in (
        ([tmp_path], "is no folder of a simulation"),
        ([simulated], "name what to hold it against"),
        ([simulated, "--reference", "gfn1-xtb"], "was made with gfn1-xtb itself"),
        ([simulated, "--reference", "gfn9"], "gfn9"),
        ([simulated, "--reference", "gfn2-xtb", "--after", 1], "no frame after 1 ps"),
    ):
        status, _, err = sampler("md", "validate", *words)
        last = err.strip().splitlines()[-1]
        assert status in (1, 2) and last.startswith("sampler: error:") and says in last, err
    manifest["potential"]["named"] = ["gfn2-xtb"]
    (simulated / "md.json").write_text(json.dumps(manifest))
    status, _, err = sampler("md", "validate", simulated, "--reference", "gfn1-xtb")
    assert status == 1 and "the model has changed since" in err


def test_a_model_that_lies_elsewhere_now_is_named(sampler, tmp_path):
    ours, other = tmp_path / "ours", tmp_path / "other"
    shutil.copytree(resource("data", "models") / "gfn1-xtb_sa_am", ours)
    shutil.copytree(resource("data", "models") / "gfn1-xtb_sa_am_dma_w", other)
    acid_and_ammonia(tmp_path / "pair.npz")
    status, _, err = sampler("md", "pair.npz", "--model", ours, "--time", 0.01, "--frames", 5, "-T", 200, "-j", 1)
    assert status == 0, err
    ours.rename(tmp_path / "moved")
    words = ["md", "validate", tmp_path / "md" / "pair", "-n", 1, "-j", 1]
    status, _, err = sampler(*words)
    assert status and "ours" in err.splitlines()[-1]
    status, _, err = sampler(*words, "--model", other)
    assert status == 1 and "was made with model gfn1-xtb" in err.splitlines()[-1] and "--model" in err
    status, out, err = sampler(*words, "--model", tmp_path / "moved")
    assert status == 0 and "against gfn1-xtb" in err + out, err
