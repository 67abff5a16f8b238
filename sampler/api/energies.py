"""Energies of structures: as they are, relaxed, and counted from the monomers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..clusters import Clusters
from ..composition import Composition
from ..errors import InputError, LevelError, StorageError
from ..monomers import MonomerLibrary
from .given import Monomers, Named, clusters_of, composition_of, library_of, potential_of
from .in_pieces import README, Job, done
from .structures import made_of

if TYPE_CHECKING:
    from ..relax import RelaxParams


def evaluate(
    structures: Any,
    potential: Named,
    *,
    forces: bool = True,
    workers: int | str = 1,
    keep: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Clusters:
    """Energies and forces of structures as they are.

    >>> import sampler
    >>> pair = sampler.Clusters.make([[[0, 0, 0], [0, 0, 1.12]]], [[18, 18]])
    >>> sampler.evaluate(pair, "lennard-jones").level
    'lennard-jones'

    Args:
        structures: clusters, a file, or ASE atoms.
        potential: its name (``gfn1-xtb``, ``b97-3c``, …), a trained model or several, or the potential itself.
        forces: compute them, too.
        workers: processes, or ``dask://HOST:PORT``.
        keep: a folder for finished pieces while others are not: after a stop the same call goes on with them.
        progress: called with (structures done, all) whenever some are done.

    Returns:
        The structures with energy (eV), forces (eV/Å) and level; the columns ``fate`` and ``fate_detail`` say why one has
        none ('' where all went well).

    Raises:
        PotentialError: there is no such potential, or it cannot treat the elements.
    """
    clusters, engine = clusters_of(structures), potential_of(potential)
    engine.require(np.unique(clusters.numbers).tolist())
    return _in_pieces(clusters, Job(engine, None, forces), workers, keep, progress)


def relax(
    structures: Any,
    potential: Named,
    params: RelaxParams | None = None,
    progress: Callable[[int, int], None] | None = None,
    *,
    workers: int | str = 1,
    keep: str | Path | None = None,
    **settings: Any,
) -> Clusters:
    """Minimise every structure; what breaks is marked with a reason and stops nobody.

    >>> import sampler
    >>> pair = sampler.Clusters.make([[[0, 0, 0], [0, 0, 1.2]]], [[18, 18]])
    >>> sampler.relax(pair, "lennard-jones", fmax=1e-4).columns["converged"].tolist()
    [True]

    Args:
        structures: clusters, a file, or ASE atoms.
        potential: its name, a trained model or several, or the potential itself.
        params: how; or its fields by name, such as ``fmax`` (eV/Å) and ``max_steps``: see
            :class:`sampler.relax.RelaxParams`.
        progress: called with (structures done, all) whenever some are done.
        workers, keep: as for :func:`sampler.evaluate`.

    Returns:
        The structures in their order with positions, energy (eV), forces (eV/Å) and level, and the columns ``converged``,
        ``steps``, ``fmax_eV_per_A``, ``fate`` and more: see :func:`sampler.relax.driver.relax`.

    Raises:
        PotentialError: there is no such potential, or it cannot treat the elements. InputError: a parameter that has no
            meaning.
    """
    from ..relax import RelaxParams

    clusters, engine = clusters_of(structures), potential_of(potential)
    engine.require(np.unique(clusters.numbers).tolist())
    return _in_pieces(clusters, Job(engine, made_of(RelaxParams, params, settings)), workers, keep, progress)


def _in_pieces(
    clusters: Clusters,
    job: Job,
    workers: int | str,
    keep: str | Path | None,
    progress: Callable[[int, int], None] | None,
) -> Clusters:
    if job.params is not None and workers == 1 and keep is None:
        from ..relax import relax as minimised

        return minimised(clusters, job.potential, job.params, progress)  # one queue, its batches always full
    kept = None
    if keep is not None:
        from ..refine.kept import Kept

        if (kept := Kept.open(keep, README)) is None:
            raise StorageError(f"{keep} cannot be written: name another folder to keep finished pieces in, or none")
    count = [0]

    def advance(number: int, found: bool) -> None:
        count[0] += number
        if progress:
            progress(count[0], len(clusters))

    made = done(clusters, job, workers=workers, kept=kept, advance=advance)
    if kept is not None:
        kept.done()
    return made


def binding_energy(
    structures: Any, composition: str | Composition | None = None, *, library: Monomers = None
) -> np.ndarray:
    """(B,) ΔE = E(cluster) − Σ E(monomer) in kcal/mol, with the monomer minima of the level of the energies.

    >>> import sampler
    >>> made = sampler.run("1sa1am", settings={"generate.candidates": 12}, workers=1, quiet=True)
    >>> float(sampler.binding_energy(made)[0].round(1))
    -18.4

    Args:
        structures: clusters with energies, a run directory, or a file that states their level.
        composition: of all structures; None reads it off the molecules of each.
        library: the monomers, or files and folders with further ones.

    Returns:
        One value a structure; NaN where it has no energy.

    Raises:
        LevelError: there are no energies, or the level has no energy of a monomer; it says how to add it.
        InputError: a structure is made of no known molecules, or its charge is not theirs.
    """
    from ..levels import binding_energy as in_eV
    from ..units import KCAL_PER_MOL

    known, clusters = library_of(library), clusters_of(structures)
    if composition is None:
        each = _recognised(clusters, known)
    else:
        each = [_made_of(clusters, composition_of(composition, known), known)] * len(clusters)
    found = np.full(len(clusters), np.nan)
    for one in dict.fromkeys(each):
        chosen = np.array([other == one for other in each])
        found[chosen] = in_eV(clusters[chosen], one, known) / KCAL_PER_MOL
    return found


def binding_or_why(
    clusters: Clusters, compositions: Sequence[Composition | None], known: MonomerLibrary
) -> tuple[np.ndarray, list[str]]:
    """(B,) ΔE in kcal/mol, NaN where there is none, and (B,) why ('' where there is one).

    Args:
        compositions: of each structure; None where it is not known.
    """
    from ..levels import binding_energy as in_eV
    from ..units import KCAL_PER_MOL

    found, why = np.full(len(clusters), np.nan), [""] * len(clusters)
    for one in dict.fromkeys(compositions):
        chosen = np.array([other == one for other in compositions], bool)
        reasons = dict.fromkeys(np.flatnonzero(chosen).tolist(), "")
        for i in reasons:
            if one is None:
                reasons[i] = "not made of molecules of the library alone (sampler monomer add NAME)"
            elif clusters.charge[i] != one.charge:
                reasons[i] = _other_charge(clusters, i, one, known)
            elif not np.isfinite(clusters.energy[i]):
                reasons[i] = "no energy"
        usable = np.array([i for i, reason in reasons.items() if not reason], np.int64)
        try:
            if one is not None and len(usable):
                found[usable] = in_eV(clusters[usable], one, known) / KCAL_PER_MOL
        except LevelError as error:
            reasons |= dict.fromkeys(usable.tolist(), str(error))
        for i, reason in reasons.items():
            why[i] = reason
    return found, why


def _other_charge(clusters: Clusters, i: int, one: Composition, known: MonomerLibrary) -> str:
    return f"the charge is {clusters.charge[i]:+d}, that of its molecules ({one.name(known)}) is {one.charge:+d}"


def _recognised(clusters: Clusters, known: MonomerLibrary) -> list[Composition]:
    from ..identify import recognise

    found = []
    for i, one in enumerate(recognise(clusters, known)):
        if one is None:
            raise InputError(
                f"{clusters.ids[i]} is not made of known molecules ({', '.join(known.names)}); name the composition, or add "
                "a molecule with: sampler monomer add"
            )
        if one.charge != clusters.charge[i]:
            raise InputError(
                f"{clusters.ids[i]} has the charge {clusters.charge[i]:+d}, its molecules are {one.name(known)} with "
                f"{one.charge:+d}"
            )
        found.append(one)
    return found


def _made_of(clusters: Clusters, wanted: Composition, known) -> Composition:
    """The composition, once the atoms and charges of all structures are those of it."""
    atoms = wanted.atoms(known)
    for i in range(len(clusters)):
        values, counts = np.unique(clusters.numbers[clusters.atoms_of(i)], return_counts=True)
        if dict(zip(values.tolist(), counts.tolist())) != atoms or clusters.charge[i] != wanted.charge:
            raise InputError(f"{clusters.ids[i]} has not the atoms and the charge of {wanted.name(known)}")
    return wanted
