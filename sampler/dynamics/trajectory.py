"""Trajectories as gzipped extended XYZ, which ASE, MDAnalysis and OVITO open; readable up to the last whole frame."""

from __future__ import annotations

import numpy as np

from ..clusters import Clusters


def frame(clusters: Clusters, i: int, positions: np.ndarray, **info: float | int | str) -> str:
    """One frame of extended XYZ of structure ``i``; ``info`` goes to the comment line, with units in the names."""
    from ase.data import chemical_symbols

    atoms = clusters.atoms_of(i)
    told = " ".join(f'{k}="{v}"' if isinstance(v, str) else f"{k}={v:.10g}" for k, v in info.items())
    head = f'{len(clusters.numbers[atoms])}\nProperties=species:S:1:pos:R:3 {told} charge={clusters.charge[i]} pbc="F F F"\n'
    rows = zip(clusters.numbers[atoms].tolist(), positions[atoms].tolist())
    return head + "".join(f"{chemical_symbols[z]} {x:.5f} {y:.5f} {w:.5f}\n" for z, (x, y, w) in rows)
