"""Files of other programs: nothing lost on the way there and back, and one clear line for what cannot be read."""

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.composition import Composition
from sampler.errors import FileFormatError, InputError, LevelError
from sampler.interop import enter, read_any, read_population, write_any
from sampler.monomers import MonomerLibrary
from sampler.units import BOHR, HARTREE

WATER = np.array([[0.0, 0.0, 0.1], [0.76, 0.0, -0.48], [-0.76, 0.0, -0.48]])


@pytest.fixture(scope="module")
def library():
    return MonomerLibrary.load()


def population(forces=True) -> Clusters:
    rng = np.random.default_rng(1)
    dimer = np.vstack([WATER, WATER + [0.1, 0.2, 2.9]])
    return Clusters.make(
        [WATER + rng.normal(size=(3, 3)) / 300, dimer + rng.normal(size=(6, 3)) / 300, WATER],
        [[8, 1, 1], [8, 1, 1] * 2, [8, 1, 1]],
        charge=[0, 0, -1],
        ids=["0007", "0007_0123", "2w-1"],  # int("0007_0123") is 70123 in Python
        energy=[-2078.1234567890123, np.nan, -1 / 3],
        forces=[rng.normal(size=(n, 3)) for n in (3, 6, 3)] if forces else None,
        level="b97-3c@orca5",
        columns={
            "steps": np.array([1, 20, -3]),
            "gap": np.array([1.0, np.nan, 1e-7]),
            "converged": np.array([True, False, True]),
            "state": np.array(["2 HSO4⁻ · 2 NH4⁺", 'a "b" \\n c=1', "12"]),
            "log:enthalpy_energy": np.array([1.5, 2.5, 3.0]),
            "log:modes:json": np.array(["[1.0, 2.0]", "", "[-3.5]"]),
        },
    )


def assert_same(a: Clusters, b: Clusters) -> None:
    np.testing.assert_array_equal(a.positions, b.positions)
    np.testing.assert_array_equal(a.numbers, b.numbers)
    np.testing.assert_array_equal(a.ptr, b.ptr)
    np.testing.assert_allclose(a.energy, b.energy, rtol=3e-16)
    assert (a.forces is None) == (b.forces is None)
    if a.forces is not None:
        np.testing.assert_allclose(a.forces, b.forces, rtol=5e-16)
    assert (a.ids.tolist(), a.charge.tolist(), a.level) == (b.ids.tolist(), b.charge.tolist(), b.level)
    assert list(sorted(a.columns)) == list(sorted(b.columns))
    for name, values in a.columns.items():
        assert values.dtype.kind == b.columns[name].dtype.kind, name
        np.testing.assert_array_equal(values, b.columns[name], err_msg=name)


@pytest.mark.parametrize("name", ["a.npz", "a.extxyz", "a.xyz", "a.db", "a.pkl", "crest_conformers.xyz"])
@pytest.mark.parametrize("forces", [True, False])
def test_round_trip_loses_nothing(tmp_path, name, forces):
    if name == "a.pkl":
        pytest.importorskip("pandas")
    clusters = population(forces)
    if forces and name.startswith("crest"):
        with pytest.raises(InputError, match="cannot hold forces"):
            write_any(clusters, tmp_path / name)
        write_any(clusters, tmp_path / name, forces=False)
        assert_same(clusters.replace(forces=None), read_any(tmp_path / name))
        return
    write_any(clusters, tmp_path / name)
    assert_same(clusters, read_any(tmp_path / name))
    again = tmp_path / f"again-{name}" if not name.startswith("crest") else tmp_path / "crest_again.xyz"
    write_any(read_any(tmp_path / name), again)
    assert_same(clusters, read_any(again))


def test_ase_reads_what_is_written(tmp_path):
    import ase.db
    import ase.io

    clusters = population()
    write_any(clusters, tmp_path / "a.extxyz")
    write_any(clusters, tmp_path / "a.db")
    frames = ase.io.read(tmp_path / "a.extxyz", ":")
    rows = list(ase.db.connect(tmp_path / "a.db").select(level="b97-3c@orca5"))
    assert len(frames) == 3 and len(rows) == 2  # the structure without energy has no level
    assert frames[0].get_potential_energy() == clusters.energy[0]
    np.testing.assert_array_equal(frames[1].get_forces(), clusters.forces[3:9])
    assert rows[0].energy == clusters.energy[0]
    np.testing.assert_array_equal(rows[0].forces, clusters.forces[:3])


