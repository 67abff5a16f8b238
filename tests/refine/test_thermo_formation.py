"""Ensembles, binding, evaporation and actual free energies against closed forms and published tables."""

import re

import numpy as np
import pytest

from sampler.composition import Composition
from sampler.errors import FileFormatError, InputError, LevelError
from sampler.monomers import MonomerLibrary
from sampler.refine.hessian import principal_moments, standard_masses
from sampler.refine.thermo import (
    Conditions,
    Species,
    Thermo,
    Treatment,
    actual_gibbs,
    binding,
    ensemble,
    losses,
    partial_pressure,
    splits,
    thermochemistry,
)
from sampler.refine.thermo.sources import distinct, load, save
from sampler.refine.thermo.study import study
from sampler.units import HARTREE, KB, KCAL_PER_MOL

LIBRARY = MonomerLibrary.load()
ROOM = Conditions()
KT = KB * ROOM.temperature


def thermo(gibbs, enthalpy=None, level="x", conditions=ROOM, failure=""):
    enthalpy = gibbs if enthalpy is None else enthalpy
    return Thermo(
        enthalpy, 0.0, enthalpy, (enthalpy - gibbs) / conditions.temperature, gibbs, conditions, level, failure
    )


def test_equal_conformers_lower_g_by_kt_ln_n():
    four = ensemble([thermo(-1.0, -0.4)] * 4)
    assert four.thermo.gibbs == pytest.approx(-1.0 - KT * np.log(4))
    assert four.thermo.enthalpy == pytest.approx(-0.4)
    assert four.thermo.entropy == pytest.approx(0.6 / ROOM.temperature + KB * np.log(4))
    assert four.populations == pytest.approx(0.25)
    assert ensemble([thermo(-1.0)], [4]).thermo.gibbs == pytest.approx(four.thermo.gibbs)


def test_ensemble_of_oscillator_levels_is_the_oscillator():
    """Conformers that are the levels of an oscillator must give its partition function."""
    quantum = 0.02
    mixture = ensemble([thermo(n * quantum) for n in range(400)])
    exact = KT * np.log(1 - np.exp(-quantum / KT))
    assert mixture.thermo.gibbs == pytest.approx(exact, abs=1e-12)
    assert mixture.thermo.enthalpy == pytest.approx(quantum / np.expm1(quantum / KT), abs=1e-12)


def test_ensemble_leaves_out_failures_and_refuses_mixtures():
    mixed = ensemble([thermo(np.nan, failure="1 imaginary mode"), thermo(-1.0)])
    assert (mixed.used, mixed.lowest, mixed.populations.tolist()) == (1, 1, [0.0, 1.0])
    with pytest.raises(InputError, match="imaginary"):
        ensemble([thermo(np.nan, failure="1 imaginary mode")])
    with pytest.raises(LevelError):
        ensemble([thermo(-1.0), thermo(-1.0, level="y")])
    with pytest.raises(InputError):
        ensemble([thermo(-1.0), thermo(-1.0, conditions=Conditions(250.0))])


def read_table(path):
    rows = [line.rstrip("\n").split("\t") for line in open(path) if not line.startswith("#")]
    return [dict(zip(rows[0], row)) for row in rows[1:]]


def published(row):
    e, h, g = (float(row[k]) * HARTREE for k in ("E_Eh", "H298_Eh", "G298_Eh"))
    return Thermo(e, np.nan, h, (h - g) / 298.15, g, ROOM, "b97-3c@orca5")


def counts_of(name):
    return tuple((m, int(n)) for n, m in re.findall(r"(\d+)([a-z]+)", name))


def test_binding_of_published_clusters(reference):
    """ΔE, ΔH, ΔG of Wu et al. 2023 against their own monomers; the other published set is of another kind."""
    tables = reference / "tables"
    monomers = {counts_of(r["monomer"])[0][0]: published(r) for r in read_table(tables / "b973c_monomers.tsv")}
    rows = read_table(tables / "b973c_wu23_sa_am_sa_dma.tsv")
    for row in rows:
        found = binding(published(row), counts_of(row["cluster"]), monomers)
        ours = np.array([found.energy, found.enthalpy, found.gibbs]) / KCAL_PER_MOL
        theirs = [float(row[f"binding_{k}_kcalmol"]) for k in "EHG"]
        assert ours == pytest.approx(theirs, abs=2e-3), (row["cluster"], ours, theirs)
        assert found.entropy * 298.15 / KCAL_PER_MOL == pytest.approx(ours[1] - ours[2], abs=1e-6)
    assert len(rows) > 15
    every = {parsed(r["cluster"]): published(r) for r in rows} | {parsed(f"1{m}"): t for m, t in monomers.items()}
    found = losses(every, LIBRARY) | splits(every)
    assert len(found) > 20
    assert all(n.gibbs == pytest.approx(n.enthalpy - 298.15 * n.entropy) for n in found.values())


