"""``sampler md analyse`` as a user types it: what it writes, what it leaves out, what it says of damage."""

import csv
import json
import shutil

import numpy as np
import pytest
from toys import acid_and_ammonia, called_in

from sampler.dynamics.reading import frames
from sampler.units import KCAL_PER_MOL


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """Two replicas of sulfuric acid with ammonia, 0.2 ps of GFN1-xTB."""

    folder = tmp_path_factory.mktemp("md")
    acid_and_ammonia(folder / "pair.npz")
    called_in(folder, "md", "pair.npz", "--level", "gfn1-xtb", "--time", "0.2", "--replicas", "2", "-j", "1",
              "--frames", "2", "--velocities", "2", "-q", "--seed", "5")  # fmt: skip
    return folder / "md" / "pair"


@pytest.fixture
def folder(simulated, tmp_path):
    shutil.copytree(simulated, tmp_path / "pair")
    return tmp_path / "pair"


def read(path):
    with open(path, newline="") as handle:
        return list(csv.DictReader(handle))


def test_tables_and_figures_of_all_that_the_folder_allows(sampler, folder):
    status, out, err = sampler("md", "analyse", "pair", "--resolution", 400, "--no-harmonic", "--skip", 0)
    assert status == 0, err
    for name in ("means", "evaporation", "rmsd", "hbonds", "states", "rdf", "msd", "spectrum"):
        assert f"({name})" in out and (folder / "analysis" / f"{name}.csv").exists(), name
    for name in ("means", "rmsd", "spectrum"):
        assert (folder / "analysis" / f"{name}.svg").read_text().startswith("<?xml")
        assert (folder / "analysis" / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
    assert "left out: ir:" in out and "Next: sampler report pair" in err
    logs = [np.genfromtxt(folder / f"replica-000{k}" / "log.csv", delimiter=",", names=True) for k in (0, 1)]
    means = {row["quantity"]: row for row in read(folder / "analysis" / "means.csv")}
    every = np.concatenate([log["temperature_K"] for log in logs])
    assert float(means["temperature"]["mean"]) == pytest.approx(every.mean(), rel=1e-6)
    energy = np.concatenate([log["potential_eV"] for log in logs]) / KCAL_PER_MOL
    above = float(means["potential energy above the lowest seen"]["mean"])
    assert above == pytest.approx((energy - energy.min()).mean(), abs=1e-4)
    from ase.data import atomic_masses

    sizes = []
    for k in (0, 1):
        for frame in frames(folder / f"replica-000{k}" / "trajectory.xyz.gz"):
            m = atomic_masses[frame.numbers]
            x = frame.positions - np.average(frame.positions, axis=0, weights=m)
            sizes.append(np.sqrt(np.average((x**2).sum(1), weights=m)))
    assert float(means["radius of gyration"]["mean"]) == pytest.approx(np.mean(sizes), rel=1e-6)
    rate = {row["event"]: row for row in read(folder / "analysis" / "evaporation.csv")}["evaporation"]
    assert rate["events"] == "0" and float(rate["watched_ns"]) == pytest.approx(0.0004)
    assert float(rate["high_per_ns"]) == pytest.approx(-np.log(0.05) / 0.0004, rel=1e-6)


def test_programs_get_the_same_and_chosen_ones_join_those_before(sampler, folder):
    status, out, err = sampler("md", "analyse", "pair", "--what", "rmsd, states", "--json")
    assert status == 0, err
    told = json.loads(out)["structures"][0]
    assert [f["name"] for f in told["found"]] == ["rmsd", "states"] and told["skip_ps"] == pytest.approx(0.02)
    shares = [row[1] for row in told["found"][1]["rows"]]
    assert sum(shares) == pytest.approx(1.0)
    assert sampler("md", "analyse", "pair", "--what", "rdf", "-q")[0] == 0
    kept = json.loads((folder / "analysis" / "analysis.json").read_text())["structures"][0]["found"]
    assert [f["name"] for f in kept] == ["rmsd", "states", "rdf"]


def test_dipoles_are_computed_once(sampler, folder):
    words = ["md", "analyse", "pair", "--what", "ir", "--resolution", 500, "--skip", 0, "--json"]
    status, out, err = sampler(*words)
    assert status == 0, err
    with np.load(folder / "analysis" / "dipoles-gfn1-xtb" / "replica-0000.npz") as held:
        from sampler.clusters import Clusters
        from sampler.potentials import get_potential

        frame = next(iter(frames(folder / "replica-0000" / "trajectory.xyz.gz")))
        told = get_potential("gfn1-xtb").dipoles(Clusters.make([frame.positions], [frame.numbers])).dipole[0]
        assert held["dipole"][0] == pytest.approx(told, abs=1e-6) and len(held["dipole"]) == 100
    again = sampler(*words)
    assert json.loads(again[1])["structures"] == json.loads(out)["structures"]


def test_a_trajectory_that_a_kill_cut_off_counts_as_far_as_it_goes(sampler, folder):
    path = folder / "replica-0001" / "trajectory.xyz.gz"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (folder / "replicas.csv").unlink()
    left = sum(1 for _ in frames(path))
    assert 0 < left < 100
    status, out, err = sampler("md", "analyse", "pair", "--what", "means", "--skip", 0, "--json")
    assert status == 0, err
    told = json.loads(out)["structures"][0]
    size = next(row for row in told["found"][0]["rows"] if row[0] == "radius of gyration")
    assert size[5] == 100 + left and any("have not ended" in remark for remark in told["remarks"])
    path.write_bytes(b"something else")
    status, out, err = sampler("md", "analyse", "pair", "--what", "rmsd", "--skip", 0, "--json")
    assert status == 0 and "replica 1 is read up to where its trajectory is damaged" in out


def test_what_comes_after_an_evaporation_does_not_count(sampler, folder):
    event = {"step": 100, "time_fs": 50.0, "kind": "evaporated", "detail": "NH3 9.1 Å away", "values": {}}
    (folder / "replica-0001" / "events.jsonl").write_text(json.dumps(event) + "\n")
    status, out, err = sampler("md", "analyse", "pair", "--what", "means,evaporation", "--skip", 0, "--json")
    told = json.loads(out)["structures"][0]
    found = {f["name"]: f for f in told["found"]}
    size = next(row for row in found["means"]["rows"] if row[0] == "radius of gyration")
    assert size[5] == 100 + 24  # frames at 2 … 48 fs
    rates = {row[0]: row for row in found["evaporation"]["rows"]}
    assert rates["evaporation of NH3"][1] == 1 and rates["evaporation"][2] == pytest.approx(0.00025)
    curve = found["evaporation"]["figures"][0]["series"][0]
    assert curve["y"] == [1.0, 0.5, 0.5] and curve["x"] == [0.0, 0.05, 0.2]


def test_mistakes_cost_one_line(sampler, folder):
    for words, says in (
        (["nowhere"], "no folder of a simulation"),
        (["pair", "--what", "spectra"], "spectrum"),
        (["pair", "--what", "spectrum", "--resolution", 5], "too short for 5 cm⁻¹"),
        (["pair", "--skip", -1], "--skip is -1 ps"),
        (["pair", "--dipoles", "magic"], "magic"),
        (["pair", "--what", "ir", "--every", 5, "--resolution", 500], "frames 10 fs apart end at 1668 cm⁻¹"),
    ):
        status, _, err = sampler("md", "analyse", *words)
        last = err.strip().splitlines()[-1]
        assert status in (1, 2) and last.startswith("sampler: error:") and says in last, err
    (folder / "md.json").write_text("{")
    status, _, err = sampler("md", "analyse", "pair")
    assert status == 1 and "is damaged" in err and "Traceback" not in err
