"""A single ORCA output read as structures, by every command that reads structures."""

from pathlib import Path

import numpy as np
import pytest

from sampler.errors import InputError
from sampler.interop import read_any, read_population
from sampler.refine.orca import read_outputs
from sampler.units import HARTREE

DATA = Path(__file__).parents[1] / "data" / "orca"


def test_one_output_is_its_structure():
    path = DATA / "07-calc-hess-first-thermochemistry" / "w.out"
    clusters, result = read_any(path), read_outputs(path)[0]
    assert clusters.ids.tolist() == [result.name] and clusters.level == result.level == "b97-3c@orca5"
    printed = [line for line in path.read_text().splitlines() if "FINAL SINGLE POINT ENERGY" in line][-1]
    print(printed, clusters.energy[0] / HARTREE)
    assert clusters.energy[0] == pytest.approx(float(printed.split()[-1]) * HARTREE, abs=1e-6)
    np.testing.assert_array_equal(clusters.positions, result.positions)


def test_isotopes_are_said_and_not_kept():
    found = read_population(DATA / "04-orca-deuterium" / "d2o.out")
    assert len(found.notes) == 1 and "isotopes" in found.notes[0]


def test_a_job_that_failed_has_a_geometry_and_no_energy():
    found = read_population(DATA / "17-second-optimisation-not-converged" / "d.out")
    assert len(found.clusters) == 1 and np.isnan(found.clusters.energy[0]) and found.levels.tolist() == [""]
    assert "optimization_not_converged" in found.notes[0]


def test_several_structures_in_one_output():
    found = read_population(DATA / "03-two-molecules-in-one-output" / "batch.out")
    assert found.clusters.ids.tolist() == ["batch-job1", "batch-job2"]
    assert found.charge_stated.all()


def test_an_output_has_one_energy():
    with pytest.raises(InputError, match="one energy"):
        read_any(DATA / "07-calc-hess-first-thermochemistry" / "w.out", energy_key="x_Eh")
