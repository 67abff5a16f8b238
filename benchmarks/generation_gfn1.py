"""Do candidates survive GFN1-xTB? Relaxes some of every protonation state and counts pieces and broken bonds.

OMP_NUM_THREADS=1 python benchmarks/generation_gfn1.py [--systems 2sa2am=16 …]      (about half an hour)
"""

from __future__ import annotations

import argparse

import numpy as np
import tblite.interface  # noqa: F401  before anything that imports torch
from ase import Atoms
from ase.data import covalent_radii
from ase.optimize import LBFGS
from scipy.sparse.csgraph import connected_components
from tblite.ase import TBLite

from sampler.composition import Composition
from sampler.generate import generate
from sampler.monomers import MonomerLibrary
from sampler.units import KCAL_PER_MOL

SYSTEMS = ["1sa1am=9", "2sa2am=16", "1sa1dma1w=16", "2sa1b1am=10", "1sa2am1p=8", "6w=6", "1msa1nta2ma=12",
           "2sa2dma=10", "3sa3am=15", "1sa1fa1eda1tma=10", "4sa4am=27"]  # fmt: skip


def heavy_bonds(numbers: np.ndarray, positions: np.ndarray) -> np.ndarray:
    distance = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    r = covalent_radii[numbers]
    heavy = (numbers[:, None] > 1) & (numbers[None] > 1)
    return heavy & (distance < 1.25 * (r[:, None] + r[None]))


def pieces(numbers: np.ndarray, positions: np.ndarray) -> int:
    distance = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    reach = np.where(numbers == 1, 1.1, 1.6)
    return int(connected_components(distance < 1.3 * (reach[:, None] + reach[None]))[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", nargs="+", default=SYSTEMS)
    library = MonomerLibrary.load()
    for entry in parser.parse_args().systems:
        name, _, n = entry.partition("=")
        made = generate(Composition.parse(name, library), int(n), library=library, seed=11, shares="uniform")
        whole = same = converged = 0
        energy: dict[str, list[float]] = {}
        for k in range(len(made)):
            numbers, start = made.numbers[made.atoms_of(k)], made.positions[made.atoms_of(k)]
            atoms = Atoms(numbers, start.copy())
            atoms.calc = TBLite(method="GFN1-xTB", charge=float(made.charge[k]), verbosity=0)
            converged += bool(LBFGS(atoms, logfile=None).run(fmax=0.05, steps=300))
            whole += pieces(numbers, atoms.positions) == 1
            same += bool((heavy_bonds(numbers, start) == heavy_bonds(numbers, atoms.positions)).all())
            energy.setdefault(str(made.columns["state"][k]), []).append(atoms.get_potential_energy())
        lowest = min(min(e) for e in energy.values())
        print(
            f"{name}: {len(made)} candidates, {converged} converged, {whole} in one piece, {same} with all bonds",
            flush=True,
        )
        for state, values in energy.items():
            print(f"    {state}: lowest {(min(values) - lowest) / KCAL_PER_MOL:.1f} kcal/mol above the lowest of all")


if __name__ == "__main__":
    main()
