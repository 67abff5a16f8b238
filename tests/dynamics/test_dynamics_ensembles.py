"""Integrators and thermostats against exact statistics and against ASE's integrators on the same surface."""

from dataclasses import replace

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.dynamics.ensembles import Ensemble, Langevin, NoseHoover, VelocityRescaling, ensemble
from sampler.dynamics.integrate import Batch, Plan, Sink, advance, begin
from sampler.dynamics.motion import Masses, drawn_velocities, temperature
from sampler.dynamics.schedule import Schedule
from sampler.errors import InputError
from sampler.potentials.base import Evaluation, Potential
from sampler.units import FS, KB

KELVIN = 300.0
EVERY = [Ensemble(0.5), Langevin(0.5), NoseHoover(0.5), NoseHoover(0.5, length=1), VelocityRescaling(0.5)]


class Springs(Potential):
    """Every atom on a spring of its own, at its place: an ideal gas of oscillators, each with a constant of its own."""

    level = "springs"

    def __init__(self, rest, constants):
        self.rest, self.constants = rest, constants

    def evaluate(self, clusters, forces=True):
        b = len(clusters)
        shape = (b, len(self.rest))
        x = clusters.positions.reshape(*shape, 3) - self.rest
        energy = 0.5 * (self.constants[:, None] * x**2).sum((1, 2))
        return Evaluation(energy, (-self.constants[:, None] * x).reshape(-1, 3), np.zeros(b, "<U1"))


def gas(replicas, atoms=6, seed=0):
    rng = np.random.default_rng(seed)
    rest = rng.normal(size=(atoms, 3)) * 4
    numbers = np.array([1, 8, 7, 16, 1, 6])[np.arange(atoms) % 6]
    return Clusters.make([rest] * replicas, [numbers] * replicas), Springs(rest, rng.uniform(2.0, 30.0, atoms))


class Kept(Sink):
    def __init__(self):
        self.rows, self.frames, self.events = {}, {}, []

    def row(self, replica, row):
        self.rows.setdefault(replica, []).append(row)

    def frame(self, replica, batch: Batch, i, row):
        atoms = batch.clusters.atoms_of(i)
        self.frames.setdefault(replica, []).append(batch.phase.positions[atoms].copy())

    def event(self, replica, event):
        self.events.append((replica, event))


def go(clusters, potential, plan, sink=None, to=None, replicas=None):
    batch, _ = begin(clusters, replicas or list(range(len(clusters))), potential, plan, None)
    return advance(batch, to or plan.steps, potential, plan, sink or Sink())


def plan_of(kind, steps, **more):
    return Plan(
        steps,
        kind,
        Schedule((KELVIN,)),
        log_every=more.pop("log_every", 10),
        **{"frame_every": 0, "check_every": 0, **more},
    )


def canonical(kind, replicas, seed=5):
    """A batch of the gas whose positions, velocities and thermostats are drawn from the exact distribution."""
    clusters, potential = gas(replicas)
    rng = np.random.default_rng(seed)
    plan = plan_of(kind, 10**6)
    batch, _ = begin(clusters, list(range(replicas)), potential, plan, None)
    kt, freedom = KB * KELVIN, np.full(replicas, 18)
    spread = np.sqrt(kt / np.tile(potential.constants, replicas))[:, None]
    x = clusters.positions + spread * rng.normal(size=clusters.positions.shape)
    v = np.sqrt(kt / Masses.of(clusters).mass)[:, None] * rng.normal(size=x.shape)
    chain = batch.phase.chain.copy()
    if kind.chain_length:
        chain[:, 1] = np.sqrt(kt / kind._inertia(freedom, kt)) * rng.normal(size=chain[:, 1].shape)
    found = potential.evaluate(clusters.replace(positions=x))
    phase = replace(batch.phase, positions=x, velocities=v, forces=found.forces, energy=found.energy, chain=chain)
    origin = kind.conserved(phase, Masses.of(clusters), freedom, kt)
    return replace(batch, phase=phase, freedom=freedom, origin=origin), potential, plan


THERMOSTATS = [
    Langevin(0.5), VelocityRescaling(0.5, time=30.0), *(NoseHoover(0.5, time=30.0, length=n) for n in (1, 2, 3, 5))
]  # fmt: skip


