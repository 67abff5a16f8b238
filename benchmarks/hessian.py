"""Numerical Hessians with PaiNN: time for (SA)4(AM)4, and frequencies against the step of the differences.

Needs the reference data beside the checkout: ``python benchmarks/hessian.py [MODEL]``.
"""

import sys
import time
from pathlib import Path

import numpy as np
from ase.io import read

from sampler.clusters import Clusters
from sampler.potentials import get_potential
from sampler.refine.hessian import hessians, normal_modes
from sampler.relax import RelaxParams, relax

MINIMA = Path(__file__).resolve().parents[2] / "shared/reference/sa_am/b973c_minima/sa_am_b973c_minima.extxyz"


def main() -> None:
    potential = get_potential("painn", model=sys.argv[1] if len(sys.argv) > 1 else "b97-3c_sa_am_dma_w-seed42")
    frames = {len(f): f for f in read(MINIMA, ":")}
    large, small = (Clusters.from_ase([frames[n]], charge=0) for n in (44, 22))
    hessians(small, potential)  # compile
    times = []
    for _ in range(3):
        start, cpu = time.perf_counter(), time.process_time()
        hessians(large, potential)
        times.append((time.perf_counter() - start, time.process_time() - cpu))
    print(f"44 atoms, 265 evaluations: {min(t[0] for t in times):.2f} s wall, {min(t[1] for t in times):.2f} s CPU")
    small = relax(small, potential, RelaxParams(fmax=1e-3, max_steps=2000))
    print("(SA)2(AM)2, relaxed; step Å, lowest and highest mode cm-1, largest asymmetry eV/A2")
    for step in (0.02, 0.01, 0.005, 0.0025, 0.001):
        found = hessians(small, potential, step)
        nu = normal_modes(small.numbers, small.positions, found.matrices[0]).frequencies
        print(f"{step:7.4f} {nu[0]:8.1f} {np.max(nu):8.1f} {found.asymmetry[0]:8.2f}")


if __name__ == "__main__":
    main()
