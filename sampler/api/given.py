"""What users hand over, made into what the rooms below take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..clusters import Clusters
from ..composition import Composition
from ..errors import CompositionError, InputError, LevelError, PotentialError
from ..monomers import MonomerLibrary
from ..potentials.base import Potential

if TYPE_CHECKING:
    import ase

Monomers = MonomerLibrary | str | Path | Iterable[str | Path] | None
"""A library; or files and folders with molecules besides those that ship and the user's own; None: no further ones."""
Named = Potential | str | Path | Sequence[str | Path]
"""A potential; or its name, the name or folder of a trained model, or several models (a committee)."""


def library_of(monomers: Monomers = None) -> MonomerLibrary:
    """The monomer library: one that is given, or the shipped one with the user's own and further molecules.

    Raises:
        MonomerError: an unreadable file, or a name defined twice.
    """
    if isinstance(monomers, MonomerLibrary):
        return monomers
    return MonomerLibrary.load([monomers] if isinstance(monomers, str | Path) else monomers or ())


def composition_of(given: str | Composition, library: MonomerLibrary, charge: int | None = None) -> Composition:
    """A composition, from its name if need be.

    Raises:
        CompositionError: no such molecule, or a charge that it cannot have.
    """
    if not isinstance(given, Composition):
        return Composition.parse(given, library, charge)
    if charge is not None and charge != given.charge:
        raise CompositionError(f"{given.name(library)} has the charge {given.charge:+d}, not {charge:+d}")
    return given


def clusters_of(given: Any, *, level: str | None = None, charge: int | None = None) -> Clusters:
    """Clusters; those of a file of any format, of a run (its result or directory), or of ASE atoms.

    Args:
        level, charge: where the structures state none.

    Raises:
        InputError: something else. LevelError: another level than the clusters state. FileFormatError: an unreadable file.
    """
    if isinstance(given, str | Path):
        from ..interop import read_any

        return read_any(given, level, charge)
    if isinstance(held := getattr(given, "clusters", None), Clusters):
        given = held  # the result of a run
    if not isinstance(given, Clusters):
        given = Clusters.from_ase(_frames(given), charge=charge)
    if level is None or given.level == level:
        return given
    if given.level:
        raise LevelError(f"the structures have energies of the level {given.level}, not {level}")
    return given.replace(level=level)


def _frames(given: Any) -> list[ase.Atoms]:
    from ase import Atoms

    frames = [given] if isinstance(given, Atoms) or not isinstance(given, Iterable) else list(given)
    for frame in frames:
        if not isinstance(frame, Atoms):
            what = type(frame).__name__
            raise InputError(f"{what} is no structure; give Clusters, a file, or ASE atoms (one or several)")
    return frames


def potential_of(given: Named) -> Potential:
    """A potential, from its name or that of a trained model if need be.

    Raises:
        PotentialError: there is none of the name, or it is something else.
    """
    if isinstance(given, Potential):
        return given
    if not isinstance(given, str | Path | Sequence):
        what = type(given).__name__
        raise PotentialError(
            f"{what} is no potential; give a name such as gfn1-xtb, a trained model, or a sampler.potentials.Potential"
        )
    from ..learn.evaluate import open_potential

    return open_potential([str(one) for one in ([given] if isinstance(given, str | Path) else given)])


def words_of(given: str | Path | Iterable[str | Path] | None) -> list[str]:
    """One name or several, as a list."""
    return [str(one) for one in ([given] if isinstance(given, str | Path) else given or ())]
