"""Ideal-gas thermochemistry against ASE, GoodVibes, ORCA's printed values and closed forms."""

import numpy as np
import pytest

from sampler.errors import InputError
from sampler.refine.hessian import isotope_masses, principal_moments, standard_masses
from sampler.refine.thermo import (
    Conditions,
    Species,
    Treatment,
    contributions,
    scaling,
    scaling_methods,
    thermochemistry,
)
from sampler.refine.thermo.rrho import free_rotor_entropy, oscillator_entropy
from sampler.units import CM1, HARTREE, KB, KCAL_PER_MOL

HARMONIC = Treatment(low="harmonic")
WATER = [1600.0, 3650.0, 3750.0]


def species(atoms, frequencies, energy=-3.0, **more):
    masses = standard_masses(atoms.numbers)
    return Species(
        "x", energy, np.asarray(frequencies, float), float(masses.sum()),
        principal_moments(atoms.positions, masses), **more,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "geometry", "frequencies", "sigma", "multiplicity"),
    [
        ("H2O", "nonlinear", WATER, 2, 1),
        ("CO2", "linear", [667.0, 667.0, 1333.0, 2349.0], 2, 1),
        ("O2", "linear", [1580.0], 2, 3),
        ("Ar", "monatomic", [], 1, 1),
        ("NH3", "nonlinear", [60.0, 1620.0, 1620.0, 3300.0, 3400.0, 3400.0], 3, 1),
    ],
)
@pytest.mark.parametrize(("t", "p"), [(298.15, 101325.0), (220.0, 2e4)])
def test_harmonic_equals_ase(name, geometry, frequencies, sigma, multiplicity, t, p):
    from ase import Atoms
    from ase.build import molecule
    from ase.thermochemistry import IdealGasThermo

    atoms = Atoms("Ar") if name == "Ar" else molecule(name)
    theirs = IdealGasThermo(
        vib_energies=np.array(frequencies) * CM1, geometry=geometry, potentialenergy=-3.0, atoms=atoms,
        symmetrynumber=sigma, spin=(multiplicity - 1) / 2,
    )  # fmt: skip
    ours = thermochemistry(
        species(atoms, frequencies, symmetry_number=sigma, multiplicity=multiplicity), Conditions(t, p), HARMONIC
    )
    expected = [theirs.get_enthalpy(t, verbose=False), theirs.get_gibbs_energy(t, p, verbose=False)]
    found = [ours.enthalpy, ours.gibbs]
    assert found == pytest.approx(expected, abs=2e-6), (found, expected)  # constants of other years


@pytest.mark.parametrize("t", [298.15, 200.0])
def test_low_modes_equal_goodvibes(t):
    theirs = pytest.importorskip("goodvibes.thermo")
    nu = [12.0, 45.0, 99.0, 180.0, 900.0]
    to_ev = 1.0 / 96485.33212
    kt = KB * t
    pairs = [
        ("oscillator", oscillator_entropy(np.array(nu), kt), np.array(theirs.calc_rrho_entropy(t, nu)) * to_ev),
        (
            "free rotor",
            free_rotor_entropy(np.array(nu), kt, 1e-44 / 1.66053906660e-47),
            np.array(theirs.calc_freerot_entropy(t, nu)) * to_ev,
        ),
    ]
    for what, ours, expected in pairs:
        assert ours == pytest.approx(expected, rel=1e-6), (what, ours, expected)
    damp = np.array(theirs.calc_damp(nu, 100.0))
    expected = (damp * pairs[0][2] + (1 - damp) * pairs[1][2]).sum()
    x = Species("x", 0.0, np.array(nu), 100.0, np.array([100.0, 200.0, 300.0]))
    found = contributions(x, Conditions(t), Treatment(low="grimme", cutoff=100.0))["entropy_vibration"]
    assert found == pytest.approx(expected, rel=1e-6), (found, expected)
    raised = contributions(x, Conditions(t), Treatment(low="raised", cutoff=100.0))["entropy_vibration"]
    expected = sum(theirs.calc_rrho_entropy(t, [max(v, 100.0) for v in nu])) * to_ev
    assert raised == pytest.approx(expected, rel=1e-6), (raised, expected)


@pytest.mark.parametrize("name", ["orca501_freq_dvb.out", "orca412_freq_b3lyp.out"])
def test_orca_prints_the_same(reference, name):
    """H, S and G of two real outputs from their frequencies: ORCA's own recipe is grimme with the molecule's moment."""
    from sampler.refine.orca import read_output
    from sampler.refine.thermo.sources import from_orca

    result = read_output(reference / "orca_outputs" / name)
    printed = result.thermochemistry[0]
    one = from_orca([result])[0]
    treatment = Treatment(low="grimme", cutoff=100.0, rotor_moment="molecule")
    ours = thermochemistry(one, Conditions(printed.temperature, printed.pressure * 101325.0), treatment)
    found = np.array([ours.zero_point, ours.enthalpy, ours.gibbs, ours.entropy * printed.temperature]) / KCAL_PER_MOL
    expected = np.array([printed.zero_point, printed.enthalpy, printed.gibbs, printed.entropy * printed.temperature])
    expected = expected / KCAL_PER_MOL
    # frequencies are printed with two decimals
    assert found == pytest.approx(expected, abs=2e-3), (found, expected)
    assert one.symmetry_number == printed.symmetry_number


