"""Building monomers: graphs, charges, minima, errors, and the command ``sampler monomer``."""

import json
import sys

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from typer.testing import CliRunner

from sampler.cli.monomer import monomer_app
from sampler.errors import FileFormatError, MissingDependency, MonomerError
from sampler.monomer_builder import MonomerSpec, build, charges, embed, graph, lennard_jones, rough, to_toml
from sampler.monomer_builder.build import formula, orient
from sampler.monomer_builder.gfn1 import Molecule
from sampler.monomers import Monomer, MonomerLibrary
from sampler.units import BOHR, KCAL_PER_MOL

pytestmark = pytest.mark.once

LIBRARY = MonomerLibrary.load()


def spec(name, smiles="", **options):
    return MonomerSpec(name, smiles, **{"candidates": 2, "charges": "mulliken", **options})


# -- bond graphs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("smiles", ["CC(C)O", "NCCN", "CN(C)C", "CS(=O)(=O)C", "C1CC1C", "OCC(O)CO", "[NH3+]CC"])
def test_equivalent_atoms_as_rdkit_finds_them(smiles):
    from rdkit import Chem

    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    ranks = list(Chem.CanonicalRankAtoms(molecule, breakTies=False, includeChirality=False))
    numbers, bonds, _, _ = embed.from_smiles(smiles, 1, 0)
    classes = graph.equivalence_classes(numbers, bonds)
    same = classes[:, None] == classes
    assert np.array_equal(same, np.equal.outer(ranks, ranks)), (classes, ranks)


def test_bond_orders_and_charges_do_not_split_classes():
    numbers, bonds, _, _ = embed.from_smiles("[O-]S(=O)(=O)[O-]", 1, 0)
    assert len(set(graph.equivalence_classes(numbers, bonds).tolist())) == 2


def test_fingerprint_is_blind_to_turns_mirrors_and_order():
    m = LIBRARY["tma"]
    classes = graph.equivalence_classes(m.numbers, m.bonds)
    x = m.conformers[0].positions
    hydrogens = np.flatnonzero(m.numbers == 1)
    order = np.arange(len(x))
    order[hydrogens] = np.random.default_rng(0).permutation(hydrogens)
    moved = (Rotation.from_rotvec([0.3, 1.0, -2.0]).apply(x) * [1, 1, -1] + 3.0)[order]
    assert np.abs(graph.fingerprint(classes, x) - graph.fingerprint(classes, moved)).max() < 1e-9
    bent = x.copy()
    bent[hydrogens[0]] += 0.3
    assert np.abs(graph.fingerprint(classes, x) - graph.fingerprint(classes, bent)).max() > 0.1


@pytest.mark.parametrize("smiles", ["OS(=O)(=O)O", "NCCN", "CN(C)C", "O[N+](=O)[O-]", "OCC(O)CO", "c1ccccc1"])
def test_bonds_from_distances_as_in_the_smiles(smiles):
    numbers, bonds, positions, _ = embed.from_smiles(smiles, 2, 1)
    for x in positions:
        assert graph.bonds_from_distances(numbers, x).tolist() == bonds.tolist()


def test_orientation():
    m = LIBRARY["eda"]
    x = m.conformers[0].positions
    turned = Rotation.from_rotvec([0.3, 1.0, -2.0]).apply(x) + [1.0, 2.0, 3.0]
    again = orient(m.numbers, turned)
    distances = [np.linalg.norm(p[:, None] - p, axis=-1) for p in (x, again)]
    assert np.abs(distances[0] - distances[1]).max() < 1e-5
    assert np.abs(again - orient(m.numbers, again)).max() < 2e-6
    assert formula(m.numbers) == "C2H8N2"


# -- GFN1-xTB --------------------------------------------------------------------------------------------------------


