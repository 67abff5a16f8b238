"""Hydrogen bonds of many frames at once are those of each frame alone."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from sampler.clusters import Clusters
from sampler.identify.assignment import assign_batch
from sampler.identify.hydrogen_bonds import covalent_bonds, hydrogen_bonds, of_frames
from sampler.monomers import MonomerLibrary

pytestmark = pytest.mark.once


def crowd(names, rng):
    """Molecules thrown into a small box, bonds stretched: frames with what a trajectory may hold, and worse."""
    library = MonomerLibrary.load()
    parts = [library[name] for name in names]
    placed = [
        Rotation.random(random_state=rng).apply(p.conformers[0].positions) + rng.uniform(-2.6, 2.6, 3) for p in parts
    ]
    return np.concatenate(placed) + rng.normal(0, 0.06, (sum(len(p.numbers) for p in parts), 3)), np.concatenate(
        [p.numbers for p in parts]
    )


def test_frames_together_and_alone():
    rng = np.random.default_rng(5)
    for names in (["sa", "sa", "am", "w"], ["nta", "am", "w"], ["dma", "fa", "sa"]):
        frames = [crowd(names, rng) for _ in range(150)]
        numbers, x = frames[0][1], np.array([f[0] for f in frames])
        clusters = Clusters.make(list(x), [numbers] * len(x))
        owner = assign_batch(clusters, None, MonomerLibrary.load()).owner.reshape(len(x), -1)
        found = of_frames(numbers, x, owner)
        together = sorted(zip(*(part.tolist() for part in (found.frame, found.donor, found.hydrogen, found.acceptor))))
        alone = [
            (k, *bond[:3])
            for k in range(len(x))
            for bond in hydrogen_bonds(numbers, x[k], covalent_bonds(numbers, x[k], owner[k]))
        ]
        print(names, len(alone), "hydrogen bonds in", len(x), "frames")
        assert together == sorted(alone) and len(alone) > 50