def test_gaussian_monomers_have_the_published_rotation_and_translation(reference):
    """S of small monomers of the ACDB set is nearly rigid rotor: frequencies above 200 cm⁻¹ leave little room."""
    from ase.io import read

    from sampler.refine.thermo import point_group

    for atoms in read(reference / "monomers" / "monomers_wb97xd_dlpno.extxyz", ":"):
        if atoms.info["name"] not in ("1w", "1am"):
            continue
        masses = isotope_masses(atoms.numbers)
        lowest = atoms.info["lowest_frequency_cm1"]
        # the other modes of water and ammonia lie above 1500 cm⁻¹: together below 0.02 cal/mol/K
        one = Species(
            "m", 0.0, np.array([lowest]), float(masses.sum()), principal_moments(atoms.positions, masses),
            symmetry_number=point_group(atoms.numbers, atoms.positions).symmetry_number,
        )  # fmt: skip
        ours = thermochemistry(one, Conditions(), HARMONIC).entropy / KCAL_PER_MOL * 1000
        published = atoms.info["wb97xd_entropy_cal_per_molK"]
        assert ours == pytest.approx(published, abs=0.03), (atoms.info["name"], ours, published)


def test_limits():
    """Grimme's recipe is harmonic for stiff modes, finite where the oscillator diverges; σ and mirrors give k ln."""
    from ase.build import molecule

    water = species(molecule("H2O"), WATER)
    low = Species("low", 0.0, np.array([1e-4]), 18.0, water.moments)
    kt = Conditions()
    assert thermochemistry(water, kt, Treatment()).gibbs == pytest.approx(
        thermochemistry(water, kt, HARMONIC).gibbs, abs=1e-7
    )
    assert thermochemistry(low, kt, Treatment()).entropy < thermochemistry(low, kt, HARMONIC).entropy - 5 * KB
    chiral = Species("c", 0.0, np.array(WATER), 18.0, water.moments, symmetry_number=2, chiral=True)
    s = {
        (sym, mir): thermochemistry(chiral, kt, Treatment(symmetry=sym, mirror_images=mir)).entropy
        for sym in (True, False) for mir in (True, False)
    }  # fmt: skip
    assert s[False, False] - s[True, False] == pytest.approx(KB * np.log(2))
    assert s[True, True] - s[True, False] == pytest.approx(KB * np.log(2))
    lower_pressure = thermochemistry(water, Conditions(298.15, 1013.25)).entropy
    assert lower_pressure - thermochemistry(water, kt).entropy == pytest.approx(KB * np.log(100.0))


def test_imaginary_modes_are_flagged():
    from ase.build import molecule

    x = species(molecule("H2O"), [-150.0, 3650.0, 3750.0])
    rejected = thermochemistry(x)
    assert np.isnan(rejected.gibbs) and rejected.failure == "1 imaginary mode, lowest 150i cm⁻¹", rejected.failure
    skipped = thermochemistry(x, treatment=Treatment(imaginary="skip"))
    real = thermochemistry(species(molecule("H2O"), [3650.0, 3750.0]))
    assert skipped.gibbs == real.gibbs
    inverted = thermochemistry(x, treatment=Treatment(imaginary="absolute"))
    assert inverted.gibbs == thermochemistry(species(molecule("H2O"), [150.0, 3650.0, 3750.0])).gibbs


def test_scaling_factors():
    from ase.build import molecule

    x = species(molecule("H2O"), WATER)
    factors = scaling("ωB97X-D/6-31+G**")
    assert (factors.harmonic, factors.zero_point) == (0.985, 0.971)
    scaled = thermochemistry(x, treatment=Treatment(scaling=factors))
    assert scaled.zero_point == pytest.approx(0.971 * thermochemistry(x).zero_point)
    assert scaling("0.98").harmonic == scaling(0.98).zero_point == 0.98
    for unknown in ("b97-3c", "gfn1-xtb", "no such method", "", "17", "nan"):
        with pytest.raises(InputError) as error:
            scaling(unknown)
        assert "scaling factor" in str(error.value)
    assert "none" in scaling_methods()


def test_table_of_scaling_factors_is_that_of_goodvibes():
    """Every factor attributed to the Truhlar database stands in the copy that GoodVibes ships."""
    theirs = pytest.importorskip("goodvibes.vib_scale_factors").scaling_data_dict
    simple = {k.lower().replace("-", ""): v for k, v in theirs.items()}
    checked = 0
    for name in scaling_methods():
        ours = scaling(name)
        if "Truhlar" not in ours.source:
            continue
        row = simple[name.replace("-", "")]
        assert (ours.harmonic, ours.zero_point) == (float(row.harm_fac), float(row.zpe_fac)), name
        checked += 1
    assert checked >= 5


@pytest.mark.parametrize("bad", [{"temperature": 0}, {"temperature": -5}, {"pressure": 0}, {"temperature": np.nan}])
def test_conditions_are_checked(bad):
    with pytest.raises(InputError):
        Conditions(**bad)


@pytest.mark.parametrize("bad", [{"low": "none"}, {"cutoff": -1}, {"imaginary": "keep"}, {"rotor_moment": "x"}])
def test_treatment_is_checked(bad):
    with pytest.raises(InputError):
        Treatment(**bad)


def test_energy_is_in_ev():
    """G of argon at 298.15 K and 1 atm: −TS + 5/2 kT with the tabulated S = 154.84 J/mol/K at 1 bar (NIST-JANAF)."""
    argon = Species("Ar", 0.0, np.zeros(0), 39.948, np.zeros(3))
    found = thermochemistry(argon, Conditions(298.15, 1e5)).entropy * HARTREE / HARTREE * 96485.33212
    assert found == pytest.approx(154.845, abs=0.01), found
