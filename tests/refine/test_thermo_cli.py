"""``sampler thermo`` and ``sampler export acdc``: from structures to tables and files."""

import csv
import json

import numpy as np
import pytest
import typer
from test_thermo_formation import make
from typer.testing import CliRunner

from sampler.cli.export_acdc import acdc
from sampler.cli.thermo import thermo
from sampler.errors import FileFormatError, InputError, ModelError, PotentialError
from sampler.refine.thermo.sources import load, save
from sampler.units import KCAL_PER_MOL


@pytest.fixture
def invoke():
    app = typer.Typer()
    app.command("thermo")(thermo)
    app.command("acdc")(acdc)

    def call(*arguments):
        result = CliRunner().invoke(app, [str(a) for a in arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.output

    return call


@pytest.fixture
def species(tmp_path):
    path = tmp_path / "species.json"
    save(
        path,
        [make(["sa"], -10.0, 300.0), make(["am"], -3.0, 900.0), make(["sa", "am"], -14.0, 50.0),
         make(["sa", "am"], -14.5, -80.0, name="saddle")],
    )  # fmt: skip
    return path


def test_tables(invoke, species, tmp_path):
    table = tmp_path / "t.csv"
    text = invoke("thermo", species, "-T", 278.15, "--vapour", "sa=1e7cm-3", "--vapour", "am=100ppt", "--csv", table)
    assert "278.15 K" in text and "1sa1am" in text and "imaginary" in text
    rows = list(csv.DictReader(table.open()))
    assert [r["cluster"] for r in rows] == ["1am", "1sa", "1sa1am"] and rows[2]["used"] == "1"
    told = json.loads(invoke("thermo", species, "-T", 278.15, "--json"))
    cluster = told["clusters"][2]
    assert cluster["binding_gibbs_kcalmol"] == pytest.approx(float(rows[2]["binding_gibbs_kcalmol"]))
    g = cluster["binding_enthalpy_kcalmol"] - 278.15 * cluster["binding_entropy_calmolK"] / 1000
    assert g == pytest.approx(cluster["binding_gibbs_kcalmol"])
    assert {c["id"]: c["problem"] != "" for c in cluster["conformer_list"]} == {"saam": False, "saddle": True}
    assert cluster["conformer_list"][0]["binding_gibbs_kcalmol"] == pytest.approx(cluster["binding_gibbs_kcalmol"])
    harmonic = json.loads(invoke("thermo", species, "--low-modes", "harmonic", "--scale", "0.98", "--json"))
    assert harmonic["scaling"]["harmonic"] == 0.98 and harmonic["low_modes"] == "harmonic"


def test_mistakes(invoke, species, tmp_path):
    for arguments, error in (
        ((species, "--scale", "b97-3c"), InputError),
        ((species, "--vapour", "sa"), InputError),
        ((species, "--low-modes", "x"), InputError),
        ((tmp_path / "absent",), InputError),
        ((tmp_path / "bad.json",), FileFormatError),
        ((tmp_path / "w.xyz",), InputError),  # structures without --potential
    ):
        (tmp_path / "bad.json").write_text("{")
        (tmp_path / "w.xyz").write_text("3\n\nO 0 0 0.12\nH 0 0.76 -0.47\nH 0 -0.76 -0.47\n")
        with pytest.raises(error):
            invoke("thermo", *arguments)


def test_energies_of_another_level(invoke, species, tmp_path):
    from sampler.clusters import Clusters
    from sampler.potentials import get_potential

    plain = {c["cluster"]: c for c in json.loads(invoke("thermo", species, "--json"))["clusters"]}
    kept = tmp_path / "high.json"
    told = json.loads(invoke("thermo", species, "--energies", "gfn1-xtb", "-j", 1, "--out", kept, "--json"))
    assert told["level"].startswith("gfn1-xtb//")
    made = load(kept)
    assert len(made) == 4 and len({s.level for s in made}) == 1
    for one in made:
        structure = Clusters.make([one.columns["positions"]], [one.columns["numbers"]], charge=one.columns["charge"])
        assert one.energy == pytest.approx(get_potential("gfn1-xtb").evaluate(structure).energy[0], abs=1e-8)
    again = json.loads(invoke("thermo", kept, "--energies", "b97-3c_sa_am_dma_w-seed7", "-j", 1, "--json"))
    assert again["level"].count("//") == 1 and again["level"].endswith(told["level"].partition("//")[2])
    for c in told["clusters"]:  # frequencies, and what follows from them, are as before
        assert c["thermal_gibbs_kcalmol"] == pytest.approx(plain[c["cluster"]]["thermal_gibbs_kcalmol"])
    shift = lambda t: t["energy_eV"] - plain[t["cluster"]]["energy_eV"]  # noqa: E731
    am, sa, pair = sorted(told["clusters"], key=lambda c: c["cluster"] == "1sa1am")
    binding = pair["binding_energy_kcalmol"] - plain["1sa1am"]["binding_energy_kcalmol"]
    assert binding == pytest.approx((shift(pair) - shift(am) - shift(sa)) / KCAL_PER_MOL, abs=1e-6)


def test_energies_of_models(invoke, species, tmp_path):
    found = [
        json.loads(invoke("thermo", species, "--energies", name, "-j", 1, "--json"))
        for name in ("auto:delta", "b97-3c_sa_am_dma_w-seed7", "b97-3c_sa_am_dma_w-seed7, b97-3c_sa_am_dma_w-seed42")
    ]
    assert all(f["level"].startswith("b97-3c@") and "//" in f["level"] for f in found)  # what they were trained on
    assert len({f["clusters"][2]["energy_eV"] for f in found}) == 3
    with pytest.raises(ModelError):
        invoke("thermo", species, "--energies", "no-such-model")
    assert "1A1N" in invoke("acdc", species, "--energies", "auto", "--json", "--out", tmp_path)


def test_acdc_files(invoke, species, tmp_path):
    told = json.loads(invoke("acdc", species, "--out", tmp_path / "acdc", "--outgrown", "2A2N", "--json"))
    assert told["clusters"] == ["1N", "1A", "1A1N"] and "saddle" in told["problems"]
    assert (tmp_path / "acdc" / "HS298.15K.txt").read_text().startswith("101325\n298.15\n")
    assert "out neutral" in (tmp_path / "acdc" / "input.inp").read_text()
    assert "input.inp" in invoke("acdc", species, "--out", tmp_path / "acdc")


@pytest.mark.slow
def test_structures_through_gfn1_xtb(invoke, tmp_path):
    """A crooked water molecule is relaxed, differentiated, recognised; its own monomer comes along and is the same."""
    structures, kept = tmp_path / "w.xyz", tmp_path / "w.json"
    structures.write_text("3\n\nO 0 0 0.12\nH 0 0.80 -0.47\nH 0 -0.70 -0.47\n")
    told = json.loads(invoke("thermo", structures, "-P", "gfn1-xtb", "-j", 1, "--out", kept, "--json"))
    (cluster,) = told["clusters"]
    assert (cluster["cluster"], cluster["point_group"], cluster["conformers"]) == ("1w", "C2v", 1)
    assert "same minimum" in next(iter(told["problems"].values()))
    # experiment: S = 45.1 cal/mol/K (NIST-JANAF, 188.8 J/mol/K at 1 bar)
    assert cluster["entropy_calmolK"] == pytest.approx(45.1, abs=0.2)
    (saved,) = load(kept)
    assert len(saved.frequencies) == 3 and np.all(saved.frequencies > 1000)


def test_dipoles_for_ions_without_orca(invoke, tmp_path):
    """Neutrals get dipoles from GFN2-xTB and polarizabilities from D4 at their own geometries; ions need none."""
    pytest.importorskip("dftd4")
    from ase.build import molecule

    path = tmp_path / "species.json"
    made = [make(["w"], -5.0, 1600.0), make(["am"], -3.0, 900.0), make(["amh"], -2.5, 900.0, charge=1)]
    for one, geometry in zip(made, (molecule("H2O"), molecule("NH3"))):
        one.columns.update(numbers=geometry.numbers.tolist(), positions=geometry.positions.tolist())
    save(path, made)
    told = json.loads(invoke("acdc", path, "--out", tmp_path / "without", "--json"))
    assert "dipoles" not in told["files"]
    assert "--dipoles b97-3c" in invoke("acdc", path, "--out", tmp_path / "without")
    told = json.loads(invoke("acdc", path, "--out", tmp_path / "acdc", "--dipoles", "gfn2-xtb", "-j", 1, "--json"))
    rows = [line.split() for line in (tmp_path / "acdc" / "dip_pol_298.15K.txt").read_text().splitlines()]
    found = {r[0]: (float(r[1]), float(r[2])) for r in rows}
    assert set(found) == {"1W", "1N"} and "--dip" in told["command"]
    assert found["1W"] == (pytest.approx(2.29, abs=0.05), pytest.approx(1.45, rel=0.08))
    with pytest.raises(PotentialError, match="no dipole moments"):
        invoke("acdc", path, "--out", tmp_path / "x", "--dipoles", "lennard-jones", "-j", 1)
