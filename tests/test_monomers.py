"""The shipped monomer library against its own rules, GFN1-xTB, and published geometries; the monomer files."""

from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

from sampler.errors import MonomerError
from sampler.levels import load_level
from sampler.monomer_builder import graph, to_toml
from sampler.monomer_builder.gfn1 import Molecule
from sampler.monomers import Monomer, MonomerLibrary, user_folder
from sampler.units import COULOMB, HARTREE

LIBRARY = MonomerLibrary.load()
every = pytest.mark.parametrize("monomer", LIBRARY, ids=LIBRARY.names)

# name: (formula with charge, family, protons, conformers)
EXPECTED = {
    "sa": ("H2SO4", "sa", 0, ("trans", "cis")),
    "b": ("HSO4⁻", "sa", -1, ("only",)),
    "s": ("SO4²⁻", "sa", -2, ("only",)),
    "msa": ("CH3SO3H", "msa", 0, ("only",)),
    "msam": ("CH3SO3⁻", "msa", -1, ("only",)),
    "nta": ("HNO3", "nta", 0, ("only",)),
    "ntam": ("NO3⁻", "nta", -1, ("only",)),
    "fa": ("HCOOH", "fa", 0, ("only",)),
    "fam": ("HCOO⁻", "fa", -1, ("only",)),
    "am": ("NH3", "am", 0, ("only",)),
    "amh": ("NH4⁺", "am", 1, ("only",)),
    "ma": ("CH3NH2", "ma", 0, ("only",)),
    "mah": ("CH3NH3⁺", "ma", 1, ("only",)),
    "dma": ("(CH3)2NH", "dma", 0, ("only",)),
    "dmah": ("(CH3)2NH2⁺", "dma", 1, ("only",)),
    "tma": ("(CH3)3N", "tma", 0, ("only",)),
    "tmah": ("(CH3)3NH⁺", "tma", 1, ("only",)),
    "eda": ("C2H4(NH2)2", "eda", 0, ("gauche", "anti")),
    "edah": ("C2H4(NH2)NH3⁺", "eda", 1, ("gauche", "anti")),
    "edahh": ("C2H4(NH3)2²⁺", "eda", 2, ("only",)),
    "w": ("H2O", "w", 0, ("only",)),
    "wh": ("H3O⁺", "w", 1, ("only",)),
}


def test_what_ships():
    found = {m.name: (m.label, m.family, m.protons, tuple(c.name for c in m.conformers)) for m in LIBRARY}
    assert {k: v for k, v in found.items() if k in EXPECTED} == EXPECTED
    families = list(dict.fromkeys(m.family for m in LIBRARY))
    assert families[:10] == ["sa", "msa", "nta", "fa", "am", "ma", "dma", "tma", "eda", "w"]
    assert LIBRARY["AQ"] is LIBRARY["w"] and LIBRARY["a"] is LIBRARY["am"] and LIBRARY["msaM"].charge == -1


@every
def test_bonds_are_those_of_every_conformer(monomer):
    for conformer in monomer.conformers:
        seen = graph.bonds_from_distances(monomer.numbers, conformer.positions)
        assert seen.tolist() == sorted(monomer.bonds.tolist()), conformer.name
    assert graph.is_connected(len(monomer.numbers), monomer.bonds)


@every
def test_charges(monomer):
    assert abs(monomer.partial_charges.sum() - monomer.charge) < 1e-6, monomer.partial_charges.sum()
    classes = graph.equivalence_classes(monomer.numbers, monomer.bonds)
    for k in set(classes.tolist()):
        for values in (monomer.partial_charges, monomer.sigma, monomer.epsilon):
            assert np.ptp(values[classes == k]) == 0, values
    polar = donors(monomer)
    assert (monomer.partial_charges[polar] > 0.2).all()
    assert (monomer.sigma > 0).all() and (monomer.epsilon > 0).all()


@every
def test_electrons_are_paired(monomer):
    assert (monomer.numbers.sum() - monomer.charge) % 2 == 0


@every
def test_conformers_differ_and_are_centred(monomer):
    from ase.data import atomic_masses

    classes = graph.equivalence_classes(monomer.numbers, monomer.bonds)
    energies = [c.energy for c in monomer.conformers]
    assert energies == sorted(energies) and energies[0] == 0
    for c in monomer.conformers:
        assert np.abs(atomic_masses[monomer.numbers] @ c.positions).max() < 1e-4 * len(monomer.numbers)
    for one, two in combinations(monomer.conformers, 2):
        difference = graph.fingerprint(classes, one.positions) - graph.fingerprint(classes, two.positions)
        assert np.abs(difference).max() > 0.1, (one.name, two.name, np.abs(difference).max())


