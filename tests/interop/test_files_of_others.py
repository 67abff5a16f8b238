"""Files as other people and programs really write them: the right number, or what is wrong with it."""

import hashlib
import json
import os
import shutil
import sqlite3
import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from sampler.cli.app import app
from sampler.clusters import Clusters
from sampler.errors import FileFormatError, InputError, SamplerError
from sampler.identify import recognise
from sampler.interop import enter, read_any, read_population, write_any
from sampler.interop.molecules import with_molecules
from sampler.learn.labels.structures import read_structures
from sampler.monomers import MonomerLibrary
from sampler.units import BOHR, HARTREE, KCAL_PER_MOL

DATA = Path(__file__).parents[1] / "data" / "files"
WATER = "O 0 0 0.119\nH 0 0.763 -0.477\nH 0 -0.763 -0.477\n"
NITRATE = "N 0 0 0\nO 1.26 0 0\nO -0.63 1.09119 0\nO -0.63 -1.09119 0\n"


@pytest.fixture(scope="module")
def library():
    return MonomerLibrary.load()


def told_by(*words: object) -> str:
    ran = CliRunner().invoke(app, [str(w) for w in words])
    if isinstance(ran.exception, SamplerError):  # the command itself prints it in one line
        return ran.output + str(ran.exception)
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    return ran.output


def written(folder: Path, text: str, name: str = "a.xyz") -> Path:
    (folder / name).write_text(text)
    return folder / name


def columns(text: str, names: str, *values: str) -> str:
    """Lines of atoms with more columns."""
    return "".join(f"{line} {value}\n" for line, value in zip(text.splitlines(), values))


# ---- charge ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ion.extxyz", "ion.db"])
def test_initial_charges_are_the_charge(tmp_path, library, name):
    """ASE keeps the charge of a system as the sum of its initial charges."""
    path = DATA / "09-ase-initial-charges" / name
    assert read_any(path).charge.tolist() == [-1]
    assert read_structures(path).charge.tolist() == [-1]
    assert enter(path, library).clusters.charge.tolist() == [-1]
    told_by("import", path, "--out", tmp_path / "o.extxyz")
    assert "charge=-1" in (tmp_path / "o.extxyz").read_text()
    assert read_any(tmp_path / "o.extxyz").charge.tolist() == [-1]


def test_audit_of_initial_charges(tmp_path):
    assert "nothing wrong found" in told_by("audit", DATA / "09-ase-initial-charges" / "ion.extxyz")


@pytest.mark.parametrize(
    "comment, charge",
    [
        ("-1 1", -1),
        ("Charge: -1", -1),
        ("charge = -1 multiplicity = 1", -1),
        ("Properties=species:S:1:pos:R:3 charge=-1", -1),
        ("Properties=species:S:1:pos:R:3 charge=-1.0", -1),
        ('Properties=species:S:1:pos:R:3 charge="-1"', -1),
        ('Properties=species:S:1:pos:R:3 total_charge="-1.0"', -1),
        ("Properties=species:S:1:pos:R:3 Charge=1-", -1),
        ("nitrate", None),
        ("-2 1", None),  # no such multiplicity: two numbers of another kind
    ],
)
def test_ways_to_state_a_charge(tmp_path, comment, charge):
    found = read_population(written(tmp_path, f"4\n{comment}\n{NITRATE}"))
    assert found.charge_stated.tolist() == [charge is not None]
    assert found.clusters.charge.tolist() == [charge or 0]
    assert not any(k.lower().endswith("charge") for k in found.clusters.columns)


@pytest.mark.parametrize(
    "comment, told",
    [
        ("Properties=species:S:1:pos:R:3 charge=0 total_charge=-1", "contradicting charges"),
        ("Properties=species:S:1:pos:R:3 charge=-0.5", "charge is '-0.5', no integer"),
        ("Properties=species:S:1:pos:R:3 charge=anion", "charge is 'anion', no integer"),
    ],
)
def test_an_unclear_charge_is_asked_for(tmp_path, library, comment, told):
    path = written(tmp_path, f"4\n{comment}\n{NITRATE}")
    for read in (read_any, read_structures, lambda p: enter(p, library)):
        with pytest.raises(InputError, match=f"frame 1 .line 1.: {told}.*--charge"):
            read(path)
    assert read_any(path, charge=-1).charge.tolist() == [-1]
    assert read_structures(path, charge=-1).charge.tolist() == [-1]
    assert told in told_by("audit", path)


