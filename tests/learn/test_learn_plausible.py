"""Labels of others are held against what is known of their level: units, signs, single outliers."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from sampler.cli.app import app
from sampler.errors import InputError
from sampler.learn.labels.dataset import LabelSet, binding_energies
from sampler.learn.labels.importing import Columns, import_extxyz
from sampler.learn.labels.plausible import ENERGY_UNITS, PER_ATOM, Units, _force_units, examine
from sampler.monomers import MonomerLibrary
from sampler.potentials import get_potential
from sampler.resources import path
from sampler.units import BOHR, KCAL_PER_MOL

pytestmark = pytest.mark.once

DATA = Path(__file__).parents[1] / "data"
ENERGY_FILE = DATA / "import-energy-unit" / "frames.extxyz"  # Eh and Eh/bohr, GFN1-xTB
BOHR_FILE, GRADIENT_FILE = (DATA / "import-lengths-and-sign" / f"{n}.extxyz" for n in ("bohr", "gradient"))
OUTLIER_FILE = DATA / "force-outlier" / "frames.extxyz"
TWICE_FILE = DATA / "trained-on-and-validated-on" / "twice.extxyz"
LIBRARY = MonomerLibrary.load()
RIGHT = {"energy": "energy", "energy_unit": "Eh", "forces": "forces", "length_unit": "bohr"}


def sampler(*words):
    return CliRunner().invoke(app, [str(w) for w in words])


def take(file, unchecked=False, **changes):
    return import_extxyz(file, "gfn1-xtb", LIBRARY, ("sa", "am"), Columns(**(RIGHT | changes)), unchecked)


def test_what_is_right_is_taken_without_a_word_and_is_what_gfn1_xtb_says():
    made = take(ENERGY_FILE)
    assert made.remarks == () and len(made.labels) == 6
    found = get_potential("gfn1-xtb").evaluate(made.labels.clusters)
    assert np.abs(found.energy - made.labels.clusters.energy).max() < 1e-4
    assert np.abs(found.forces - made.labels.clusters.forces).max() < 1e-3
    binding = binding_energies(found.energy, made.labels.compositions, made.labels.references, LIBRARY) / KCAL_PER_MOL
    assert binding.min() == pytest.approx(-15.7, abs=0.1) and binding.max() == pytest.approx(33.5, abs=0.1)


def test_hartree_read_as_ev_is_refused_with_both_units():
    with pytest.raises(InputError, match="they fit Eh: --energy-unit Eh; .*they fit Eh/bohr: --forces-unit Eh/bohr"):
        take(ENERGY_FILE, energy_unit="eV", length_unit="A")
    words = ["--level", "gfn1-xtb", "--molecules", "sa,am", "--energy", "energy", "--forces", "forces"]
    done = sampler("data", "import", ENERGY_FILE, "-o", "unwritten.npz", *words)
    assert done.exit_code != 0 and not Path("unwritten.npz").exists()


def test_coordinates_in_bohr_are_named_and_can_be_read():
    with pytest.raises(InputError, match=r"6 of 6 do with coordinates in bohr: --coordinates bohr"):
        take(BOHR_FILE)
    made = take(BOHR_FILE, coordinates="bohr")
    same = take(ENERGY_FILE).labels.clusters
    assert np.abs(made.labels.clusters.positions - same.positions).max() < 1e-6 and made.remarks == ()


def test_gradients_under_the_name_of_forces():
    with pytest.raises(InputError, match="180 degrees apart on 5 structures.: they are gradients: --gradient"):
        take(GRADIENT_FILE)
    made = take(GRADIENT_FILE, gradient=True)
    assert np.allclose(made.labels.clusters.forces, take(ENERGY_FILE).labels.clusters.forces)
    with pytest.raises(InputError, match="forces under the name of gradients: leave --gradient out"):
        take(ENERGY_FILE, gradient=True)


def test_a_single_force_that_is_far_too_large_is_left_out_and_said(tmp_path):
    made = take(OUTLIER_FILE, energy_unit="eV", length_unit="A")
    assert len(made.labels) == 11 and "1 structures with forces above 12 eV/Å are left out" in made.remarks[0]
    norm = np.linalg.norm(made.labels.clusters.forces, axis=1)
    assert norm.max() < 12
    every = take(OUTLIER_FILE, energy_unit="eV", length_unit="A", unchecked=True)
    assert len(every.labels) == 11  # --unchecked takes what is refused; a torn structure is left out as ever
    # a set that has it all the same: train says so
    c = made.labels.clusters
    forces = c.forces.copy()
    forces[c.atoms_of(3)] *= 1e4
    LabelSet(c.replace(forces=forces), made.labels.references).save(tmp_path / "bad.npz")
    small = ["--set", "n_atom_basis=8", "--set", "n_interactions=1", "--epochs", 1, "--recipe", "quick", "-q"]
    done = sampler("train", tmp_path / "bad.npz", "-o", tmp_path / "m", *small)
    assert done.exit_code == 0 and "1 structures have forces above 12 eV/Å (largest" in done.output, done.output


def test_a_frame_that_occurs_twice_is_taken_once():
    made = take(TWICE_FILE)
    assert len(made.labels) == 6 and "1 copies of other frames are left out" in made.remarks[0]


def _write(file: Path, energy: float, force: float, stretch: float, rng) -> None:
    """Real GFN1-xTB labels in other units, each frame turned at random."""
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.io import write

    c = take(ENERGY_FILE).labels.clusters
    frames = []
    for i in range(len(c)):
        a, (q, _) = c.atoms_of(i), np.linalg.qr(rng.normal(size=(3, 3)))
        frame = Atoms(c.numbers[a], c.positions[a] @ q.T / stretch)
        frame.calc = SinglePointCalculator(frame, energy=c.energy[i] / energy, forces=c.forces[a] @ q.T / force)
        frames.append(frame)
    write(file, frames, format="extxyz")


@given(
    real=st.sampled_from(sorted(ENERGY_UNITS)), read=st.sampled_from(sorted(ENERGY_UNITS)),
    force=st.sampled_from(sorted(_force_units())), sign=st.sampled_from([1, -1]), seed=st.integers(0, 2**31),
)  # fmt: skip
@settings(max_examples=15, deadline=None)
def test_any_unit_read_as_any_other_is_refused_by_name_and_the_right_ones_are_not(
    tmp_path_factory, real, read, force, sign, seed
):
    file = tmp_path_factory.mktemp("units") / "f.xyz"
    _write(file, ENERGY_UNITS[real], sign * _force_units()[force], 1.0, np.random.default_rng(seed))
    how = {
        "energy": "energy",
        "forces": "forces",
        "energy_unit": read,
        "forces_unit": "eV/A",
        "length_unit": "A",
    }
    wrong = [f"--energy-unit {real}"] if real != read else []
    wrong += [f"--forces-unit {force}"] if force != "eV/A" else []
    wrong += ["gradients: --gradient"] if sign < 0 else []
    if wrong:
        with pytest.raises(InputError) as told:
            import_extxyz(file, "gfn1-xtb", LIBRARY, ("sa", "am"), Columns(**how))
        assert all(w in str(told.value) for w in wrong), (wrong, str(told.value))
    how |= {"energy_unit": real, "forces_unit": force, "gradient": sign < 0}
    made = import_extxyz(file, "gfn1-xtb", LIBRARY, ("sa", "am"), Columns(**how))
    assert made.remarks == () and len(made.labels) == 6


@pytest.mark.parametrize("unit, factor", [("nm", 10.0), ("pm", 0.01), ("bohr", BOHR)])
def test_other_lengths_are_named(tmp_path, unit, factor):
    _write(tmp_path / "f.xyz", 1.0, 1.0, factor, np.random.default_rng(1))
    how = {"energy": "energy", "forces": "forces"}
    with pytest.raises(InputError, match=f"coordinates in {unit}: --coordinates {unit}"):
        import_extxyz(tmp_path / "f.xyz", "gfn1-xtb", LIBRARY, ("sa", "am"), Columns(**how))
    columns = Columns(**how, coordinates=unit)
    assert import_extxyz(tmp_path / "f.xyz", "gfn1-xtb", LIBRARY, ("sa", "am"), columns).remarks == ()


def test_another_level_and_other_kinds_of_energies_are_named(tmp_path):
    labels = take(ENERGY_FILE).labels
    c = labels.clusters
    binding = binding_energies(c.energy, labels.compositions, labels.references, LIBRARY)
    from sampler.levels import load_level

    b97 = load_level("b97-3c@orca5").monomers
    moved = LabelSet(c.replace(energy=binding + b97["sa"] + b97["am"]), labels.references)
    (fault,) = examine(moved, LIBRARY, Units()).faults
    assert "they fit --level b97-3c@" in fault
    (fault,) = examine(LabelSet(c.replace(energy=binding), labels.references), LIBRARY, Units()).faults
    assert "binding, relative or atomisation energies" in fault
    (fault,) = examine(LabelSet(c.replace(forces=0 * c.forces), labels.references), LIBRARY, Units()).faults
    assert fault == "all forces are 0"
    energy = c.energy.copy()
    energy[2] *= 1.2
    found = examine(LabelSet(c.replace(energy=energy), labels.references), LIBRARY, Units())
    assert found.kept.tolist() == [True, True, False, True, True, True] and "are left out" in found.remarks[0]


@pytest.mark.parametrize("name", ["b97-3c_sa_am_dma_w", "b97-3c_sa_am_dma_w_more"])
def test_shipped_labels_are_plausible_whatever_part_is_looked_at(name):
    """Real B97-3c labels, dynamics, torn ones and minima, against GFN1-xTB: nothing right is refused."""
    labels = LabelSet.load(path("data", "training", f"{name}.npz"))
    whole = labels.clusters.natoms
    binding = binding_energies(labels.clusters.energy, labels.compositions, labels.references, LIBRARY) / whole
    assert PER_ATOM[0] < binding.min() and binding.max() < PER_ATOM[1]
    rng, small = np.random.default_rng(8), np.flatnonzero(whole <= 24)
    for _ in range(6):
        part = labels.subset(rng.choice(small, 10, replace=False))
        assert examine(part, LIBRARY, Units()).faults == ()
        turned = LabelSet(part.clusters.replace(forces=-part.clusters.forces), part.references)
        assert "--gradient" in examine(turned, LIBRARY, Units()).faults[0]


def test_real_orca_frames_are_taken_as_they_are(reference):
    file = reference / "sa_am" / "orca503_b973c_engrad" / "sa4am4_b973c_engrad.extxyz"
    columns = Columns("b973c_electronic_energy_Eh", "Eh", "b973c_gradient_Eh_per_bohr", "bohr", gradient=True)
    made = import_extxyz(file, "b97-3c@orca5", LIBRARY, ("sa", "am"), columns)
    assert len(made.labels) == 20 and made.remarks == ()
