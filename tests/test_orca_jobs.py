"""What an ORCA output says is of one and the same job: masses, geometry, energy, level, frequencies, success."""

from pathlib import Path

import numpy as np
import pytest

from sampler.refine.orca import read_output
from sampler.units import HARTREE

DATA = Path(__file__).parent / "data" / "orca"


def _changed(tmp_path, name, *changes):
    text = (DATA / name).read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path = tmp_path / Path(name).name
    path.write_text(text)
    return path


HEAVY_WATER = "04-orca-deuterium/d2o.out"


def test_masses_are_those_of_the_calculation():
    found = read_output(DATA / HEAVY_WATER)
    assert found.masses.tolist() == [15.999, 2.014, 2.014]
    # "Total Mass" of its thermochemistry
    assert found.masses.sum() == pytest.approx(20.03, abs=0.005)
    assert read_output(DATA / "03-two-molecules-in-one-output/batch.out").masses[-1] == 1.008


def test_masses_of_the_input_where_none_are_printed(tmp_path):
    bare = [("CARTESIAN COORDINATES (A.U.)", "no table of masses")]
    found = read_output(_changed(tmp_path, HEAVY_WATER, *bare))
    assert found.masses.tolist() == [15.999, 2.014, 2.014]
    light = _changed(tmp_path, HEAVY_WATER, *bare, (" M = 2.014", ""))
    assert read_output(light).masses is None


def test_dummies_are_no_atoms_and_lose_none(tmp_path):
    name = "15-orca-dummy-atom/w_dummy.out"
    found = read_output(DATA / name)
    assert found.numbers.tolist() == [8, 1, 1] and found.masses.tolist() == [15.999, 1.008, 1.008]
    assert found.positions[1] == pytest.approx([0.0, 0.770852, -0.467943])
    assert found.energy / HARTREE == pytest.approx(-5.768774932995)
    for label in ("O:", "O :", "Ca>", "DA"):
        other = read_output(_changed(tmp_path, name, ("  -       1.000000", f"  {label}      1.000000")))
        assert other.numbers.tolist() == [8, 1, 1] and np.array_equal(other.positions, found.positions), label
