"""``sampler energy`` and ``sampler relax``: numbers against other programs, and what is said of structures and levels."""

import csv
import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import read as ase_read
from ase.io import write as ase_write

import sampler
from sampler import Clusters, resources
from sampler.units import HARTREE, KCAL_PER_MOL

COPIES = Path(__file__).parents[1] / "data" / "shared-proton" / "copies.xyz"
"""Four geometries of 1sa1am, the proton at different places."""
WATER = [[0.0, 0.0, 0.119], [0.0, 0.763, -0.477], [0.0, -0.763, -0.477]]


def waters(*distances, **more):
    """Pairs of water molecules, so far apart (Å)."""
    one = np.array(WATER)
    return Clusters.make(
        [np.concatenate([one, one + [0, 0, d]]) for d in distances], [[8, 1, 1] * 2] * len(distances), **more
    )


def told(words, *options):
    status, out, err = words(*options, "--json")
    assert status == 0, err
    return json.loads(out)


# ---- against other programs ------------------------------------------------------------------------------------------


def test_energies_are_those_of_tblite_and_binding_those_of_the_level_file(words):
    from tblite.interface import Calculator

    answer = told(words, "energy", COPIES, "--level", "gfn1-xtb", "-j", 1)
    frames = ase_read(COPIES, ":")
    table = tomllib.loads(resources.path("data", "levels", "gfn1-xtb.toml").read_text())
    monomers = table["reference_sets"]["minima"]["monomers"]
    apart = (monomers["sa"]["energy_Eh"] + monomers["am"]["energy_Eh"]) * HARTREE
    for frame, row in zip(frames, answer["structures"], strict=True):
        engine = Calculator("GFN1-xTB", frame.numbers, frame.positions / 0.529177210903)
        engine.set("verbosity", 0)
        result = engine.singlepoint()
        energy, gradient = result.get("energy") * HARTREE, result.get("gradient") * HARTREE / 0.529177210903
        print(row["id"], row["energy_eV"], energy, row["binding_energy_kcalmol"], (energy - apart) / KCAL_PER_MOL)
        assert row["energy_eV"] == pytest.approx(energy, abs=1e-5)
        assert row["fmax_eV_per_A"] == pytest.approx(np.sqrt((gradient**2).sum(1)).max(), abs=1e-3)
        assert row["binding_energy_kcalmol"] == pytest.approx((energy - apart) / KCAL_PER_MOL, abs=1e-3)
    energies = [row["energy_eV"] for row in answer["structures"]]
    relative = [row["relative_energy_kcalmol"] for row in answer["structures"]]
    np.testing.assert_allclose(relative, (np.array(energies) - min(energies)) / KCAL_PER_MOL, atol=1e-9)


def test_relaxed_structures_are_the_minima_of_another_optimiser(words, tmp_path):
    """ASE's LBFGS on tblite's own ASE calculator: the same surface, nothing of this package."""
    from ase.optimize import LBFGS
    from tblite.ase import TBLite

    frames = ase_read(COPIES, ":")
    for i, frame in enumerate(frames):
        frame.rattle(0.04, seed=i)
    ase_write(tmp_path / "start.xyz", frames, plain=True)
    frames = ase_read(tmp_path / "start.xyz", ":")
    answer = told(words, "relax", "start.xyz", "--level", "gfn1-xtb", "--fmax", 0.003, "-j", 2, "--out", "minima.npz")
    made = Clusters.load(tmp_path / "minima.npz")
    for i, (frame, row) in enumerate(zip(frames, answer["structures"], strict=True)):
        start = frame.positions.copy()
        frame.calc = TBLite(method="GFN1-xTB", verbosity=0)
        assert LBFGS(frame, logfile=None).run(fmax=0.003, steps=500)
        print(row["id"], row["energy_eV"], frame.get_potential_energy(), row["rmsd_to_start_A"])
        assert row["converged"] and row["fmax_eV_per_A"] < 0.003
        assert row["energy_eV"] == pytest.approx(frame.get_potential_energy(), abs=2e-4)
        at = made.positions[made.atoms_of(i)]
        assert row["rmsd_to_start_A"] <= kabsch(at, start) + 1e-6  # like atoms may change places, which is never worse
        assert row["rmsd_to_start_A"] > 0.01


