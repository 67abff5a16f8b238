"""GFN1-xTB labels of all molecules and of one net charge, sampled as ``sampler data sample`` does, a file a chunk."""

from __future__ import annotations

import time
import zlib
from pathlib import Path

import numpy as np
from harvests import harvested, keep
from plan import SEED, atoms_in, plan

from sampler.clusters import Clusters
from sampler.learn.sampling.near_duplicates import distinct
from sampler.learn.sampling.sample import Sampling, sample_chunk
from sampler.monomers import MonomerLibrary

HOW = Sampling(starts=2, quench_frames=6, every=10, displaced=1)
LEVEL = "gfn1-xtb"
SIZES = (24, 34, 48, 70)  # atoms: classes of size
DRIVEN = 34
"""Atoms beyond which a network moves them, and GFN1-xTB gives the labels: its dynamics would take four fifths of all the time."""
DRIVER = "driver"
"""The network's folder, in the farm's: trained on what there is of the smaller ones."""


def chunks(library: MonomerLibrary) -> list[tuple[str, int]]:
    """(composition, chunk): small clusters first, which are cheap; within a class of size every part is a fair sample."""
    tasks = []
    for composition, structures in plan(library).items():
        count = max(1, round(structures / (0.8 * HOW.frames)))
        size = np.searchsorted(SIZES, atoms_in(composition, library))
        mix = (zlib.crc32(composition.encode()) % 997) / 997
        tasks += [(int(size), (k + mix) / count, composition, k) for k in range(count)]
    return [(composition, k) for _, _, composition, k in sorted(tasks)]


def file_of(folder: Path, composition: str, chunk: int) -> Path:
    return folder / LEVEL / composition / f"{chunk:05d}.npz"


def harvested_chunks() -> set[tuple[str, int]]:
    """Chunks that earlier harvests hold; the id of a structure names its chunk."""
    return {(i.split("-")[0], int(i.split("-")[1])) for found in harvested(LEVEL) for i in found.ids.tolist()}


def work(folder: Path) -> None:
    from sampler.potentials import get_potential

    library, potential, done = MonomerLibrary.load(), get_potential(LEVEL), harvested_chunks()
    network = get_potential("painn", model=folder / DRIVER) if (folder / DRIVER).is_dir() else None
    for composition, chunk in chunks(library):
        large = atoms_in(composition, library) > DRIVEN
        if large and network is None:
            print(
                f"larger clusters wait for a network in {folder / DRIVER}: train it on what merge writes, start again"
            )
            return
        file = file_of(folder, composition, chunk)
        if file.exists() or (composition, chunk) in done:
            continue
        begun = time.process_time()
        driver, labeller = (network, potential) if large else (potential, None)
        found = sample_chunk(composition, chunk, HOW, driver, labeller, SEED, library)
        file.parent.mkdir(parents=True, exist_ok=True)
        found.save(file)
        print(f"{composition} {chunk}: {len(found)} structures, {time.process_time() - begun:.1f} CPU s", flush=True)


def harvest(folder: Path) -> str:
    """New chunks as one file: positions and forces in single precision, near-duplicates out."""
    done = harvested_chunks()
    files = [f for f in sorted((folder / LEVEL).glob("*/*.npz")) if (f.parent.name, int(f.stem)) not in done]
    found = Clusters.concatenate([Clusters.load(f) for f in files])
    found = found[distinct(found, HOW.threshold)] if len(found) else found
    return keep(LEVEL, found)


def status(folder: Path) -> str:
    tasks, done = chunks(MonomerLibrary.load()), harvested_chunks()
    made = sum((c, k) in done or file_of(folder, c, k).exists() for c, k in tasks)
    old = sum(len(found) for found in harvested(LEVEL))
    new = sum(
        len(Clusters.load(f)) for f in (folder / LEVEL).glob("*/*.npz") if (f.parent.name, int(f.stem)) not in done
    )
    return f"{made} of {len(tasks)} chunks, {old} labels harvested, {new} new (some 0.8 x {HOW.frames} a chunk)"
