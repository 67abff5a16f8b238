"""Add the table of closest distances to the card of a model that was trained before cards had one.

    python benchmarks/card_closest.py MODEL DATA.npz … [--hold-out 4sa4am] [--first 14514] [--also TAUGHT.npz]

DATA are the files that the card's ``data_hash`` is of, in the order of the training, ``--also`` further structures that
the weights have seen: taught ones, or those of the training that the model started from; ``--first`` is for files that have
grown since. The weights stay as they are.

The cards that ship were given theirs by

    T=data/training; D="$T/b97-3c_sa_am_dma_w.npz $T/b97-3c_sa_am_dma_w_more.npz"
    python benchmarks/card_closest.py gfn1-xtb_sa_am $T/gfn1-xtb_sa_am.npz --hold-out 4sa4am --first 14514
    python benchmarks/card_closest.py gfn1-xtb_sa_am_dma_w $T/gfn1-xtb_{sa_am,dma_w}.npz --hold-out 4sa4am 4sa4dma
    python benchmarks/card_closest.py gfn1-xtb_sa_am_dma_w-large $T/gfn1-xtb_{sa_am,dma_w,sa_am_large}.npz --hold-out 4sa4am 4sa4dma
    for m in -seed7 -seed42 -seed69; do python benchmarks/card_closest.py b97-3c_sa_am_dma_w$m $D --also $T/b97-3c_sa_am_dma_w_taught.npz; done
    for m in '' -seed42 -seed69; do python benchmarks/card_closest.py b97-3c_sa_am_dma_w-delta-gfn1$m $D; done
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from sampler.clusters import Clusters
from sampler.composition import Composition
from sampler.errors import ModelError
from sampler.learn.labels.dataset import LabelSet
from sampler.learn.training.shortest_distances import closest_distances
from sampler.monomers import MonomerLibrary
from sampler.potentials.painn.card import load_model, read_card, save_model
from sampler.potentials.trained import model_folder


def add_table(
    model: Path, data: list[Path], also: list[Path], hold_out: list[str], first: int | None = None
) -> dict[str, float]:
    """Write the table into the card of the folder ``model``, and return it.

    Raises:
        ModelError: ``data`` are not what the model was trained on.
    """
    library = MonomerLibrary.load()
    held = [Composition.parse(name, library).name(library) for name in hold_out]
    labels = LabelSet.join([LabelSet.load(file) for file in data])
    labels = labels.subset(np.flatnonzero(~np.isin(labels.compositions, held))[:first])
    card = read_card(model)
    if labels.digest() != card.data_hash:
        raise ModelError(f"{model}: trained on data {card.data_hash[:16]}…, these are {labels.digest()[:16]}…")
    more = [LabelSet.load(file) for file in also]
    more = [m.subset(~np.isin(m.compositions, held)).clusters for m in more]
    parts = [p.replace(columns={}) for p in (labels.clusters, *more)]
    params, card = load_model(model)
    changed = save_model(model, params, card.replace(closest=closest_distances(Clusters.concatenate(parts))))
    assert changed.weights_sha256 == card.weights_sha256, "the weights must stay"
    return changed.closest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="a folder, or the name of a model that ships")
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("--also", nargs="*", type=Path, default=[])
    parser.add_argument("--hold-out", nargs="*", default=[], metavar="COMPOSITION")
    parser.add_argument("--first", type=int, metavar="N", help="only so many structures of DATA")
    a = parser.parse_args()
    for pair, distance in add_table(model_folder(a.model), a.data, a.also, a.hold_out, a.first).items():
        print(f"{pair:5} {distance:.3f} Å")


if __name__ == "__main__":
    main()
