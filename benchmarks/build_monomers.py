"""Rebuild the shipped monomer library from SMILES strings and the table below.

    python benchmarks/build_monomers.py [NAME ...] [--folder data/monomers]

Needs RDKit, tblite and PySCF. Every number of ``data/monomers/*.toml`` comes from this script and the package
``sampler.monomer_builder``; see docs/guides/own-molecule.md.
"""

import argparse
import sys
import time
from pathlib import Path

from sampler import storage
from sampler.monomer_builder import MonomerSpec, build, to_toml

# rank: acids, bases, water. Ions are named by the letter of the convention of JKCS and ACDB where there is one
# (b = HSO4-), otherwise by the neutral molecule's name and h (one proton more) or m (one less, as in JKCS's msam).
SPECS = [
    MonomerSpec("sa", "OS(=O)(=O)O", title="sulfuric acid", symbol="H2SO4", family="sa", rank=10),
    MonomerSpec("b", "OS(=O)(=O)[O-]", title="bisulfate", symbol="HSO4", aliases=("sam",), family="sa", rank=10),
    MonomerSpec("s", "[O-]S(=O)(=O)[O-]", title="sulfate", symbol="SO4", family="sa", rank=10),
    MonomerSpec("am", "N", title="ammonia", symbol="NH3", aliases=("a",), family="am", rank=50),
    MonomerSpec("amh", "[NH4+]", title="ammonium", symbol="NH4", family="am", rank=50),
    MonomerSpec("w", "O", title="water", symbol="H2O", aliases=("aq",), family="w", rank=90),
    MonomerSpec("wh", "[OH3+]", title="hydronium", symbol="H3O", aliases=("aqp",), family="w", rank=90),
    MonomerSpec("msa", "CS(=O)(=O)O", title="methanesulfonic acid", symbol="CH3SO3H", family="msa", rank=20),
    MonomerSpec("msam", "CS(=O)(=O)[O-]", title="methanesulfonate", symbol="CH3SO3", family="msa", rank=20),
    MonomerSpec("nta", "O[N+](=O)[O-]", title="nitric acid", symbol="HNO3", family="nta", rank=30),
    MonomerSpec("ntam", "[O-][N+](=O)[O-]", title="nitrate", symbol="NO3", family="nta", rank=30),
    MonomerSpec("fa", "OC=O", title="formic acid", symbol="HCOOH", family="fa", rank=40),
    MonomerSpec("fam", "[O-]C=O", title="formate", symbol="HCOO", family="fa", rank=40),
    MonomerSpec("ma", "CN", title="methylamine", symbol="CH3NH2", family="ma", rank=55),
    MonomerSpec("mah", "C[NH3+]", title="methylammonium", symbol="CH3NH3", family="ma", rank=55),
    MonomerSpec("dma", "CNC", title="dimethylamine", symbol="(CH3)2NH", family="dma", rank=60),
    MonomerSpec("dmah", "C[NH2+]C", title="dimethylammonium", symbol="(CH3)2NH2", family="dma", rank=60),
    MonomerSpec("tma", "CN(C)C", title="trimethylamine", symbol="(CH3)3N", family="tma", rank=65),
    MonomerSpec("tmah", "C[NH+](C)C", title="trimethylammonium", symbol="(CH3)3NH", family="tma", rank=65),
    # of ethylenediamine, the lowest gauche and the lowest anti form: turns of an NH2 are left to the relaxation
    MonomerSpec(
        "eda",
        "NCCN",
        title="ethylenediamine",
        symbol="C2H4(NH2)2",
        family="eda",
        rank=70,
        keep=("gauche-a", "anti-a"),
    ),
    MonomerSpec(
        "edah",
        "NCC[NH3+]",
        title="ethylenediammonium(1+)",
        symbol="C2H4(NH2)NH3",
        family="eda",
        rank=70,
        keep=("gauche", "anti-a"),
    ),
    MonomerSpec("edahh", "[NH3+]CC[NH3+]", title="ethylenediammonium(2+)", symbol="C2H4(NH3)2", family="eda", rank=70),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="molecules to build; all if none is named")
    parser.add_argument("--folder", type=Path, default=Path(__file__).resolve().parents[1] / "data" / "monomers")
    options = parser.parse_args()
    unknown = set(options.names) - {spec.name for spec in SPECS}
    if unknown:
        sys.exit(f"not in the table: {', '.join(sorted(unknown))}")
    for spec in SPECS:
        if options.names and spec.name not in options.names:
            continue
        start = time.perf_counter()
        monomer = build(spec)
        storage.write_text(options.folder / f"{spec.name}.toml", to_toml(monomer))
        shapes = ", ".join(f"{c.name} {c.energy:.3f} eV" for c in monomer.conformers)
        print(f"{spec.name:6s} {time.perf_counter() - start:6.1f} s  {monomer.label}: {shapes}", flush=True)


if __name__ == "__main__":
    main()
