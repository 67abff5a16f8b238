"""ACDC input: read back by the rules of the public generator (acdc_2022_05_04.pl), and public examples."""

import re

import numpy as np
import pytest
from test_thermo_formation import LIBRARY, make

from sampler.errors import InputError
from sampler.refine import acdc
from sampler.refine.thermo.study import study
from sampler.units import KCAL_PER_MOL


@pytest.fixture
def neutral():
    species = [
        make(["sa"], -10.0, 300.0), make(["am"], -3.0, 900.0), make(["sa", "am"], -14.0, 50.0),
        make(["sa", "sa"], -20.8, 30.0), make(["sa", "sa", "am"], -25.0, 25.0),
        make(["sa", "sa", "am", "am"], -29.0, 25.0),
    ]  # fmt: skip
    return study(species, LIBRARY)


@pytest.fixture
def charged():
    dipole = {"dipole_debye": 2.5, "polarizability_A3": 6.25}
    species = [
        make(["sa"], -10.0, 300.0, **dipole), make(["am"], -3.0, 900.0, **dipole),
        make(["sa", "am"], -14.0, 50.0, **dipole), make(["b"], -9.5, 300.0, charge=-1),
        make(["sa", "b"], -21.0, 40.0, charge=-1), make(["amh"], -2.5, 900.0, charge=1),
        make(["amh", "am"], -6.5, 60.0, charge=1),
    ]  # fmt: skip
    return study(species, LIBRARY)


def read_energies(text):
    """As the generator does: numbers in lines one and two, then words split at white space."""
    lines = text.splitlines()
    number = re.compile(r"\s*\d+\.?\d*\s*")
    assert number.fullmatch(lines[0]) and number.fullmatch(lines[1]), lines[:2]
    rows = [re.split(r"\b\s+", line.strip()) for line in lines[2:] if line.strip() and not line.startswith("#")]
    assert all(len(r) == 3 for r in rows), rows
    return float(lines[0]), float(lines[1]), {r[0]: (float(r[1]), float(r[2])) for r in rows}


def read_cluster_set(text):
    """Molecules and clusters, by the generator's rules: values are the last columns, one for each header word."""
    lines = text.splitlines()
    header = lines[0].split()
    types = len(header[1:] if header[0] == "#" else header)
    molecules, clusters, out = {}, [], []
    keys = ["name", "charge", "corresponding neutral molecule", "corresponding positive ion",
            "corresponding negative ion", "mass [", "density [", "acid", "base"]  # fmt: skip
    for line in lines[1:]:
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        assert len(words) >= types, line
        key = next((k for k in keys if k in line.lower()), None)
        if key:
            assert key not in molecules
            molecules[key] = words[-types:]
        elif line.startswith("out "):
            out.append((words[1], [int(w) for w in words[-types:]]))
        else:
            assert len(words) == types, line
            low, high = words[0].split("-")
            clusters += [(n, *map(int, words[1:])) for n in range(int(low), int(high) + 1)]
    return molecules, clusters, out


def test_neutral_files(neutral, tmp_path):
    system = acdc.system(neutral, LIBRARY)
    written = acdc.write(system, tmp_path)
    assert {k: p.name for k, p in written.items()} == {"cluster_set": "input.inp", "energies": "HS298.15K.txt"}
    pressure, temperature, rows = read_energies(written["energies"].read_text())
    assert (pressure, temperature) == (101325.0, 298.15)
    assert set(rows) == {"1A1N", "2A", "2A1N", "2A2N"}  # monomers have 0 and no line
    for label, name in (("1A1N", "1sa1am"), ("2A2N", "2sa2am")):
        d = neutral[name].binding
        h, s = rows[label]
        assert h - 298.15 * s / 1000 == pytest.approx(d.gibbs / KCAL_PER_MOL, abs=2e-4)
        assert h == pytest.approx(d.enthalpy / KCAL_PER_MOL, abs=1e-4)
    molecules, clusters, out = read_cluster_set(written["cluster_set"].read_text())
    assert molecules["name"] == ["A", "N"] and molecules["charge"] == ["0", "0"]
    assert [float(m) for m in molecules["mass ["]] == pytest.approx([98.07, 17.03], abs=0.02)
    assert molecules["density ["] == ["1830.0", "696.0"]
    assert sorted(clusters) == [(0, 1), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2)]
    assert len(clusters) == len(set(clusters))
    assert out == [("neutral", [3, 3])]
    assert acdc.missing_clusters(system) == ["2N", "1A2N"]


def test_charged_files(charged, tmp_path):
    """B is a molecule of its own, a cation holds P; 1B and 1N1P count as monomers; dipoles of the neutrals."""
    system = acdc.system(charged, LIBRARY)
    written = acdc.write(system, tmp_path)
    molecules, clusters, out = read_cluster_set(written["cluster_set"].read_text())
    assert molecules["name"] == ["A", "N", "B", "P"] and molecules["charge"] == ["0", "0", "-1", "1"]
    assert molecules["corresponding neutral molecule"] == ["-", "-", "A", "-"]
    assert molecules["corresponding negative ion"] == ["B", "-", "-", "-"]
    assert molecules["corresponding positive ion"] == ["-", "1N1P", "-", "-"]
    assert molecules["density ["][3] == "-" and float(molecules["mass ["][2]) == pytest.approx(97.07, abs=0.02)
    assert set(clusters) == {
        (1, 0, 0, 0), (0, 1, 0, 0), (1, 1, 0, 0), (0, 0, 1, 0), (1, 0, 1, 0), (0, 1, 0, 1), (0, 2, 0, 1)
    }  # fmt: skip
    assert dict(out) == {"neutral": [2, 2, 0, 0], "negative": [2, 0, 1, 0], "positive": [0, 3, 0, 1]}
    _, _, rows = read_energies(written["energies"].read_text())
    assert set(rows) == {"1A1N", "1A1B", "2N1P"}
    dipoles = [line.split() for line in written["dipoles"].read_text().splitlines()]
    assert {d[0]: (float(d[1]), float(d[2])) for d in dipoles} == dict.fromkeys(("1A", "1N", "1A1N"), (2.5, 6.25))


def test_options(neutral):
    system = acdc.system(neutral, LIBRARY, names={"am": "X"}, densities={"sa": 1800.0})
    text = acdc.cluster_set_text(system, [acdc.parse_counts("4A5X", system)])
    molecules, _, out = read_cluster_set(text)
    assert molecules["name"] == ["A", "X"] and molecules["density ["][0] == "1800.0" and out == [("neutral", [4, 5])]
    for names in ({"am": "A"}, {"am": "N3"}):
        with pytest.raises(InputError):
            acdc.system(neutral, LIBRARY, names=names)
    for bad in ("5Q", "A5", "", "5A 5X"):
        if bad:
            with pytest.raises(InputError):
                acdc.parse_counts(bad, system)


def test_public_example_is_read_by_the_same_rules():
    """Lines of the public ClusterIn example (Besel et al. 2020): our readers must take what ACDC takes."""
    pressure, temperature, rows = read_energies(
        "101325   \n298.15\n\n2A    -17.74   -38.52   \n1A1N  -15.07   -30.01  \n"
    )
    assert (pressure, temperature, rows["1A1N"]) == (101325.0, 298.15, (-15.07, -30.01))
    assert np.isclose(-15.07 + 298.15 * 0.03001, -6.12, atol=0.01)
