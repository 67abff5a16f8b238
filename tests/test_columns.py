"""Columns go when what they derive from changes; records stay."""

import ast
import runpy
from pathlib import Path

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.columns import COLUMNS, of_energy, of_geometry
from sampler.potentials import get_potential
from sampler.relax import RelaxParams, relax

RECORDS = {"parent": "x", "seed_chunk": 3, "times_found": 4, "energy_before_eV": -1.0, "level_before": "a",
           "rank_before": 2, "parent_energy_eV": -2.0, "label_of_mine": "mine", "held_probability": 0.9, "lowest_probability": 0.5,
           "assumed_error_kcalmol": 0.8, "multiplicity": 1}  # fmt: skip
OF_ENERGY = {"binding_energy_kcalmol": -9.0, "relative_energy_kcalmol": 0.0, "gibbs_eV": 1.0, "fmax_eV_per_A": 0.1,
             "rank": 1, "converged": True, "orca_status": "finished",
             "entropy_eV_per_K": 0.1, "log:gibbs_free_energy": -3.0, "reference_set": "minima"}  # fmt: skip
OF_GEOMETRY = {"state": "2 Ar", "identity": "intact", "intact": True, "rotational_a_cm1": 0.3, "rg_A": 2.0,
               "lowest_frequency_cm1": 20.0, "rigid_energy_eV": -1.0, "molecules": "1sa"}  # fmt: skip


@pytest.fixture
def pair():
    return Clusters.make(
        [[[0, 0, 0], [1.9, 0, 0]]], [[18, 18]], energy=[-5.0], forces=[np.zeros((2, 3))], level="b97-3c@pyscf"
    ).with_columns(**RECORDS, **OF_ENERGY, **OF_GEOMETRY)


def test_what_each_says():
    assert all(of_energy(name) and of_geometry(name) for name in OF_ENERGY)
    assert all(of_geometry(name) and not of_energy(name) for name in OF_GEOMETRY)
    assert not any(of_geometry(name) for name in RECORDS)


def test_relaxed_with_another_potential_nothing_of_the_old_level_is_left(pair):
    done = relax(pair, get_potential("lennard-jones"), RelaxParams(max_steps=20))
    assert done.level == "lennard-jones"
    written = {"converged", "fmax_eV_per_A", "steps", "evaluations", "fate", "fate_detail"}
    assert set(done.columns) == set(RECORDS) | written
    assert done.columns["fmax_eV_per_A"][0] != pair.columns["fmax_eV_per_A"][0]
    assert "binding_energy_kcalmol" not in done.to_ase()[0].info


def test_what_does_not_move_has_the_same_columns(pair):
    lone = pair.replace(positions=pair.positions * 3, columns=pair.columns)
    done = relax(lone, get_potential("lennard-jones"))
    assert done.columns["steps"].tolist() == [0] and not set(OF_GEOMETRY) & set(done.columns)


def test_other_energies_leave_what_the_geometry_says(pair):
    for change in ({"energy": np.array([-4.0])}, {"level": "b97-3c@orca5"}):
        left = pair.replace(**change).columns
        assert set(left) == set(RECORDS) | set(OF_GEOMETRY), change
    assert set(pair.without_energies().columns) == set(RECORDS) | set(OF_GEOMETRY)
    assert set(pair.replace(positions=pair.positions + 1e-9).columns) == set(RECORDS)


def test_what_changes_nothing_costs_nothing(pair):
    assert set(pair.replace(energy=pair.energy.copy(), positions=pair.positions.copy()).columns) == set(pair.columns)
    assert set(pair.replace(level="").columns) == set(pair.columns)  # to put the level aside is no other level
    assert set(pair.replace(energy=[-4.0], columns={"rank": np.array([7])}).columns) == {"rank"}
    assert set(pair[[0]].columns) == set(pair.columns)