def test_initial_charges_that_are_no_whole_charge(tmp_path):
    head = "4\nProperties=species:S:1:pos:R:3:initial_charges:R:1\n"
    path = written(tmp_path, head + columns(NITRATE, "q", "0.1", "-0.2", "-0.2", "-0.2"))
    with pytest.raises(InputError, match="initial charges add up to -0.500, no whole charge"):
        read_any(path)
    path = written(tmp_path, head + columns(NITRATE, "q", "0.8", "-0.6", "-0.6", "-0.6004"))
    assert read_any(path).charge.tolist() == [-1]
    path = written(tmp_path, head + columns(NITRATE, "q", "0.0", "0.0", "0.0", "0.0"))
    assert not read_population(path).charge_stated[0]  # what a program writes that knows none


def test_molecules_give_the_charge_that_a_file_does_not_state(tmp_path, library):
    path = DATA / "09-ase-initial-charges" / "ion.extxyz"
    whole = read_any(path)
    write_any(whole, tmp_path / "a.extxyz")
    text = (tmp_path / "a.extxyz").read_text()
    silent = written(tmp_path, text.replace("charge=-1", ""), "silent.extxyz")
    population = with_molecules(read_population(silent), library)
    assert population.clusters.charge.tolist() == [-1]
    assert "not stated and taken from their molecules: -1 for 1sa1b" in population.notes[0]
    notes = []
    assert read_structures(silent, note=notes.append).charge.tolist() == [-1] and "not stated" in notes[0]
    wrong = written(tmp_path, text.replace("charge=-1", "charge=0"), "wrong.extxyz")
    assert "frame 1 (line 1) has +0, its molecules (1sa1b) have -1" in " ".join(told_by("import", wrong).split())
    for read in (read_structures, lambda p: enter(p, library)):
        with pytest.raises(InputError, match=r"has \+0, its molecules \(1sa1b\) have -1"):
            read(wrong)
    assert "the charge is +0, but 1sa1b has -1" in told_by("audit", wrong)


def test_an_odd_number_of_electrons_is_no_neutral_cluster_by_default(tmp_path):
    path = written(tmp_path, "2\n\nO 0 0 0\nH 0 0 0.97\n")
    with pytest.raises(InputError, match="odd number of electrons with the charge 0.*--charge"):
        read_structures(path, library=MonomerLibrary(()))
    assert read_structures(path, charge=0, library=MonomerLibrary(())).charge.tolist() == [0]


# ---- energies -------------------------------------------------------------------------------------------


def test_a_unit_in_the_comment_is_heeded(library):
    path = DATA / "13-comment-energy-in-kcalmol" / "binding.xyz"
    c = read_any(path)
    np.testing.assert_allclose(c.energy / KCAL_PER_MOL, [-18.38, -17.38, -16.38], rtol=1e-12)
    assert c.energy[0] == pytest.approx(-0.797, abs=1e-3)
    entry = enter(path, library, stage="dedupe")
    assert len(entry.clusters) == 3 and any("kcal/mol" in note for note in entry.notes)


