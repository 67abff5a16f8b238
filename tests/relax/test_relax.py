"""Relaxation: minima known from elsewhere, independence of the batch, and what breaks."""

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.errors import InputError
from sampler.potentials import Evaluation, Potential, get_potential
from sampler.potentials.lennard_jones import LennardJones
from sampler.relax import CRITERIA, RelaxParams, relax
from sampler.units import BOHR, HARTREE, HARTREE_PER_BOHR

EPSILON, SIGMA = 0.01, 2.0
CHARGED = ["b97-3c_sa_am_dma_w-seed42", "b97-3c_sa_am_dma_w-seed69"]
METHODS = [{"optimizer": "fire"}, {"preconditioner": "none"}, {"preconditioner": "lindh"}]


def packing(n, rng, closest=0.9 * SIGMA):
    """n argon-like atoms, none closer than ``closest`` Å."""
    side, points = SIGMA * n ** (1 / 3), []
    while len(points) < n:
        trial = rng.uniform(0, side, 3)
        if all(np.linalg.norm(trial - p) > closest for p in points):
            points.append(trial)
        side *= 1.001
    return np.array(points)


def argon(sizes, seed=0):
    rng = np.random.default_rng(seed)
    return Clusters.make([packing(n, rng) for n in sizes], [np.full(n, 18) for n in sizes])


class Fragile(Potential):
    """Lennard-Jones that fails as told: atoms of krypton never, of neon beyond 3 calls, of xenon always."""

    level = "fragile"

    def __init__(self):
        self.calls, self.batches = 0, []

    def evaluate(self, clusters, forces=True):
        self.calls += 1
        self.batches.append(clusters.natoms.sum())
        found = LennardJones().evaluate(clusters, forces)
        failure = found.failure.astype("U40")
        for i in range(len(clusters)):
            z = clusters.numbers[clusters.atoms_of(i)][0]
            if z == 54 or (z == 10 and self.calls > 3):
                failure[i] = "scf_failed: as told"
                found.energy[i] = np.nan
                found.forces[clusters.atoms_of(i)] = np.nan
        return Evaluation(found.energy, found.forces, failure)


class Uphill(Potential):
    """Pushes the atoms in three directions for ever, with the energy falling: nothing but the eviction ends it."""

    level = "uphill"

    def evaluate(self, clusters, forces=True):
        push = np.concatenate([3.0 * np.eye(3)[np.arange(n) % 3] for n in clusters.natoms])
        energy = -np.add.reduceat((push * clusters.positions).sum(1), clusters.ptr[:-1])
        return Evaluation(energy, push, np.full(len(clusters), ""))


@pytest.mark.parametrize("method", METHODS)
def test_known_minima(method):
    """Global minima of LJ2, LJ3 and LJ4: 1, 3 and 6 contacts (the only minima there are)."""
    relaxed = relax(argon([2, 3, 4]), LennardJones(EPSILON, SIGMA), RelaxParams(fmax=1e-5, max_steps=3000, **method))
    assert relaxed.columns["converged"].all()
    np.testing.assert_allclose(relaxed.energy / EPSILON, [-1, -3, -6], atol=1e-5)
    assert relaxed.level == "lennard-jones"


@pytest.mark.parametrize("method", METHODS)
def test_what_comes_back_is_what_the_potential_says(method):
    start = argon([5, 7, 6], seed=2)
    relaxed = relax(start, LennardJones(), RelaxParams(fmax=1e-3, max_steps=2000, **method))
    again = LennardJones().evaluate(relaxed)
    np.testing.assert_array_equal(relaxed.energy, again.energy)
    np.testing.assert_array_equal(relaxed.forces, again.forces)
    largest = [np.sqrt((relaxed.forces[relaxed.atoms_of(i)] ** 2).sum(1).max()) for i in range(3)]
    np.testing.assert_allclose(relaxed.columns["fmax_eV_per_A"], largest, rtol=1e-12)
    assert (relaxed.columns["fmax_eV_per_A"] <= 1e-3).all() and relaxed.columns["converged"].all()
    assert (relaxed.energy < LennardJones().evaluate(start).energy).all()
    assert (relaxed.columns["evaluations"] >= relaxed.columns["steps"] + 1).all()
    assert list(relaxed.ids) == list(start.ids)


