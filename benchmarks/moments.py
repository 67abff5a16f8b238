"""Dipole moments [D] of monomers at three levels, and D4 polarizabilities [Å³].

    python benchmarks/moments.py REFERENCE

Geometries: B97-3c minima of the reference data; water (which they lack) from the level file b97-3c@pyscf.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import numpy as np

from sampler import resources
from sampler.clusters import Clusters
from sampler.potentials import get_potential
from sampler.potentials.moments import polarizabilities
from sampler.units import DEBYE


def main() -> None:
    from ase import Atoms
    from ase.io import read

    level = tomllib.loads(resources.path("data", "levels", "b97-3c@pyscf.toml").read_text(encoding="utf-8"))
    water = Atoms("OH2", level["reference_sets"]["minima"]["monomers"]["w"]["positions"], info={"name": "1w"})
    clusters = Clusters.from_ase([water, *read(Path(sys.argv[1]) / "monomers/monomers_b973c.extxyz", ":")])
    levels = ("gfn1-xtb", "gfn2-xtb", "b97-3c")
    columns = [np.linalg.norm(get_potential(n).dipoles(clusters).dipole, axis=1) / DEBYE for n in levels]
    print("".join(f"{title:>10s}" for title in ("", *levels, "alpha")))
    for name, *numbers in zip(clusters.ids, *columns, polarizabilities(clusters)):
        print(f"{name:>10s}" + "".join(f"{x:10.2f}" for x in numbers))


if __name__ == "__main__":
    main()
