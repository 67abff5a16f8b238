"""Evaluations and time of a relaxation, against ASE's optimisers with the same potential, in one run.

    python benchmarks/relaxation.py --cluster 2sa2am --count 8 --fmax 0.01

Candidates come from ``sampler.generate`` (ions only, so that protons have somewhere to go). Time is CPU time of
this process, which a busy machine changes little. "Higher" counts structures that end more than 0.1 kcal/mol above
the lowest end any method reached from the same start: a minimiser that stops early is cheap and worthless.
"""

# ruff: noqa: E402  threads are set before numpy starts them
from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import argparse
import json
import time
from pathlib import Path

import numpy as np

from sampler.clusters import Clusters
from sampler.composition import Composition
from sampler.generate import generate
from sampler.monomers import MonomerLibrary
from sampler.potentials import get_potential
from sampler.potentials.painn.schnetpack_io import to_schnetpack
from sampler.relax import RelaxParams, relax
from sampler.units import KCAL_PER_MOL

OURS = {
    "sampler L-BFGS, model Hessian": {"preconditioner": "lindh"},
    "sampler L-BFGS, model Hessian, cold": {"preconditioner": "lindh"},  # no wave function carried along
    "sampler L-BFGS, plain": {"preconditioner": "none"},
    "sampler FIRE": {"optimizer": "fire"},
}
THEIRS = {"ASE LBFGS": "LBFGS", "ASE BFGS": "BFGS", "ASE FIRE": "FIRE"}
SCHNETPACK = "SchNetPack + ASE LBFGS"
"""SchNetPack's own calculator with the same weights, as it is commonly relaxed with; needs ``--potential painn``."""


class Cold:
    """A potential that forgets between evaluations."""

    def __init__(self, potential):
        self.level, self.evaluate = potential.level, potential.evaluate


def with_sampler(start: Clusters, potential, arguments, options) -> dict:
    params = RelaxParams(
        fmax=arguments.fmax, max_steps=arguments.max_steps, batch_atoms=arguments.batch_atoms, **options
    )
    began = time.process_time()
    done = relax(start, potential, params)
    seconds = time.process_time() - began
    columns = done.columns
    return result(done.energy, columns["evaluations"], columns["converged"], seconds)


def with_ase(start: Clusters, potential, calculator, arguments, optimizer: str) -> dict:
    import ase.optimize

    ends, evaluations, converged = [], [], []
    began = time.process_time()
    for frame in start.to_ase():
        calculator.reset()
        frame.calc, calculator.count = calculator, 0
        run = getattr(ase.optimize, optimizer)(frame, logfile=None)
        converged.append(bool(run.run(fmax=arguments.fmax, steps=arguments.max_steps)))
        ends.append(frame.positions)
        evaluations.append(calculator.count)
    seconds = time.process_time() - began
    energy = potential.evaluate(start.replace(positions=np.concatenate(ends)), forces=False).energy
    return result(energy, evaluations, converged, seconds)


def calculator_of(potential):
    """An ASE calculator that asks ``potential``, and counts; neutral structures."""
    from ase.calculators.calculator import Calculator, all_changes

    class Counted(Calculator):
        implemented_properties = ["energy", "forces"]
        count = 0

        def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
            super().calculate(atoms, properties, system_changes)
            found = potential.evaluate(Clusters.make([atoms.positions], [atoms.numbers]))
            self.count += 1
            self.results = {"energy": float(found.energy[0]), "forces": found.forces}

    return Counted()


def schnetpack_calculator(potential):
    """SchNetPack's calculator with the weights of ``potential``, and a count."""
    import tempfile

    import schnetpack as spk
    import torch

    torch.set_num_threads(1)

    class Counted(spk.interfaces.SpkCalculator):
        count = 0

        def calculate(self, *args, **kwargs):
            self.count += 1
            super().calculate(*args, **kwargs)

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model")
        torch.save(to_schnetpack(potential.params), path)
        neighbors = spk.transform.MatScipyNeighborList(cutoff=potential.params.architecture.cutoff)
        return Counted(path, neighbor_list=neighbors, energy_unit="eV", dtype=torch.float32)


def result(energy, evaluations, converged, seconds) -> dict:
    return {
        "energy_eV": [float(e) for e in energy],
        "evaluations": [int(n) for n in evaluations],
        "converged": [bool(c) for c in converged],
        "cpu_s": seconds,
    }


def table(results: dict[str, dict]) -> str:
    lowest = np.nanmin([r["energy_eV"] for r in results.values()], axis=0)
    lines = [
        "| method | evaluations, mean (median) | CPU s each | a minute and core | converged | higher "
        "| mean kcal/mol above the lowest end |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, r in results.items():
        above = (np.array(r["energy_eV"]) - lowest) / KCAL_PER_MOL
        count = len(above)
        lines.append(
            f"| {name} | {np.mean(r['evaluations']):.0f} ({np.median(r['evaluations']):.0f}) | {r['cpu_s'] / count:.2f} "
            f"| {60 * count / r['cpu_s']:.0f} "
            f"| {sum(r['converged'])}/{count} | {int((above > 0.1).sum())}/{count} | {np.nanmean(above):.2f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cluster", default="2sa2am")
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shares", default="ions-only")
    parser.add_argument("--potential", default="gfn1-xtb")
    parser.add_argument("--model", help="for --potential painn")
    parser.add_argument("--fmax", type=float, default=0.05, help="eV/Å")
    parser.add_argument("--max-steps", type=int, default=1000)
    parser.add_argument("--batch-atoms", type=int, default=RelaxParams().batch_atoms)
    parser.add_argument("--methods", nargs="*", default=[*OURS, *THEIRS, SCHNETPACK], help="names, or their beginnings")
    parser.add_argument("--json", type=Path, help="also write all numbers here")
    arguments = parser.parse_args()

    library = MonomerLibrary.load()
    composition = Composition.parse(arguments.cluster, library)
    start = generate(composition, arguments.count, library=library, seed=arguments.seed, shares=arguments.shares)
    potential = get_potential(arguments.potential, **({"model": arguments.model} if arguments.model else {}))
    potential.evaluate(start[0])  # start-up is not what is measured
    everything = [*OURS, *THEIRS] + ([SCHNETPACK] if arguments.model else [])
    chosen = [n for n in everything if any(n.startswith(m) for m in arguments.methods)]
    results = {}
    for name in chosen:
        if name in OURS:
            used = Cold(potential) if name.endswith("cold") else potential
            results[name] = with_sampler(start, used, arguments, OURS[name])
        elif name in THEIRS:
            results[name] = with_ase(start, potential, calculator_of(potential), arguments, THEIRS[name])
        else:
            calculator = schnetpack_calculator(potential)
            with_ase(start[:1], potential, calculator, argparse.Namespace(fmax=1e9, max_steps=1), "LBFGS")  # start-up
            results[name] = with_ase(start, potential, calculator, arguments, "LBFGS")
        print(f"{name}: {results[name]['cpu_s']:.1f} s", flush=True)
    print(f"\n{arguments.count} candidates of {arguments.cluster}, {potential.level}, fmax {arguments.fmax} eV/Å\n")
    print(table(results))
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
