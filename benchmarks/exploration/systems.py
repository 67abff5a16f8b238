"""Which clusters, and where published structures of them are to be found in the folder of reference data."""

from __future__ import annotations

from pathlib import Path

SYSTEMS = [
    *(f"{n}sa{n}am" for n in range(1, 7)),
    *(f"{n}sa{n}dma" for n in range(2, 5)),
    *(f"{n}w" for n in range(3, 9)),
]

# file -> key of the energy that tells which structures to take
_FILES = {
    "sa_am/b973c_minima/sa_am_b973c_minima.extxyz": None,
    "acdb2_wb97xd/conformers_sa_am.extxyz": "wb97xd_electronic_energy_Eh",
    "acdb2_wb97xd/besel19_sa_am_neutral_and_ions.extxyz": "wb97xd_electronic_energy_Eh",
    "acdb2_wb97xd/conformers_sa_dma.extxyz": "wb97xd_electronic_energy_Eh",
    "water_clusters/shields38_water_2_10.extxyz": None,
    **{f"water_clusters/ttm21f_minima_w{n}.extxyz": "source_energy" for n in (3, 4, 6, 7, 8)},
}
PER_FILE = 15


def published(folder: Path, composition, library):
    """Published geometries of a composition: all where there is no energy, else the lowest ``PER_FILE``; a Clusters."""
    import ase.io
    import numpy as np

    from sampler.clusters import Clusters

    wanted = composition.atoms(library)
    chosen = []
    for name, key in _FILES.items():
        if not (folder / name).is_file():
            continue
        frames = [
            f for f in ase.io.read(folder / name, ":")
            if dict(zip(*np.unique(f.numbers, return_counts=True))) == wanted and int(f.info.get("charge", 0)) == composition.charge
        ]  # fmt: skip
        if key is not None:
            frames = sorted(frames, key=lambda f: f.info[key])[:PER_FILE]
        chosen += [(f"{Path(name).stem}:{f.info.get('name', i)}", f) for i, f in enumerate(frames)]
    return Clusters.make(
        [f.positions for _, f in chosen], [f.numbers for _, f in chosen], charge=composition.charge,
        ids=[name for name, _ in chosen],
    ) if chosen else Clusters.empty()  # fmt: skip
