"""The genetic algorithm of ASE (ase-ga) with whole molecules, as its tutorials put it together."""

from __future__ import annotations

from typing import Any

import numpy as np

_BOX = 40.0  # Å, the cell: no candidate reaches its walls


def evolve(blocks: list, chosen: dict[str, Any], calculator, seed: int, look) -> None:
    """Generations without end; the calculator ends them by an exception.

    Args:
        blocks: one Atoms for every molecule. look: called with the atoms of each relaxed candidate.
    """
    from ase import Atoms
    from ase_ga.cutandsplicepairing import CutAndSplicePairing
    from ase_ga.data import DataConnection, PrepareDB
    from ase_ga.offspring_creator import OperationSelector
    from ase_ga.population import Population
    from ase_ga.standard_comparators import InteratomicDistanceComparator
    from ase_ga.standardmutations import (
        PermutationMutation,
        RattleMutation,
        RattleRotationalMutation,
        RotationalMutation,
    )
    from ase_ga.startgenerator import StartGenerator
    from ase_ga.utilities import closest_distances_generator

    rng = np.random.RandomState(seed)
    numbers = np.concatenate([b.numbers for b in blocks])
    n = len(numbers)
    slab = Atoms(cell=[_BOX] * 3, pbc=False)
    closest = closest_distances_generator(np.unique(numbers), ratio_of_covalent_radii=chosen["closest"])
    edge = (chosen["volume_A3_per_atom"] * n) ** (1 / 3)
    box = [np.full(3, (_BOX - edge) / 2), np.eye(3) * edge]
    start = StartGenerator(slab, blocks, closest, box_to_place_in=box, test_too_far=False, rng=rng)
    prepared = PrepareDB("ga.db", simulation_cell=slab, stoichiometry=numbers, population_size=chosen["population"])
    data = DataConnection("ga.db")

    def relaxed(atoms) -> None:
        from ase.calculators.singlepoint import SinglePointCalculator
        from ase.optimize import LBFGS

        atoms.calc = calculator
        LBFGS(atoms, logfile=None).run(fmax=chosen["fmax"], steps=chosen["max_steps"])
        energy, forces = atoms.get_potential_energy(), atoms.get_forces()
        look(atoms)
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
        atoms.info.setdefault("key_value_pairs", {})["raw_score"] = -energy
        atoms.info.setdefault("data", {})

    for _ in range(chosen["population"]):
        atoms = start.get_new_candidate()
        prepared.add_unrelaxed_candidate(atoms)
        relaxed(atoms)
        data.add_relaxed_step(atoms)
    alike = InteratomicDistanceComparator(n_top=n, pair_cor_cum_diff=0.015, pair_cor_max=0.7, dE=0.02, mic=False)
    population = Population(data, chosen["population"], comparator=alike, rng=rng)
    pairing = CutAndSplicePairing(slab, n, closest, use_tags=True, rng=rng)
    mutation = OperationSelector(
        [1.0, 1.0, 1.0, 1.0],
        [
            RattleMutation(closest, n, use_tags=True, rng=rng),
            RotationalMutation(closest, n, rng=rng),
            RattleRotationalMutation(
                RattleMutation(closest, n, use_tags=True, rng=rng), RotationalMutation(closest, n, rng=rng)
            ),
            PermutationMutation(n, use_tags=True, blmin=closest, rng=rng),
        ],
        rng=rng,
    )
    while True:
        child, description = pairing.get_new_individual(population.get_two_candidates())
        if child is None:
            continue
        data.add_unrelaxed_candidate(child, description=description)
        if rng.random() < chosen["mutated"]:
            mutant, how = mutation.get_new_individual([child])
            if mutant is not None:
                data.add_unrelaxed_step(mutant, how)
                child = mutant
        relaxed(child)
        data.add_relaxed_step(child)
        population.update()
