"""From a structure to PySCF's molecule and its bases."""

from __future__ import annotations

import numpy as np

from ...errors import InputError, MissingDependency
from ...resources import path
from ..base import StructureFailure
from .methods import CompositeMethod

_SHELLS = "SPDFGHI"


def require_pyscf():
    """The package pyscf.

    Raises:
        MissingDependency: it is not installed.
    """
    try:
        import pyscf.dft
        import pyscf.gto
    except ImportError as error:
        raise MissingDependency("pyscf", "this level of theory", "dft") from error
    return pyscf


def build(method: CompositeMethod, numbers: np.ndarray, positions: np.ndarray, charge: int):
    """PySCF's ``Mole`` for atoms at ``positions`` (n, 3) in Å.

    Raises:
        StructureFailure: an odd number of electrons, two atoms closer than 0.3 Å, or an element without functions.
    """
    pyscf = require_pyscf()
    from ase.data import chemical_symbols
    from scipy.spatial.distance import pdist

    from ...units import BOHR

    electrons = int(np.sum(numbers)) - charge
    if electrons % 2:
        raise StructureFailure(f"open_shell: {electrons} electrons with charge {charge}; closed shells only")
    if len(numbers) > 1 and pdist(positions).min() < 0.3:
        raise StructureFailure("clash: two atoms are closer than 0.3 Å")
    symbols = [chemical_symbols[z] for z in numbers]
    try:
        fitting_basis(method.fitting, tuple(sorted(set(symbols))))
        # positions in bohr with the package's own constant, so that energies do not depend on PySCF's
        return pyscf.gto.M(
            atom=list(zip(symbols, positions / BOHR)),
            unit="Bohr",
            basis=method.basis,
            charge=charge,
            cart=method.cartesian,
            verbose=0,
        )
    except (InputError, pyscf.lib.exceptions.BasisNotFoundError) as error:
        raise StructureFailure(f"element: {error}") from error


def fitting_basis(name: str, symbols: tuple[str, ...]) -> dict | str:
    """The fitting basis as PySCF wants it: a name, or element -> shells for ``file:NAME``.

    Raises:
        InputError: the file has no functions for one of ``symbols``.
    """
    if not name.startswith("file:"):
        return name
    shells = _read_nwchem(name.removeprefix("file:"))
    missing = [s for s in symbols if s not in shells]
    if missing:
        raise InputError(
            f"the fitting basis {name.removeprefix('file:')} holds {', '.join(shells)}, not {', '.join(missing)}"
        )
    return {s: shells[s] for s in symbols}


def _read_nwchem(name: str) -> dict[str, list]:
    shells: dict[str, list] = {}
    for line in path("data", "basis", name).read_text(encoding="utf-8").splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0].isalpha():
            shells.setdefault(words[0], []).append([_SHELLS.index(words[1])])
        else:
            shells[list(shells)[-1]][-1].append([float(w) for w in words])
    return shells