def kabsch(a, b):
    """RMSD in Å over rotations alone."""
    a, b = a - a.mean(0), b - b.mean(0)
    u, s, v = np.linalg.svd(a.T @ b)
    s[-1] *= np.sign(np.linalg.det(u @ v))
    return np.sqrt(max(((a**2).sum() + (b**2).sum() - 2 * s.sum()) / len(a), 0.0))


def test_a_committee_is_the_mean_of_its_models(words):
    names = ["b97-painn-7", "b97-painn-42"]
    both = told(words, "energy", COPIES, "--model", names[0], "--model", names[1], "-j", 1)
    alone = [told(words, "energy", COPIES, "-m", name, "-j", 1)["structures"] for name in names]
    means = np.mean([[row["energy_eV"] for row in rows] for rows in alone], axis=0)
    np.testing.assert_allclose([row["energy_eV"] for row in both["structures"]], means, atol=2e-5)
    assert "b97-3c_sa_am_dma_w-seed7 and 1 more" in both["by"] and both["why"] == "the model was named"


def test_the_command_is_the_function(words):
    answer = told(words, "relax", COPIES, "--model", "b97-painn-7", "-j", 2)
    made = sampler.relax(COPIES, "b97-painn-7", fmax=0.01)
    assert [row["energy_eV"] for row in answer["structures"]] == made.energy.tolist()
    binding = sampler.binding_energy(made, "1sa1am")
    np.testing.assert_allclose([row["binding_energy_kcalmol"] for row in answer["structures"]], binding, atol=1e-9)


# ---- which level, and why --------------------------------------------------------------------------------------------


def test_auto_says_what_it_is(words, tmp_path):
    _, _, err = words("energy", COPIES, "-j", 1)
    assert (
        "level: b97-3c@pyscf by PaiNN (b97-3c_sa_am_dma_w-seed7 and 2 more): models of b97-3c are at home in 1sa1am"
        in err
    )
    ammonia = sampler.MonomerLibrary.load()["msa"]
    ase_write(tmp_path / "msa.xyz", Atoms(ammonia.numbers, ammonia.conformers[0].positions))
    answer = told(words, "energy", "msa.xyz", "-j", 1)
    assert answer["level"] == "gfn1-xtb" and "no model is at home in 1msa, it holds msa" in answer["why"]
    both = told(words, "energy", COPIES, "msa.xyz", "-j", 1)  # clusters decide: the molecule alone follows
    assert both["level"] == "b97-3c@pyscf"
    assert [row["file"] for row in both["structures"]] == [str(COPIES)] * 4 + ["msa.xyz"]
    assert both["structures"][-1]["fate"] == "element" or both["structures"][-1]["fate"] == "composition"


def test_mixed_homes_have_one_level(words, tmp_path):
    known = sampler.MonomerLibrary.load()
    msa, am = known["msa"], known["am"]
    far = np.concatenate([msa.conformers[0].positions, am.conformers[0].positions + [0, 0, 6.0]])
    ase_write(tmp_path / "other.xyz", Atoms([*msa.numbers, *am.numbers], far))
    answer = told(words, "energy", COPIES, "other.xyz", "-j", 1)
    assert answer["level"] == "gfn1-xtb" and "one level for all" in answer["why"]
    assert all(row["fate"] == "" for row in answer["structures"])


