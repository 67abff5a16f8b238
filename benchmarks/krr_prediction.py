"""Predicting energies: PaiNN against kernel ridge regressions of several sizes, in one run on one core.

    python benchmarks/krr_prediction.py                       # 1,000 energies of sulfuric acid-ammonia clusters
    python benchmarks/krr_prediction.py --count 100 --trained 500,2000

What a prediction costs depends on the sizes alone, so that the regressions have coefficients at random. The kernels of
qmllib, which take longer, are timed with a few structures and scaled. Energies alone: the network gives its forces for some
two times as much, the regression has none.
"""

from __future__ import annotations

import argparse
import os
import time

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"

import sys  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402

sys.path.insert(0, str(Path(__file__).parent / "speed"))
from common import load, painn, widened  # noqa: E402

from sampler.clusters import Clusters  # noqa: E402
from sampler.learn.labels.dataset import LabelSet  # noqa: E402
from sampler.potentials.krr.model import KrrModel  # noqa: E402
from sampler.potentials.krr.representation import Atoms, Representation  # noqa: E402

MODEL = "gfn1-xtb_sa_am"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=Path, default=Path("data/training/gfn1-xtb_sa_am.npz"))
    parser.add_argument("--count", type=int, default=1000, help="energies to predict")
    parser.add_argument("--trained", default="500,1000,2000", help="structures of a regression, with commas")
    parser.add_argument("--qmllib", type=int, default=4, help="structures that its own kernels are timed with")
    arguments = parser.parse_args()
    labels = LabelSet.load(arguments.labels).clusters
    order = np.random.default_rng(1).permutation(len(labels))
    wanted = labels[order[: arguments.count]].without_energies()
    rest = order[arguments.count :]
    print(
        f"{len(wanted)} energies of structures of {wanted.natoms.mean():.0f} atoms on average; CPU seconds of one core\n"
    )
    print("| method | s | times PaiNN 128/5 |\n|---|---|---|")
    params, card = load(MODEL)
    paper = painn(widened(params), card)
    unit = _row("PaiNN, 128 features, 5 interactions", lambda: paper.evaluate(wanted, forces=False), None)
    _row("the same with forces", lambda: paper.evaluate(wanted), unit)
    shipped = painn(params, card)
    size = f"{params.architecture.n_atom_basis}/{params.architecture.n_interactions}"
    _row(f"PaiNN, shipped, {size}", lambda: shipped.evaluate(wanted, forces=False), unit)
    shape = Representation(tuple(int(z) for z in np.unique(labels.numbers)))
    for n in (int(word) for word in arguments.trained.split(",")):
        known = labels[rest[:n]].without_energies()
        atoms = shape.of(known)
        model = KrrModel(shape, 2.0, known, np.random.default_rng(2).normal(size=n), atoms)
        _row(f"KRR of {n} structures", lambda model=model: model.predict(wanted), unit)
        some = wanted[np.arange(arguments.qmllib)]
        _tell(f"KRR of {n} structures, kernels of qmllib", _qmllib(shape, some, atoms) * len(wanted), unit)


def _row(name: str, act: Callable[[], object], unit: float | None) -> float:
    if "PaiNN" in name:
        act()  # compiled code is loaded
    begin = time.process_time()
    act()
    seconds = time.process_time() - begin
    _tell(name, seconds, unit or seconds)
    return seconds


def _tell(name: str, seconds: float, unit: float) -> None:
    print(f"| {name} | {seconds:.3g} | {seconds / unit:.3g} |", flush=True)


def _qmllib(shape: Representation, some: Clusters, atoms: Atoms) -> float:
    """CPU seconds of one structure, its representation included."""
    from qmllib.kernels import get_local_kernel

    (x, q), begin = _padded(atoms), time.process_time()
    y, p = _padded(shape.of(some))
    get_local_kernel(x, y, q, p, 2.0)
    return (time.process_time() - begin) / len(some)


def _padded(atoms: Atoms) -> tuple[np.ndarray, list[np.ndarray]]:
    """As qmllib wants them: (B, atoms of the largest, D), and lists of elements."""
    sizes = np.diff(atoms.ptr)
    x = np.zeros((len(atoms), sizes.max(), atoms.vectors.shape[1]))
    for i, n in enumerate(sizes):
        x[i, :n] = atoms.vectors[atoms.ptr[i] : atoms.ptr[i + 1]]
    return x, [atoms.numbers[atoms.ptr[i] : atoms.ptr[i + 1]] for i in range(len(atoms))]


if __name__ == "__main__":
    main()
