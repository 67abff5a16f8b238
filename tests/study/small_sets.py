"""Two small data sets without duplicates across, of the labels in data/training, for tests of studies."""

from pathlib import Path

import numpy as np

from sampler.learn.labels.dataset import LabelSet
from sampler.learn.split import leaks_between

DATA = Path(__file__).resolve().parents[2] / "data" / "training"
TINY = ["--epochs", "2", "--set", "n_atom_basis=16", "--set", "n_interactions=1", "--set", "n_rbf=8"]
TINY += ["--set", "warmup=2", "--set", "batch_size=4"]


def write(folder, name="gfn1-xtb_sa_am.npz", train=40, test=8, forces=True):
    """(file to train on, file to test with)"""
    whole = LabelSet.load(DATA / name)
    some = np.flatnonzero(np.isin(whole.compositions, ["1sa1am", "2sa", "1sa", "1am"]))
    order = np.random.default_rng(1).permutation(some)
    tested, rest = whole.subset(np.sort(order[:test])), whole.subset(np.sort(order[test : test + 2 * train]))
    rest = rest.subset(leaks_between(tested, rest) < 0).subset(slice(0, train))
    assert len(rest) == train
    files = folder / "train.npz", folder / "test.npz"
    for part, file in zip((rest, tested), files):
        if not forces:
            part = LabelSet(part.clusters.replace(forces=None), part.references, part.engine)
        part.save(file)
    return files