@pytest.mark.parametrize("method", METHODS)
def test_a_structure_does_not_see_its_company(method):
    start = argon([8, 3, 13, 5, 2, 6], seed=3)
    params = [RelaxParams(fmax=1e-3, batch_atoms=b, max_steps=60, **method) for b in (1, 20, 1000)]
    one, some, all_at_once = (relax(start, LennardJones(), p) for p in params)
    order = np.array([3, 5, 0, 2, 1, 4])
    shuffled = relax(start[order], LennardJones(), params[1])
    for other in (some, all_at_once, shuffled[np.argsort(order)]):
        np.testing.assert_array_equal(other.positions, one.positions)
        np.testing.assert_array_equal(other.energy, one.energy)
        np.testing.assert_array_equal(other.columns["evaluations"], one.columns["evaluations"])


def test_batches_are_refilled_up_to_their_size():
    potential = Fragile()
    start = argon([5] * 12, seed=4)
    start = start.replace(numbers=np.full(60, 36))
    done = []
    relaxed = relax(start, potential, RelaxParams(fmax=1e-3, batch_atoms=20), lambda d, n: done.append((d, n)))
    assert max(potential.batches) == 20
    assert potential.calls < relaxed.columns["evaluations"].sum() / 2.5, "batches ran half empty"
    assert done == [(k + 1, 12) for k in range(12)]


def test_a_structure_larger_than_the_batch_is_taken_alone():
    assert relax(argon([9, 4]), LennardJones(), RelaxParams(batch_atoms=3)).columns["converged"].all()


def test_broken_structures_leave_with_a_reason():
    rng = np.random.default_rng(5)
    good = packing(4, rng)
    nan, clash = good.copy(), good.copy()
    nan[2, 1] = np.nan
    clash[1] = clash[0] + [0.1, 0, 0]
    parts = {"": (good, 36), "nan": (nan, 18), "clash": (clash, 18), "scf_failed": (good, 54), "empty": (good[:0], 18)}
    structures = [*parts.values(), (packing(6, rng), 10), (good, 36)]
    start = Clusters.make([p for p, _ in structures], [np.full(len(p), z) for p, z in structures])
    relaxed = relax(start, Fragile(), RelaxParams(fmax=1e-6))
    fate = relaxed.columns["fate"]
    assert list(fate) == [*parts, "scf_failed", ""]
    assert relaxed.columns["fate_detail"][3] == "as told"
    assert list(np.isfinite(relaxed.energy)) == [True, False, False, False, False, True, True]
    assert relaxed.energy[5] < LennardJones().evaluate(start[5]).energy[0], "the last good geometry was not kept"
    assert relaxed.energy[0] == relaxed.energy[6] and relaxed.columns["converged"][[0, 6]].all()


@pytest.mark.parametrize("method", METHODS)
def test_what_flies_apart_is_evicted(method):
    start = argon([3, 2], seed=6)
    relaxed = relax(start, Uphill(), RelaxParams(max_displacement=3.0, **method))
    assert list(relaxed.columns["fate"]) == ["displaced"] * 2
    relaxed = relax(start, Uphill(), RelaxParams(max_displacement=1e3, **method))
    assert set(relaxed.columns["fate"]) == {"exploded"}
    assert (relaxed.columns["evaluations"] < 500).all()


def test_running_out_of_steps_is_no_fate():
    relaxed = relax(argon([8]), LennardJones(), RelaxParams(fmax=1e-9, max_steps=5))
    assert relaxed.columns["evaluations"][0] == 5
    assert not relaxed.columns["converged"][0] and relaxed.columns["fate"][0] == "" and np.isfinite(relaxed.energy[0])


def test_time_budget():
    start = argon([13] * 4)
    relaxed = relax(start, LennardJones(), RelaxParams(fmax=1e-300, max_steps=10**9, time_budget=0.2, batch_atoms=13))
    assert list(relaxed.columns["fate"]) == ["interrupted"] * 4
    assert np.isfinite(relaxed.energy[0]) and np.isnan(relaxed.energy[-1])


def test_nothing_to_do():
    relaxed = relax(Clusters.empty(), LennardJones())
    assert len(relaxed) == 0 and "converged" in relaxed.columns


def test_orca_thresholds(reference):
    """The set ``orca-normal`` is what a real ORCA output prints."""
    found = {}
    for line in (reference / "orca_outputs/orca420_opt_dvb.out").read_text().splitlines():
        words = line.split()
        if "...." in words and len(words) > 3 and words[words.index("....") - 1].startswith("Tol"):
            found.setdefault(words[words.index("....") - 1], float(words[-2]) if words[-1][0].isalpha() else None)
    normal = CRITERIA["orca-normal"]
    ours = {
        "TolE": normal.energy / HARTREE,
        "TolMAXG": normal.max_gradient / HARTREE_PER_BOHR,
        "TolRMSG": normal.rms_gradient / HARTREE_PER_BOHR,
        "TolMAXD": normal.max_step / BOHR,
        "TolRMSD": normal.rms_step / BOHR,
    }
    for name, value in ours.items():
        assert value == pytest.approx(found[name], rel=1e-9), f"{name}: {value}, ORCA prints {found[name]}"


