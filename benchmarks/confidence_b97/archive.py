"""Where does the B97-3c minimum lie among all minima that a search on GFN1-xTB has found?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from errors import NOMINAL
from minima import potential, sources

from sampler.clusters import Clusters
from sampler.composition import Composition
from sampler.funnel.protocols.protocol import build
from sampler.funnel.stages.energy_source import made_by
from sampler.funnel.stages.expected_error import expected_error
from sampler.funnel.stages.minimum_probability import how_many
from sampler.identify import identify
from sampler.monomers import MonomerLibrary
from sampler.relax import RelaxParams, relax
from sampler.rundir.directory import read_manifest
from sampler.units import KCAL_PER_MOL

_SAME = 0.05  # kcal/mol; several minima of GFN1-xTB fall into one of B97-3c


def report(runs: list[Path]) -> None:
    """One line of a table for each run."""
    print("| run | minima | σ assumed | σ found | rank of the B97-3c minimum | above the lowest | kept at " + ", ".join(
        f"{n:.0%}" for n in NOMINAL) + " |\n|---|---|---|---|---|---|---|")  # fmt: skip
    for folder in runs:
        one(folder)


def one(folder: Path) -> None:
    library, manifest = MonomerLibrary.load(), read_manifest(folder)
    composition = Composition.parse(manifest["composition"], library)
    search = next(s for s in build(manifest["protocol"], str(folder)).stage if s.kind == "hop")
    source = made_by(search)
    sigma = expected_error(source.level, composition, source.models).kcalmol
    found = Clusters.load(next(folder.glob("stages/*-hop-*/output.npz"))).lowest_first()
    high = proxy(found, composition, library)
    low = (found.energy - found.energy.min()) / KCAL_PER_MOL
    whole = np.isfinite(high)
    low, high = low[whole], (high[whole] - high[whole].min()) / KCAL_PER_MOL
    first = int(np.flatnonzero(high < _SAME)[0])
    kept = [how_many(low, sigma, n)[0] for n in NOMINAL]
    told = ", ".join(f"**{k}**" if first < k else str(k) for k in kept)
    print(f"| {manifest['composition']} seed {manifest['seed']} | {len(low)} | {sigma:.2f} | {(high - low).std(ddof=1):.2f} "
          f"| {first + 1} | {low[first]:.1f} | {told} |", flush=True)  # fmt: skip


def proxy(found: Clusters, composition: Composition, library: MonomerLibrary) -> np.ndarray:
    """(B,) eV, energies by the Δ models at the minima of the searching model next to each structure; NaN for what fell apart."""
    models = {s.key: potential(s.models) for s in sources()}
    high = np.full(len(found), np.nan)
    for start in range(0, len(found), 40):
        some = found[start : start + 40].without_energies()
        done = relax(some, models["member"], RelaxParams(fmax=0.02, max_steps=400))
        whole = identify(done.replace(columns={}), composition, library).columns["intact"]
        energy = models["delta"].evaluate(done, forces=False).energy
        high[start : start + 40] = np.where(whole, energy, np.nan)
    return high