@pytest.mark.parametrize(
    "comment, electronvolts",
    [
        ("        -5.07054441 !CONF1", -5.07054441 * HARTREE),
        ("  -76.43212345  ! CONF3  (censo)", -76.43212345 * HARTREE),
        ("-5.07D+00", -5.07 * HARTREE),
        (" energy: -5.0705 gnorm: 0.0005 xtb: 6.5.1 (8d0cbdd)", -5.0705 * HARTREE),
        ("Coordinates from ORCA-job w_opt E -76.323000", -76.323 * HARTREE),
        (" i =        5, time =        2.500, E =       -17.2208", -17.2208 * HARTREE),
        ("-76.4 Eh", -76.4 * HARTREE),
        ("E = -76.4 Hartree", -76.4 * HARTREE),
        ("Energy (eV): -2080.5", -2080.5),
        ("-47941.6 kcal/mol", -47941.6 * KCAL_PER_MOL),
        ("-200587.2 kJ mol-1", -200587.2 * KCAL_PER_MOL / 4.184),
        ("-76.4  0.53 kcal/mol above the lowest", -76.4 * HARTREE),
        ("Energy:   -567.15189006", np.nan),  # ABCluster: kJ/mol, which it does not say
        ("energy=-76.4", np.nan),
        ("-12.3", np.nan),
        ("-2080.5", np.nan),
        ("-5.07 relative to the monomers", np.nan),
        ("-0.5 eV/atom", np.nan),
        ("3 waters", np.nan),
        ("0.000000", np.nan),
        ("-6.0", -6.0 * HARTREE),
    ],
)
def test_energies_in_comment_lines(tmp_path, comment, electronvolts):
    found = read_population(written(tmp_path, f"3\n{comment}\n{WATER}"))
    np.testing.assert_allclose(found.clusters.energy, [electronvolts], rtol=1e-12)
    said = any("not taken as" in note for note in found.notes)
    silent = comment in ("3 waters", "0.000000")
    assert said == (np.isnan(electronvolts) and not silent), found.notes


def test_energies_that_cannot_be_of_their_level(tmp_path, library):
    """B97-3c of two waters is -152.8 Hartree; under the name energy it is read as eV."""
    from sampler.levels import load_level

    water = load_level("gfn1-xtb").monomers["w"] / HARTREE
    head = "3\nProperties=species:S:1:pos:R:3 level=gfn1-xtb energy="
    path = written(tmp_path, f"{head}{water!r}\n{WATER}", "a.extxyz")
    output = told_by("import", path)
    assert "is not in eV but in Hartree" in " ".join(output.split())
    with pytest.raises(InputError, match="not one of gfn1-xtb"):
        enter(path, library)
    assert "energy_outlier" in told_by("audit", path)
    right = written(tmp_path, f"{head}{water * HARTREE!r}\n{WATER}", "b.extxyz")
    assert "lowest energy" in told_by("import", right)
    assert "nothing wrong found" in told_by("audit", right)


# ---- databases ------------------------------------------------------------------------------------------


def test_a_database_of_another_program_is_named_and_not_changed(tmp_path):
    path = tmp_path / "search.db"
    shutil.copy(DATA / "22-reading-changes-a-database" / "search.db", path)
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    for command in ("audit", "import"):
        words = " ".join(told_by(command, path, *(["--json"] if command == "audit" else [])).split())
        assert "is an SQLite database, but not ASE's: its tables are structures (id, ctime" in words
    with pytest.raises(FileFormatError, match="not ASE's"):
        read_structures(path)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before
    assert [p.name for p in tmp_path.iterdir()] == ["search.db"]


def ase_database(path: Path, wal: bool = False) -> None:
    import ase.db
    from ase import Atoms

    with ase.db.connect(path) as database:
        database.write(Atoms("OH2", [[0, 0, 0.119], [0, 0.763, -0.477], [0, -0.763, -0.477]]), name="w")
    if wal:
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.close()


def content_of(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir() if not p.name.endswith("-shm")}


def test_a_locked_database_is_called_locked(tmp_path):
    ase_database(tmp_path / "a.db")
    other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(FileFormatError, match="another program has locked"):
        read_any(tmp_path / "a.db")
    other.execute("ROLLBACK")
    other.close()
    assert read_any(tmp_path / "a.db").ids.tolist() == ["w"]


def test_side_files_of_a_database_neither_appear_nor_vanish(tmp_path):
    ase_database(tmp_path / "a.db", wal=True)
    before = content_of(tmp_path)
    assert read_any(tmp_path / "a.db").ids.tolist() == ["w"]
    assert content_of(tmp_path) == before and list(before) == ["a.db"]
    # a program that is still at work: what it has committed stands in the log only
    other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    other.execute("UPDATE text_key_values SET value='later'")
    other.execute('UPDATE systems SET key_value_pairs=\'{"name": "later"}\'')
    before = content_of(tmp_path)
    assert read_any(tmp_path / "a.db").ids.tolist() == ["later"]
    assert content_of(tmp_path) == before and "a.db-wal" in before
    other.close()


