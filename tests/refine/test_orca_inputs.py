"""ORCA inputs: charges, multiplicities, blocks, manifest; the job scripts run against a stand-in for ORCA."""

import csv
import hashlib
import json
import os
import re
import subprocess

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.errors import InputError, StorageError
from sampler.monomers import MonomerLibrary
from sampler.refine.orca import PRESETS, read_folder, read_manifest, write_inputs
from sampler.refine.orca.presets import level


@pytest.fixture(scope="module")
def library():
    return MonomerLibrary.load()


@pytest.fixture
def clusters(library):
    """HSO4⁻, H2SO4 and NH4⁺ as three structures with provenance."""
    names = ["b", "sa", "amh"]
    return Clusters.make(
        [library[n].conformers[0].positions for n in names],
        [library[n].numbers for n in names],
        charge=[-1, 0, 1],
        ids=["1b-0", "1sa-7", "1am1p-1"],
        energy=[-1.5, np.nan, -0.25],
        level="painn",
        columns={"state": ["1 HSO4⁻", "1 H2SO4", "1 NH4⁺"], "seed": [7, 8, 9], "parent": ["x", "", "y"]},
    )


def parse(text):
    """The parts of an input, read independently of the writer."""
    words = [w for line in text.splitlines() if line.startswith("!") for w in line[1:].split()]
    charge, spin, body = re.search(r"^\* xyz (-?\d+) (\d+)\n(.*?)^\*\s*$", text, re.M | re.S).groups()
    rows = [line.split() for line in body.splitlines()]
    return {
        "words": words,
        "charge": int(charge),
        "spin": int(spin),
        "symbols": [r[0] for r in rows],
        "xyz": np.array([[float(v) for v in r[1:]] for r in rows]),
        "nprocs": int(re.search(r"%pal nprocs (\d+) end", text)[1]),
        "maxcore": int(re.search(r"%maxcore (\d+)", text)[1]),
        "maxiter": (m := re.search(r"%geom MaxIter (\d+) end", text)) and int(m[1]),
    }


def test_opt_freq(clusters, tmp_path):
    write_inputs(clusters, tmp_path, "opt-freq", cores=16, memory_mb=3000, provenance={"run": "demo"})
    read = [parse((tmp_path / f"{name}.inp").read_text()) for name in clusters.ids]
    assert [r["charge"] for r in read] == [-1, 0, 1] and [r["spin"] for r in read] == [1, 1, 1]
    for i, r in enumerate(read):
        assert r["words"] == ["B97-3c", "Opt", "TightSCF", "AnFreq"]
        assert (r["nprocs"], r["maxcore"], r["maxiter"]) == (16, 3000, None)
        assert np.abs(r["xyz"] - clusters.positions[clusters.atoms_of(i)]).max() < 1e-9
    assert read[2]["symbols"].count("H") == 4 and read[2]["symbols"].count("N") == 1


def test_every_preset(clusters, tmp_path):
    expected = {
        "sp": (None, "b97-3c@orca5"),
        "engrad": (None, "b97-3c@orca5"),
        "opt-partial": (40, "b97-3c@orca5"),
        "opt": (None, "b97-3c@orca5"),
        "opt-freq": (None, "b97-3c@orca5"),
        "r2scan-3c": (None, "r2scan-3c@orca5"),
        "wb97x-d3": (None, "wb97x-d3/def2-tzvppd@orca5"),
        "dlpno-ccsd(t)": (None, "dlpno-ccsd(t)/aug-cc-pvtz/tightpno@orca5"),
    }
    assert set(PRESETS) == set(expected)
    for name, (maxiter, of_level) in expected.items():
        write_inputs(clusters, tmp_path / name, name)
        read = parse((tmp_path / name / "1sa-7.inp").read_text())
        assert read["maxiter"] == maxiter, name
        assert level(read["words"], "5.0.3") == of_level
    write_inputs(clusters, tmp_path / "long", "opt", maxiter=99)
    assert parse((tmp_path / "long" / "1sa-7.inp").read_text())["maxiter"] == 99