def parsed(name):
    return Composition.parse(name, LIBRARY)


def test_evaporation_closes_the_cycle():
    everything = {
        parsed("1sa"): thermo(-5.0),
        parsed("1am"): thermo(-2.0),
        parsed("1sa1am"): thermo(-7.5),
        parsed("2sa1am"): thermo(-13.3),
    }
    found = {(c.name(LIBRARY), m): round(d.gibbs, 12) for (c, m), d in losses(everything, LIBRARY).items()}
    assert found == {("1sa1am", "sa"): 0.5, ("1sa1am", "am"): 0.5, ("2sa1am", "sa"): 0.8}
    with pytest.raises(LevelError):
        losses(everything | {parsed("1sa1am"): thermo(-7.5, level="other")}, LIBRARY)
    with pytest.raises(LevelError):
        binding(thermo(-7.5, level="other"), (("sa", 1), ("am", 1)), {"sa": thermo(-5.0), "am": thermo(-2.0)})
    with pytest.raises(LevelError, match="am"):
        binding(thermo(-7.5), (("sa", 1), ("am", 1)), {"sa": thermo(-5.0)})


def test_every_channel_of_an_ion():
    """The proton stays on either base; what it costs to lose the one differs by the proton's transfer, to all digits."""
    g = {"1am": -2.0, "1dma": -4.0, "1am1p": -10.0, "1dma1p": -12.6, "1am1dma1p": -15.2, "2am1dma1p": -17.5}
    g |= {"2am": -4.1, "2am1p": -12.9}
    known = {parsed(n): thermo(v) for n, v in g.items()}
    found = {(c.name(LIBRARY), m): d.gibbs for (c, m), d in losses(known, LIBRARY).items()}
    expected = {
        "am": g["1am"] + g["1dma1p"], "dma": g["1dma"] + g["1am1p"], "amh": g["1am1p"] + g["1dma"],
        "dmah": g["1dma1p"] + g["1am"],
    }  # fmt: skip
    assert {m: v for (c, m), v in found.items() if c == "1am1dma1p"} == pytest.approx(
        {m: v - g["1am1dma1p"] for m, v in expected.items()}
    )
    transfer = g["1dma1p"] + g["1am"] - g["1dma"] - g["1am1p"]
    assert found["1am1dma1p", "dma"] - found["1am1dma1p", "am"] == pytest.approx(-transfer)
    assert found["2am1dma1p", "dma"] == pytest.approx(g["2am1p"] + g["1dma"] - g["2am1dma1p"])
    assert found["2am1dma1p", "dmah"] == pytest.approx(g["2am"] + g["1dma1p"] - g["2am1dma1p"])
    # a neutral cluster does not fall into ions
    salt = {parsed("1sa1am"): thermo(-7.5), parsed("1b"): thermo(-1.0), parsed("1am1p"): thermo(-2.0)}
    assert losses(salt, LIBRARY) == {}


def test_splits_into_two_clusters():
    g = {"1sa": -5.0, "1sa1am": -7.5, "2sa": -10.3, "2am": -4.1, "2sa2am": -16.0, "1b": -4.0, "1sa1b": -9.9}
    found = splits({parsed(n): thermo(v) for n, v in g.items()})
    told = {tuple(c.name(LIBRARY) for c in key): d.gibbs for key, d in found.items()}
    assert {(c, *sorted(parts)) for c, *parts in told} == {("2sa2am", "1sa1am", "1sa1am"), ("2sa2am", "2am", "2sa")}
    assert len(told) == 2
    assert told["2sa2am", "1sa1am", "1sa1am"] == pytest.approx(1.0)


def test_partial_pressures():
    cold = Conditions(278.15)
    assert partial_pressure("1e7cm-3", cold) == pytest.approx(1e13 * 1.380649e-23 * 278.15)
    assert partial_pressure("1e7cm-3", cold) == partial_pressure("1e7 cm^-3", cold)
    assert partial_pressure("100ppt", cold) == pytest.approx(101325e-10)
    assert partial_pressure("1ppb", cold) == pytest.approx(101325e-9)
    assert partial_pressure("1ppm", cold) == pytest.approx(0.101325)
    assert partial_pressure("2.5Pa", cold) == 2.5
    for bad in ("", "many", "-1cm-3", "0ppt", "1e7 m-3", "nan", "1.2.3"):
        with pytest.raises(InputError, match="no vapour concentration"):
            partial_pressure(bad, cold)
    for bad in ("100", "1e7", 1e7, 100):  # people mean ppt by it, or molecules in a cubic centimetre
        with pytest.raises(InputError, match="no unit.*cm-3, ppt, ppb, ppm or Pa"):
            partial_pressure(bad, cold)