def test_files_that_ase_wrote(tmp_path):
    import ase.db
    import ase.io
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator

    atoms = Atoms("OH2", WATER)
    atoms.calc = SinglePointCalculator(atoms, energy=-14.25, forces=WATER / 7)
    atoms.info |= {"name": "0042", "remark": "two words", "charge": 0}
    ase.io.write(tmp_path / "a.extxyz", [atoms, atoms], format="extxyz")
    with ase.db.connect(tmp_path / "a.db") as db:
        db.write(atoms, name="w0042", method="gfn2")
        db.write(Atoms("OH2", WATER))
    c = read_any(tmp_path / "a.extxyz", level="x")
    assert c.ids.tolist() == ["0042"] * 2 and c.level == "x" and c.energy.tolist() == [-14.25] * 2
    np.testing.assert_allclose(c.forces[:3], WATER / 7, atol=1e-8)  # ASE writes eight decimals
    assert c.columns["remark"].tolist() == ["two words"] * 2
    d = read_any(tmp_path / "a.db")
    assert d.ids.tolist() == ["w0042", "0002"] and d.columns["method"].tolist() == ["gfn2", ""]
    np.testing.assert_array_equal(d.energy, [-14.25, np.nan])
    np.testing.assert_array_equal(d.forces[:3], WATER / 7)


def test_crest_and_plain_xyz(tmp_path):
    body = "O 0 0 0.1\nh 0.76 0 -0.48\nH -0.76 0 -0.48 extra\n"
    (tmp_path / "a.xyz").write_text(
        f"  3\n        -5.07054441 !CONF1\n{body}3\n energy: -5.07 gnorm: 0.0005 xtb: 6.5.1\n{body}\n"
        f"3\n3 atoms, water\n{body}3\n\n{body}"
    )
    c = read_any(tmp_path / "a.xyz", charge=1)
    np.testing.assert_allclose(c.energy, [-5.07054441 * HARTREE, -5.07 * HARTREE, np.nan, np.nan], rtol=1e-15)
    assert c.level == "" and c.charge.tolist() == [1] * 4 and c.ids.tolist() == ["0000", "0001", "0002", "0003"]
    assert read_any(tmp_path / "a.xyz", level="gfn2-xtb").level == "gfn2-xtb"


def test_energies_and_gradients_by_name(tmp_path):
    (tmp_path / "a.extxyz").write_text(
        "3\nProperties=species:S:1:pos:R:3:dft_gradient_Eh_per_bohr:R:3 dft_energy_Eh=-76.5 low=-5.0 energy=-1.0\n"
        "O 0 0 0.1 0.1 0 0\nH 0.76 0 -0.48 -0.1 0 0\nH -0.76 0 -0.48 0 0 0.25\n"
    )
    keys = {"energy_key": "dft_energy_Eh", "forces_key": "dft_gradient_Eh_per_bohr"}
    c = read_any(tmp_path / "a.extxyz", level="dft", **keys)
    assert c.energy[0] == pytest.approx(-76.5 * 27.211386245988, rel=1e-15)
    np.testing.assert_allclose(c.forces[2], [0, 0, -0.25 * HARTREE / BOHR], rtol=1e-15)
    assert read_any(tmp_path / "a.extxyz").energy[0] == -1.0
    assert "dft_gradient_Eh_per_bohr" in read_population(tmp_path / "a.extxyz").notes[0]
    with pytest.raises(InputError, match="unit of 'low'"):
        read_any(tmp_path / "a.extxyz", energy_key="low")
    with pytest.raises(InputError, match="frame 1 has no number 'x_Eh'; numbers it has: dft_energy_Eh, low"):
        read_any(tmp_path / "a.extxyz", energy_key="x_Eh")


