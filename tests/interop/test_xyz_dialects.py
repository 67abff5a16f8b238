"""XYZ files as other programs write them, read as these programs mean them."""

import bz2
import gzip
import lzma

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.errors import FileFormatError, InputError
from sampler.interop import read_any, read_population
from sampler.interop.molecules import read_known, with_molecules
from sampler.interop.xyz import write_extxyz
from sampler.monomers import MonomerLibrary
from sampler.potentials import get_potential
from sampler.units import BOHR, HARTREE, KCAL_PER_MOL


@pytest.fixture(scope="module")
def water():
    one = MonomerLibrary.load()["w"]
    energy = get_potential("gfn1-xtb").evaluate(Clusters.make([one.conformers[0].positions], [one.numbers])).energy[0]
    lines = [" ".join([s, *map(repr, x)]) for s, x in zip("OHH", one.conformers[0].positions.tolist())]
    return lines, float(energy)


def frame(comment, lines):
    return "\n".join([str(len(lines)), comment, *lines]) + "\n"


def test_orca_separates_the_frames_of_allxyz(tmp_path, water):
    lines, energy = water
    one = frame(f"{energy / HARTREE:.8f}", lines)
    path = tmp_path / "scan.allxyz"
    path.write_text(">\n".join([one] * 3))
    found = read_any(path)
    assert len(found) == 3
    np.testing.assert_allclose(found.energy, energy, atol=1e-6)
    (tmp_path / "cut.allxyz").write_text(frame("", lines).replace(lines[1], ">"))
    with pytest.raises(FileFormatError, match="line 4"):
        read_any(tmp_path / "cut.allxyz")


@pytest.mark.parametrize("comment", [" SCF done  {:.8f}", " energy: {:.8f} gnorm: 0.0004 xtb: 6.6.1 (8d0f1dd)"])
def test_comments_of_xtb(tmp_path, water, comment):
    lines, energy = water
    path = tmp_path / "xtbopt.xyz"
    path.write_text(frame(comment.format(energy / HARTREE), lines))
    assert read_any(path).energy[0] == pytest.approx(energy, abs=1e-6)


def test_atomic_numbers_in_place_of_species(tmp_path, water):
    from ase.io import read

    lines, energy = water
    numbers = [line.replace("O", "8").replace("H", "1") for line in lines]
    path = tmp_path / "quip.extxyz"
    path.write_text(frame(f'Properties=Z:I:1:pos:R:3 energy={energy} pbc="F F F"', numbers))
    found = read_any(path)
    theirs = read(path)
    assert found.numbers.tolist() == theirs.arrays["numbers"].tolist() == [8, 1, 1]
    np.testing.assert_allclose(found.positions, theirs.positions, atol=1e-8)


EXTENDED = 'Properties=species:S:1:pos:R:3 pbc="F F F"'


def test_numbers_in_quotes_are_numbers(tmp_path, water):
    from ase.io import read

    lines, energy = water
    path = tmp_path / "quoted.extxyz"
    path.write_text(frame(f'{EXTENDED} energy="{energy!r}"', lines))
    assert read_any(path).energy[0] == read(path).get_potential_energy() == energy


def test_energies_of_mace_are_chosen_with_their_unit(tmp_path, water):
    lines, energy = water
    path = tmp_path / "mace.extxyz"
    forces = [f"{line} 0.1 -0.2 0.3" for line in lines]
    head = f'Properties=species:S:1:pos:R:3:REF_forces:R:3 REF_energy={energy / HARTREE!r} pbc="F F F"'
    path.write_text(frame(head, forces))
    found = read_population(path)
    assert np.isnan(found.clusters.energy).all()
    assert any("REF_energy" in note and "--energy REF_energy:eV" in note for note in found.notes), found.notes
    chosen = read_any(path, energy_key="REF_energy:Eh", forces_key="REF_forces:Eh_per_bohr")
    assert chosen.energy[0] == pytest.approx(energy)
    np.testing.assert_allclose(chosen.forces[0], np.array([0.1, -0.2, 0.3]) * HARTREE / BOHR)
    for key in ("REF_energy", "REF_energy:furlong"):
        with pytest.raises(InputError, match=":eV"):
            read_any(path, energy_key=key)


