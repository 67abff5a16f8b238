"""How well does the surface of rigid molecules order relaxed minima, and how far are its minima from theirs?

Takes finished runs with a stage `hop`, draws minima of its archive evenly over their energies, minimises each on the
rigid surface (Coulomb + Lennard-Jones, molecules as they are in the minimum), with the fitted parameters of the library and with the
usual ones and different shares of the charges of ions, and compares: rank correlation of the rigid energies with the potential's, and the root mean square change of all distances between atoms.

    sampler run 4sa4am -p standard -o runs/4sa4am
    python benchmarks/rigid_surface.py runs/4sa4am runs/3sa3am
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import tblite.interface  # noqa: F401 - before torch
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

from sampler.funnel.parents import read_parent
from sampler.generate.bodies import Kinds, take_apart
from sampler.generate.fitted import name_for
from sampler.generate.rigid import Poses, coordinates, minimise
from sampler.monomers import SCREENED, MonomerLibrary
from sampler.units import KCAL_PER_MOL

SHARES = (1.0, 0.9, 0.8, 0.75, 0.7, 0.6, 0.5)
EDGES = (0, 1, 2, 3, 5, 8, 15)  # kcal/mol


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--each", type=int, default=20, help="minima drawn between two edges of the energy")
    arguments = parser.parse_args()
    library = MonomerLibrary.load()
    print(f"{'':28}" + "".join(f"{s:>14.2f}" for s in SHARES) + f"{'fitted':>14}")
    for run in arguments.runs:
        parent = read_parent(run, library)
        archive, rng = parent.archive, np.random.default_rng(0)
        above = (archive.energy - archive.energy.min()) / KCAL_PER_MOL
        chosen = [
            i for low, high in zip(EDGES, EDGES[1:])
            for i in rng.permutation(np.flatnonzero((above >= low) & (above < high)))[: arguments.each]
        ]  # fmt: skip
        some = archive[np.array(chosen)]
        bodies = take_apart(some, parent.composition, Kinds(library.on(name_for(archive.level))))
        usable = [k for k, b in enumerate(bodies) if b is not None]
        cells = []
        for share in (*SHARES, None):
            found = np.array([_rigid(bodies[k], share) for k in usable])
            order = spearmanr(found[:, 0], some.energy[usable])[0]
            cells.append(f"{order:7.2f} {found[:, 1].mean():4.2f} Å")
        print(f"{parent.name:10} {len(usable):4d} minima      " + "".join(f"{c:>14}" for c in cells), flush=True)


def _rigid(bodies, share: float | None) -> tuple[float, float]:
    """eV, and Å by which distances change, of the nearest rigid minimum with this share of the ions' charges, or as fitted."""
    parameters = bodies.parameters.copy()
    if share is not None:
        more = (share - SCREENED) * bodies.charges / np.diff(bodies.ptr)
        parameters[:, 0] += more[bodies.molecule_of_atom]
        parameters[:, 3] = -1  # no type: not as fitted
    system = replace(bodies, parameters=parameters).system()
    m = bodies.molecules
    poses = Poses(bodies.centres()[None], np.tile([1.0, 0.0, 0.0, 0.0], (1, m, 1)), np.ones((1, m)))
    end = minimise(system, poses, fmax=0.02, max_evaluations=800)
    change = pdist(coordinates(system, end.poses)[0]) - pdist(bodies.positions)
    return float(end.energy[0]), float(np.sqrt((change**2).mean()))


if __name__ == "__main__":
    main()
