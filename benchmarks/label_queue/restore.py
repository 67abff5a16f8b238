"""Put the labels of done-b97-3c.npz into a label folder, so that sampler label and sampler data collect go on from there.

python benchmarks/label_queue/restore.py labels/b97-3c
"""

import sys
from pathlib import Path

from sampler.clusters import Clusters
from sampler.learn.labels.label import store
from sampler.potentials import get_potential

done = Clusters.load(Path(__file__).with_name("done-b97-3c.npz"))
potential = get_potential("b97-3c")
if "engine" not in done.columns:  # not recorded then, and not to be guessed now
    done = done.with_columns(engine="", device="")
for one in done:
    store(potential, one, sys.argv[1], float(one.energy[0]), one.forces)
print(f"{len(done)} labels of the level {done.level} in {sys.argv[1]}")
