"""ACDC input: read back by the rules of the public generator, and public examples.

With ``ACDC_GENERATORS=acdc_2020_07_20.pl:acdc_2022_10_05.pl`` in the environment (generators of
https://github.com/tolenius/ACDC) the generators themselves read the files, and their rates are compared with detailed balance.
"""

import itertools
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from test_thermo_formation import LIBRARY, make

from sampler.errors import InputError
from sampler.refine import acdc
from sampler.refine.thermo.sources import load
from sampler.refine.thermo.study import study
from sampler.units import KB, KCAL_PER_MOL

GENERATORS = [Path(p).resolve() for p in os.environ.get("ACDC_GENERATORS", "").split(os.pathsep) if p]
CATIONS = Path(__file__).parents[1] / "data" / "01-acdc-two-protonated-bases" / "cations.json"
ALONE = {"sa": -10.0, "am": -3.0, "dma": -5.0, "nta": -8.0, "b": -9.5, "ntam": -7.2, "amh": -2.5, "dmah": -5.15}
PAIRS = {
    "sa sa": -1.7, "sa am": -1.6, "sa dma": -2.0, "sa nta": -1.4, "nta nta": -1.2, "nta am": -1.4, "nta dma": -1.6,
    "am am": -0.9, "am dma": -0.9, "dma dma": -1.0, "sa b": -2.9, "nta b": -2.1, "nta ntam": -2.0, "am amh": -1.8,
    "dma amh": -2.1, "dma dmah": -1.9,
}  # fmt: skip


def ions(left_out=()):
    """Two acids, two bases, their ions and pairs, with invented energies (eV)."""
    dipole = {"dipole_debye": 2.5, "polarizability_A3": 6.25}
    every = [(m,) for m in ALONE] + [tuple(p.split()) for p in PAIRS]
    kept = [names for names in every if not set(names) & set(left_out)]
    return study(
        [
            make(
                list(names), sum(ALONE[m] for m in names) + PAIRS.get(" ".join(names), 0.0), 200.0 + 7 * k,
                charge=sum(LIBRARY[m].charge for m in names), **dipole,
            )
            for k, names in enumerate(kept)
        ],
        LIBRARY,
    )  # fmt: skip


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


def absolute(made, system):
    """Label -> absolute G in eV of the study, with the label made from the composition alone, and the counts."""
    found = {}
    for entry, cluster in zip(system.entries, (c for c in made.clusters if c.counts)):
        found[system.label(entry.counts)] = cluster.mixture.thermo.gibbs, entry.counts
    return found


@pytest.mark.parametrize("left_out", [(), ("ntam",), ("dmah",), ("sa", "b"), ("amh", "dmah"), ("b", "ntam")])
def test_every_reaction_has_the_free_energy_of_the_study(left_out):
    """The file gives each reaction A + B -> C among all that it lists, ions of every kind included, its absolute ΔG."""
    made = ions(left_out)
    system = acdc.system(made, LIBRARY)
    known = absolute(made, system)
    assert len(known) == len(system.entries) == len(made.clusters)
    _, t, rows = read_energies(acdc.energies_text(system))
    g = {label: (h - t * s / 1000) * KCAL_PER_MOL for label, (h, s) in rows.items()}
    reactions = 0
    for (a, (ga, na)), (b, (gb, nb)) in itertools.combinations_with_replacement(known.items(), 2):
        together = tuple(np.add(na, nb).tolist())
        for c, (gc, nc) in known.items():
            if nc == together:
                assert g.get(c, 0.0) - g.get(a, 0.0) - g.get(b, 0.0) == pytest.approx(gc - ga - gb, abs=2e-5), (a, b, c)
                reactions += 1
    ions_known = {m for c in made.clusters for m, _ in c.counts if LIBRARY[m].charge}
    assert reactions >= len(made.clusters) - len(ALONE) + (len(ions_known) > 2), reactions
    negative = [m for m in ions_known if LIBRARY[m].charge < 0]
    assert [m.name for m in system.molecules if m.charge < 0] == {0: [], 1: ["B" if "b" in negative else "NTAM"]}.get(
        len(negative), ["RP"]
    )


