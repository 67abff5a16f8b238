"""Harvests: one small file a level and time of committing, numbered, beside the queue of structures.

Half the size of a data set: positions in steps of 1e-5 Å and forces in steps of 1e-4 eV/Å (what GFN1-xTB's forces change
by then is below 1e-3 eV/Å), as integers whose bytes are kept plane by plane, which compresses.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sampler.clusters import Clusters
from sampler.storage import write_atomic

FOLDER = Path(__file__).parents[1] / "label_queue" / "harvest"
STEPS = {"positions": 1e-5, "forces": 1e-4}
COLUMNS = ("origin", "temperature", "composition", "cpu_seconds", "engine", "device")


def harvested(level: str) -> list[Clusters]:
    """What earlier harvests hold, a population a file."""
    return [load(file) for file in sorted(FOLDER.glob(f"{level}_*.npz"))]


def keep(level: str, found: Clusters) -> str:
    """Write ``found`` as the next harvest of ``level``; returns what was done, in words."""
    if not len(found):
        return "nothing new"
    file = FOLDER / f"{level}_{len(list(FOLDER.glob(f'{level}_*.npz'))):03d}.npz"
    save(found, file)
    return f"{len(found)} new labels in {file.name}, {file.stat().st_size / 1e6:.1f} MB"


def save(found: Clusters, file: Path) -> None:
    arrays = {
        "numbers": found.numbers.astype(np.uint8),
        "natoms": found.natoms.astype(np.int32),
        "charge": found.charge.astype(np.int8),
        "energy": found.energy,
        "ids": found.ids,
        "level": np.array(found.level),
    }
    for name, step in STEPS.items():
        whole = np.round(getattr(found, name) / step).astype("<i4")
        arrays[name] = np.ascontiguousarray(whole.reshape(-1, 1).view(np.uint8).T)
    arrays |= {f"column:{name}": found.columns[name] for name in COLUMNS if name in found.columns}
    write_atomic(file, lambda handle: np.savez_compressed(handle, **arrays))


def on_grid(found: Clusters) -> Clusters:
    """The structures with positions that a harvest keeps exactly."""
    return found.replace(positions=np.round(found.positions / STEPS["positions"]) * STEPS["positions"])


def load(file: Path) -> Clusters:
    with np.load(file, allow_pickle=False) as held:
        ends = np.cumsum(held["natoms"])[:-1]
        whole = {
            name: np.ascontiguousarray(held[name].T).view("<i4").reshape(-1, 3) * step for name, step in STEPS.items()
        }
        made = Clusters.make(
            np.split(whole["positions"], ends), np.split(held["numbers"].astype(np.int64), ends),
            charge=held["charge"].astype(np.int64), ids=held["ids"],
            columns={name.split(":")[1]: held[name] for name in held.files if name.startswith("column:")},
        )  # fmt: skip
        return made.replace(energy=held["energy"], forces=whole["forces"], level=str(held["level"]))
