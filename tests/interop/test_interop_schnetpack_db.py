"""Databases of SchNetPack, made and read back by SchNetPack itself, in any of its units."""

import numpy as np
import pytest

from sampler.errors import FileFormatError, InputError
from sampler.interop import read_any, read_population
from sampler.interop.schnetpack_db import labels
from sampler.monomers import MonomerLibrary
from sampler.units import BOHR, HARTREE, KCAL_PER_MOL


def water():
    one = MonomerLibrary.load()["w"]
    return one.numbers, one.conformers[0].positions


def database(path, length, units, properties, positions):
    """As SchNetPack lays it out."""
    from ase import Atoms
    from ase.db import connect

    numbers, _ = water()
    with connect(str(path), type="db", use_lock_file=False) as made:
        made.metadata = {"_distance_unit": length, "_property_unit_dict": units, "atomrefs": {}}
        for p in properties:
            made.write(Atoms(numbers, positions), data={k: np.asarray(v, float) for k, v in p.items()})


@pytest.mark.parametrize(
    ("length", "energy", "angstrom", "electronvolt"),
    [("Ang", "eV", 1.0, 1.0), ("Bohr", "Hartree", BOHR, HARTREE), ("Ang", "kcal/mol", 1.0, KCAL_PER_MOL)],
)
def test_units_are_those_that_schnetpack_reads(tmp_path, length, energy, angstrom, electronvolt):
    data = pytest.importorskip("schnetpack.data")
    from ase import Atoms

    numbers, positions = water()
    path = tmp_path / "labels.db"
    units = {"energy": energy, "forces": f"{energy}/{length}"}
    made = data.ASEAtomsData.create(str(path), distance_unit=length, property_unit_dict=units)
    forces = np.arange(9.0).reshape(3, 3) / 100
    made.add_systems(
        property_list=[{"energy": np.array([-5.77 * HARTREE / electronvolt]), "forces": forces}],
        atoms_list=[Atoms(numbers, positions / angstrom)],
    )
    theirs = data.ASEAtomsData(
        str(path), distance_unit="Ang", property_units={"energy": "eV", "forces": "eV/Ang"}
    )[0]  # fmt: skip
    ours = read_any(path)
    print(ours.energy, theirs["energy"])
    assert ours.energy[0] == pytest.approx(float(theirs["energy"]), rel=1e-6)
    np.testing.assert_allclose(ours.forces, theirs["forces"].numpy(), rtol=1e-6)
    np.testing.assert_allclose(ours.positions, theirs["_positions"].numpy(), atol=1e-6)
    np.testing.assert_allclose(ours.positions, positions, atol=1e-6)


def test_several_energies_are_not_guessed(tmp_path):
    _, positions = water()
    path = tmp_path / "many.db"
    units = {"U0": "Hartree", "G": "Hartree", "mu": "Debye"}
    database(path, "Ang", units, [{"U0": [-76.4], "G": [-76.3], "mu": [1.85]}], positions)
    found = read_population(path)
    assert np.isnan(found.clusters.energy).all()
    assert any("choose one (--energy): G, U0" in note for note in found.notes), found.notes
    assert any("not kept: mu" in note for note in found.notes)
    assert read_any(path, energy_key="G").energy[0] == pytest.approx(-76.3 * HARTREE)
    with pytest.raises(InputError, match="mu"):
        read_any(path, energy_key="mu")


def test_a_unit_that_is_not_known(tmp_path):
    with pytest.raises(FileFormatError, match="'furlong'"):
        labels({"_distance_unit": "furlong"}, tmp_path / "x.db")
    strange = labels({"_distance_unit": "Ang", "_property_unit_dict": {"energy": "1.0", "forces": "N"}}, tmp_path)
    assert strange.energies == {} and strange.forces is None and strange.others == ("energy", "forces")
    assert labels({}, tmp_path) is None


@pytest.mark.parametrize(("data", "charge", "stated"), [
    ({"charge": -1, "spin": 1}, -1, True), ({"charge": np.array([-1.0])}, -1, True), ({"charge": [0.1, -0.1, 0.0]}, 0, False),
])  # fmt: skip
def test_a_charge_among_the_data_of_a_row(tmp_path, data, charge, stated):
    # a molecule that the library does not know: nothing but the file can tell
    from ase import Atoms
    from ase.db import connect

    path = tmp_path / "omol.db"
    with connect(str(path), type="db", use_lock_file=False) as made:
        made.write(Atoms("NO2", [(0, 0, 0), (1.1, 0.6, 0), (-1.1, 0.6, 0)]), data=data)
    found = read_population(path)
    assert found.clusters.charge.tolist() == [charge] and found.charge_stated.tolist() == [stated]
