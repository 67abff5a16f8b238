"""Large structures that a Δ model is to teach a direct one: a part of data/training/b97-3c_sa_am_dma_w_taught.npz.

Minima and frames of dynamics of 5 + 5 to 8 + 8, and clusters of 11, 12 and 14 pairs, docked from two of these minima, heated
to 600 K, relaxed, and heated to 350 K. No published structure, and none of 9 + 9 and 10 + 10, which are held out.

    python benchmarks/taught_pool.py --minima run-5sa5am run-6sa6am run-7sa7am run-8sa8am --others large-7sa7am \\
        --dynamics dy-5sa5am.npz dy-6sa6am.npz dy-7sa7am.npz dy-8sa8am.npz -o pool.npz
    sampler data teach pool.npz data/models/b97-3c_sa_am_dma_w-delta-gfn1{,-seed42,-seed69} -o taught.npz

--minima: run directories of `sampler run … -p b97-3c` (5 + 5, 6 + 6) and `-p b97-3c-large` (7 + 7, 8 + 8); --others: of
`-p large`, whose minima, of GFN1-xTB, are relaxed first; --dynamics: from `sampler data sample` (data/training/README.md).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.spatial.distance import cdist
from scipy.spatial.transform import Rotation

from sampler.clusters import Clusters
from sampler.monomers import MonomerLibrary
from sampler.potentials.trained import painn
from sampler.relax import RelaxParams, relax
from sampler.relax.langevin import Langevin

MEMBER = "b97-3c_sa_am_dma_w-seed7"
EACH, OTHERS, FRAMES, DOCKED = 85, 60, 60, 45
DOCKINGS = {11: (6, 5), 12: (7, 5), 14: (7, 7)}


def minima_of(run: Path) -> Clusters:
    """What the stage ``hop`` of a run has found, lowest first."""
    found = Clusters.load(next(run.glob("stages/*-hop-*/output.npz")))
    return found[np.argsort(found.energy)]


def plain(clusters: Clusters, origin: str) -> Clusters:
    """Positions, elements, composition and origin alone."""
    from sampler.identify import recognise

    names = clusters.columns.get("composition")
    if names is None:
        names = [c.name(MonomerLibrary.load()) for c in recognise(clusters, MonomerLibrary.load())]
    return Clusters.make(
        [clusters.positions[clusters.atoms_of(i)] for i in range(len(clusters))],
        [clusters.numbers[clusters.atoms_of(i)] for i in range(len(clusters))],
        columns={"origin": np.full(len(names), origin), "composition": np.array(names)},
    )


def some(clusters: Clusters, count: int, rng: np.random.Generator) -> Clusters:
    return clusters[np.sort(rng.choice(len(clusters), min(count, len(clusters)), replace=False))]


def dock(a: np.ndarray, b: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Both, turned at random, side by side, their nearest atoms 1.9 Å apart."""
    a = (a - a.mean(0)) @ Rotation.random(random_state=int(rng.integers(1 << 30))).as_matrix()
    b = (b - b.mean(0)) @ Rotation.random(random_state=int(rng.integers(1 << 30))).as_matrix()
    away = 30.0
    while cdist(a, b + [0, 0, away]).min() > 1.8:
        away -= 0.1
    return np.vstack([a, b + [0, 0, away + 0.1]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minima", nargs=4, type=Path, required=True)
    parser.add_argument("--others", type=Path, required=True)
    parser.add_argument("--dynamics", nargs="+", type=Path, required=True)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=11)
    asked = parser.parse_args()
    rng, member, taken = np.random.default_rng(asked.seed), painn(MEMBER), []
    minima = dict(zip((5, 6, 7, 8), map(minima_of, asked.minima)))
    for found in minima.values():
        taken += [plain(found[: EACH // 2], "minimum"), plain(some(found[EACH // 2 :], EACH // 2, rng), "minimum")]
    others = plain(some(minima_of(asked.others), OTHERS, rng), "minimum")
    taken.append(others.replace(positions=relax(others, member, RelaxParams(fmax=0.03, max_steps=300)).positions))
    for file in asked.dynamics:
        frames = Clusters.load(file)
        taken.append(plain(some(frames[frames.columns["origin"] == "dynamics"], FRAMES, rng), "dynamics"))
    heat = Langevin()
    for x, y in DOCKINGS.values():
        pairs = [(minima[x][rng.integers(60)], minima[y][rng.integers(60)]) for _ in range(DOCKED)]
        begin = Clusters.make(
            [dock(a.positions, b.positions, rng) for a, b in pairs],
            [np.concatenate([a.numbers, b.numbers]) for a, b in pairs],
        )
        hot, _ = heat.run(begin, member, 600.0, 250, rng, lambda *_: None)
        rest = hot.replace(positions=relax(hot, member, RelaxParams(fmax=0.03, max_steps=300)).positions)
        warm, _ = heat.run(rest, member, 350.0, 60, rng, lambda *_: None)
        taken += [plain(rest, "minimum"), plain(warm, "dynamics")]
    pool = Clusters.concatenate(taken)
    pool.save(asked.out)
    print(f"{len(pool)} structures of {len(pool.numbers)} atoms in {asked.out}")


if __name__ == "__main__":
    main()
