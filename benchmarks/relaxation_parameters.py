"""Evaluations that a relaxation takes with other parameters of its optimiser: a count, so a busy machine does no harm.

    python benchmarks/relaxation_parameters.py --cluster 4sa4am --count 40

Same starts, one change at a time. "dE": mean kcal/mol of the ends against those of the defaults; "lower/higher": ends more
than 0.1 kcal/mol below or above. The standard error of the mean number of evaluations says which differences are real.
"""

from __future__ import annotations

import argparse

import numpy as np

from sampler.composition import Composition
from sampler.generate import generate
from sampler.monomers import MonomerLibrary
from sampler.potentials import get_potential
from sampler.relax import RelaxParams, hessian, lbfgs, preconditioner, relax
from sampler.units import KCAL_PER_MOL

# name -> (what to change: owner and attribute, or a field of RelaxParams; value)
CHANGES = {
    "soft 0.25": {(preconditioner.ModelHessian, "soft"): 0.25},
    "soft 1": {(preconditioner.ModelHessian, "soft"): 1.0},
    "soft 2": {(preconditioner.ModelHessian, "soft"): 2.0},
    "stale 0.1": {(preconditioner.ModelHessian, "stale"): 0.1},
    "stale 0.4": {(preconditioner.ModelHessian, "stale"): 0.4},
    "max_step 0.1": {"max_step": 0.1},
    "max_step 0.3": {"max_step": 0.3},
    "rise 0.1 meV": {(lbfgs, "_RISE"): 1e-4},
    "rise 50 meV": {(lbfgs, "_RISE"): 0.05},
    "memory 15": {"memory": 15},
    "memory 200": {"memory": 200},
    "stretch x 1.5": {(hessian, "_STRETCH"): 0.675},
    "stretch / 1.5": {(hessian, "_STRETCH"): 0.3},
    "bend x 2": {(hessian, "_BEND"): 0.3},
    "bend / 2": {(hessian, "_BEND"): 0.075},
    "stiffest 1": {(hessian, "_STIFFEST"): 1.0},
    "stiffest 2": {(hessian, "_STIFFEST"): 2.0},
    "bend x 2, stiffest 2, memory 15": {(hessian, "_BEND"): 0.3, (hessian, "_STIFFEST"): 2.0, "memory": 15},
}


def relaxed(start, potential, change: dict, fmax: float):
    kept = {key: getattr(*key) for key in change if isinstance(key, tuple)}
    for owner, name in kept:
        setattr(owner, name, change[owner, name])
    try:
        options = {key: value for key, value in change.items() if isinstance(key, str)}
        return relax(start, potential, RelaxParams(fmax=fmax, max_steps=1000, **options))
    finally:
        for (owner, name), value in kept.items():
            setattr(owner, name, value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cluster", default="4sa4am")
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fmax", type=float, default=0.05, help="eV/Å")
    parser.add_argument("--model", default="gfn1-xtb_sa_am")
    parser.add_argument("--only", nargs="*", help="changes by name")
    options = parser.parse_args()
    library = MonomerLibrary.load()
    composition = Composition.parse(options.cluster, library)
    start = generate(composition, options.count, library=library, seed=options.seed)
    potential = get_potential("painn", model=options.model)
    print(
        "| change | evaluations, mean ± error (median) | refused steps | converged | dE | lower/higher |\n"
        + "|---" * 6
        + "|"
    )
    base = None
    for name, change in {"none": {}, **CHANGES}.items():
        if options.only and name not in ("none", *options.only):
            continue
        found = relaxed(start, potential, change, options.fmax)
        base = found.energy if base is None else base
        evaluations, converged = found.columns["evaluations"], found.columns["converged"]
        refused = (evaluations - 1 - found.columns["steps"]).mean()
        above = (found.energy - base) / KCAL_PER_MOL
        error = evaluations.std(ddof=1) / np.sqrt(len(evaluations))
        print(
            f"| {name} | {evaluations.mean():.1f} ± {error:.1f} ({np.median(evaluations):.0f}) | {refused:.1f} "
            f"| {converged.sum()}/{len(converged)} | {np.nanmean(above):+.2f} | {(above < -0.1).sum()}/{(above > 0.1).sum()} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
