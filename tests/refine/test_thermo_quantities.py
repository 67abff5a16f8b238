"""Temperatures and pressures with and without units, and that the command line heeds them."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from sampler.cli.app import app
from sampler.errors import FileFormatError, InputError
from sampler.refine.thermo import sources
from sampler.refine.thermo.quantities import kelvin, pascal
from sampler.refine.thermo.rrho import Species


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("298.15", 298.15),
        (278.15, 278.15),
        ("25C", 298.15),
        ("-40 °C", 233.15),
        ("25K", 25.0),
        ("3e2", 300.0),
        ("0", 0.0),
    ],
)
def test_temperatures(text, value):
    assert kelvin(text) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("101325", 101325.0), (1e5, 1e5), ("1atm", 101325.0), ("1 bar", 1e5), ("1013.25hPa", 101325.0), ("1000mbar", 1e5),
        ("101.325kPa", 101325.0), ("760Torr", 101325.0), ("760 mmHg", 101325.0), ("1Pa", 1.0), ("-5", -5.0),
    ],
)  # fmt: skip
def test_pressures(text, value):
    assert pascal(text) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("read", "text", "words"),
    [
        (kelvin, "25", "25C for degrees Celsius, 25K"),
        (kelvin, "77F", "no known unit"),
        (kelvin, "warm", "is no temperature"),
        (pascal, "1", "1atm, 1bar or 1hPa; 1Pa"),
        (pascal, "1013.25", None),
        (pascal, "14.7psi", "no known unit"),
        (pascal, "", "is no pressure"),
    ],
)
def test_what_is_asked_back(read, text, words):
    if words is None:  # above 1000 a number in Pa may be meant
        assert read(text) == 1013.25
        return
    with pytest.raises(InputError, match=words):
        read(text)


def test_the_command_line(tmp_path):
    argon = Species(
        "ar", 0.0, np.zeros(0), 39.95, np.zeros(3), level="gfn1-xtb",
        columns={"numbers": [18], "positions": [[0.0, 0.0, 0.0]], "charge": 0, "point_group": "Kh"},
    )  # fmt: skip
    file = tmp_path / "ar.json"
    sources.save(file, [argon])

    def entropy(*options):
        result = CliRunner().invoke(app, ["thermo", str(file), "--json", *options], catch_exceptions=False)
        return json.loads(result.stdout)["clusters"][0]["entropy_calmolK"]

    assert entropy("--pressure", "1bar", "-T", "25C") == pytest.approx(154.846 / 4.184, abs=2e-3)  # NIST, J/mol/K
    # R ln(101325/100000)
    assert entropy("--pressure", "1bar") - entropy() == pytest.approx(1.987204 * np.log(1.01325), abs=1e-5)
    with pytest.raises(InputError, match="1atm"):
        entropy("--pressure", "1")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"symmetry_number": 0}, "a symmetry number of 0"),  # an infinite entropy
        ({"degeneracy": 0}, "a degeneracy of 0"),
        ({"multiplicity": -1}, "a multiplicity of -1"),
        ({"mass_amu": 0.0}, "a mass of 0.0 amu"),
        ({"moments_amuA2": [1.0, 2.0]}, "moments of inertia"),
        ({"frequencies_cm1": []}, "0 frequencies and 3 rotations of 3 atoms"),
        ({"frequencies_cm1": [1600.0, 3700.0]}, "2 frequencies and 3 rotations of 3 atoms"),
        ({"energy_eV": float("inf")}, "no finite number"),
        ({"columns": {"charge": 0, "numbers": [8, 1, 1]}}, "positions"),
    ],
)
def test_a_file_of_species_that_cannot_be(tmp_path, change, words):
    columns = {"numbers": [8, 1, 1], "positions": [[0, 0, 0.1], [0, 0.77, -0.47], [0, -0.77, -0.47]], "charge": 0}
    water = Species(
        "w", -157.0, np.array([1600.0, 3700.0, 3800.0]), 18.02, np.array([0.6, 1.2, 1.8]), 2, columns=columns
    )
    file = tmp_path / "w.json"
    sources.save(file, [water])
    assert sources.load(file)[0].symmetry_number == 2
    content = json.loads(file.read_text())
    content["species"][0].update(change)
    file.write_text(json.dumps(content))
    with pytest.raises(FileFormatError, match=words):
        sources.load(file)