def test_real_orca_gradients(reference):
    """Forces and energies against an independent reading of the same numbers."""
    path = reference / "sa_am/orca503_b973c_engrad/sa4am4_b973c_engrad.extxyz"
    keys = {"energy_key": "b973c_electronic_energy_Eh", "forces_key": "b973c_gradient_Eh_per_bohr"}
    c = read_any(path, level="b97-3c@orca5", **keys)
    import ase.io

    frames = ase.io.read(path, ":")
    assert len(c) == len(frames) == 20 and c.ids[0] == frames[0].info["name"]
    theirs = [f.info["b973c_electronic_energy_Eh"] * 27.211386245988 for f in frames]
    np.testing.assert_allclose(c.energy, theirs, rtol=1e-15)
    gradient = np.concatenate([f.arrays["b973c_gradient_Eh_per_bohr"] for f in frames])
    np.testing.assert_allclose(c.forces, -gradient * 27.211386245988 / 0.529177210903, rtol=1e-12)


FRAME = "3\n-5.1\nO 0 0 0.1\nH 0.76 0 -0.48\nH -0.76 0 -0.48\n"


@pytest.mark.parametrize(
    "name, content, told",
    [
        ("a.xyz", "", "a.xyz is empty"),
        ("a.xyz", "\n \n", "a.xyz is empty"),
        ("a.xyz", FRAME + FRAME[:-18], "line 6: the frame ends after 2 of 3 atoms; the file is truncated"),
        ("a.xyz", FRAME + "3", "line 6: the frame ends after 0 of 3 atoms"),
        ("a.xyz", FRAME.replace("0.76", "0.7x"), "line 4: not three coordinates: '0.7x 0 -0.48'"),
        (
            "a.xyz",
            FRAME + FRAME.replace("0.76", "nan"),
            r"frame 2 \(line 6\), atom 2: a coordinate is not a finite number",
        ),
        ("a.xyz", FRAME.replace("O", "Qq"), "line 3: 'Qq' is no chemical element"),
        ("a.xyz", FRAME.replace("H 0.76 0", "H 0.76"), "line 4: 3 entries, expected 4"),
        ("a.xyz", FRAME + "hello\n", "line 6: expected a number of atoms, found 'hello'"),
        ("a.xyz", "%PDF-1.4", "of no known format; known: "),
        ("a.out", " * O   R   C   A *", "is an ORCA output without a geometry"),
        ("a.db", "SQLite format 3\0garbage", "truncated or not an ASE database"),
        ("a.npz", "PK\x03\x04garbage", "a.npz is empty, truncated"),
        ("a.pkl", "hello", "a.pkl is empty, truncated or not a pickle"),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path, name, content, told):
    (tmp_path / name).write_text(content)
    with pytest.raises(FileFormatError, match=told):
        read_any(tmp_path / name)


def test_levels_and_charges_are_not_guessed(tmp_path):
    path = tmp_path / "a.extxyz"
    atoms = "O 0 0 0.1\nH 0.76 0 -0.48\nH -0.76 0 -0.48\n"
    head = "3\nProperties=species:S:1:pos:R:3 energy=-1.0 "
    path.write_text(f"{head}level=a\n{atoms}{head}level=b charge=0\n{atoms}")
    with pytest.raises(LevelError, match=r"several levels of theory: a \(1\), b \(1\)"):
        read_any(path)
    assert len(read_any(path, level="b")) == 1
    with pytest.raises(InputError, match="states the charge \\+0, not \\+1"):
        read_any(path, charge=1)
    path.write_text(f"{head}level=a\n{atoms}{head}\n{atoms}")
    with pytest.raises(LevelError, match="not stated"):
        read_any(path)
    assert read_any(path, level="a").level == "a"
    path.write_text(f"{head}level=a\n{atoms}")
    with pytest.raises(LevelError, match="states the level a, not b"):
        read_any(path, level="b")


def test_write_errors(tmp_path):
    with pytest.raises(InputError, match="no structures"):
        write_any(Clusters.empty(), tmp_path / "a.xyz")
    with pytest.raises(InputError, match="no format has this ending"):
        write_any(population(), tmp_path / "a.cif")
    with pytest.raises(InputError, match="cannot be called level"):
        write_any(population().with_columns(level="x"), tmp_path / "a.xyz")


def test_enter_the_funnel(tmp_path, library):
    rng = np.random.default_rng(2)
    dimer = np.vstack([WATER, WATER + [0.0, 0.0, 2.9]])
    apart = np.vstack([WATER, WATER + [0.0, 0.0, 29.0]])
    clusters = Clusters.make(
        [dimer, dimer + rng.normal(size=(6, 3)) / 100, apart, WATER], [[8, 1, 1] * 2] * 3 + [[8, 1, 1]],
        ids=["x", "x", "far", "one"], energy=[-3.0, -2.9, -2.0, -1.0], level="toy",
        columns={"fate": np.array(["old"] * 4)},
    )  # fmt: skip
    write_any(clusters, tmp_path / "a.extxyz")
    two = Composition.parse("2w", library)
    with pytest.raises(InputError, match=r"2w \(3\), 1w \(1\); say which composition"):
        enter(tmp_path / "a.extxyz", library)
    entry = enter(tmp_path / "a.extxyz", library, two)
    assert entry.clusters.ids.tolist() == ["x", "x-2", "far"] and entry.left_out == {"one": "not 2w but 1w"}
    assert "renamed" in entry.notes[0] and "fate" not in entry.clusters.columns
    assert entry.clusters.columns["state"][0] == "2 H2O", entry.clusters.columns["state"]
    late = enter(tmp_path / "a.extxyz", library, two, stage="dedupe")
    assert late.clusters.ids.tolist() == ["x", "x-2"] and "evaporated" in late.left_out["far"]
    assert late.sha256 == enter(clusters, library, two, stage="dedupe").sha256 != entry.sha256
    moved = clusters.replace(positions=clusters.positions + [[0, 0, 1e-12]])
    assert enter(moved, library, two).sha256 != entry.sha256
    with pytest.raises(InputError, match="no energies, which dedupe needs"):
        enter(clusters.replace(energy=np.full(4, np.nan)), library, two, stage="dedupe")
    with pytest.raises(InputError, match="holds no 3w; it holds 2w"):
        enter(clusters, library, Composition.parse("3w", library))
    with pytest.raises(InputError, match="cannot enter at 'generate'"):
        enter(clusters, library, two, stage="generate")


def test_the_structures_of_a_run_keep_all_digits(tmp_path, library):
    """structures.xyz is written by the same writer: read back, positions and energies are the same bits."""
    from sampler.funnel.results import ranking, to_xyz

    rng = np.random.default_rng(3)
    numbers = np.array([8, 1, 1, 8, 1, 1])
    written = Clusters.make(
        [rng.normal(0, 2, (6, 3)) for _ in range(2)], [numbers, numbers], ids=["w-0007_0123", "w-0007_0124"],
        energy=[-310.123456789012345, -309.0], level="gfn1-xtb", forces=[rng.normal(size=(6, 3)), np.full((6, 3), np.nan)],
    ).with_columns(state=np.array(["2 H2O", "2 H2O"]))  # fmt: skip
    rows = ranking(written, Composition.parse("2w", library), library)
    path = tmp_path / "structures.xyz"
    path.write_text(to_xyz(written, rows), encoding="utf-8")
    assert "energy_eV=" in path.read_text() and "binding_energy_kcalmol=" in path.read_text()
    found = read_any(path)
    assert (found.positions == written.positions).all() and (found.energy == written.energy).all()
    assert found.ids.tolist() == written.ids.tolist() and found.level == "gfn1-xtb"
    assert found.columns["state"].tolist() == ["2 H2O", "2 H2O"]
    assert np.array_equal(found.forces, written.forces, equal_nan=True)
    from ase.io import read

    frames = read(path, ":", format="extxyz")
    assert [f.get_potential_energy() for f in frames] == written.energy.tolist()
    assert [f.info["level"] for f in frames] == ["gfn1-xtb"] * 2
    assert np.array_equal(frames[0].get_forces(), written.forces[:6]) and "forces" not in frames[1].calc.results