def test_a_journal_of_a_killed_program_stays(tmp_path):
    """SQLite would roll it back, which writes; a copy is rolled back instead."""
    ase_database(tmp_path / "a.db")
    whole = (tmp_path / "a.db").read_bytes()
    other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    other.execute("PRAGMA cache_size=1")
    other.execute("BEGIN")
    other.execute('UPDATE systems SET key_value_pairs=\'{"name": "half"}\'')
    for k in range(200):
        other.execute("INSERT INTO keys VALUES (?, 1)", ("x" * 500 + str(k),))
    journal = (tmp_path / "a.db-journal").read_bytes()
    torn = (tmp_path / "a.db").read_bytes()
    other.execute("ROLLBACK")
    other.close()
    assert torn != whole and len(journal) > 512
    folder = tmp_path / "killed"
    folder.mkdir()
    (folder / "a.db").write_bytes(torn)
    (folder / "a.db-journal").write_bytes(journal)
    before = content_of(folder)
    assert read_any(folder / "a.db").ids.tolist() == ["w"]
    assert content_of(folder) == before


# ---- text -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bom.xyz", "utf16.xyz"])
def test_windows_encodings(library, name):
    c = read_any(DATA / "23-windows-encodings" / name)
    assert [x.name(library) for x in recognise(c, library)] == ["1sa1am"]
    assert c.energy[0] == pytest.approx(-757.1 * HARTREE)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_ends_of_lines(tmp_path, encoding, end):
    text = f"3\n-76.4 Eh 20 °C in Å\n{WATER}".replace("\n", end)
    (tmp_path / "a.xyz").write_bytes(text.encode(encoding))
    assert read_any(tmp_path / "a.xyz").energy[0] == pytest.approx(-76.4 * HARTREE)


@pytest.mark.parametrize("name", ["header.xyz", "fortran.xyz", "labels.xyz"])
def test_variants_of_heads_numbers_and_labels(library, name):
    c = read_any(DATA / "33-header-and-number-variants" / name)
    assert [x.name(library) for x in recognise(c, library)] == ["1sa1am"]
    assert c.energy[0] == pytest.approx(-757.1 * HARTREE)


def test_a_head_in_bohr_is_converted(tmp_path):
    c = read_population(written(tmp_path, "2 bohr\n\nO 0 0 0\nH 0 0 1.8\n"))
    assert c.clusters.positions[1, 2] == pytest.approx(1.8 * BOHR) and "bohr" in c.notes[0]


@pytest.mark.parametrize(
    "text, told",
    [
        ("3\n\n" + WATER.replace("H", "D"), "line 4: 'D' is deuterium"),
        ("3\n\n" + WATER.replace("H", "T"), "line 4: 'T' is tritium"),
        ("3\n\n" + WATER.replace("H", "D1"), "line 4: 'D1' is deuterium"),
        ("3\n\n" + WATER.replace("H", "2H"), "line 4: '2H' is the isotope 2"),
        ("3\n\n" + WATER.replace("H", "H(iso=2)"), "line 4: .* is the isotope 2"),
        ("3\n\n" + WATER.replace("H", "HO4"), "line 4: 'HO4' is no chemical element"),
        ("3\n\n" + WATER.replace("0.119", "0,119"), "line 3: not three coordinates: .*decimal commas"),
        ("3 water\n1 O 0 0 0.119 1 2 3\n2 H 0 0.763 -0.477 2 1\n3 H 0 -0.763 -0.477 2 1\n", "XYZ file of Tinker"),
        (
            "3\nProperties=species:S:1:pos:R:3:masses:R:1\n" + columns(WATER, "m", "15.999", "2.014", "1.008"),
            r"frame 1 \(line 1\), atom 2: H of the mass 2.014 is an isotope",
        ),
    ],
)
def test_what_is_not_silently_taken_for_something_else(tmp_path, text, told):
    path = written(tmp_path, text)
    for read in (read_any, read_structures):
        with pytest.raises(FileFormatError, match=told):
            read(path)


