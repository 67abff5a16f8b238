"""The audit finds each thing that is wrong, and nothing in data that are right."""

import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from sampler.clusters import Clusters
from sampler.interop import read_any, write_any
from sampler.interop.audit import CHECKS, audit, audit_path
from sampler.levels import load_level
from sampler.monomers import MonomerLibrary
from sampler.units import HARTREE, KCAL_PER_MOL

WATER = np.array([[0.0, 0.0, 0.1], [0.76, 0.0, -0.48], [-0.76, 0.0, -0.48]])
LEVEL = "b97-3c@orca5"


@pytest.fixture(scope="module")
def library():
    return MonomerLibrary.load()


def waters(**changes) -> Clusters:
    """Four distinct water dimers with plausible energies: nothing is wrong."""
    rng = np.random.default_rng(3)
    dimer = np.vstack([WATER, WATER[:, [2, 0, 1]] + [0.1, 0.2, 2.9]])
    parts = {
        "positions": [dimer + rng.normal(size=(6, 3)) / 100 for _ in range(4)],
        "numbers": [[8, 1, 1] * 2] * 4,
        "energy": np.array([-10.0, -9.9, -9.8, -9.7]),
        "level": "toy",
    }
    parts |= changes
    return Clusters.make(parts.pop("positions"), parts.pop("numbers"), **parts)


def checks(clusters, library) -> list[str]:
    return [f.check for f in audit(clusters, library)]


def rotated(x):
    from scipy.spatial.transform import Rotation

    return x @ Rotation.from_euler("xyz", [0.3, 1.1, -2.0]).as_matrix().T + [1.0, 2.0, 3.0]


def test_sound_data_pass(library):
    assert audit(waters(), library) == []
    assert audit(Clusters.empty(), library) == []


def test_each_mistake_is_found(library):
    good = waters()
    x = [good.positions[good.atoms_of(i)].copy() for i in range(4)]
    turned = [x[0], rotated(x[0])[[3, 4, 5, 0, 1, 2]], x[2], x[3]]  # molecules exchanged, the whole turned
    found = audit(waters(positions=turned), library)
    assert [f.check for f in found] == ["same_geometry"] and set(found[0].ids) == {"0000", "0001"}
    assert f"{0.1 / KCAL_PER_MOL:.3f} kcal/mol" in found[0].message
    assert audit(waters(positions=turned, energy=[-10, -10, -9.8, -9.7]), library) == []

    hole = [x[0], np.where(np.arange(18).reshape(6, 3) == 4, np.nan, x[1]), x[2], x[3]]
    assert checks(waters(positions=hole), library) == ["not_finite"]
    assert checks(waters(energy=[-10, -9.9, np.nan, -9.7]), library) == ["not_finite"]
    assert checks(waters(ids=["a", "b", "a", "c"]), library) == ["duplicate_id"]
    near = [x[0], np.vstack([x[1][:3], x[1][3:] - [0, 0, 2.5]]), x[2], x[3]]
    assert {"clash", "broken"} == set(checks(waters(positions=near), library))
    far = [x[0], np.vstack([x[1][:3], x[1][3:] + [0, 0, 25]]), x[2], x[3]]
    found = audit(waters(positions=far), library)
    assert [f.check for f in found] == ["broken"] and "evaporated" in found[0].message
    found = audit(waters(charge=[0, 1, 0, 0]), library)
    assert [f.check for f in found] == ["charge"] and "the charge is +1, but 2w has +0" in found[0].message
    assert checks(good.with_columns(multiplicity=2), library) == ["charge"] * 4
    assert checks(good.with_columns(orca_status=np.array(["finished"] * 3 + ["truncated"])), library) == ["termination"]
    found = audit(good.with_columns(lowest_frequency_cm1=np.array([20.0, -31.5, np.nan, 12.0])), library)
    assert [(f.check, f.ids, f.message) for f in found] == [("imaginary", ("0001",), "a mode at -31.5 cm⁻¹")]
    outlier = waters(energy=np.array([-10, -9.9, -9.8, -9.7 * HARTREE]))
    assert checks(outlier, library) == ["energy_outlier"]
    forces = np.zeros((24, 3))
    assert audit(good.replace(forces=forces), library) == []
    forces[7, 1] = 0.5
    found = audit(good.replace(forces=forces), library)
    assert [(f.check, f.ids) for f in found] == [("net_force", ("0001",))]


def test_mixed_levels(tmp_path, library):
    one = waters()
    write_any(one[:2], tmp_path / "a.extxyz")
    write_any(one[2:].replace(level="other"), tmp_path / "b.extxyz")
    mixed = tmp_path / "mixed.extxyz"
    mixed.write_text((tmp_path / "a.extxyz").read_text() + (tmp_path / "b.extxyz").read_text())
    found, structures, files = audit_path(mixed, library)
    assert [f.check for f in found] == ["mixed_levels"] and "toy (2), other (2)" in found[0].message
    assert structures == 4 and files == [str(mixed)]
    assert [f.check for f in audit_path(tmp_path, library)[0]] == ["mixed_levels"]  # one finding, of one of three files


def monomer(library, name, energy):
    m = library[name]
    return Clusters.make(
        [m.conformers[0].positions], [m.numbers], charge=m.charge, ids=[name], energy=[energy], level=LEVEL
    )


