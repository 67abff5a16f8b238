"""All harvests of a level as one data set, with the energies of its monomers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from harvests import harvested
from plan import held_out

from sampler.clusters import Clusters
from sampler.learn.labels.dataset import LabelSet
from sampler.levels import level_with
from sampler.monomers import MonomerLibrary


def merge(level: str, folder: Path) -> str:
    """Write ``folder/LEVEL.npz``; returns what it holds, in words.

    Structures get new ids, since those of different chunks and rounds repeat. What is held out is left out, if it is there.
    """
    parts = harvested(level)
    if not parts:
        return "no harvest"
    library = MonomerLibrary.load()
    found = Clusters.concatenate(parts)
    found = found[~np.isin(found.columns["composition"], sorted(held_out(library)))]
    found = found.replace(ids=np.array([f"{c}-{k:06d}" for k, c in enumerate(found.columns["composition"])]))
    known = level_with(found.level, library)
    made = LabelSet(found, dict(known.monomers), known.engine)
    made.save(folder / f"{level}.npz")
    compositions = np.unique(made.compositions)
    return f"{len(made)} labels of {len(compositions)} compositions in {folder / level}.npz"
