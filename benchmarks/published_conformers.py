"""Published conformers with dimethylamine or water, spread over their energies, for a test of models of B97-3c.

    python benchmarks/published_conformers.py REFERENCE -o conformers.npz
    sampler label conformers.npz --level b97-3c --out labels && sampler data collect labels -o test.npz --molecules sa,am,dma,w
    sampler evaluate data/models/b97-3c_sa_am_dma_w-seed{7,42,69} test.npz --baseline gfn1-xtb

REFERENCE is the folder of public reference data. (SA)2(DMA)2: minima of wB97X-D/6-31++G(d,p) in ACDB 2.0 (true minima
alone), within 10 kcal/mol of the lowest; (SA)2(H2O)3 and (SA)3(H2O)3: of the SA-W database of Kubečka et al. (2024,
doi:10.1039/D4VA00255E), energies of the same method, within 8 kcal/mol; (H2O)6 and (H2O)8: of the 40 and 60 lowest minima
of TTM2.1-F (Rakshit et al. 2019, doi:10.1063/1.5128378). No model here was trained on them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import ase.io
import numpy as np

from sampler.clusters import Clusters
from sampler.units import HARTREE, KCAL_PER_MOL

ACDB, WATER = "acdb2_wb97xd/conformers_sa_dma.extxyz", "sa_w/equilibrium_wb97xd_gfn1/sa_w_equilibrium.extxyz"
CHOSEN = [
    # name, name in the file, file, how many, within kcal/mol
    ("2sa2dma", "2dma2sa", ACDB, 10, 10.0),
    ("2sa3w", "2sa3w", WATER, 8, 8.0),
    ("3sa3w", "3sa3w", WATER, 6, 8.0),
]
WATER_ALONE = [("6w", 7, 40), ("8w", 6, 60)]  # name, how many, of so many lowest


def spread(length: int, count: int) -> np.ndarray:
    """``count`` indices from the first to the last."""
    return np.unique(np.linspace(0, length - 1, count).round().astype(int))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reference", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    arguments = parser.parse_args()
    files = {file: ase.io.read(arguments.reference / file, ":") for file in (ACDB, WATER)}
    frames, names = [], []
    for name, theirs, file, count, window in CHOSEN:
        some = [f for f in files[file] if f.info["cluster"] == theirs and f.info.get("lowest_frequency_cm1", 1.0) > 0]
        energy = np.array([f.info["wb97xd_electronic_energy_Eh"] for f in some]) * HARTREE / KCAL_PER_MOL
        order = np.argsort(energy)
        order = order[energy[order] < energy.min() + window]
        frames += [some[i] for i in order[spread(len(order), count)]]
        names += [name] * (len(frames) - len(names))
    for name, count, lowest in WATER_ALONE:
        some = ase.io.read(arguments.reference / f"water_clusters/ttm21f_minima_w{name[:-1]}.extxyz", f":{lowest}")
        frames += [some[i] for i in spread(len(some), count)]
        names += [name] * (len(frames) - len(names))
    ids = [f"{name}-{frame.info.get('name', n)}" for n, (name, frame) in enumerate(zip(names, frames))]
    made = Clusters.make([f.positions for f in frames], [f.numbers for f in frames], ids=ids)
    made.with_columns(composition=np.array(names)).save(arguments.out)
    print(f"{len(made)} structures in {arguments.out}")


if __name__ == "__main__":
    main()
