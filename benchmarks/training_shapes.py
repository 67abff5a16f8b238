"""One step of training for each network of the paper's grid, against SchNetPack in the same run.

    python benchmarks/training_shapes.py --out FOLDER             # 27 networks, batches of 5; under ten minutes
    python benchmarks/training_shapes.py --out FOLDER --batch 2 --batch 50 --rounds 5

A step is what benchmarks/speed measures of 128 features and 5 interactions: gradient of the energy and force loss, clipping
and AdamW, CPU time of one core, structures of 15 to 30 atoms. Both programs take turns, so that a busy machine disturbs both
alike; the figures to trust are the ratios. Writes training_shapes.csv and training_shapes.md to --out.
"""

# ruff: noqa: E402  threads are set before numpy starts them
from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import csv
import io
import itertools
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent / "speed"))
import training
from common import in_turn, median, ratio, show, spread, table

from sampler.potentials.painn.parameters import Architecture, PaiNNParameters
from sampler.storage import write_text
from sampler.study.tune_grid import GRIDS

SHAPE = ("n_atom_basis", "n_interactions", "n_rbf")
COLUMNS = (*SHAPE, "batch", "atoms", "fast_ms", "schnetpack_ms", "ratio", "spread", "loss_fast", "loss_schnetpack")
_BATCHES = 4  # different ones


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--batch", type=int, action="append", help="structures a step (may be repeated; default: 5)")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    rows = []
    for size in arguments.batch or [5]:
        batches = make_batches(size)
        for shape in itertools.product(*(GRIDS["paper"][n] for n in SHAPE)):
            rows.append(measured(shape, batches, arguments.rounds))
            print("  ".join(f"{k} {show(rows[-1][k])}" for k in COLUMNS[:8]), flush=True)
            write(arguments.out, rows, load)


def make_batches(size: int) -> list[tuple]:
    """Structures with energies and forces at random, which cost what true ones do."""
    pool, rng = training.structures(_BATCHES * size), np.random.default_rng(1)
    found = []
    for k in range(_BATCHES):
        c = pool[k * size : (k + 1) * size]
        found.append((c, rng.normal(size=size), rng.normal(size=(len(c.numbers), 3))))
    return found


def measured(shape: tuple[int, int, int], batches: list[tuple], rounds: int) -> dict[str, float]:
    params = PaiNNParameters.random(Architecture(**dict(zip(SHAPE, shape))), seed=0)
    seen: dict = {"fast": 0, "schnetpack": 0, "loss_fast": [], "loss_schnetpack": []}
    steps = {
        "fast": training.fast_step(params, batches, seen),
        "schnetpack": training.schnetpack_step(params, batches, seen),
    }
    seconds = in_turn(steps, rounds)
    return dict(zip(SHAPE, shape)) | {
        "batch": len(batches[0][0]), "atoms": float(np.mean([len(c.numbers) for c, _, _ in batches])),
        "fast_ms": 1e3 * median(seconds["fast"]), "schnetpack_ms": 1e3 * median(seconds["schnetpack"]),
        "ratio": ratio(seconds["schnetpack"], seconds["fast"]), "spread": max(spread(s) for s in seconds.values()),
        "loss_fast": seen["loss_fast"][0], "loss_schnetpack": seen["loss_schnetpack"][0],
    }  # fmt: skip


def write(out: Path, rows: list[dict[str, float]], load: float) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: float(f"{v:.6g}") if isinstance(v, float) else v for k, v in r.items()} for r in rows)
    write_text(out / "training_shapes.csv", text.getvalue())
    cells = [
        [*(str(r[n]) for n in (*SHAPE, "batch")), show(r["fast_ms"]), show(r["schnetpack_ms"]), show(r["ratio"])]
        for r in rows
    ]
    ratios = [r["ratio"] for r in rows]
    apart = max(abs(r["loss_fast"] / r["loss_schnetpack"] - 1) for r in rows)
    heading = ["features", "interactions", "radial functions", "batch", "fast, ms", "SchNetPack, ms", "ratio"]
    end = (
        f"Ratios from {show(min(ratios))} to {show(max(ratios))}, median {show(float(np.median(ratios)))}. The first losses of "
        f"both programs differ by {apart:.1e} at most. Load average at the start: {load:.1f}."
    )
    write_text(out / "training_shapes.md", "\n".join([table(heading, cells), "", end, ""]))


if __name__ == "__main__":
    main()