def test_plain_masses_are_no_isotopes(tmp_path):
    head = "3\nProperties=species:S:1:pos:R:3:masses:R:1\n"
    for masses in (("15.999", "1.008", "1.008"), ("15.9949", "1.00783", "1.00783"), ("0", "0", "0")):
        assert len(read_any(written(tmp_path, head + columns(WATER, "m", *masses)))) == 1


def test_isotopes_in_databases_and_pickles_are_refused(tmp_path):
    import ase.db
    from ase import Atoms

    heavy = Atoms("OH2", [[0, 0, 0.119], [0, 0.763, -0.477], [0, -0.763, -0.477]], masses=[15.999, 2.014, 2.014])
    with ase.db.connect(tmp_path / "a.db") as database:
        database.write(heavy)
    heavy.write(tmp_path / "a.traj")
    for name in ("a.db", "a.traj"):
        with pytest.raises(FileFormatError, match="atom 2: H of the mass 2.014 is an isotope"):
            read_any(tmp_path / name)
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({("xyz", "structure"): [heavy], ("info", "file_basename"): ["1w"]})
    frame.columns = pd.MultiIndex.from_tuples(frame.columns)
    frame.to_pickle(tmp_path / "a.pkl")
    with pytest.raises(FileFormatError, match="row 0, atom 2: H of the mass 2.014 is an isotope"):
        read_any(tmp_path / "a.pkl")


# ---- molecule files of ABCluster and JKCS ---------------------------------------------------------------


def test_force_field_lines_are_left_aside(library):
    population = read_population(DATA / "24-force-field-xyz-of-jkcs" / "msa.xyz")
    assert [x.name(library) for x in recognise(population.clusters, library)] == ["1msa"]
    assert "force-field lines" in population.notes[0]


ION = (
    "6\nHSO4(1-)\n S 0 0 0\n O 0 0 1.49\n O 0 -1.405 -0.497\n O -1.217 0.702 -0.497\n O 1.2 0.693 -0.49\n"
    " H 1.984 0.241 -0.17\n(JPC) q epsilon sigma (kJ/mol)\n +2.4 1.05 3.55\n -1.1 1.05 3.15\n -1.1 1.05 3.15\n"
    " -1.1 1.05 3.15\n -0.53 1.05 3.15\n +0.43 0.19 0.4 # HGP1\n"
)


def test_force_field_charges_state_the_charge(tmp_path):
    from sampler.monomer_builder import embed

    path = written(tmp_path, ION)
    assert read_any(path).charge.tolist() == [-1]
    numbers, positions, charge = embed.from_xyz(path)
    assert numbers.tolist() == [16, 8, 8, 8, 8, 1] and positions.shape == (1, 6, 3) and charge == -1
    two = read_any(written(tmp_path, ION + ION))
    assert len(two) == 2 and two.charge.tolist() == [-1, -1]


def test_monomer_add_of_such_a_file(tmp_path):
    from sampler.monomer_builder import embed

    numbers, positions, charge = embed.from_xyz(DATA / "24-force-field-xyz-of-jkcs" / "msa.xyz")
    assert len(numbers) == 9 and positions.shape == (1, 9, 3) and charge == 0
    with pytest.raises(FileFormatError, match="line 4: 'D' is deuterium"):
        embed.from_xyz(written(tmp_path, "3\n\n" + WATER.replace("H", "D")))


def test_isotopes_in_a_smiles_string():
    pytest.importorskip("rdkit")
    from sampler.errors import MonomerError
    from sampler.monomer_builder import embed

    with pytest.raises(MonomerError, match="isotope 2H"):
        embed.from_smiles("[2H]O", 2, 1)


# ---- cells ----------------------------------------------------------------------------------------------


def test_a_wrapped_cluster_is_made_whole(tmp_path, library):
    path = DATA / "28-wrapped-into-a-cell" / "md.extxyz"
    population = read_population(path)
    assert "(20.00 × 20.00 × 20.00 Å) to make it whole" in population.notes[0]
    assert [x.name(library) for x in recognise(population.clusters, library)] == ["1sa1am"]
    assert "nothing wrong found" in told_by("audit", path)
    assert "0 broken" in told_by("import", path)


