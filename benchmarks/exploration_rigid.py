"""Which global optimiser finds the lowest rigid minima: random packings, a bee colony, or sampler's exploration?

    OMP_NUM_THREADS=1 python benchmarks/exploration_rigid.py [--systems 4sa4am …] [--seeds 10] [--evaluations 1e6]

All methods share the surface, its minimiser, and the tests for soundness and convergence, and get the same number of surface
evaluations (energy + gradient). The bee colony is our own, after general descriptions of the artificial bee colony for
clusters (compare Zhang & Dolg 2015, DOI 10.1039/C5CP04060D): food sources are minima, employed bees combine three sources
by trigonometric mutation, onlookers perturb sources drawn by fitness towards or away from another, scouts replace
sources that did not improve for ``limit`` cycles. ABCluster itself is closed source; this is not a measurement of it.

Success: the lowest minimum that any method found with any seed, within 1 meV. "Low minima": how many of the distinct
minima within --window kcal/mol of it (union over all methods and seeds) one run found, median over the seeds.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from sampler.composition import Composition, state_label
from sampler.generate import moves
from sampler.generate.exploration import ExploreParams, explore
from sampler.generate.minima import distinct, shape_of
from sampler.generate.packing import pack, sound
from sampler.generate.rigid import Poses, RigidSystem, minimise, separate
from sampler.generate.shares import state_weights
from sampler.monomers import MonomerLibrary
from sampler.units import KCAL_PER_MOL

KEEP = 1000
FMAX = 0.01


class Found:
    """The lowest distinct minima a run has met, and its count of evaluations."""

    def __init__(self, system: RigidSystem):
        self.system, self.evaluations, self.trace = system, 0, []
        self.energy, self.shape = np.zeros(0), np.zeros((0, 4))

    def minimise(self, poses: Poses) -> tuple[Poses, np.ndarray]:
        apart = separate(self.system, moves.centred(poses))
        result = minimise(self.system, apart.poses, fmax=FMAX)
        self.evaluations += int(apart.evaluations.sum() + result.evaluations.sum())
        good = sound(self.system, result.poses) & (result.largest < 10 * FMAX)  # as the exploration judges its own
        energy = np.concatenate([self.energy, result.energy[good]])
        shape = np.concatenate([self.shape, shape_of(self.system, result.poses[good])])
        kept = distinct(energy, shape)[:KEEP]
        self.energy, self.shape = energy[kept], shape[kept]
        self.trace.append((self.evaluations, self.energy[0]))
        return result.poses, np.where(good, result.energy, np.inf)


def run_random(system: RigidSystem, rng: np.random.Generator, budget: int) -> Found:
    found = Found(system)
    while found.evaluations < budget:
        found.minimise(pack(system, 64, rng))
    return found


def run_bees(system: RigidSystem, rng: np.random.Generator, budget: int, sources: int = 64, limit: int = 4) -> Found:
    found = Found(system)
    poses, energy = found.minimise(pack(system, sources, rng))
    stale = np.zeros(sources, int)

    def compete(place: np.ndarray, trial: Poses) -> None:
        new, new_energy = found.minimise(trial)
        stale[place] += 1
        for k in np.argsort(-new_energy):  # the best trial for a place comes last and stays
            if new_energy[k] < energy[place[k]] - 1e-6:
                for name in ("translations", "quaternions", "handedness"):
                    getattr(poses, name)[place[k]] = getattr(new, name)[k]
                energy[place[k]], stale[place[k]] = new_energy[k], 0

    everyone = np.arange(sources)
    while found.evaluations < budget:
        three = [rng.permutation(sources) for _ in range(3)]
        weight = np.stack([np.abs(np.where(np.isfinite(energy[i]), energy[i], 0.0)) for i in three])
        weight /= np.maximum(weight.sum(0), 1e-9)
        x = [_vector(poses[i]) for i in three]
        mutant = sum(x) / 3
        for a, b in ((0, 1), (1, 2), (2, 0)):
            mutant = mutant + (weight[b] - weight[a])[:, None, None] * (x[a] - x[b])
        compete(everyone, _poses(mutant, poses.handedness))
        low = energy.min()
        fitness = np.exp(-(np.where(np.isfinite(energy), energy, low + 10.0) - low) / (0.1 * abs(low) + 1e-9))
        chosen = rng.choice(sources, sources, p=fitness / fitness.sum())
        other = (chosen + rng.integers(1, sources, sources)) % sources
        step = rng.uniform(-1, 1, (sources, system.molecules, 7))
        trial = _vector(poses[chosen]) + step * (_vector(poses[chosen]) - _vector(poses[other]))
        compete(chosen, _poses(trial, poses.handedness[chosen]))
        scouts = np.flatnonzero((stale > limit) & (energy > energy.min()))
        if len(scouts):
            new, energy[scouts] = found.minimise(pack(system, len(scouts), rng))
            for name in ("translations", "quaternions", "handedness"):
                getattr(poses, name)[scouts] = getattr(new, name)
            stale[scouts] = 0
    return found


def _vector(poses: Poses) -> np.ndarray:
    return np.concatenate([poses.translations, poses.quaternions], axis=-1)


def _poses(vector: np.ndarray, handedness: np.ndarray) -> Poses:
    q = vector[..., 3:]
    return Poses(vector[..., :3].copy(), q / np.maximum(np.linalg.norm(q, axis=-1, keepdims=True), 1e-9), handedness)


def run_explore(system: RigidSystem, rng: np.random.Generator, budget: int) -> Found:
    result = explore(system, rng, ExploreParams(keep=KEEP, max_evaluations=budget, patience=10**9))
    found = Found(system)
    found.evaluations, found.trace = result.evaluations, list(map(tuple, result.trace))
    found.energy, found.shape = result.energy, shape_of(system, result.poses)
    return found


METHODS = {"random": run_random, "bees": run_bees, "sampler": run_explore}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", nargs="+", default=["4sa4am", "6sa6am", "8w"])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--evaluations", type=float, default=1e6)
    parser.add_argument("--window", type=float, default=3.0, help="kcal/mol above the lowest")
    options = parser.parse_args()
    library = MonomerLibrary.load()
    for name in options.systems:
        state = state_weights(Composition.parse(name, library), library, "ions-only")[0][0]
        system = RigidSystem.build(state, library)
        runs, seconds = {}, {}
        for method, run in METHODS.items():
            start = time.process_time()
            runs[method] = [
                run(system, np.random.default_rng(s), int(options.evaluations)) for s in range(options.seeds)
            ]
            seconds[method] = time.process_time() - start
        everything = [f for found in runs.values() for f in found]
        energy, shape = np.concatenate([f.energy for f in everything]), np.concatenate([f.shape for f in everything])
        lowest = energy.min()
        known = distinct(energy, shape)
        known = known[energy[known] < lowest + options.window * KCAL_PER_MOL]
        print(f"\n{state_label(state.monomers, library)}: lowest {lowest:.4f} eV; "
              f"{len(known)} minima within {options.window} kcal/mol; {options.evaluations:.0e} evaluations a run")  # fmt: skip
        print(f"{'':10}{'success':>9}{'median evaluations':>20}{'mean miss':>11}{'low minima':>12}{'CPU s a run':>13}")
        for method, found in runs.items():
            first = [next((n for n, e in f.trace if e < lowest + 1e-3), np.inf) for f in found]
            hits = sum(np.isfinite(first))
            miss = np.mean([(f.energy[0] - lowest) / KCAL_PER_MOL for f in found])
            seen = [_overlap(f, energy[known], shape[known]) for f in found]
            print(f"{method:10}{hits:>6}/{len(found):<2}{np.median(first):>20.0f}{miss:>7.2f} kcal"
                  f"{np.median(seen):>12.0f}{seconds[method] / len(found):>13.1f}")  # fmt: skip


def _overlap(found: Found, energy: np.ndarray, shape: np.ndarray) -> int:
    """How many of the known minima this run holds."""
    near = np.abs(found.energy[:, None] - energy[None]) < 2e-3
    alike = (np.abs(found.shape[:, None] - shape[None]) < 0.02).all(-1)
    return int((near & alike).any(0).sum())


if __name__ == "__main__":
    main()