@pytest.mark.parametrize("kind", THERMOSTATS, ids=lambda k: f"{k.name}-{getattr(k, 'length', '')}")
def test_oscillators_keep_the_exact_distributions(kind):
    """Drawn from the canonical distribution, they stay there, whether or not the dynamics would find it: kinetic and
    potential energy are half of a chi-squared with 3N degrees of freedom times kT, each degree of freedom has half a kT."""
    from scipy import stats

    replicas = 1500
    batch, potential, plan = canonical(kind, replicas)
    batch = advance(batch, 400, potential, plan, Sink())
    masses = Masses.of(batch.clusters)
    kinetic, springs = masses.kinetic(batch.phase.velocities) / (KB * KELVIN), batch.phase.energy / (KB * KELVIN)
    for name, found in (("kinetic", kinetic), ("potential", springs)):
        p = stats.kstest(found, stats.gamma(9.0).cdf).pvalue
        print(f"{kind.name} {name}: mean {found.mean():.3f} (9), variance {found.var():.2f} (9), p {p:.3f}")
        assert abs(found.mean() - 9.0) < 4 * 3.0 / np.sqrt(replicas) and found.var() == pytest.approx(9.0, rel=0.15)
        assert p > 1e-3
    assert abs(np.corrcoef(kinetic, springs)[0, 1]) < 4 / np.sqrt(replicas)
    share = (masses.mass[:, None] * batch.phase.velocities**2).reshape(replicas, 6, 3).mean(0) / (KB * KELVIN)
    assert np.abs(share - 1.0).max() < 5 * np.sqrt(2 / replicas), share


@pytest.mark.parametrize("kind", [Langevin(0.5), VelocityRescaling(0.5)], ids=lambda k: k.name)
def test_cold_oscillators_are_brought_to_the_temperature(kind):
    """From all at rest at their places: the means are those of the temperature after ten times of the thermostat."""
    clusters, potential = gas(300)
    plan = plan_of(kind, 3000)
    batch, _ = begin(clusters, list(range(300)), potential, plan, None)
    batch = replace(batch, freedom=np.full(300, 18))
    slow = replace(batch.phase, velocities=0.3 * batch.phase.velocities)
    batch = replace(batch, phase=slow, origin=kind.conserved(slow, Masses.of(clusters), batch.freedom, KB * KELVIN))
    batch = advance(batch, 2500, potential, plan, Sink())
    total = (Masses.of(clusters).kinetic(batch.phase.velocities) + batch.phase.energy) / (KB * KELVIN)
    print(kind.name, total.mean())
    assert abs(total.mean() - 18.0) < 4 * np.sqrt(18.0 / 300)


@pytest.mark.parametrize("kind", EVERY, ids=lambda k: f"{k.name}-{getattr(k, 'length', '')}")
def test_a_replica_does_not_depend_on_its_batch(kind):
    """Bit for bit; clusters of unequal sizes share a batch."""
    from sampler.potentials.lennard_jones import LennardJones

    rng = np.random.default_rng(3)
    sizes = (4, 9, 1, 6, 2)
    grid = np.array([[i, j, k] for i in range(3) for j in range(3) for k in range(3)], float) * 2.4
    clusters = Clusters.make(
        [grid[:n] + 0.05 * rng.normal(size=(n, 3)) for n in sizes], [np.resize([8, 1, 7], n) for n in sizes]
    )
    potential, plan = LennardJones(), plan_of(kind, 60)
    whole = go(clusters, potential, plan)
    for i in range(len(sizes)):
        alone = go(clusters[[i]], potential, plan, replicas=[i])
        atoms = clusters.atoms_of(i)
        assert np.array_equal(alone.phase.positions, whole.phase.positions[atoms]), sizes[i]
        assert np.array_equal(alone.phase.velocities, whole.phase.velocities[atoms])
    # and in parts
    batch, _ = begin(clusters, list(range(5)), potential, plan, None)
    for to in (7, 8, 33, 60):
        batch = advance(batch, to, potential, plan, Sink())
    assert np.array_equal(batch.phase.positions, whole.phase.positions)


@pytest.mark.parametrize("kind", [Ensemble, NoseHoover], ids=["nve", "nose-hoover"])
def test_the_error_of_the_conserved_quantity_is_of_second_order(kind):
    clusters, potential = gas(10)
    errors = []
    for step in (1.0, 0.5, 0.25):
        sink = Kept()
        go(clusters, potential, plan_of(kind(step), int(400 / step), log_every=int(2 / step)), sink)
        conserved = np.array([[r.conserved for r in rows] for rows in sink.rows.values()])
        errors.append(np.sqrt((conserved**2).mean()))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    print("orders", orders.round(2))
    assert np.allclose(orders, 2.0, atol=0.15)


@pytest.mark.parametrize("kind", [Langevin, NoseHoover, VelocityRescaling], ids=lambda k: k.name)
def test_the_conserved_quantity_is_conserved_on_a_ramp_too(kind):
    """What is left is the error of the step: of second order, whatever the thermostat gives and takes."""
    errors, gained = [], 0.0
    for step in (0.5, 0.25):
        clusters, potential = gas(10)
        sink = Kept()
        plan = Plan(
            int(1000 / step),
            kind(step),
            Schedule((200.0, 500.0)),
            log_every=int(5 / step),
            frame_every=0,
            check_every=0,
        )
        go(clusters, potential, plan, sink)
        conserved = np.array([[r.conserved for r in rows] for rows in sink.rows.values()])
        kinetic = np.array([[r.kinetic for r in rows] for rows in sink.rows.values()])
        errors.append(np.sqrt((conserved**2).mean()))
        gained = kinetic[:, -10:].mean() / kinetic[:, :10].mean()
    print(f"{kind.name}: kinetic energy times {gained:.2f}, conserved within {errors} eV")
    assert gained > 1.5 and errors[1] < 0.4 * errors[0] and errors[1] < 1e-3