def test_levels_of_other_inputs():
    assert level(["B97-3c", "ENGRAD"], "5.0.3") == "b97-3c@orca5"
    assert level("RKS B3LYP/G SV(P) TightSCF AnFreq".split(), "4.1.2") == "b3lyp/g/sv(p)@orca4"
    # a level is an engine too, never that of the embedded B97-3c
    assert level(["B97-3c"], "6.0.1") != level(["B97-3c"], "5.0.3") != "b97-3c@pyscf"
    assert level([], "5.0.3") == ""


def test_manifest_maps_inputs_to_provenance(clusters, tmp_path):
    path = write_inputs(clusters, tmp_path, "sp", provenance={"run": "demo", "composition": "x"})
    assert path == tmp_path / "manifest.json"
    manifest = read_manifest(tmp_path)
    with (tmp_path / "manifest.csv").open() as handle:
        table = list(csv.DictReader(handle))
    for i, (job, row) in enumerate(zip(manifest["jobs"], table, strict=True)):
        assert job["id"] == row["id"] == clusters.ids[i]
        assert (job["seed"], job["parent"], job["state"]) == (7 + i, ["x", "", "y"][i], clusters.columns["state"][i])
        assert (job["run"], job["composition"], job["level"]) == ("demo", "x", "painn")
        assert job["sha256"] == hashlib.sha256((tmp_path / job["input"]).read_bytes()).hexdigest()
    assert [job["energy_eV"] for job in manifest["jobs"]] == [-1.5, None, -0.25]


def test_odd_electrons_and_other_mistakes(clusters, tmp_path):
    radical = clusters[1].replace(charge=np.array([1]))
    with pytest.raises(InputError, match="1sa-7 has 49 electrons.*multiplicity=2"):
        write_inputs(radical, tmp_path, "sp")
    write_inputs(radical, tmp_path, "sp", multiplicity=2)
    assert parse((tmp_path / "1sa-7.inp").read_text())["spin"] == 2
    with pytest.raises(InputError, match="cannot have the multiplicity 2"):
        write_inputs(clusters, tmp_path, "sp", multiplicity=2)
    with pytest.raises(InputError, match="'qm9'.*opt-freq"):
        write_inputs(clusters, tmp_path, "qm9")
    with pytest.raises(InputError, match="maxiter"):
        write_inputs(clusters, tmp_path, "sp", maxiter=10)
    with pytest.raises(InputError, match="not finite"):
        write_inputs(clusters[0].replace(positions=np.full((6, 3), np.nan)), tmp_path, "sp")
    with pytest.raises(InputError, match=r"both be written to a_b\.inp"):
        write_inputs(clusters[:2].replace(ids=np.array(["a b", "a/b"])), tmp_path, "sp")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        write_inputs(clusters, tmp_path / "file", "sp")
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(InputError, match="manifest"):
        read_manifest(tmp_path)


def test_old_results_cannot_pass_for_new_ones(clusters, tmp_path):
    write_inputs(clusters, tmp_path, "sp")
    (tmp_path / "1sa-7.out").write_text("old")
    write_inputs(clusters, tmp_path, "sp")
    assert (tmp_path / "1sa-7.out").exists()
    write_inputs(clusters.replace(positions=clusters.positions + 0.1), tmp_path, "sp")
    assert not (tmp_path / "1sa-7.out").exists() and (tmp_path / "1sa-7.out.superseded").read_text() == "old"


STAND_IN = """#!/bin/bash
# what ORCA would print, in short; structures with an S fail at the first attempt
name=${1%.inp}
pwd >> "$SEEN"
echo "                                 * O   R   C   A *"
echo "                         Program Version 5.0.4 -  RELEASE  -"
echo "                                       INPUT FILE"
n=1; while IFS= read -r line; do echo "|  $n> $line"; n=$((n+1)); done < "$1"
echo "|  $n>                          ****END OF INPUT****"
echo "---------------------------------"
echo "CARTESIAN COORDINATES (ANGSTROEM)"
echo "---------------------------------"
sed -n '/^\\* xyz/,/^\\*$/p' "$1" | grep '^[A-Z]' | sed 's/^/  /'
echo ""
if [ "$name" = "$FAIL" ]; then echo "aborting the run"; exit 3; fi
echo "FINAL SINGLE POINT ENERGY      -100.250000000000"
echo "orbitals" > "$name.gbw"
echo "                             ****ORCA TERMINATED NORMALLY****"
"""


