"""Structures: from and to files, what they are, and which of them are the same."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..clusters import Clusters
from ..composition import Composition
from .given import Monomers, clusters_of, composition_of, library_of

if TYPE_CHECKING:
    from ..similarity import DedupeParams, DedupeResult


def read(path: str | Path, *, level: str | None = None, charge: int | None = None) -> Clusters:
    """Structures from a file of any format: npz, JKQC pickle, ASE database, extended or plain XYZ, CREST ensemble, or
    whatever ASE reads; or the result of a run directory. Positions in Å, energies in eV, forces in eV/Å.

    >>> import sampler
    >>> from ase.build import molecule
    >>> sampler.write(molecule("H2O"), "water.xyz")
    >>> sampler.read("water.xyz").formulas.tolist()
    ['H2O']

    Args:
        level: of the energies, where the file does not state it; of several levels in a file, the one to take.
        charge: in e, of structures for which the file states none (else 0).

    Raises:
        FileFormatError: no such file, or one that is damaged or of no known format; it says where.
        LevelError: energies of several levels, or of another one. InputError: another charge than the file states.
    """
    from ..interop import read_any

    return read_any(path, level, charge)


def write(structures: Any, path: str | Path) -> None:
    """Structures into a file, in the format of its ending: ``.npz``, ``.xyz``, ``.extxyz``, ``.db`` or ``.pkl``.

    >>> import sampler
    >>> from ase.build import molecule
    >>> sampler.write([molecule("H2O"), molecule("NH3")], "two.npz")
    >>> len(sampler.read("two.npz"))
    2

    Raises:
        InputError: no structures, or an unknown ending. MissingDependency: ``.pkl`` without pandas.
    """
    from ..interop import write_any

    write_any(clusters_of(structures), path)


def identify(structures: Any, composition: str | Composition | None = None, *, library: Monomers = None) -> Clusters:
    """Say what every structure has become: which molecules it holds, and whether it is whole.

    >>> import sampler
    >>> from ase.build import molecule
    >>> sampler.identify([molecule("H2O"), molecule("NH3")]).columns["state"].tolist()
    ['1 H2O', '1 NH3']

    Args:
        structures: clusters, a file, or ASE atoms.
        composition: what they were built from; None tries all molecules of the library.
        library: the monomers, or files and folders with further ones.

    Returns:
        The clusters with the columns ``state`` (``1 HSO4⁻ · 1 NH4⁺``), ``identity`` (``intact``, ``reacted``,
        ``evaporated`` or ``exploded``), ``identity_detail``, ``intact`` and ``shared_protons``; see
        :func:`sampler.identify.identify`.

    Raises:
        InputError: a structure does not consist of the atoms of the composition.
    """
    from ..identify import identify as judged

    known = library_of(library)
    wanted = None if composition is None else composition_of(composition, known)
    return judged(clusters_of(structures), wanted, known)


def select(structures: Any, composition: str | Composition, *, library: Monomers = None) -> Clusters:
    """Those structures that are made of the molecules of a composition, whole, with its charge; in their order.

    >>> import sampler
    >>> from ase.build import molecule
    >>> sampler.select([molecule("H2O"), molecule("NH3")], "1am").formulas.tolist()
    ['NH3']
    """
    from ..identify import recognise

    known, clusters = library_of(library), clusters_of(structures)
    wanted = composition_of(composition, known)
    found = [one == wanted for one in recognise(clusters, known)]
    return clusters[np.array(found, bool) & (clusters.charge == wanted.charge)]


def dedupe(structures: Any, params: DedupeParams | None = None, **settings: Any) -> DedupeResult:
    """Find the distinct structures of a population: one a minimum, the lowest in energy.

    >>> from ase.build import molecule
    >>> import sampler
    >>> found = sampler.dedupe([molecule("H2O"), molecule("NH3"), molecule("H2O")], energy_window=None)
    >>> len(found.representatives), found.duplicate_of.tolist()
    (2, ['', '', '0000'])

    Args:
        structures: clusters, a file, or ASE atoms.
        params: when two are the same; or its fields by name, such as ``rmsd`` (Å), ``energy_window`` (eV; None: geometry
            alone decides): see :class:`sampler.similarity.DedupeParams`.

    Returns:
        ``representatives`` in ascending energy, ``duplicate_of``, ``set_aside`` and more; see
        :class:`sampler.similarity.DedupeResult`.

    Raises:
        InputError: a parameter that has no meaning.
    """
    from ..similarity import DedupeParams
    from ..similarity import dedupe as compared

    return compared(clusters_of(structures), made_of(DedupeParams, params, settings))


def made_of(kind: type, given: Any, settings: dict[str, Any]) -> Any:
    """Parameters of a kind: those that are given, with some changed by name.

    Raises:
        InputError: there is no parameter of the name.
    """
    from dataclasses import fields, replace

    from ..errors import InputError

    known = [f.name for f in fields(kind)]
    if strangers := [name for name in settings if name not in known]:
        raise InputError(f"there is no parameter {strangers[0]!r}; there are {', '.join(known)}")
    return replace(given, **settings) if given is not None else kind(**settings)
