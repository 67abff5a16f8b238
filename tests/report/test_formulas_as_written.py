"""Formulas as chemists write them."""

import pytest

from sampler.composition import Composition
from sampler.monomers import MonomerLibrary
from sampler.text.formula import state_as_written, subscripts


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("2sa2am", "(H₂SO₄)₂(NH₃)₂"), ("1sa", "H₂SO₄"), ("3w", "(H₂O)₃"), ("1sa1b1am", "(H₂SO₄)(HSO₄⁻)(NH₃)"),
        ("1am1p", "(NH₃)(H⁺)"), ("12sa11am", "(H₂SO₄)₁₂(NH₃)₁₁"),
    ],
)  # fmt: skip
def test_compositions(name, formula):
    library = MonomerLibrary.load()
    assert Composition.parse(name, library).formula(library) == formula


def test_states():
    assert state_as_written("2 HSO4⁻ · 1 NH4⁺ · 11 H2O") == "2 HSO₄⁻ · NH₄⁺ · 11 H₂O"
    assert state_as_written("") == ""
    assert subscripts("(CH3)2NH") == "(CH₃)₂NH"