@every
def test_geometries_are_gfn1_minima(monomer):
    """Largest force below 0.001 eV/Å, energies and conformer gaps as in the files; computed anew with tblite."""
    molecule = Molecule(monomer.numbers, monomer.charge)
    energies = []
    for conformer in monomer.conformers:
        energy, forces, _ = molecule.evaluate(conformer.positions)
        energies.append(energy)
        largest = np.linalg.norm(forces, axis=1).max()
        assert largest < 1e-3, (conformer.name, largest)
    gaps = np.array(energies) - energies[0]
    assert np.abs(gaps - [c.energy for c in monomer.conformers]).max() < 1e-5, gaps
    assert abs(energies[0] - monomer.reference_energies["gfn1-xtb"]) < 1e-5 * HARTREE, energies[0] / HARTREE


@every
def test_reference_energy_is_that_of_the_level(monomer):
    level = load_level("gfn1-xtb")
    assert abs(level.monomers[monomer.name] - monomer.reference_energies["gfn1-xtb"]) < 1e-6 * HARTREE


@pytest.mark.slow
@every
def test_geometries_are_no_saddle_points(monomer):
    for conformer in monomer.conformers:
        curvature = Molecule(monomer.numbers, monomer.charge).lowest_curvature(conformer.positions)
        assert curvature > 0, (conformer.name, curvature)


def published(reference, file):
    from ase.io import read

    ions = {"1am1p": "amh", "1dma1p": "dmah"}
    for atoms in read(reference / "monomers" / file, ":"):
        name = ions.get(atoms.info["name"], atoms.info["name"][1:])
        if name in LIBRARY:
            yield LIBRARY[name], atoms


@pytest.mark.parametrize(
    "file, longest, spread, count",
    # GFN1-xTB against DFT: bonds (the worst: S-O and N-O), then all distances as RMS (the worst: torsions of OH)
    [("monomers_wb97xd_dlpno.extxyz", 0.04, 0.09, 13), ("monomers_b973c.extxyz", 0.08, 0.12, 8)],
)
def test_geometries_against_published_dft(reference, file, longest, spread, count):
    compared = 0
    for monomer, atoms in published(reference, file):
        theirs = graph.bonds_from_distances(atoms.numbers, atoms.positions)
        lengths = [
            sorted(
                (*sorted((int(z[i]), int(z[j]))), round(float(np.linalg.norm(x[i] - x[j])), 4))
                for i, j in bonds.tolist()
            )
            for z, x, bonds in (
                (atoms.numbers, atoms.positions, theirs),
                (monomer.numbers, monomer.conformers[0].positions, monomer.bonds),
            )
        ]
        for a, b in zip(*lengths, strict=True):
            assert a[:2] == b[:2] and abs(a[2] - b[2]) < longest, (monomer.name, a, b)
        if monomer.name != "eda":  # its published conformer is another turn of the NH2 groups
            one = graph.fingerprint(graph.equivalence_classes(atoms.numbers, theirs), atoms.positions)
            two = graph.fingerprint(
                graph.equivalence_classes(monomer.numbers, monomer.bonds), monomer.conformers[0].positions
            )
            rms = np.sqrt(np.mean((one - two) ** 2))
            assert rms < spread, (monomer.name, rms)
        compared += 1
    assert compared == count


# -- rigid-body pairs ----------------------------------------------------------------------------------------------


def donors(monomer):
    """Hydrogens on N or O."""
    near = graph.neighbours(len(monomer.numbers), monomer.bonds)
    return [i for i, z in enumerate(monomer.numbers) if z == 1 and monomer.numbers[near[i][0]] in (7, 8)]


def rigid_minimum(a, b, starts=12):
    """Lowest Coulomb + Lennard-Jones energy (eV) of two rigid molecules from random starts, and the positions."""
    rng = np.random.default_rng(3)
    sigma = (a.sigma[:, None] + b.sigma) / 2
    epsilon = np.sqrt(a.epsilon[:, None] * b.epsilon)
    charge = COULOMB * a.partial_charges[:, None] * b.partial_charges
    fixed, moved = a.conformers[0].positions, b.conformers[0].positions
    best = (np.inf, moved)
    for _ in range(starts):
        turn = Rotation.from_quat(rng.normal(size=4))
        shift = rng.normal(size=3)
        shift *= 5 / np.linalg.norm(shift)

        def place(p, turn=turn, shift=shift):
            return (Rotation.from_rotvec(p[:3]) * turn).apply(moved) + shift + p[3:]

        def energy(p, place=place):
            r = np.linalg.norm(fixed[:, None] - place(p), axis=-1)
            x = (sigma / r) ** 6
            return (charge / r + 4 * epsilon * (x * x - x)).sum()

        found = minimize(energy, np.zeros(6), method="BFGS", options={"gtol": 1e-3})
        if found.fun < best[0]:
            best = (found.fun, place(found.x))
    return best[0], fixed, best[1]


