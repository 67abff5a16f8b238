"""B97-3c labels: what waits in the queue first, then small clusters of the new molecules, as GFN1-xTB samples them."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from gfn1 import LEVEL as SAMPLED
from harvests import harvested, keep, on_grid

from sampler.clusters import Clusters
from sampler.learn.labels.label import collect, key, label, store
from sampler.learn.sampling.near_duplicates import distinct

LEVEL = "b97-3c"
QUEUE = Path(__file__).parents[1] / "label_queue"
FIRST = ("02-mixtures.npz", "01-next.npz")
LARGE = "03-large.npz"
MOST_ATOMS, A_ROUND, LARGE_ATOMS, LARGE_A_ROUND = 34, 120, 60, 2
SHARES = {"relaxed": 2, "dynamics": 2, "quenched": 1, "proton": 1, "turned": 1, "apart": 1, "rattled": 1}
"""Of each composition, so many structures of an origin a round."""


def work(folder: Path) -> None:
    from sampler.potentials import get_potential

    potential, labels = get_potential(LEVEL), folder / LEVEL
    _restore(potential, labels)
    for name in FIRST:
        _label(_waiting(Clusters.load(QUEUE / name), _tried(labels)), potential, labels, name)
    _references(folder)
    large = Clusters.load(QUEUE / LARGE)
    large = large[np.argsort(large.natoms, kind="stable")]
    large = large[large.natoms <= LARGE_ATOMS]
    number = 0
    while True:
        known = _tried(labels)
        chosen, left = _choose(folder, known, number), _waiting(large, known)
        if not len(chosen) and not len(left):
            time.sleep(60)  # the sampling is behind
            continue
        _label(chosen, potential, labels, f"round {number}")
        _label(left[:LARGE_A_ROUND], potential, labels, f"round {number}, large")
        number += 1


def _waiting(structures: Clusters, known: set[str]) -> Clusters:
    """What has no label yet, as it stands or on the grid that harvests keep; on that grid."""
    grid = on_grid(structures)
    return grid[[i for i in range(len(grid)) if not {_key(structures[i]), _key(grid[i])} & known]]


def _key(one: Clusters) -> str:
    return key(one.numbers, one.positions, one.charge[0])


def _restore(potential, labels: Path) -> None:
    """Labels that are in the repository are not computed again."""
    for done in (Clusters.load(QUEUE / "done-b97-3c.npz"), *harvested(LEVEL)):
        done = done if "engine" in done.columns else done.with_columns(engine="", device="")
        for one in done:
            store(potential, one, labels, float(one.energy[0]), one.forces)


def _references(folder: Path) -> None:
    """Monomer energies that the level lacks, as a level file beside the data."""
    import subprocess
    import sys

    command = ("label", "--references", "all", "--level", LEVEL, "--out", str(folder / "b97-3c@pyscf.toml"), "-q")
    subprocess.run([sys.executable, "-m", "sampler.cli.app", *command], check=False)


def _tried(labels: Path) -> set[str]:
    return {file.stem for file in (labels / "labels").glob("*/*.npz")}


def _label(clusters: Clusters, potential, labels: Path, name: str) -> None:
    if not len(clusters):
        return
    begun = time.process_time()
    result = label(clusters, potential, labels)
    print(
        f"{name}: {result.computed} computed, {result.failed} failed, {time.process_time() - begun:.0f} CPU s",
        flush=True,
    )


def _choose(folder: Path, known: set[str], number: int) -> Clusters:
    """Structures of small clusters of the new molecules, a few of each origin and composition, small ones first."""
    rng = np.random.default_rng([7, number])
    chosen = []
    for sampled in sorted((folder / SAMPLED).glob("*")):
        files = sorted(sampled.glob("*.npz"))
        found = Clusters.concatenate([Clusters.load(f) for f in files[: 1 + number]])
        if not len(found) or len(found.numbers) / len(found) > MOST_ATOMS:
            continue
        found = found[distinct(found, 0.1)]
        for origin, count in SHARES.items():
            of_it = np.flatnonzero(found.columns["origin"] == origin)
            chosen += [found[int(i)] for i in rng.permutation(of_it)[:count]]
    fresh = _waiting(Clusters.concatenate(chosen), known)
    picked = rng.permutation(len(fresh))[:A_ROUND]
    return fresh[picked[np.argsort(fresh.natoms[picked], kind="stable")]].without_energies()


def _new(folder: Path) -> Clusters:
    """Labels that no harvest holds."""
    held = (Clusters.load(QUEUE / "done-b97-3c.npz"), *harvested(LEVEL))
    old = {_key(one) for done in held for one in done}
    found = collect(folder / LEVEL)
    return found[[i for i, one in enumerate(found) if _key(one) not in old]]


def harvest(folder: Path) -> str:
    return keep(LEVEL, _new(folder))


def status(folder: Path) -> str:
    return f"{len(_new(folder))} new labels, {sum(map(len, harvested(LEVEL)))} harvested"