@pytest.mark.parametrize(
    "cell",
    [
        np.diag([14.0, 15.0, 16.0]),
        [[12.0, 0, 0], [6.0, 12.0, 0], [0, 0, 14.0]],
        [[14.0, 0, 0], [5, 13, 0], [-6, 4, 12]],
    ],
)
def test_made_whole_it_is_the_same_cluster(cell):
    from sampler.interop.cells import whole

    rng = np.random.default_rng(4)
    found = read_any(DATA / "33-header-and-number-variants" / "header.xyz")
    x, z, cell = found.positions, found.numbers, np.array(cell, float)
    for _ in range(20):
        moved = x + rng.uniform(-20, 20, 3)
        wrapped = ((moved @ np.linalg.inv(cell)) % 1.0) @ cell
        again, _ = whole(wrapped, z, cell, np.ones(3, bool))
        np.testing.assert_allclose(again - again[0], x - x[0], atol=1e-9)
    same, said = whole(x, z, cell, np.ones(3, bool))
    assert said == "" and same is x
    same, said = whole(wrapped, z, cell, np.zeros(3, bool))
    assert said == "" and same is wrapped


# ---- costs, and what is no file -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "comment", ["x" * 300_000, 'a="' * 100_000, "a={" * 100_000, "-7" * 150_000, "charge " * 40_000]
)
def test_a_long_comment_takes_no_time(tmp_path, comment):
    path = written(tmp_path, f"3\n{comment}\n{WATER}")
    start = time.process_time()
    assert len(read_any(path)) == 1
    assert time.process_time() - start < 3.0  # it took over two minutes


def test_a_value_too_long_to_keep_is_said(tmp_path):
    path = written(tmp_path, f"3\nProperties=species:S:1:pos:R:3 remark={'x' * 20_000}\n{WATER}")
    found = read_population(path)
    assert "remark" not in found.clusters.columns and "not kept: remark" in found.notes[0]


@pytest.mark.parametrize("name", ["a.xyz", "a.npz"])
def test_a_structure_without_end_is_refused_at_once(tmp_path, name):
    n = 20_000
    if name == "a.npz":
        Clusters.make([np.arange(3.0 * n).reshape(n, 3)], [[1] * n]).save(tmp_path / name)
    else:
        written(tmp_path, f"{n}\n\n" + "H 0 0 0\n" * n)
    start = time.process_time()
    with pytest.raises(FileFormatError, match="20000 atoms, more than the 5000"):
        read_any(tmp_path / name)
    assert time.process_time() - start < 3.0


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs POSIX pipes")
def test_a_pipe_is_no_file(tmp_path, library):
    os.mkfifo(tmp_path / "a.xyz")
    for read in (read_any, read_structures, lambda p: enter(p, library)):
        with pytest.raises(FileFormatError, match="a named pipe"):
            read(tmp_path / "a.xyz")
    assert "a named pipe" in told_by("import", tmp_path / "a.xyz").replace("\n", " ")
    found = json.loads(told_by("audit", tmp_path, "--json"))["findings"]
    assert [f["check"] for f in found] == ["unreadable"] and "a named pipe" in found[0]["message"]
    with pytest.raises(FileFormatError, match="a device"):
        read_any("/dev/null")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs POSIX pipes")
@pytest.mark.parametrize(
    "words, name",
    [
        (("thermo",), "a.json"),
        (("evaluate", "gfn1-xtb"), "a.npz"),
        (("run", "1w", "-p"), "a.toml"),
        (("screen", "--list"), "a.txt"),
        (("monomer", "add", "x", "--dry-run", "--xyz"), "a.xyz"),
        (("data", "info"), "a.npz"),
    ],
)
def test_a_pipe_does_not_stop_a_command_for_ever(tmp_path, words, name):
    os.mkfifo(tmp_path / name)
    assert "a named pipe" in " ".join(told_by(*words, tmp_path / name).split())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs POSIX pipes")
def test_a_folder_of_outputs_with_a_pipe_and_an_encoding(tmp_path):
    """The output that PowerShell wrote is read, the pipe beside it is no output."""
    from sampler.refine.orca import read_folder

    shutil.copy(DATA / "23-windows-encodings" / "outs" / "w.out", tmp_path / "w.out")
    os.mkfifo(tmp_path / "pipe.out")
    found = read_folder(tmp_path)
    assert [r.name for r in found.results] == ["w"] and found.results[0].finished
    assert "w" in told_by("import", "orca", tmp_path)