def test_actual_free_energies():
    """A dimer at its equilibrium pressures: 0 by mass action; monomers have 0 in the self-consistent definition."""
    counts = (("sa", 1), ("am", 1))
    pressures = {"sa": 1e-8, "am": 1e-3}
    standard = KT * sum(np.log(p / 101325.0) for p in pressures.values())
    assert actual_gibbs(standard, counts, pressures, ROOM, "mass-action") == pytest.approx(0.0, abs=1e-12)
    assert actual_gibbs(standard, counts, pressures, ROOM) == pytest.approx(standard / 2)
    assert actual_gibbs(0.0, (("sa", 1),), pressures, ROOM) == 0.0
    with pytest.raises(InputError, match="dma"):
        actual_gibbs(0.0, (("dma", 1),), pressures, ROOM)
    with pytest.raises(InputError, match="definition"):
        actual_gibbs(0.0, counts, pressures, ROOM, "other")


def test_actual_free_energy_of_the_published_dimer(reference):
    """SA-AM at 278.15 K, [SA] = 1e7 cm⁻³, 10 000 ppt NH3: two tables of one level, by the self-consistent definition.

    Only the dimer is compared: for larger clusters the two sources use other conformers and low-mode treatments
    (they differ by up to 3 kcal/mol, the definitions by 13).
    """
    tables = reference / "tables"
    row = next(r for r in read_table(tables / "dlpno_wb97xd_binding_298K.tsv") if r["cluster"] in ("1sa1am", "1am1sa"))
    expected = next(
        r for r in read_table(tables / "dlpno_lno_actual_free_energies_278K.tsv") if r["cluster"] == "1am1sa"
    )
    h, g = float(row["binding_H_kcalmol"]), float(row["binding_G_kcalmol"])
    cold = Conditions(278.15)
    standard = (h - 278.15 * (h - g) / 298.15) * KCAL_PER_MOL
    pressures = {"sa": partial_pressure("1e7cm-3", cold), "am": partial_pressure("10000ppt", cold)}
    found = actual_gibbs(standard, (("sa", 1), ("am", 1)), pressures, cold) / KCAL_PER_MOL
    assert found == pytest.approx(float(expected["DLPNO"]), abs=0.05), (found, expected["DLPNO"])


# ---- whole studies ---------------------------------------------------------------------------------------------------


def beside(x, molecule, gap=2.3):
    """The molecule moved along x until its nearest atom is ``gap`` Å away: neither apart nor overlapping."""
    for shift in np.arange(40.0, 0.0, -0.05):
        moved = molecule + [x[:, 0].max() + shift - 10.0, 0, 0]
        if np.linalg.norm(x[:, None] - moved[None], axis=2).min() < gap:
            return moved + [0.05, 0, 0]
    raise AssertionError("molecules on a line meet")


def make(names, energy, lowest, level="x", name=None, charge=0, **columns):
    """A species from monomers of the library set side by side: real atoms, invented frequencies."""
    numbers = np.concatenate([LIBRARY[m].numbers for m in names])
    x = LIBRARY[names[0]].conformers[0].positions
    for m in names[1:]:
        x = np.concatenate([x, beside(x, LIBRARY[m].conformers[0].positions)])
    masses = standard_masses(numbers)
    frequencies = lowest + 40.0 * np.arange(3 * len(numbers) - 6)
    return Species(
        name or "".join(names), energy, frequencies, float(masses.sum()), principal_moments(x, masses), level=level,
        columns={"numbers": numbers.tolist(), "positions": x.tolist(), "charge": charge, **columns},
    )  # fmt: skip


@pytest.fixture
def grid():
    return [
        make(["sa"], -10.0, 300.0), make(["am"], -3.0, 900.0), make(["sa", "am"], -14.0, 50.0),
        make(["sa", "am"], -13.98, 40.0, name="second"), make(["sa", "sa"], -20.8, 30.0),
        make(["sa", "sa", "am"], -25.0, 25.0),
    ]  # fmt: skip