def _on_ase(clusters, potential, velocities, make, steps):
    from ase import Atoms

    from sampler.potentials.calculator import SamplerCalculator

    atoms = Atoms(clusters.numbers, clusters.positions)
    atoms.calc = SamplerCalculator(potential)
    atoms.set_velocities(velocities)
    make(atoms).run(steps)
    return atoms


def test_nve_is_that_of_ase():
    from ase.md.verlet import VelocityVerlet

    clusters, potential = gas(1)
    plan = plan_of(Ensemble(0.5), 500)
    batch, _ = begin(clusters, [0], potential, plan, None)
    atoms = _on_ase(clusters, potential, batch.phase.velocities, lambda a: VelocityVerlet(a, 0.5 * FS), 500)
    end = advance(batch, 500, potential, plan, Sink())
    assert np.abs(end.phase.positions - atoms.positions).max() < 1e-9
    assert np.abs(end.phase.velocities - atoms.get_velocities()).max() < 1e-9


@pytest.mark.parametrize("length", [1, 2, 3])
def test_nose_hoover_chains_are_those_of_ase(length):
    """ASE has the same chain with a factorisation of its own: the same trajectory but for the error of the step."""
    from ase.md.nose_hoover_chain import NoseHooverChainNVT

    clusters, potential = gas(1)
    step = 0.1
    plan = plan_of(NoseHoover(step, time=100.0, length=length), 1000)
    batch, _ = begin(clusters, [0], potential, plan, None)
    batch = Batch(0, clusters, batch.replicas, batch.phase, np.array([18]), batch.origin)
    make = lambda a: NoseHooverChainNVT(  # noqa: E731
        a, step * FS, temperature_K=KELVIN, tdamp=100.0 * FS, tchain=length, tloop=3
    )
    atoms = _on_ase(clusters, potential, batch.phase.velocities, make, 1000)
    end = advance(batch, 1000, potential, plan, Sink())
    still = advance(
        begin(clusters, [0], potential, plan_of(Ensemble(step), 1000), None)[0],
        1000,
        potential,
        plan_of(Ensemble(step), 1000),
        Sink(),
    )
    off = np.abs(end.phase.positions - atoms.positions).max()
    effect = np.abs(still.phase.positions - atoms.positions).max()
    print(f"chain of {length}: {off:.1e} Å from ASE's; without a thermostat {effect:.1e} Å")
    assert off < 0.01 * effect


def test_velocities_have_the_temperature_and_no_overall_motion():
    clusters, _ = gas(5)
    v = drawn_velocities(
        clusters, np.linspace(100, 500, 5), np.random.default_rng(0).normal(size=clusters.positions.shape)
    )
    masses = Masses.of(clusters)
    freedom = masses.freedom(clusters.positions, overall=False)
    assert freedom.tolist() == [12] * 5
    assert temperature(masses.kinetic(v), freedom) == pytest.approx(np.linspace(100, 500, 5))
    momentum = masses.sum(masses.mass[:, None] * v)
    angular = masses.sum(masses.mass[:, None] * np.cross(clusters.positions, v))
    assert np.abs(momentum).max() < 1e-12 and np.abs(angular).max() < 1e-11


def test_degrees_of_freedom_of_an_atom_a_line_and_a_molecule():
    clusters = Clusters.make(
        [[[0, 0, 0]], [[0, 0, 0], [0, 0, 1.1]], [[0, 0, 0], [1, 0, 0], [0, 1, 0]]], [[18], [7, 7], [8, 1, 1]]
    )
    masses = Masses.of(clusters)
    assert masses.freedom(clusters.positions, overall=False).tolist() == [0, 1, 3]
    assert masses.freedom(clusters.positions, overall=True).tolist() == [3, 6, 9]


def test_ramps():
    ramp = Schedule.parse("300:600:300")
    assert [ramp.at(s, 100) for s in (0, 25, 50, 75, 100)] == [300, 450, 600, 450, 300]
    assert Schedule.parse("300").constant and str(Schedule.parse("300:450")) == "300 to 450 K"
    for wrong in ("warm", "0", "-5", "300:nan", ""):
        with pytest.raises(InputError, match="temperature"):
            Schedule.parse(wrong)


@pytest.mark.parametrize("words, says", [
    (dict(name="npt"), "no ensemble 'npt'"), (dict(name="nve", friction=0.1), "has no friction"),
    (dict(name="langevin", friction=-1), "friction is -1"), (dict(name="nve", step=0), "time step is 0"),
    (dict(name="nose-hoover", length=0), "chain of 0"),
])  # fmt: skip
def test_what_makes_no_ensemble_is_said(words, says):
    with pytest.raises(InputError, match=says):
        ensemble(**words)
