"""How errors on held-out clusters fall with the number of labels.

    python benchmarks/learning_curve.py LABELS.npz --hold-out 4sa4am --sizes 250,500,1000,2000 --out curve
    python benchmarks/learning_curve.py B97.npz --test ORCA.npz --sizes 50,100,200 --delta gfn1-xtb --out curve-delta
    python benchmarks/learning_curve.py B97.npz --test ORCA.npz --sizes 50,100,200 --init MODEL --out curve-transfer

Each size is a random part of the labels, every larger one holds the smaller ones, and all are trained for the same
number of steps, so that only the labels differ. Tested on --test, or on what --hold-out keeps from the training. OUT
keeps every training: a killed command goes on. Writes OUT/curve.csv, OUT/curve.png and the fitted exponents.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np  # noqa: E402

from sampler.learn.evaluate import evaluate, open_potential  # noqa: E402
from sampler.learn.labels.dataset import LabelSet  # noqa: E402
from sampler.learn.training.settings import RECIPES  # noqa: E402
from sampler.learn.training.targets import delta_targets, direct_targets  # noqa: E402
from sampler.monomers import MonomerLibrary  # noqa: E402
from sampler.storage import write_text  # noqa: E402

COLUMNS = ("labels", "steps", "mae_kcal_mol", "relative_mae_kcal_mol", "spearman", "mae_kcal_mol_A")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--sizes", required=True, help="numbers of labels, with commas")
    parser.add_argument("--test", type=Path, help="labels to test on")
    parser.add_argument("--hold-out", action="append", default=[], help="composition kept from the training")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--interactions", type=int, default=3)
    parser.add_argument("--energy-share", type=float, default=0.1)
    parser.add_argument("--delta", help="learn the difference to this potential")
    parser.add_argument("--init", type=Path, help="model to start from")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    library, labels = MonomerLibrary.load(), LabelSet.load(arguments.labels)
    held = np.isin(labels.compositions, arguments.hold_out)
    test = LabelSet.load(arguments.test) if arguments.test else labels.subset(held)
    if not len(test):
        parser.error("nothing to test on: give --test FILE or a --hold-out that the labels contain")
    pool = labels.subset(~held)
    sizes = sorted(int(s) for s in arguments.sizes.split(","))
    if sizes[-1] > len(pool):
        parser.error(f"{sizes[-1]} labels are asked for, {arguments.labels} has {len(pool)} outside of --hold-out")
    targets_of = (
        (lambda part: delta_targets(part, open_potential([arguments.delta]), library))
        if arguments.delta
        else (lambda part: direct_targets(part, library))
    )
    order = np.random.default_rng(arguments.seed).permutation(len(pool))
    parts = {n: targets_of(pool.subset(np.sort(order[:n]))) for n in sizes}
    from sampler.learn.training.train import train  # after xTB, which must load before torch

    rows = []
    for n in sizes:
        settings = _settings(arguments, n)
        done = train(parts[n], settings, arguments.out / f"{n}", arguments.init, quiet=True)
        report = evaluate(open_potential([str(done.model)]), test, library).report()["all"]
        steps = settings.epochs * -(-int(n * (1 - settings.validation)) // settings.batch_size)
        row = {"labels": n, "steps": steps, **report["energy"], **report.get("forces", {})}
        rows.append({k: row.get(k, float("nan")) for k in COLUMNS})
        print("  ".join(f"{k} {v:.4g}" for k, v in rows[-1].items()), flush=True)
    lines = [",".join(COLUMNS), *(",".join(f"{row[k]:.6g}" for k in COLUMNS) for row in rows)]
    write_text(arguments.out / "curve.csv", "\n".join(lines) + "\n")
    for name in ("mae_kcal_mol", "mae_kcal_mol_A"):
        exponent = np.polyfit(np.log([r["labels"] for r in rows]), np.log([r[name] for r in rows]), 1)[0]
        print(f"{name} ~ labels^{exponent:.2f}")
    _plot(rows, arguments.out / "curve.png")


def _settings(arguments, n: int):
    recipe = RECIPES["fine-tune" if arguments.init else "quick"]
    per_epoch = -(-int(n * (1 - recipe.validation)) // recipe.batch_size)
    changes = {"energy_share": arguments.energy_share, "epochs": max(arguments.steps // per_epoch, 1)}
    changes |= {"seed": arguments.seed, "n_atom_basis": arguments.width, "n_interactions": arguments.interactions}
    return recipe.replace(**changes)


def _plot(rows: list[dict], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3), layout="constrained")
    for axis, name, label in zip(
        figure.subplots(1, 2), ("mae_kcal_mol", "mae_kcal_mol_A"), ("MAE ΔE, kcal/mol", "MAE F, kcal/mol/Å")
    ):
        axis.loglog([r["labels"] for r in rows], [r[name] for r in rows], "o-")
        axis.set(xlabel="labels", ylabel=label)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