def test_forces_are_derivatives_and_charges_add_up():
    molecule = Molecule(np.array([8, 1, 1]), 0)
    x = LIBRARY["w"].conformers[0].positions + [[0.05, 0, 0], [0, 0.1, 0], [0, 0, -0.05]]
    energy, forces, mulliken = molecule.evaluate(x)
    h = 1e-3
    for atom, axis in ((0, 0), (1, 1), (2, 2)):
        shift = np.zeros((3, 3))
        shift[atom, axis] = h
        slope = (molecule.evaluate(x + shift)[0] - molecule.evaluate(x - shift)[0]) / (2 * h)
        assert abs(slope + forces[atom, axis]) < 1e-4, (slope, forces[atom, axis])
    assert abs(mulliken.sum()) < 1e-6 and mulliken[0] < -0.3


def test_curvature_tells_a_saddle_from_a_minimum():
    planar = np.array([[0, 0, 0], [1.0, 0, 0], [-0.5, 0.866, 0], [-0.5, -0.866, 0]])
    ammonia = Molecule(np.array([7, 1, 1, 1]), 0)
    _, saddle = ammonia.optimise(planar)
    assert ammonia.lowest_curvature(saddle) < -0.05, ammonia.lowest_curvature(saddle)
    assert ammonia.lowest_curvature(LIBRARY["am"].conformers[0].positions) > 0.05


@pytest.mark.parametrize("name", ["w", "amh", "nta"])
def test_a_rebuilt_molecule_is_the_shipped_one(name):
    """Traceability: SMILES in the file -> the same geometry, energy, bonds and parameters."""
    shipped = LIBRARY[name]
    made = build(spec(name, shipped.smiles, family=shipped.family))
    classes = graph.equivalence_classes(made.numbers, made.bonds)
    one, two = (graph.fingerprint(classes, m.conformers[0].positions) for m in (made, shipped))
    assert np.abs(one - two).max() < 1e-4, np.abs(one - two).max()
    assert abs(made.reference_energies["gfn1-xtb"] - shipped.reference_energies["gfn1-xtb"]) < 1e-6
    for key in ("numbers", "bonds", "sigma", "epsilon"):
        assert np.array_equal(getattr(made, key), getattr(shipped, key)), key
    assert (made.charge, made.protons, made.family) == (shipped.charge, shipped.protons, shipped.family)


@pytest.mark.slow
def test_conformers_are_distinct_and_named():
    made = build(spec("x", "OS(=O)(=O)O", candidates=6))
    assert [c.name for c in made.conformers] == ["trans", "cis"]
    gap = made.conformers[1].energy - LIBRARY["sa"].conformers[1].energy
    assert abs(gap) < 1e-4, gap


# -- charges and Lennard-Jones ---------------------------------------------------------------------------------------


def test_symmetrised_charges_add_exactly():
    rng = np.random.default_rng(5)
    for _ in range(50):
        classes = rng.integers(0, 4, 9)
        _, classes = np.unique(classes, return_inverse=True)
        total = int(rng.integers(-2, 3))
        q = charges.symmetrise(rng.normal(size=9), classes, total)
        assert abs(q.sum() - total) < 1e-6, q.sum()
        assert all(np.ptp(q[classes == k]) == 0 for k in set(classes))


def test_shells_lie_outside_the_molecule():
    m = LIBRARY["sa"]
    points = charges.shell_points(m.numbers, m.conformers[0].positions)
    radii = np.array([charges.RADII[int(z)] for z in m.numbers])
    ratio = np.linalg.norm(points[:, None] - m.conformers[0].positions, axis=-1) / radii
    assert ratio.min() > 1.4 - 1e-9 and ratio.min(axis=1).max() < 2.0 + 1e-9
    assert len(points) > 500


@pytest.mark.parametrize("name", ["w", "b", "edah", "sa"])
def test_the_fit_recovers_charges_from_their_own_potential(name, monkeypatch):
    m = LIBRARY[name]
    known = m.partial_charges

    def potential(numbers, charge, positions, points):
        return (BOHR * known / np.linalg.norm(points[:, None] - positions, axis=-1)).sum(1)

    monkeypatch.setattr(charges, "electrostatic_potential", potential)
    monkeypatch.setattr(charges, "RESTRAINT", 0.0)
    classes = graph.equivalence_classes(m.numbers, m.bonds)
    fitted = charges.resp(m.numbers, m.charge, [c.positions for c in m.conformers], classes)
    assert np.abs(fitted - known).max() < 1e-3, (fitted, known)