def test_frames_that_ase_has_relaxed_bring_no_old_numbers(pair):
    from ase.calculators.lj import LennardJones

    (frame,) = pair.to_ase()
    assert set(Clusters.from_ase([frame]).columns) == set(pair.columns)
    frame.calc = LennardJones(sigma=3.4, epsilon=0.01)
    frame.get_potential_energy()
    back = Clusters.from_ase([frame])
    assert np.isnan(back.energy).all() and back.forces is None and back.level == ""
    assert set(back.columns) == set(RECORDS)
    (frame,) = pair.to_ase()
    frame.positions[0] += 0.1
    assert np.isnan(Clusters.from_ase([frame]).energy).all()


@pytest.mark.parametrize("suffix", ["npz", "extxyz", "db"])
def test_files_of_earlier_versions_say_times_found(pair, tmp_path, suffix):
    from sampler.interop import read_any, write_any

    columns = {"multiplicity": np.array([141]), "mirror_count": np.array([63])}
    path = tmp_path / f"old.{suffix}"
    write_any(pair.replace(columns=columns), path)
    found = read_any(path).columns
    assert found["times_found"].tolist() == [141] and "multiplicity" not in found
    spins = {"multiplicity": np.array([2]), "mirror_count": np.array([63]), "orca_status": np.array(["finished"])}
    write_any(pair.replace(columns=spins), path)
    assert read_any(path).columns["multiplicity"].tolist() == [2]


def test_settings_that_a_run_goes_on_from_are_those_of_the_stages():
    from sampler.funnel.stages.registry import STAGES
    from sampler.rundir.owner import LIMITS

    assert {kind: stage.limits for kind, stage in STAGES.items() if stage.limits} == LIMITS


ROOT = Path(__file__).resolve().parents[1]
ROOMS = (
    "funnel generate identify learn relax rundir screen search similarity".split()
)  # elsewhere `columns` may be another thing


def literal_names(tree):
    """Names of columns that a module spells out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and getattr(node.value, "attr", "") == "columns":
            yield getattr(node.slice, "value", None)
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "with_columns":
            yield from (keyword.arg for keyword in node.keywords)


def test_every_column_that_is_written_by_name_is_registered():
    found = {
        n
        for room in ROOMS
        for p in (ROOT / "sampler" / room).rglob("*.py")
        for n in literal_names(ast.parse(p.read_text()))
    }
    names = {name for name in found if isinstance(name, str)}
    assert {"fate", "converged", "origin"} <= names
    assert names <= set(COLUMNS), names - set(COLUMNS)


def test_a_run_has_the_columns_with_the_kinds_that_are_told():
    kinds = {"U": "str", "i": "int", "f": "float", "b": "bool"}
    outputs = sorted((ROOT / "tests" / "data" / "run-0.1").rglob("output.npz"))
    columns = [(k, kinds[v.dtype.kind]) for path in outputs for k, v in Clusters.load(path).columns.items()]
    assert len({k for k, _ in columns}) > 15
    assert [(k, COLUMNS[k].kind) for k, _ in columns] == columns


def test_units_are_those_in_the_names():
    spelt = {"_eV": "eV", "_eV_per_A": "eV/Å", "_kcalmol": "kcal/mol", "_cm1": "cm⁻¹", "_K": "K", "_debye": "D"}
    for name, column in COLUMNS.items():
        if units := [
            unit for ending, unit in spelt.items() if name.endswith(ending) and not name.endswith("_per" + ending)
        ]:
            assert column.unit == units[-1], name
    assert sum(bool(c.unit) for c in COLUMNS.values()) > 20


def test_the_page_is_made_of_what_the_package_says():
    script = ROOT / ".ci" / "pages"
    if not script.exists():
        pytest.skip("no checkout")
    page = runpy.run_path(str(script))["columns"].page()
    assert (ROOT / "docs" / "reference" / "columns.md").read_text() == page
    assert all(f"| `{name}` | {column.kind} |" in page for name, column in COLUMNS.items())