def test_orca_criteria_hold_at_the_end():
    relaxed = relax(argon([7, 9]), LennardJones(), RelaxParams(criteria="orca-tight"))
    assert relaxed.columns["converged"].all()
    assert np.abs(relaxed.forces).max() <= CRITERIA["orca-tight"].max_gradient


@pytest.mark.parametrize(
    "change", [{"fmax": 0.0}, {"max_steps": 0}, {"optimizer": "newton"}, {"criteria": "fmin"}, {"time_budget": -1.0}]
)
def test_bad_parameters(change):
    with pytest.raises(InputError, match=next(iter(change))):
        RelaxParams(**change)


# ---- with a real potential --------------------------------------------------------------------------

ACID_AND_AMMONIA = np.array(  # sulfuric acid with ammonia some way from its minimum
    [
        [0.0, 0.0, 0.1], [1.20, 0.0, 0.85], [-1.15, 0.15, 0.9], [0.05, 1.3, -0.8], [0.0, -1.25, -0.85],
        [0.0, 2.15, -0.35], [0.9, -1.4, -1.2], [0.1, 3.8, 0.55], [0.95, 4.0, 0.1], [-0.75, 4.0, 0.05], [0.1, 4.2, 1.5],
    ]
)  # fmt: skip
NUMBERS = np.array([16, 8, 8, 8, 8, 1, 1, 7, 1, 1, 1])


def test_gfn1_minimum_is_that_of_ase():
    """Same minimum as ASE's BFGS finds with the same potential; fewer evaluations than ASE's L-BFGS takes."""
    from ase.optimize import BFGS, LBFGS

    start = Clusters.make([ACID_AND_AMMONIA], [NUMBERS])
    potential = get_potential("gfn1-xtb", accuracy=0.1)
    relaxed = relax(start, potential, RelaxParams(fmax=0.005))
    energies, calls = [], []
    for optimizer in (BFGS, LBFGS):
        atoms = start.to_ase()[0]
        atoms.calc = Counting(potential)
        optimizer(atoms, logfile=None).run(fmax=0.005, steps=500)
        energies.append(atoms.get_potential_energy())
        calls.append(atoms.calc.calls)
    assert relaxed.columns["converged"][0]
    assert relaxed.energy[0] <= min(energies) + 1e-3, f"{relaxed.energy[0]} eV, ASE {energies}"
    assert relaxed.columns["evaluations"][0] < calls[1], f"{relaxed.columns['evaluations'][0]}, ASE {calls}"


def Counting(potential):
    from ase.calculators.calculator import Calculator, all_changes

    class Calc(Calculator):
        implemented_properties = ["energy", "forces"]
        calls = 0

        def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
            super().calculate(atoms, properties, system_changes)
            self.calls += 1
            found = potential.evaluate(Clusters.make([atoms.positions], [atoms.numbers]))
            self.results = {"energy": float(found.energy[0]), "forces": found.forces}

    return Calc()


@pytest.mark.parametrize(
    ("name", "options"), [("gfn1-xtb", {}), ("painn", {"model": "gfn1-xtb_sa_am_dma_w"}), ("painn", {"model": CHARGED})]
)
def test_to_the_last_bit(name, options):
    """With xTB wave functions are carried from step to step; PaiNN multiplies matrices of whole batches."""
    rng = np.random.default_rng(1)
    shaken = [ACID_AND_AMMONIA + rng.normal(0, 0.03, (11, 3)) for _ in range(3)]
    start = Clusters.make([*shaken, shaken[0][:7]], [NUMBERS] * 3 + [NUMBERS[:7]])
    potential = get_potential(name, **options)
    together = relax(start, potential, RelaxParams(max_steps=8))
    apart = Clusters.concatenate([relax(start[i], potential, RelaxParams(max_steps=8)) for i in (3, 2, 1, 0)])
    np.testing.assert_array_equal(apart.energy[::-1], together.energy)
    np.testing.assert_array_equal(apart[[3, 2, 1, 0]].positions, together.positions)
