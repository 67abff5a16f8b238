"""PaiNN on a CUDA device beside one CPU core: energies and forces a second, and relaxations, in one run.

    python benchmarks/painn_gpu.py                   # 7sa7am, 1 to 4096 structures; about two minutes
    python benchmarks/painn_gpu.py --device cpu --counts 1 8 --relax 4      # without a GPU: PyTorch against the kernels

The CPU runs the fused kernels (numba) on one thread, the device the PyTorch path. Both get the same candidates and the same weights,
those of --model and the same surface at 128 features and 5 interactions (padded with zeros: the cost of the larger network). Wall
time, the median of three calls after one that compiles and allocates.
"""

# ruff: noqa: E402  threads are set before numpy starts them
from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent / "speed"))
from common import candidates, load, table, widened

from sampler.potentials.painn.potential import PaiNNPotential
from sampler.relax import RelaxParams, relax


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=7, help="pairs of sulfuric acid and ammonia")
    parser.add_argument(
        "--counts", type=int, nargs="+", default=[1, 16, 256, 4096], help="structures evaluated together"
    )
    parser.add_argument(
        "--relax", type=int, default=512, help="candidates relaxed to 0.05 eV/A, at most 100 steps; 0: none"
    )
    parser.add_argument(
        "--core-limit", type=int, default=64, help="more structures than these are not given to the core"
    )
    parser.add_argument("--model", default="gfn1-xtb_sa_am")
    parser.add_argument("--device", default="cuda")
    options = parser.parse_args()
    params, card = load(options.model)
    shapes = {
        f"{params.architecture.n_atom_basis}/{params.architecture.n_interactions}": params,
        "128/5": widened(params),
    }
    pool = candidates(options.size, max(*options.counts, options.relax, 1))
    rows = []
    for shape, weights in shapes.items():
        core = PaiNNPotential(weights, card)
        device = PaiNNPotential(weights, card, engine="torch", device=options.device)
        for count in options.counts:
            some = pool[np.arange(count)]
            theirs, there = _timed(device, some)
            few = some[np.arange(min(count, options.core_limit))]
            ours, here = _timed(core, few)
            energy = np.abs(here.energy - there.energy[: len(few)])
            force = np.abs(here.forces - there.forces[: len(here.forces)])
            rows.append([shape, f"{count} evaluated", f"{len(few) / ours:.0f}", f"{count / theirs:.0f}",
                         f"{count / theirs * ours / len(few):.1f}", f"{1e3 * np.nanmax(energy):.2f}", f"{1e3 * np.nanmax(force):.2f}"])  # fmt: skip
            print(" ".join(rows[-1]), flush=True)
        if options.relax:
            some, few = (pool[np.arange(min(n, options.relax))] for n in (options.relax, options.core_limit))
            how = RelaxParams(fmax=0.05, max_steps=100)
            relax(few[np.arange(min(2, len(few)))], device, how)
            begin = time.perf_counter()
            relax(some, device, how)
            theirs = (time.perf_counter() - begin) / len(some)
            begin = time.perf_counter()
            relax(few, core, how)
            ours = (time.perf_counter() - begin) / len(few)
            rows.append(
                [shape, f"{len(some)} relaxed", f"{1 / ours:.1f}", f"{1 / theirs:.1f}", f"{ours / theirs:.1f}", "", ""]
            )
            print(" ".join(rows[-1]), flush=True)
    head = ["network", "structures", "a second, one core", f"a second, {options.device}", "ratio",
            "energies differ by, at most, meV", "forces, meV/Å"]  # fmt: skip
    print(table(head, rows))


def _timed(potential, clusters):
    """Median seconds of three calls after a first one, and what the last returned."""
    potential.evaluate(clusters)
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        found = potential.evaluate(clusters)
        seconds.append(time.perf_counter() - begin)
    return float(np.median(seconds)), found


if __name__ == "__main__":
    main()