# ---- what other programs write --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head, comment, electronvolts",
    [
        ("3", "Properties=species:S:1:pos:R:3 energy=-76.4 energy_unit=Hartree", -76.4 * HARTREE),
        ("3", "Properties=species:S:1:pos:R:3 energy=-2080.0 energy_units=eV", -2080.0),
        ("3", "Properties=species:S:1:pos:R:3 energy=-47941.6 energy_unit=kcal/mol", -47941.6 * KCAL_PER_MOL),
        ("3", "Properties=species:S:1:pos:R:3 energy=-1.0 energy_unit=furlong", np.nan),
    ],
)
def test_a_unit_beside_an_energy_is_heeded(tmp_path, head, comment, electronvolts):
    found = read_population(written(tmp_path, f"{head}\n{comment}\n{WATER}"))
    np.testing.assert_allclose(found.clusters.energy, [electronvolts], rtol=1e-12)
    assert not found.clusters.columns and bool(found.notes) == ("energy_units=eV" not in comment)


def test_types_of_lammps_are_no_elements(tmp_path):
    types = WATER.replace("O", "1").replace("H", "2")
    with pytest.raises(FileFormatError, match="line 3: LAMMPS wrote the types of its atoms, '1'"):
        read_any(written(tmp_path, f"3\nAtoms. Timestep: 1000\n{types}"))
    assert read_any(written(tmp_path, "1\n\n8 0 0 0\n")).numbers.tolist() == [8]


def test_a_molden_file_is_named(tmp_path):
    with pytest.raises(FileFormatError, match="is a Molden file"):
        read_any(written(tmp_path, "[Molden Format]\n[Atoms] AU\nO 1 8 0 0 0\n"))


def test_files_that_only_ase_reads(tmp_path):
    """A POSCAR that is wrapped, and an input of Gaussian, which states its charge."""
    poscar = "water\n1.0\n12 0 0\n0 12 0\n0 0 12\nO H\n1 2\nCartesian\n0 0 11.9\n0 0.763 11.3\n0 11.237 11.3\n"
    c = read_any(written(tmp_path, poscar, "a.vasp"))
    assert np.linalg.norm(c.positions[1:] - c.positions[0], axis=1).max() < 1.0
    nitrate = NITRATE.replace(" 0 0 0\n", " 0.0 0.0 0.0\n").replace(" 0\n", " 0.0\n").replace(" 0 ", " 0.0 ")
    route = f"#p b3lyp/6-31g*\n\nnitrate\n\n-1 1\n{nitrate}\n"
    assert read_any(written(tmp_path, route, "a.gjf")).charge.tolist() == [-1]
    assert read_population(tmp_path / "a.gjf").charge_stated.tolist() == [True]


def test_a_charge_in_a_trajectory_of_ase(tmp_path):
    import ase.io

    ion = ase.io.read(DATA / "09-ase-initial-charges" / "ion.extxyz")
    ion.write(tmp_path / "a.traj")
    assert read_any(tmp_path / "a.traj").charge.tolist() == [-1]
    assert Clusters.from_ase([ion]).charge.tolist() == [-1]


def test_a_broken_frame_has_the_charge_of_the_others(tmp_path, library):
    """Along a trajectory of an anion a molecule falls apart: its charge does not change."""
    whole = read_any(DATA / "09-ase-initial-charges" / "ion.extxyz")
    far = whole.positions.copy()
    far[whole.numbers == 1] += [[0, 0, 4.0]]
    both = Clusters.make([whole.positions, far], [whole.numbers] * 2)
    write_any(both, tmp_path / "a.extxyz")
    silent = written(tmp_path, (tmp_path / "a.extxyz").read_text().replace("charge=0", ""), "b.extxyz")
    assert recognise(both, library)[1] is None
    notes: list[str] = []
    assert read_structures(silent, note=notes.append).charge.tolist() == [-1, -1]
    assert any("taken from others with the same atoms: -1 for frame 2" in note for note in notes)