@pytest.mark.parametrize("script", ["run_all.sh", "slurm_array.sh"])
def test_the_scripts_run_every_job_once(clusters, tmp_path, script):
    folder, seen = tmp_path / "jobs", tmp_path / "seen"
    write_inputs(clusters, folder, "sp", cores=2)
    orca = tmp_path / "orca"
    orca.write_text(STAND_IN)
    orca.chmod(0o755)
    environment = {**os.environ, "ORCA": str(orca), "SEEN": str(seen), "TMPDIR": str(tmp_path)}

    def run(**more):
        tasks = [{}] if script == "run_all.sh" else [{"SLURM_ARRAY_TASK_ID": str(k)} for k in (1, 2, 3)]
        codes = [
            subprocess.run(
                ["bash", script], cwd=folder, env={**environment, **more, **t}, capture_output=True
            ).returncode
            for t in tasks
        ]
        return max(codes)

    assert run(FAIL="1sa-7") == 1
    assert len(seen.read_text().splitlines()) == 3
    assert not (folder / "1sa-7.gbw").exists() and (folder / "1b-0.gbw").exists()
    assert str(folder) not in seen.read_text()  # works in scratch folders …
    assert not list(tmp_path.glob("orca.*"))  # … that are removed
    found = read_folder(folder)
    assert [r.status for r in found.results] == ["finished", "finished", "aborted"]
    assert run() == 0  # the failed one again, the others not
    assert len(seen.read_text().splitlines()) == 4
    found = read_folder(folder)
    assert sorted(found.clusters.ids) == sorted(clusters.ids) and found.clusters.level == "b97-3c@orca5"
    assert sorted(found.clusters.charge) == [-1, 0, 1]


def test_slurm_settings(clusters, tmp_path):
    write_inputs(clusters, tmp_path, "opt", cores=4, memory_mb=3000, hours=12)
    text = (tmp_path / "slurm_array.sh").read_text()
    options = dict(re.findall(r"#SBATCH --([\w-]+)=(\S+)", text))
    assert options["array"] == "1-3" and options["ntasks"] == "4" and options["time"] == "12:00:00"
    assert options["mem-per-cpu"] == "4000M"
    many = Clusters.make([np.zeros((1, 3))] * 2500, [[10]] * 2500)
    write_inputs(many, tmp_path / "many", "sp", hours=2)
    text = (tmp_path / "many" / "slurm_array.sh").read_text()
    assert "--array=1-834" in text and "per_task=3" in text and "--time=6:00:00" in text
    assert len((tmp_path / "many" / "jobs.txt").read_text().split()) == 2500


def test_manifest_is_plain_json(clusters, tmp_path):
    write_inputs(clusters, tmp_path, "sp")
    json.loads((tmp_path / "manifest.json").read_text(), parse_constant=pytest.fail)


def test_long_ids_get_short_names(tmp_path):
    """A name of more than 255 bytes is none for a file system; the manifest keeps the id."""
    ids = ["x" * 300, "x" * 299 + "y", "w"]
    water = np.array([[0, 0, 0.119], [0, 0.763, -0.477], [0, -0.763, -0.477]])
    write_inputs(Clusters.make([water] * 3, [[8, 1, 1]] * 3, ids=ids), tmp_path)
    jobs = json.loads((tmp_path / "manifest.json").read_text())["jobs"]
    assert [j["id"] for j in jobs] == ids and jobs[2]["name"] == "w"
    assert len({j["name"] for j in jobs}) == 3 and max(len(j["name"]) for j in jobs) == 120
    assert all((tmp_path / f"{j['name']}.inp").is_file() for j in jobs)