def test_two_protonated_bases():
    """Case of a set with NH4⁺ and (CH3)2NH2⁺; enthalpy and entropy of the proton transfer by hand from its energies."""
    made = study(load(CATIONS), LIBRARY)
    h = {c.name: c.mixture.thermo.enthalpy / KCAL_PER_MOL for c in made.clusters}
    text = acdc.energies_text(acdc.system(made, LIBRARY))
    _, _, rows = read_energies(text)
    assert rows["1N1P"] == pytest.approx((14.893, -0.73), abs=5e-3), rows
    assert rows["1N1P"][0] == pytest.approx(h["1am1p"] - h["1am"] - h["1dma1p"] + h["1dma"], abs=1e-3)
    assert rows["1N1D1P"] == pytest.approx((-21.40, -28.19), abs=5e-3), rows
    assert "1D1P" not in rows and "ions relative to dmah" in text


def test_ions_that_cannot_be_referred_to_one():
    species = [s for s in load(CATIONS) if s.columns["numbers"] != [7, 1, 1, 1]]
    with pytest.raises(InputError, match="amh and dmah cannot all be the zero .* thermochemistry of am is needed"):
        acdc.system(study(species, LIBRARY, needs_monomers=False), LIBRARY)
    species = [make(["sa"], -10.0, 300.0), make(["am"], -3.0, 900.0), make(["am", "am"], -6.5, 60.0)]
    alone = [s for s in species if s.id != "am"]
    with pytest.raises(InputError, match="2am has no free energy of binding"):
        acdc.system(study(alone, LIBRARY, needs_monomers=False), LIBRARY)


@pytest.mark.skipif(not GENERATORS, reason="ACDC_GENERATORS names no generator")
@pytest.mark.parametrize("generator", GENERATORS, ids=[p.stem for p in GENERATORS])
@pytest.mark.parametrize("left_out", [(), ("ntam",), ("amh", "dmah"), ("b", "ntam", "amh", "dmah")])
def test_rates_of_the_generator_obey_detailed_balance(generator, left_out, tmp_path):
    """k(evaporation) = k(collision) p/kT exp(ΔG/kT), with ΔG of the study's absolute free energies."""
    made = ions(left_out)
    system = acdc.system(made, LIBRARY)
    files = acdc.write(system, tmp_path)
    command = ["perl", str(generator), "--i", files["cluster_set"].name, "--e", files["energies"].name]
    command += ["--dip", files["dipoles"].name, "--temperature", "298.15"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    number = re.compile(r"(\w)\((\d+),(\d+)\) = (?:0\.5\*)?([\d.e+-]+);\t% (.*)")
    collisions, evaporations = ({}, {})
    for name, found in (("get_coll.m", collisions), ("get_evap.m", evaporations)):
        for _, i, j, value, comment in number.findall((tmp_path / name).read_text()):
            found[i, j] = float(value), re.sub(r",.*", "", comment)
    known = {label: g for label, (g, _) in absolute(made, system).items()}
    kt = KB * made.conditions.temperature
    concentration = made.conditions.pressure / (kt * 1.602176634e-19)
    for pair, (rate, comment) in evaporations.items():
        whole, a, b = re.fullmatch(r"(\w+) -> (\w+) \+ (\w+)", comment).groups()
        expected = collisions[pair][0] * concentration * np.exp((known[whole] - known[a] - known[b]) / kt)
        assert rate == pytest.approx(expected, rel=2e-3), comment
    assert len(evaporations) >= sum(c.molecules > 1 for c in made.clusters)


def test_a_molecule_without_its_ion_in_the_set_has_no_ion():
    """The generator stops at a corresponding ion that is no cluster of the set: water, beside ammonia and its ion."""
    parts = [("am",), ("w",), ("amh",), ("am", "w"), ("amh", "w")]
    energies = {"am": -3.0, "w": -4.0, "amh": -2.5}
    species = [
        make(list(p), sum(energies[m] for m in p) - 1.5 * (len(p) - 1), 200.0, charge=int("amh" in p)) for p in parts
    ]
    molecules, clusters, _ = read_cluster_set(acdc.cluster_set_text(acdc.system(study(species, LIBRARY), LIBRARY)))
    assert molecules["corresponding positive ion"] == ["1N1P", "-", "-"]
    assert (0, 1, 1) not in clusters and (1, 1, 1) in clusters


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
