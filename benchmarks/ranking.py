"""How well cheap potentials order structures that B97-3c has ordered: 20 real ORCA results on (SA)4(AM)4.

    python benchmarks/ranking.py REFERENCE [--models NAME,…] [--json]

REFERENCE is the folder of public reference data. All energies are single points at the same geometries, GFN1-xTB minima
of the authors of the data. Columns: rank correlations (Spearman, Kendall tau-b) with B97-3c of ORCA 5.0.3; mean absolute
error of the relative energies (both sets counted from their means); the rank that the potential gives to the structure
that is lowest in B97-3c; and how many of the lowest five of B97-3c are among its lowest ten.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import tblite.interface  # noqa: F401  (before torch, which brings an older libgomp)

from sampler.clusters import Clusters
from sampler.funnel.protocols.automatic import recommendations
from sampler.potentials import Potential, get_potential
from sampler.potentials.trained import shipped
from sampler.similarity.rank_correlation import correlation, ranks
from sampler.units import HARTREE, KCAL_PER_MOL


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reference", type=Path)
    parser.add_argument("--models", help="shipped models or folders, with commas between; default: all that ship")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    clusters, exact = frames(arguments.reference)
    names = arguments.models.split(",") if arguments.models else shipped()
    potentials: dict[str, Potential] = {n: get_potential(n) for n in ("gfn1-xtb", "gfn2-xtb")}
    potentials |= {f"painn {n}": get_potential("painn", model=n) for n in names}
    rows = [row(name, p.evaluate(clusters, forces=False), exact) for name, p in potentials.items()]
    for committee in (r["options"]["model"] for r in recommendations()):
        if isinstance(committee, list) and set(committee) <= set(names):
            together = get_potential("painn", model=committee).evaluate(clusters, forces=False)
            rows.append(row(f"committee {committee[0].removesuffix('-seed7')}", together, exact))
    if arguments.json:
        print(json.dumps(rows, indent=1))
        return
    print(f"{len(exact)} structures, B97-3c spread {np.ptp(exact) / KCAL_PER_MOL:.1f} kcal/mol\n")
    print("| potential | Spearman | Kendall | MAE, kcal/mol | rank of the lowest | lowest 5 in 10 |")
    print("|---|---|---|---|---|---|")
    for r in rows:
        print(f"| {r['potential']} | {r['spearman']:.3f} | {r['kendall']:.3f} | {r['mae_kcalmol']:.2f} | "
              f"{r['rank_of_lowest']} | {r['lowest_5_in_10']} |")  # fmt: skip


def frames(reference: Path) -> tuple[Clusters, np.ndarray]:
    """The structures, and their B97-3c energies in eV."""
    from ase.io import read

    found = read(reference / "sa_am/orca503_b973c_engrad/sa4am4_b973c_engrad.extxyz", ":")
    return Clusters.from_ase(found), np.array([f.info["b973c_electronic_energy_Eh"] for f in found]) * HARTREE


def row(name: str, evaluation, exact: np.ndarray) -> dict:
    energy = evaluation.energy
    failed = [str(f) for f in evaluation.failure if f]
    if failed:
        raise SystemExit(f"{name} fails on {len(failed)} structures: {failed[0]}")
    spearman, kendall = correlation(energy, exact)
    relative = (energy - energy.mean()) - (exact - exact.mean())
    place, true = ranks(energy), ranks(exact)
    return {
        "potential": name,
        "spearman": spearman,
        "kendall": kendall,
        "mae_kcalmol": float(np.abs(relative).mean() / KCAL_PER_MOL),
        "rank_of_lowest": int(place[np.argmin(exact)]),
        "lowest_5_in_10": int(((true <= 5) & (place <= 10)).sum()),
    }


if __name__ == "__main__":
    main()
