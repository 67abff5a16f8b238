"""The adapter for ASE calculators, against ASE itself."""

from importlib.metadata import EntryPoint, EntryPoints

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.errors import PotentialError
from sampler.potentials import get_potential
from sampler.potentials.ase_adapter import ASEPotential


def morse(epsilon=1.0):
    from ase.calculators.morse import MorsePotential

    return MorsePotential(epsilon=epsilon, r0=2.0)


def charged(charge):
    """Energy is the charge, in eV; refuses a charge of 2."""
    from ase.calculators.calculator import Calculator, all_changes

    class Charged(Calculator):
        implemented_properties = ["energy", "forces"]

        def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
            super().calculate(atoms, properties, system_changes)
            if atoms.info["charge"] == 2:
                raise RuntimeError("two is too much")
            assert atoms.info["charge"] == charge
            self.results = {"energy": float(charge), "forces": np.zeros((len(atoms), 3))}

    return Charged()


@pytest.fixture
def installed(monkeypatch):
    points = EntryPoints(
        [
            EntryPoint("morse", f"{__name__}:morse", "sampler.calculators"),
            EntryPoint("broken", "no_such_module:thing", "sampler.calculators"),
        ]
    )
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: points.select(group=group))


def test_an_entry_point(installed):
    clusters = Clusters.make([np.eye(3) * 2, np.eye(4, 3) * 1.5], [np.full(3, 18), np.full(4, 18)])
    potential = get_potential("ase:Morse", epsilon=2.0)
    assert potential.level == "ase:morse"
    found = potential.evaluate(clusters)
    for i, atoms in enumerate(clusters.to_ase()):
        atoms.calc = morse(2.0)
        assert found.energy[i] == pytest.approx(atoms.get_potential_energy(), abs=1e-12)
        np.testing.assert_allclose(found.forces[clusters.atoms_of(i)], atoms.get_forces(), atol=1e-12)


def test_a_level_of_ones_own(installed):
    assert get_potential("ase:morse", level="morse-2", epsilon=2.0).level == "morse-2"


def test_charge_reaches_the_calculator_and_a_failure_costs_one_structure():
    clusters = Clusters.make([np.eye(3)] * 4, [np.ones(3, int)] * 4, charge=[0, 2, -1, 0])
    found = ASEPotential(charged, "charged").evaluate(clusters)
    assert found.failure[1] == "engine_error: RuntimeError: two is too much"
    np.testing.assert_array_equal(found.energy, [0.0, np.nan, -1.0, 0.0])


def tight_binding():
    """tblite's own calculator: takes the total charge from the initial charges, as ASE means it."""
    from tblite.ase import TBLite

    return TBLite(method="GFN1-xTB", verbosity=0)


def by_initial_charges():
    """Energy is the sum of the initial charges, forces are the sum of the moments; results are kept, as ASE does."""
    from ase.calculators.calculator import Calculator, all_changes

    class Sums(Calculator):
        implemented_properties = ["energy", "forces"]

        def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
            super().calculate(atoms, properties, system_changes)
            moment = atoms.get_initial_magnetic_moments().sum()
            self.results = {
                "energy": atoms.get_initial_charges().sum(),
                "forces": np.full((len(atoms), 3), moment),
            }

    return Sums()


def test_the_charge_reaches_calculators_that_look_at_initial_charges():
    # one geometry throughout: results kept for one charge must not be given for another
    clusters = Clusters.make([np.eye(3)] * 4, [np.ones(3, int)] * 4, charge=[0, 1, -3, 0])
    found = ASEPotential(by_initial_charges, "sums").evaluate(clusters)
    np.testing.assert_array_equal(found.energy, [0.0, 1.0, -3.0, 0.0])
    np.testing.assert_array_equal(found.forces[::3, 0], [1.0, 0.0, 0.0, 1.0])  # 3, 2, 6, 3 electrons


def test_ions_with_a_calculator_of_another_package():
    pytest.importorskip("tblite.ase")
    from sampler.monomers import MonomerLibrary

    ions = [MonomerLibrary.load()[name] for name in ("amh", "b", "am")]
    clusters = Clusters.make(
        [m.conformers[0].positions for m in ions], [m.numbers for m in ions], charge=[m.charge for m in ions]
    )
    theirs = ASEPotential(tight_binding, "gfn1-xtb").evaluate(clusters)
    ours = get_potential("gfn1-xtb").evaluate(clusters)
    print(theirs.energy, ours.energy)
    np.testing.assert_allclose(theirs.energy, ours.energy, atol=1e-4)  # the neutral ammonium is 8.5 eV lower
    np.testing.assert_allclose(theirs.forces, ours.forces, atol=1e-3)


def test_errors_say_what_to_do(installed):
    with pytest.raises(PotentialError, match="'nothing'.*known: broken, morse"):
        get_potential("ase:nothing")
    with pytest.raises(PotentialError, match="no_such_module:thing"):
        get_potential("ase:broken")
    with pytest.raises(PotentialError, match="cannot be made"):
        get_potential("ase:morse", sigma=1.0).evaluate(Clusters.make([np.eye(3)], [np.ones(3, int)]))
