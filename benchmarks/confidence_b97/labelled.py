"""Labelled minima: what ships, and what the reference data have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sampler import resources
from sampler.clusters import Clusters

HELD_OUT = "b97-3c_*_held_out.npz"
LABELS = Path(__file__).resolve().parents[1] / "label_queue" / "done-b97-3c.npz"
MINIMA = ("minimum", "minimum of the committee", "gfn1-minimum", "")  # origins; a run's minima lost theirs once
NEAR = 0.4  # eV/Å, largest force of a label that counts as a minimum of B97-3c
_ORCA, _WU = "sa_am/orca503_b973c_engrad/sa4am4_b973c_engrad.extxyz", "sa_am/b973c_minima/sa_am_b973c_minima.extxyz"


@dataclass(frozen=True)
class Label:
    """One structure with its B97-3c energy (eV); ``group`` is the composition, or a name of its own for single points."""

    id: str
    composition: str
    group: str
    held_out: bool
    relaxed: bool
    high: float
    cluster: Clusters


def labels(reference: Path | None) -> list[Label]:
    """All labelled minima of neutral clusters, and those of the reference data where it is there."""
    from sampler.learn.labels.dataset import LabelSet

    shipped = Clusters.load(LABELS)
    names = shipped.columns["composition"].astype(str)
    origin = shipped.columns["origin"].astype(str)
    tests = sorted(resources.path("data", "training").glob(HELD_OUT))
    kept_apart = {c for f in tests for c in LabelSet.load(f).compositions.astype(str)}
    for file in sorted(set(resources.path("data", "training").glob("b97-3c_*.npz")) - set(tests)):
        if both := kept_apart & set(LabelSet.load(file).compositions.astype(str)):
            raise SystemExit(f"{', '.join(sorted(both))}: held out, yet in {file.name}, which models are trained on")
    force = np.array([np.linalg.norm(shipped.forces[shipped.atoms_of(i)], axis=1).max() for i in range(len(shipped))])
    found = []
    for i in np.flatnonzero(np.isin(origin, MINIMA) & (names != "") & (shipped.charge == 0)):
        relaxed = bool(force[i] < NEAR)
        if not relaxed and origin[i] == "":
            continue
        group = names[i] if relaxed else f"{names[i]} (single points)"
        one = shipped[[i]].without_energies()
        apart = names[i] in kept_apart
        found.append(Label(str(shipped.ids[i]), names[i], group, apart, relaxed, float(shipped.energy[i]), one))
    return found + (published(reference, kept_apart) if reference else [])


def published(reference: Path, kept_apart: set[str]) -> list[Label]:
    """The minima of Wu et al., their energies moved from ORCA's monomers to PySCF's, and the ORCA frames of 4sa4am."""
    import ase.io

    from sampler.composition import Composition
    from sampler.levels import load_level, separated
    from sampler.monomers import MonomerLibrary
    from sampler.units import HARTREE

    library, orca, pyscf = MonomerLibrary.load(), load_level("b97-3c@orca5"), load_level("b97-3c@pyscf")
    found = []
    for file, single in ((_WU, False), (_ORCA, True)):
        for number, frame in enumerate(ase.io.read(reference / file, ":")):
            n = int((frame.numbers == 16).sum())
            name = f"{n}sa{n}am"
            parts = separated(Composition.parse(name, library), library)[0]
            high = frame.info["b973c_electronic_energy_Eh"] * HARTREE
            high += pyscf.reference_energy(parts) - orca.reference_energy(parts)
            group = f"{name} (ORCA, single points)" if single else name
            kind = "orca" if single else "wu"
            one = Clusters.make([frame.positions], [frame.numbers], charge=0)
            apart = single or name in kept_apart
            found.append(Label(f"{kind}-{name}-{number}", name, group, apart, not single, float(high), one))
    return found