PAIRS = "w w|sa sa|sa am|b amh|sa w|b dmah|b tmah|msam amh|ntam amh|fa fa|s wh|sa dma|sa b|am w"


@pytest.mark.parametrize("pair", PAIRS.split("|"))
def test_rigid_pairs_have_hydrogen_bonds(pair):
    """The lowest rigid minimum binds, through an H…O or H…N contact of 1.4-2.1 Å, and nothing falls together."""
    a, b = (LIBRARY[name] for name in pair.split())
    energy, x, y = rigid_minimum(a, b)
    assert energy < -0.1, energy
    distance = np.linalg.norm(x[:, None] - y, axis=-1)
    heavy_a, heavy_b = (np.isin(m.numbers, (7, 8)) for m in (a, b))
    contacts = [*distance[donors(a)][:, heavy_b].ravel(), *distance[:, donors(b)][heavy_a].ravel()]
    assert 1.4 < min(contacts) < 2.1, min(contacts)
    assert distance.min() > 1.4, distance.min()


# -- files -----------------------------------------------------------------------------------------------------------


@every
def test_files_round_trip(monomer):
    again = Monomer.loads(to_toml(monomer))
    assert to_toml(again) == to_toml(monomer)
    for key in ("numbers", "bonds", "partial_charges", "sigma", "epsilon"):
        assert np.array_equal(getattr(again, key), getattr(monomer, key)), key


@pytest.fixture
def text():
    return to_toml(LIBRARY["w"])


@pytest.mark.parametrize(
    "old, new, message",
    [
        ('name = "w"', 'name = "p"', "not p"),
        ('name = "w"', 'name = "W2"', "lower-case letters"),
        ('aliases = ["aq"]', 'aliases = ["a q"]', "lower-case letters"),
        ("charge = 0", "charge = 1", "add to 0.0000, charge is 1"),
        ("charge = 0", "charge = 0.5", "whole number"),
        ("protons = 0\n", "", "'protons' is missing"),
        ("numbers = [8, 1, 1]", "numbers = [8, 1, 0]", "1 … 118"),
        ("numbers = [8, 1, 1]", "numbers = [8, 1]", "needs 2 finite numbers, has 3"),
        ("[0, 2]]", "[0, 3]]", "outside 0 … 2"),
        ("[0, 2]]", "[1, 0]]", "twice"),
        ("sigma = [", "sigma = [-", "negative"),
        ("[[conformers]]", "[[shapes]]", "'conformers' is missing"),
        ("positions = [", "positions = [[0.0, 0.0, 0.0],", "3 x 3 finite positions"),
        ("rank = 90", "rank = ", "not a readable TOML file"),
    ],
)
def test_bad_files_are_one_clear_error(text, tmp_path, old, new, message):
    assert old in text
    path = tmp_path / "w.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(MonomerError, match=message) as caught:
        Monomer.load(path)
    assert "w.toml" in str(caught.value)


def test_missing_and_binary_files(tmp_path):
    with pytest.raises(MonomerError, match="cannot be read"):
        Monomer.load(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(MonomerError, match="cannot be read"):
        Monomer.load(tmp_path / "bad.toml")
    with pytest.raises(MonomerError, match="no such monomer file or folder"):
        MonomerLibrary.load([tmp_path / "none"])


def test_user_folder_and_extra_files(text, tmp_path, monkeypatch):
    monkeypatch.setenv("SAMPLER_HOME", str(tmp_path))
    assert user_folder() == tmp_path / "monomers"
    user_folder().mkdir()
    mine = text.replace('"w"', '"own"').replace('"aq"', "")
    (user_folder() / "own.toml").write_text(mine, encoding="utf-8")
    assert MonomerLibrary.load()["own"].family == "own"
    with pytest.raises(MonomerError, match="'own', which .*own.toml defines already"):
        MonomerLibrary.load([user_folder() / "own.toml"])


def test_families_differ_by_protons_only(text):
    wrong = Monomer.loads(text.replace('"w"', '"x"').replace('"aq"', "").replace('family = "x"', 'family = "sa"'))
    with pytest.raises(MonomerError, match="cannot be of the family sa"):
        LIBRARY.adding(wrong)
    shifted = Monomer.loads(
        text.replace('"w"', '"x"')
        .replace('"aq"', "")
        .replace('family = "x"', 'family = "w"')
        .replace("protons = 0", "protons = 1")
    )
    with pytest.raises(MonomerError, match="members of a family differ by protons only"):
        LIBRARY.adding(shifted)
    with pytest.raises(MonomerError, match="'w', which the molecule w defines already"):
        LIBRARY.adding(Monomer.loads(text))


def test_unknown_names_list_the_known():
    with pytest.raises(MonomerError, match="no molecule is called 'xyz'; known: sa, b, s, "):
        LIBRARY["xyz"]
    with pytest.raises(MonomerError, match="no family"):
        LIBRARY.family("xyz")
