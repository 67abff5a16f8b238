"""From a SMILES string or an xyz file to an entry of the monomer library.

RDKit makes conformers, GFN1-xTB (tblite) optimises them, partial charges are fitted or taken from GFN1-xTB, and
Lennard-Jones parameters follow from the bond graph. The shipped library is built by the same code
(``benchmarks/build_monomers.py``), so every number in it can be traced.

Importing this package loads none of RDKit, tblite, PySCF.
"""

from .build import MonomerSpec, build
from .toml import to_toml

__all__ = ["MonomerSpec", "build", "to_toml"]