@pytest.mark.parametrize(("unit", "hint"), [(HARTREE, True), (KCAL_PER_MOL, False), (None, False)])
def test_an_energy_that_cannot_be_in_electronvolt_is_remarked(tmp_path, water, unit, hint):
    lines, energy = water
    path = tmp_path / "energies.extxyz"
    path.write_text(frame(f"{EXTENDED} energy={energy / unit if unit else -0.95!r}", lines))
    (note,) = read_population(path).notes
    assert "cannot be the total energy of its atoms in eV" in note
    assert ("--energy energy:Eh" in note) == hint
    path.write_text(frame(f"{EXTENDED} energy={energy!r}", lines))
    assert read_population(path).notes == ()


def test_coordinates_in_bohr_are_named(tmp_path):
    library = MonomerLibrary.load()
    acid, positions = library["sa"], library["sa"].conformers[0].positions
    path = tmp_path / "acid.xyz"
    write_extxyz(Clusters.make([positions / BOHR], [acid.numbers]), path)
    (note,) = with_molecules(read_population(path), library).notes
    assert "bohr" in note
    with pytest.raises(InputError, match="bohr"):
        read_known(path, library)
    write_extxyz(Clusters.make([positions * 1.4], [acid.numbers]), path)
    assert not any("bohr" in n for n in with_molecules(read_population(path), library).notes)


@pytest.mark.parametrize("written", ["np.float64({})", "{}", '"np.float64({})"'])
def test_numbers_as_numpy_2_shows_them(tmp_path, water, written):
    lines, energy = water
    path = tmp_path / "numpy.extxyz"
    path.write_text(frame(f"{EXTENDED} energy={written.format(repr(energy))}", lines))
    assert read_any(path).energy[0] == energy


def test_a_level_in_another_spelling_is_the_same_level(tmp_path, water):
    lines, energy = water
    path = tmp_path / "w.extxyz"
    path.write_text(
        frame(f"{EXTENDED} energy={energy}", lines) + frame(f"{EXTENDED} energy={energy} level=GFN1-XTB", lines)
    )
    found = read_any(path, level="GFN1-xTB")
    assert found.level == "gfn1-xtb" and len(found) == 2
    assert read_any(path, level="gfn1-xtb").level == "gfn1-xtb"


@pytest.mark.parametrize(
    ("pack", "name"), [(gzip.compress, "gunzip"), (bz2.compress, "bunzip2"), (lzma.compress, "unxz")]
)
@pytest.mark.parametrize("ending", [".xyz.gz", ".xyz", ".pkl", ".db", ".out"])
def test_compressed_files_are_named(tmp_path, water, pack, name, ending):
    lines, _ = water
    path = tmp_path / f"a{ending}"
    path.write_bytes(pack(frame("", lines).encode()))
    with pytest.raises(FileFormatError, match=f"is compressed .*: {name} "):
        read_any(path)
    if ending == ".out":
        from sampler.refine.orca import read_output

        with pytest.raises(FileFormatError, match="is compressed"):
            read_output(path)


@pytest.mark.parametrize(
    ("symbols", "key", "high"),
    [
        ("OO", "spin=3", True), ("OO", "spin=2", True), ("OO", "multiplicity=1", False), ("OO", "spin=0", False),
        ("NO", "multiplicity=2", False), ("NO", "spin=1", False), ("NO", "mult=4", True), ("OO", "spin=up", False),
    ],
)  # fmt: skip
def test_a_stated_high_spin_is_not_computed_as_a_closed_shell(tmp_path, symbols, key, high):
    path = tmp_path / "spin.extxyz"
    path.write_text(frame(f"{EXTENDED} charge=0 {key}", [f"{symbols[0]} 0 0 0", f"{symbols[1]} 0 0 1.1"]))
    library = MonomerLibrary.load()
    notes = with_molecules(read_population(path), library).notes
    assert any("high spin" in note for note in notes) == high, notes
    if high:
        with pytest.raises(InputError, match="high spin"):
            read_known(path, library)
    else:
        read_known(path, library)