def test_study(grid):
    pressures = {"sa": 1e-8, "am": 1e-3}
    made = study(grid, LIBRARY, pressures=pressures)
    assert [c.name for c in made.clusters] == ["1am", "1sa", "1sa1am", "2sa", "2sa1am"]
    pair = made["1sa1am"]
    g = {s.id: thermochemistry(s).gibbs for s in grid}
    expected = (
        -KT * np.log(sum(np.exp(-(g[k] - g["saam"]) / KT) for k in ("saam", "second"))) + g["saam"] - g["sa"] - g["am"]
    )
    assert pair.binding.gibbs == pytest.approx(expected, abs=1e-10)
    assert pair.per_conformer[0].gibbs == pytest.approx(g["saam"] - g["sa"] - g["am"])
    assert pair.binding.gibbs < min(d.gibbs for d in pair.per_conformer)
    assert pair.actual == pytest.approx(actual_gibbs(expected, pair.counts, pressures, ROOM))
    assert set(made.evaporation) == {
        ("1sa1am", "sa"),
        ("1sa1am", "am"),
        ("2sa", "sa"),
        ("2sa1am", "sa"),
        ("2sa1am", "am"),
    }
    total = made.evaporation["2sa1am", "sa"].gibbs + made.evaporation["1sa1am", "am"].gibbs
    assert total == pytest.approx(-made["2sa1am"].binding.gibbs)


def test_study_reports_what_is_wrong(grid):
    with pytest.raises(LevelError, match="am"):
        study([s for s in grid if s.id != "am"], LIBRARY)
    with pytest.raises(LevelError, match="different levels"):
        study([*grid, make(["sa"], -10.0, 300.0, level="y")], LIBRARY)
    with pytest.raises(InputError):
        study([], LIBRARY)
    saddle = make(["sa", "am"], -15.0, -70.0, name="saddle")
    made = study([*grid, saddle], LIBRARY)
    assert "imaginary" in made.problems["saddle"] and made["1sa1am"].mixture.used == 2
    kept = study([*grid, saddle], LIBRARY, treatment=Treatment(imaginary="skip"))
    assert kept["1sa1am"].mixture.used == 3


def test_ions_refer_to_the_ion(grid):
    ions = [make(["b"], -9.5, 300.0, charge=-1), make(["sa", "b"], -21.0, 40.0, charge=-1)]
    made = study([*grid, *ions], LIBRARY)
    assert dict(made["1sa1b"].counts) == {"sa": 1, "b": 1}
    assert made["1sa1b"].binding.energy == pytest.approx(-1.5)


def test_species_files_and_duplicates(grid, tmp_path):
    path = tmp_path / "species.json"
    save(path, grid)
    again = load(path)
    assert [thermochemistry(a).gibbs for a in again] == pytest.approx(
        [thermochemistry(b).gibbs for b in grid], abs=1e-7
    )
    assert study(again, LIBRARY)["2sa1am"].name == "2sa1am"
    kept, dropped = distinct([*grid, make(["sa", "sa"], -20.8 + 1e-5, 30.5, name="twin")])
    assert len(kept) == len(grid) and [d.id for d in dropped] == ["twin"]
    path.write_text(path.read_text()[:200])
    with pytest.raises(FileFormatError):
        load(path)
    path.write_text('{"format": "other", "species": []}')
    with pytest.raises(FileFormatError, match="other"):
        load(path)


@pytest.mark.slow
def test_published_b973c_ammonia(reference):
    """H − E and S of NH3 from our own B97-3c Hessian against both published sets, each by its own recipe.

    Wu et al. scale by 0.996 and treat low modes quasi-harmonically; the other set is plain. Their engine is ORCA 5.
    """
    import tomllib

    pytest.importorskip("pyscf")
    from sampler import resources
    from sampler.clusters import Clusters
    from sampler.potentials import get_potential
    from sampler.refine.thermo import scaling
    from sampler.refine.thermo.sources import HessianParams, from_potential

    level = tomllib.loads(resources.path("data", "levels", "b97-3c@pyscf.toml").read_text(encoding="utf-8"))
    ammonia = level["reference_sets"]["minima"]["monomers"]["am"]
    start = Clusters.make([ammonia["positions"]], [LIBRARY["am"].numbers], ids=["am"])
    (one,), rejected = from_potential(start, get_potential("b97-3c"), HessianParams(fmax=None))
    assert not rejected
    wu = next(r for r in read_table(reference / "tables" / "b973c_monomers.tsv") if r["monomer"] == "1am")
    other = reference / "tables" / "b973c_opt_thermochemistry_all_bases.tsv"
    plain = next(r for r in read_table(other) if r["cluster"] == "1am")
    electronic = float(wu["E_Eh"])
    for row, treatment in (
        (wu, Treatment(low="grimme", scaling=scaling("acdb"))),
        (plain, Treatment(low="harmonic")),
    ):
        ours = thermochemistry(one, ROOM, treatment)
        found = ((ours.enthalpy - ours.energy) / HARTREE, ours.entropy / HARTREE)
        expected = (float(row["H298_Eh"]) - electronic, float(row["S298_Eh_per_K"]))
        assert found[0] == pytest.approx(expected[0], abs=2e-5), (found, expected)
        assert found[1] == pytest.approx(expected[1], abs=2e-9), (found, expected)