def test_a_level_without_monomers_has_no_binding_energies_and_says_why(words):
    answer = told(words, "energy", COPIES, "--level", "lennard-jones", "-j", 1)
    row = answer["structures"][0]
    assert row["binding_energy_kcalmol"] is None and "sampler label --references" in row["no_binding_energy"]
    status, out, _ = words("energy", COPIES, "--level", "lennard-jones", "-j", 1)
    assert status == 0 and "no ΔE of copy0, copy1, copy2 and 1 more: " in out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--level", "gfn1-xtb", "--model", "b97-painn"], "exclude each other"),
        (["--level", "gfn-xtb"], "did you mean gfn2-xtb or gfn1-xtb"),
        (["--model", "b97-pain"], "did you mean b97-painn"),
        (["--level", "auto:delat"], "there is no level auto:delat; there are auto, "),
        (["--out", "minima.gro"], "no format has this ending"),
        (["--charge", "1"], "states"),
    ],
)
def test_mistakes_are_told_before_any_work(words, tmp_path, options, said):
    extra = {"charge": 0} if "--charge" in options else {}
    waters(3.0, charge=0).save(tmp_path / "w.npz")
    ase_write(tmp_path / "w.extxyz", [a for a in waters(3.0).to_ase()])
    status, out, err = words("relax", "w.extxyz" if extra else COPIES, *options)
    if "--charge" in options:  # said, and done
        assert "states the charge +0; +1 is taken, as given" in err
        return
    assert status != 0 and said in err and "Traceback" not in err and not out


# ---- charges ---------------------------------------------------------------------------------------------------------


def ion(tmp_path, comment):
    library = sampler.MonomerLibrary.load()
    b = library["b"]  # bisulfate
    lines = [str(len(b.numbers)), comment]
    frame = Atoms(b.numbers, b.conformers[0].positions)
    lines += [f"{s} {x:.6f} {y:.6f} {z:.6f}" for s, (x, y, z) in zip(frame.symbols, frame.positions)]
    (tmp_path / "ion.xyz").write_text("\n".join(lines) + "\n")


def test_an_unstated_charge_is_that_of_the_molecules_and_said(words, tmp_path):
    ion(tmp_path, "")
    status, out, err = words("energy", "ion.xyz", "--level", "gfn1-xtb", "-j", 1)
    assert status == 0 and "the charge of 1 structures is not stated and taken from their molecules: -1 for 1b" in err
    row = told(words, "energy", "ion.xyz", "--level", "gfn1-xtb", "-j", 1)["structures"][0]
    assert row["charge"] == -1 and row["composition"] == "1b"
    assert abs(row["binding_energy_kcalmol"]) < 2.0  # its own reference: near the minimum of GFN1-xTB


def test_a_charge_that_contradicts_the_molecules_is_an_error_or_said(words, tmp_path):
    ion(tmp_path, "charge=0")
    status, _, err = words("energy", "ion.xyz", "--level", "gfn1-xtb")
    assert status == 2 and "the stated charge contradicts the molecules" in err
    ion(tmp_path, "")
    answer = told(words, "energy", "ion.xyz", "--level", "gfn1-xtb", "--charge", 1, "-j", 1)
    row = answer["structures"][0]
    assert (
        row["charge"] == 1 and row["binding_energy_kcalmol"] is None and "the charge is +1" in row["no_binding_energy"]
    )
    assert any("the given charge contradicts the molecules" in line for line in answer["notes"])


# ---- what has become of them -----------------------------------------------------------------------------------------


def test_evaporated_reacted_and_broken_structures_are_named(words, tmp_path):
    pair = waters(3.0, 30.0)
    apart = np.concatenate([WATER, np.array(WATER) + [0, 0, 3.0]])
    apart[4] += [0.0, 1.0, 0.0]  # one hydrogen torn off
    torn = Clusters.make([apart], [[8, 1, 1] * 2], ids=["torn"])
    clash = Clusters.make([np.zeros((6, 3))], [[8, 1, 1] * 2], ids=["clash"])
    whole = Clusters.concatenate([pair, torn, clash])
    whole.replace(ids=np.array(["near", "far", "torn", "clash"])).save(tmp_path / "in.npz")
    found = {r["id"]: r for r in told(words, "energy", "in.npz", "--level", "gfn1-xtb", "-j", 1)["structures"]}
    assert [found[k]["identity"] for k in ("near", "far", "torn")] == ["intact", "evaporated", "reacted"]
    assert found["far"]["composition"] == found["torn"]["composition"] == "2w"  # so that ΔE counts from two waters
    assert found["torn"]["binding_energy_kcalmol"] > 50 > found["near"]["binding_energy_kcalmol"]
    assert abs(found["far"]["binding_energy_kcalmol"] - 2 * alone(words, tmp_path)) < 0.5
    relaxed = {r["id"]: r for r in told(words, "relax", "in.npz", "--level", "gfn1-xtb", "-j", 1)["structures"]}
    assert relaxed["near"]["converged"] and relaxed["near"]["state"] == "2 H2O"
    assert relaxed["clash"]["fate"] == "clash" and relaxed["clash"]["energy_eV"] is None
    assert relaxed["clash"]["no_binding_energy"] == "no energy"
    status, out, _ = words("relax", "in.npz", "--level", "gfn1-xtb", "-j", 1)
    assert status == 0 and "1 of 4 structures failed: clash" in out and "failed: clash" in out