def test_monomer_references(library):
    """SA and AM of one published set are fine; SA of one with AM of another is not, nor a value of no set."""
    minima, other = load_level(LEVEL), load_level(LEVEL, "engsvang23")
    sa, am = (monomer(library, m, minima.monomers[m]) for m in ("sa", "am"))
    assert audit(Clusters.concatenate([sa, am]), library) == []
    mixed = Clusters.concatenate([sa, monomer(library, "am", other.monomers["am"])])
    found = audit(mixed, library)
    assert [f.check for f in found] == ["monomer_reference"] and "sa: minima, am: engsvang23" in found[0].message
    found = audit(Clusters.concatenate([sa, monomer(library, "am", minima.monomers["am"] + 0.01)]), library)
    assert [(f.check, f.ids) for f in found] == [("monomer_reference", ("am",))]
    assert "no known reference set" in found[0].message


def test_binding_energies_of_two_reference_sets(reference, library):
    """Real minima with their published energies and binding energies; then some are referred to other monomers."""
    path = reference / "sa_am/b973c_minima/sa_am_b973c_minima.extxyz"
    found, structures, _ = audit_path(path, library, level=LEVEL, energy_key="b973c_electronic_energy_Eh")
    assert (found, structures) == ([], 11)
    c = read_any(path, level=LEVEL, energy_key="b973c_electronic_energy_Eh")
    name = "b973c_binding_electronic_kcalmol"
    shift = [load_level(LEVEL, "engsvang23").monomers[m] - load_level(LEVEL).monomers[m] for m in ("sa", "am")]
    binding = c.columns[name].copy()
    binding[:3] -= c.columns["n_sa"][:3] * sum(shift) / KCAL_PER_MOL
    found = audit(c.with_columns(**{name: binding}), library)
    assert [f.check for f in found] == ["monomer_reference"], found
    assert "minima (8), engsvang23 (3)" in found[0].message
    binding = c.columns[name].copy()
    binding[4] += 1.0
    found = audit(c.with_columns(**{name: binding}), library)
    assert [f.ids for f in found] == [(str(c.ids[4]),)] and "no known set" in found[0].message


def test_real_orca_outputs(reference, library):
    """Of 21 jobs one failed, and its geometry file is empty; ten outputs of others have known faults."""
    found, _, files = audit_path(reference / "sa_am/orca503_b973c_engrad/raw", library)
    assert sorted((f.check, f.ids) for f in found) == [("termination", ("4sa4am-44_2_772",)), ("unreadable", ())]
    found, _, files = audit_path(reference / "orca_outputs", library)
    assert len(files) == 10
    ended = {f.ids[0]: f.message for f in found if f.check == "termination"}
    assert set(ended) == {
        "orca420_ccsd_not_converged", "orca412_scf_memory_abort", "orca420_basis_error", "orca600_optts_truncated",
        "orca60x_scf_not_converged", "orca60x_opt_maxiter_but_normal_end",
    }  # fmt: skip
    assert "optimization_not_converged" in ended["orca60x_opt_maxiter_but_normal_end"]
    assert "mixed_levels" in {f.check for f in found}


def test_command(tmp_path, library):
    from sampler.cli.audit import audit as command
    from sampler.cli.command import by_default
    from sampler.cli.import_file import import_file

    app = typer.Typer()
    app.command("audit")(command)
    sub = typer.Typer(cls=by_default("file"))
    sub.command("file")(import_file)
    sub.command("other")(lambda: None)
    app.add_typer(sub, name="import")
    run = CliRunner().invoke
    good, bad = tmp_path / "good.extxyz", tmp_path / "bad.extxyz"
    write_any(waters(), good)
    write_any(waters(ids=["a", "b", "a", "c"]), bad)
    result = run(app, ["audit", str(good)])
    assert (result.exit_code, result.output.strip()) == (0, "4 structures in 1 file(s): nothing wrong found")
    result = run(app, ["audit", str(bad), "--json"])
    assert result.exit_code == 1
    told = json.loads(result.output)
    assert [f["check"] for f in told["findings"]] == ["duplicate_id"] and told["findings"][0]["check"] in CHECKS
    result = run(app, ["import", str(good), "--out", str(tmp_path / "crest_a.xyz"), "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.output)
    assert told["compositions"] == [{"composition": "2w", "structures": 4, "lowest_energy_eV": -10.0}]
    assert (told["format"], told["level"], len(read_any(tmp_path / "crest_a.xyz"))) == ("crest", "toy", 4)
    assert run(app, ["import", "file", str(good)]).exit_code == 0


SHORT = """
name = "short"
description = "for this test"
[[stage]]
kind = "generate"
candidates = 12
[[stage]]
kind = "relax"
potential = "gfn1-xtb"
[[stage]]
kind = "identify"
[[stage]]
kind = "dedupe"
"""


@pytest.mark.once
def test_a_fresh_run_of_ours_has_nothing_wrong(tmp_path, library):
    """How often a minimum was found is no spin."""
    from sampler.composition import Composition
    from sampler.funnel import results
    from sampler.funnel.protocols import protocol
    from sampler.funnel.runner import run
    from sampler.interop.audit import audit_path

    (tmp_path / "short.toml").write_text(SHORT)
    short, folder = protocol.load(str(tmp_path / "short.toml")), tmp_path / "2w"
    system = Composition.parse("2w", library)
    run(system, short, folder, library=library, leave=lambda done: results.write(done, short, library, system))
    rows = results.summary(folder, library)["structures"]
    assert max(row["times_found"] for row in rows) > 1 and "multiplicity" not in rows[0]
    table = [line.split(",") for line in (folder / "ranking.csv").read_text().splitlines()]
    assert [row[table[0].index("times_found")] for row in table[1:]] == [str(row["times_found"]) for row in rows]
    for path in (folder, folder / "structures.xyz"):
        assert audit_path(path, library)[0] == []
