"""What a refinement costs: CPU seconds of single points and gradients, and the polynomial that `sampler run` uses.

    python benchmarks/refine_cost.py REFERENCE [--methods b97-3c,r2scan-3c,wb97x-d] [--most-atoms 22]

REFERENCE is the folder of public reference data. One line a measurement (one core, process time), then the fit
seconds = c0 + c2 x² + c3 x³ (x = basis functions / 100, no coefficient negative) of each method, and of the memory.
sampler/potentials/composite/cost.py holds the results.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np  # noqa: E402

from sampler.clusters import Clusters  # noqa: E402
from sampler.potentials.composite import CompositePotential  # noqa: E402
from sampler.potentials.composite.methods import get_method  # noqa: E402
from sampler.potentials.composite.molecule import build  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reference", type=Path)
    parser.add_argument("--methods", default="b97-3c,r2scan-3c,wb97x-d")
    parser.add_argument("--most-atoms", type=int, default=22)
    arguments = parser.parse_args()
    frames = [f for f in structures(arguments.reference) if len(f) <= arguments.most_atoms]
    hydrogen = Clusters.make([np.array([[0.0, 0, 0], [0, 0, 0.74]])], [[1, 1]])
    for name in arguments.methods.split(","):
        CompositePotential(name).evaluate(hydrogen)  # imports and compiled kernels
        for forces in (False, True):
            rows = []
            for frame in frames:
                one = Clusters.from_ase([frame])
                basis = build(get_method(name), frame.numbers, frame.positions, 0).nao
                started = time.process_time()
                failure = CompositePotential(name).evaluate(one, forces=forces).failure[0]
                seconds = time.process_time() - started
                if failure:
                    raise SystemExit(failure)
                rows.append((basis, seconds))
                memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
                print(f"{name:10s} {'gradient' if forces else 'energy':8s} {len(frame):3d} atoms {basis:4d} functions "
                      f"{seconds:8.2f} s, peak memory so far {memory:.2f} GB", flush=True)  # fmt: skip
            fit(f"{name} {'gradient' if forces else 'energy'}", rows)


def fit(what: str, rows: list[tuple[int, float]]) -> None:
    """Relative errors count, so that small systems do."""
    from scipy.optimize import nnls

    x, seconds = np.array(rows).T
    x = x / 100
    matrix = np.stack([np.ones_like(x), x**2, x**3], axis=1) / seconds[:, None]
    c, _ = nnls(matrix, np.ones_like(x))
    off = matrix @ c - 1
    print(
        f"{what}: {c[0]:.3g} + {c[1]:.3g} x² + {c[2]:.3g} x³ s; off by {100 * np.abs(off).max():.0f} % at most",
        flush=True,
    )


def structures(reference: Path):
    """NH3, SA and (SA)n(AM)n, n = 1, 2, 3, …, by size."""
    from ase.io import read

    monomers = [f for f in read(reference / "monomers/monomers_b973c.extxyz", ":") if f.info["name"] in ("1am", "1sa")]
    return sorted(monomers + read(reference / "sa_am/b973c_minima/sa_am_b973c_minima.extxyz", ":"), key=len)


if __name__ == "__main__":
    main()