def alone(words, tmp_path):
    Clusters.make([WATER], [[8, 1, 1]]).save(tmp_path / "one.npz")
    return told(words, "energy", "one.npz", "--level", "gfn1-xtb", "-j", 1)["structures"][0]["binding_energy_kcalmol"]


def test_nothing_with_an_energy_is_an_error(words, tmp_path):
    Clusters.make([np.zeros((3, 3))], [[8, 1, 1]]).save(tmp_path / "in.npz")
    status, _, err = words("relax", "in.npz", "--level", "gfn1-xtb", "-j", 1)
    assert status == 1 and "no structure has an energy: failed: clash" in err


# ---- files -----------------------------------------------------------------------------------------------------------


def test_any_file_gives_the_same(words, tmp_path):
    clusters = sampler.read(COPIES)
    for name in ("in.npz", "in.extxyz", "in.db", "in.pkl"):
        sampler.write(clusters, tmp_path / name)
    ase_write(tmp_path / "in.traj", clusters.to_ase())
    files = ["in.npz", "in.extxyz", "in.db", "in.pkl", "in.traj", COPIES]
    found = [told(words, "energy", f, "--level", "gfn1-xtb", "-j", 1)["structures"] for f in files]
    for rows in found[1:]:
        np.testing.assert_allclose([r["energy_eV"] for r in rows], [r["energy_eV"] for r in found[0]], atol=1e-5)


def test_an_orca_output_is_a_file_of_structures(words):
    path = COPIES.parents[1] / "orca" / "07-calc-hess-first-thermochemistry" / "w.out"
    row = told(words, "energy", path, "--level", "gfn1-xtb", "-j", 1)["structures"][0]
    assert row["composition"] == "1w" and row["charge"] == 0 and abs(row["binding_energy_kcalmol"]) < 5


def test_what_is_written_is_what_is_said(words, tmp_path):
    rows = told(words, "relax", COPIES, "--level", "gfn1-xtb", "-j", 1, "--out", "minima.xyz")["structures"]
    again = sampler.read(tmp_path / "minima.xyz")
    assert again.level == "gfn1-xtb" and again.ids.tolist() == [r["id"] for r in rows]
    np.testing.assert_allclose(again.energy, [r["energy_eV"] for r in rows], atol=1e-6)
    np.testing.assert_allclose(
        again.columns["binding_energy_kcalmol"], [r["binding_energy_kcalmol"] for r in rows], atol=1e-4
    )
    assert again.columns["state"].tolist() == [r["state"] for r in rows]
    told(words, "energy", "minima.xyz", "--level", "gfn1-xtb", "-j", 1, "--out", "table.csv")
    with open(tmp_path / "table.csv", newline="") as handle:
        table = list(csv.DictReader(handle))
    np.testing.assert_allclose([float(r["energy_eV"]) for r in table], [r["energy_eV"] for r in rows], atol=1e-5)
    assert not list(tmp_path.glob("*-unfinished"))


def test_the_table_fits_a_terminal(words):
    for command in ("energy", "relax"):
        status, out, _ = words(command, COPIES, "--level", "gfn1-xtb", "-j", 1)
        assert status == 0
        assert max(map(len, (line.rstrip() for line in out.splitlines()))) <= 80, out
    status, out, _ = words("energy", COPIES, "--level", "gfn1-xtb", "-n", 1, "-j", 1)
    assert "… and 3 more" in out