@pytest.mark.parametrize("name", ["w", "am", "nta", "fa"])
def test_dipole_of_the_shipped_charges_is_that_of_hartree_fock(name):
    gto = pytest.importorskip("pyscf.gto")
    from pyscf import scf

    m = LIBRARY[name]
    x = m.conformers[0].positions
    atoms = [(int(z), tuple(r)) for z, r in zip(m.numbers, x)]
    field = scf.RHF(gto.M(atom=atoms, unit="Ang", basis="6-31g*", cart=True, verbose=0)).run()
    theirs = field.dip_moment(unit="AU", verbose=0)
    ours = m.partial_charges @ x / BOHR
    assert np.linalg.norm(ours - theirs) < 0.06 * np.linalg.norm(theirs), (ours, theirs)


def test_charges_without_pyscf(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyscf", None)
    made = build(spec("x", "O", charges="auto"))
    assert "charges: GFN1-xTB Mulliken" in made.source
    assert abs(made.partial_charges.sum()) < 1e-6 and made.partial_charges[0] < -0.3
    with pytest.raises(MissingDependency, match="pyscf"):
        build(spec("x", "O", charges="resp"))


def test_lennard_jones_values():
    m = LIBRARY["sa"]
    half = m.sigma * 2 ** (1 / 6) / 2
    depth = m.epsilon / KCAL_PER_MOL
    by = {"=O": 2, "OH": 0, "S": 1, "H": 5}
    wanted = {"=O": (1.6612, 0.21), "OH": (1.721, 0.2104), "S": (2.0, 0.25), "H": (0.2245, 0.046)}  # GAFF; CHARMM's H
    for kind, i in by.items():
        assert (half[i], depth[i]) == pytest.approx(wanted[kind], abs=2e-4), kind
    methyl = lennard_jones.parameters(np.array([6, 1]), [[1], [0]])[0][1]
    assert methyl > 5 * m.sigma[5]


class Valley:
    """One atom in a bowl with a kink and a jump of 5 meV at its lowest point: the force is 0.1 eV/Å on either side."""

    method = "a valley"

    def evaluate(self, positions):
        x = np.asarray(positions, float)
        side = -1.0 if x[0, 0] < 0 else 1.0
        energy = 2.0 * (x**2).sum() + 0.1 * abs(x[0, 0]) + (0.005 if side < 0 else 0.0)
        return energy, -(4.0 * x + [0.1 * side, 0.0, 0.0]), np.zeros(1)


@pytest.mark.parametrize("seed", range(5))
def test_a_minimum_at_a_kink_is_found(seed):
    found = rough.settle(Valley(), np.array([[0.4, -0.2, 0.3]]), np.random.default_rng(seed))
    assert found.energy == pytest.approx(0.0, abs=1.2e-3), found
    assert 0.09 < found.fmax < 0.2, found  # what is left is the slope towards the kink


def test_no_minimum_at_all_is_an_error():
    class Noise(Valley):
        def __init__(self):
            self.rng = np.random.default_rng(0)

        def evaluate(self, positions):
            return self.rng.normal(0.0, 50.0), self.rng.normal(0.0, 5.0, (1, 3)), np.zeros(1)

    with pytest.raises(MonomerError, match="finds no minimum|finds lower points"):
        rough.settle(Noise(), np.zeros((1, 3)), np.random.default_rng(0))


def test_iodate_has_its_minimum_at_a_kink_and_says_so():
    """Three equal I–O bonds: which oxygen is nearest to iodine, and with it the energy, changes at the minimum."""
    made = build(spec("iom", "[O-]I(=O)=O", charges="resp"))
    x = made.conformers[0].positions
    lengths = np.linalg.norm(x[made.numbers == 8] - x[made.numbers == 53], axis=1)
    assert lengths == pytest.approx(1.81, abs=0.01), lengths
    assert made.reference_energies["gfn1-xtb"] == pytest.approx(-494.6080, abs=1e-3)
    assert made.reference_energies["gfn2-xtb"] == pytest.approx(-438.0286, abs=1e-3)
    assert "GFN1-xTB minimum at a kink" in made.source and "I: def2-SVP, ECP" in made.source
    assert made.partial_charges.sum() == pytest.approx(-1, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("start", ["smiles", "xyz"])
def test_iodic_acid(start, tmp_path):
    """The energy is that of the lowest of independent descents (other starts, other steps), within 1 meV."""
    file = tmp_path / "hio3.xyz"
    file.write_text(
        "5\niodic acid\nI -0.097 0.006 -0.242\nO 1.829 -0.278 0.240\nH 1.919 -0.054 1.190\n"
        "O -0.956 -1.323 0.632\nO -0.471 1.570 0.586\n"
    )
    made = build(spec("hio3", "OI(=O)=O") if start == "smiles" else spec("hio3", xyz=file))
    assert made.reference_energies["gfn1-xtb"] == pytest.approx(-501.0664, abs=1e-3)
    assert made.reference_energies["gfn2-xtb"] / 27.211386 == pytest.approx(-16.344179, abs=2e-5)
    assert "at a kink of the surface" in made.source


def test_geometry_of_the_other_method():
    made = build(spec("hoi", "OI", method="gfn2-xtb"))
    assert "GFN2-xTB minimum (" in made.source and "charges: GFN2-xTB Mulliken" in made.source
    levels = {level: Molecule(made.numbers, 0, level) for level in ("gfn1-xtb", "gfn2-xtb")}
    for level, molecule in levels.items():
        energy, positions = molecule.optimise(made.conformers[0].positions)
        assert made.reference_energies[level] == pytest.approx(energy, abs=1e-5), level
    assert made.conformers[0].positions == pytest.approx(orient(made.numbers, positions), abs=1e-3)
    with pytest.raises(MonomerError, match="method 'pm7' is unknown; choose gfn1-xtb or gfn2-xtb"):
        build(spec("hoi", "OI", method="pm7"))


@pytest.mark.parametrize("smiles", ["F", "Cl", "Br", "I", "P", "S", "C", "[I-]", "[O-]Cl", "C[NH3+]"])
def test_every_listed_element_can_be_added(smiles):
    """Charges of the file add exactly; an electronegative atom is the negative one."""
    made = build(spec("x", smiles, charges="resp"))
    read = Monomer.loads(to_toml(made))
    assert round(float(read.partial_charges.sum()), 9) == made.charge == read.charge
    assert set(read.reference_energies) == {"gfn1-xtb", "gfn2-xtb"}
    assert "RESP fit to the HF/6-31G*" in made.source
    if smiles in ("F", "Cl", "Br"):
        assert read.partial_charges[0] < 0


def test_every_listed_element_is_tried():
    tried = {
        int(z)
        for s in ("F", "Cl", "Br", "I", "P", "S", "C", "[O-]Cl", "C[NH3+]")
        for z in embed.from_smiles(s, 1, 0)[0]
    }
    assert set(lennard_jones._GAFF) <= tried and set(lennard_jones._GAFF) <= set(charges.RADII)


def test_potential_of_hydrogen_iodide():
    """Far away it is that of PySCF's own dipole; the core that iodine's pseudopotential replaces is no charge too many."""
    from pyscf import gto, scf

    z, x = np.array([1, 53]), np.array([[0.0, 0.0, 1.61], [0.0, 0.0, 0.0]])
    basis = {"default": "6-31g*", "I": "def2-svp"}
    atoms = list(zip(z.tolist(), x.tolist()))
    field = scf.RHF(gto.M(atom=atoms, basis=basis, ecp={"I": "def2-svp"}, cart=True, verbose=0)).run()
    dipole = field.dip_moment(unit="AU", verbose=0)[2]
    ahead, behind = charges.electrostatic_potential(z, 0, x, np.array([[0, 0, 40.0], [0, 0, -40.0]]))
    assert (ahead - behind) / 2 == pytest.approx(dipole / (40.0 / BOHR) ** 2, rel=0.02), (ahead, behind, dipole)
    fitted = charges.resp(z, 0, [x], np.arange(2))
    assert 0.05 < fitted[0] < 0.2 and fitted.sum() == pytest.approx(0, abs=1e-9), fitted


def test_charges_that_cannot_be_fitted_say_so(monkeypatch):
    monkeypatch.setattr(charges, "OWN_BASIS", {})
    made = build(spec("hi", "I", charges="auto"))
    assert "charges: GFN1-xTB Mulliken (no RESP: PySCF has no basis" in made.source
    with pytest.raises(MonomerError, match="PySCF has no basis for this molecule"):
        build(spec("hi", "I", charges="resp"))


# -- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "smiles, message",
    [
        ("not smiles", "not a valid SMILES"),
        ("C(C", "not a valid SMILES"),
        ("O.O", "several molecules"),
        ("C[CH2]", "1 unpaired electrons"),
        ("[O][O]", "2 unpaired electrons"),
        ("C*", "place holder"),
        ("C[Se]C", "no Lennard-Jones parameters for Se; known elements: H, C, N, O"),
    ],
)
def test_bad_smiles(smiles, message):
    with pytest.raises(MonomerError, match=message):
        build(spec("x", smiles))


def test_other_bad_input(tmp_path):
    with pytest.raises(MonomerError, match="either a SMILES string or an xyz file"):
        build(spec("x"))
    with pytest.raises(MonomerError, match=r"has the charge \+0, but \+1 was asked for"):
        build(spec("x", "O", charge=1))
    with pytest.raises(MonomerError, match="charges 'am1' are unknown"):
        build(spec("x", "O", charges="am1"))
    with pytest.raises(MonomerError, match=r"no conformer is called \['boat'\]; found: only"):
        build(spec("x", "O", keep=("boat",)))
    path = tmp_path / "a.xyz"
    with pytest.raises(FileFormatError, match="no such file"):
        build(spec("x", xyz=path))
    for text, kind, message in (
        ("", FileFormatError, "xyz"),
        ("3\n\nO 0 0 0\nH 0 0 1\n", FileFormatError, "line 1: the frame ends after 2 of 3 atoms"),
        ("2\n\nO 0 0 0\nH 0 0 0.97\n", MonomerError, "unpaired electron"),
        ("2\n\nO 0 0 0\nO 0 0 9\n", MonomerError, "do not form one molecule"),
        ("2\n\nH 0 0 0\nF 0 0 0.9\n2\n\nF 0 0 0\nH 0 0 0.9\n", FileFormatError, "frame 2 has other atoms"),
        ("2\n\nH 0 0 0\nF 0 0 0.9\n2\n\nH 0 0 0\nF 0 0 9\n", MonomerError, "frame 2 has other bonds"),
        ("2\n\nH 0 0 0\nF 0 0 nan\n", FileFormatError, "not numbers"),
    ):
        path.write_text(text)
        with pytest.raises(kind, match=message):
            build(spec("x", xyz=path))


def test_a_molecule_that_does_not_survive_the_optimisation():
    """The glycine zwitterion is no minimum in the gas phase: its proton moves, the bonds change."""
    with pytest.raises(
        MonomerError, match="no geometry survives.*the bonds change.*add that one, .*--xyz .*--method gfn2-xtb"
    ):
        build(spec("x", "[NH3+]CC(=O)[O-]"))


def test_xyz_with_two_conformers(tmp_path):
    m = LIBRARY["sa"]
    from ase import Atoms
    from ase.io import write

    write(tmp_path / "sa.xyz", [Atoms(m.numbers, c.positions) for c in m.conformers[::-1]], format="xyz")
    made = build(spec("x", xyz=tmp_path / "sa.xyz"))
    assert [c.name for c in made.conformers] == ["trans", "cis"] and made.symbol == "H2O4S"
    assert made.conformers[1].energy == pytest.approx(m.conformers[1].energy, abs=1e-4)


# -- commands --------------------------------------------------------------------------------------------------------


@pytest.fixture
def sampler(tmp_path, monkeypatch):
    monkeypatch.setenv("SAMPLER_HOME", str(tmp_path))

    def run(*words):
        result = CliRunner().invoke(monomer_app, list(words))
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.output

    run.folder = tmp_path / "monomers"
    return run


def test_list_and_show(sampler):
    table = sampler("list")
    for word in ("sulfuric acid", "HSO4⁻", "dma"):
        assert word in table
    assert "trans" in sampler("show", "sa") and "cis" in sampler("show", "sa")
    listed = {m["name"]: m for m in json.loads(sampler("list", "--json"))}
    assert listed["b"]["charge"] == -1 and listed["sa"]["conformers"] == ["trans", "cis"]
    assert "GFN1-xTB minimum" in sampler("show", "SA")
    shown = json.loads(sampler("show", "b", "--json"))
    assert sum(shown["partial_charges_e"]) == pytest.approx(-1, abs=1e-6)
    assert shown["reference_energies_Eh"]["gfn1-xtb"] == pytest.approx(-23.2189, abs=1e-3)
    with pytest.raises(MonomerError, match="known: sa, b"):
        sampler("show", "xyz")


def test_add(sampler):
    words = ("--smiles", "CO", "--title", "methanol", "--charges", "mulliken")
    assert "nothing written" in sampler("add", "meoh", *words, "--dry-run")
    assert not sampler.folder.exists()
    assert "written to" in sampler("add", "meoh", *words, "--alias", "methanol")
    library = MonomerLibrary.load()
    assert library["methanol"].label == "CH4O" and [m.name for m in library][-1] == "meoh"
    assert [p.name for p in sampler.folder.iterdir()] == ["meoh.toml"]
    assert Monomer.load(sampler.folder / "meoh.toml").reference_energies["gfn1-xtb"] < 0
    with pytest.raises(MonomerError, match="'meoh' is taken by methanol .*--replace"):
        sampler("add", "meoh", *words)
    again = json.loads(sampler("add", "meoh", *words, "--replace", "--json"))
    assert again["aliases"] == [] and again["atoms"] == 6
    sampler("add", "meohh", "--smiles", "C[OH2+]", "--family", "meoh", "--charges", "mulliken")
    assert [m.name for m in MonomerLibrary.load().family("meoh")] == ["meohh", "meoh"]


def test_add_says_what_it_is_a_twin_of(sampler):
    result = CliRunner().invoke(monomer_app, ["add", "wet", "--smiles", "O", "--charges", "mulliken", "--dry-run"])
    assert "wet is the same molecule as w (water)" in result.output + result.stderr
    w, b, nitrous = LIBRARY["w"], LIBRARY["b"], embed.from_smiles("ON=O", 1, 0)
    assert graph.same_molecule(w.numbers, w.bonds, w.numbers[[1, 0, 2]], np.array([[0, 1], [1, 2]]))
    assert not graph.same_molecule(w.numbers, w.bonds, b.numbers, b.bonds)
    assert not graph.same_molecule(nitrous[0], nitrous[1], nitrous[0], np.array([[0, 1], [1, 2], [1, 3]]))  # H on N


def test_add_refuses(sampler):
    for words, message in (
        (("sa", "--smiles", "O"), "'sa' is taken by sulfuric acid .*choose another name$"),
        (("x", "--smiles", "O", "--alias", "aq"), "'aq' is taken by water"),
        (("X2", "--smiles", "O"), "must be lower-case letters"),
        (("p", "--smiles", "O"), "not p"),
        (("sa2", "--smiles", "O"), "could be read in two ways; choose a name with other letters"),
        (("x",), "either a SMILES string or an xyz file"),
        (("x", "--smiles", "O", "--family", "sa", "--charges", "mulliken"), "cannot be of the family sa"),
    ):
        with pytest.raises(MonomerError, match=message):
            sampler("add", *words)
    assert not sampler.folder.exists()
