"""Protocols and clusters that take no time, for tests of all that is around them."""

import os
import sys

import numpy as np

TOY = """
name = "toy"
description = "fast stages for tests"
[[stage]]
kind = "generate"
candidates = 12
chunk = 6
[[stage]]
kind = "relax"
potential = "lennard-jones"
max_steps = 5
chunk = 6
[[stage]]
kind = "select"
count = 6
[export]
preset = "sp"
count = 3
"""


def acid_and_ammonia(path):
    """Sulfuric acid with ammonia at its N···H, whole."""
    from scipy.spatial.transform import Rotation

    from sampler.clusters import Clusters
    from sampler.monomers import MonomerLibrary

    library = MonomerLibrary.load()
    acid, base = library["sa"], library["am"]
    x, z = acid.conformers[0].positions, acid.numbers
    hydrogen = int(np.flatnonzero(z == 1)[0])
    out = x[hydrogen] - x[z == 8][np.argmin(np.linalg.norm(x[z == 8] - x[hydrogen], axis=1))]
    amine = base.conformers[0].positions
    nitrogen = amine[base.numbers == 7][0]
    place = x[hydrogen] + 1.75 * out / np.linalg.norm(out)
    axis = (nitrogen - amine[base.numbers == 1].mean(0)) / np.linalg.norm(nitrogen - amine[base.numbers == 1].mean(0))
    wanted = -out / np.linalg.norm(out)
    turn = Rotation.align_vectors([wanted], [axis])[0]
    both = np.vstack([x, turn.apply(amine - nitrogen) + place])
    Clusters.make([both], [np.concatenate([z, base.numbers])], ids=["pair"]).save(path)


def called_in(folder, *words):
    """Run the command in a folder; for fixtures that outlive a test."""
    from sampler.cli.app import main

    before, words_before = os.getcwd(), sys.argv
    os.chdir(folder)
    sys.argv = ["sampler", *map(str, words)]
    try:
        main()
    except SystemExit as end:
        assert not end.code
    finally:
        os.chdir(before)
        sys.argv = words_before
