"""Frequencies, and the free energies of binding that follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..clusters import Clusters
from ..errors import InputError
from ..monomers import MonomerLibrary
from ..potentials.base import Potential
from .given import Monomers, Named, clusters_of, library_of, potential_of

if TYPE_CHECKING:
    from ..refine.thermo.rrho import Conditions, Species
    from ..refine.thermo.study import Study


def thermochemistry(
    structures: Any,
    potential: Named | None = None,
    *,
    temperature: float | str = 298.15,
    pressure: float | str = 101325.0,
    count: int = 10,
    low_modes: Literal["grimme", "raised", "harmonic"] = "grimme",
    cutoff: float = 100.0,
    scale: float | str = "none",
    imaginary: Literal["reject", "skip", "absolute"] = "reject",
    symmetry: bool = True,
    mirror_images: bool = False,
    vapours: Mapping[str, str] | None = None,
    definition: Literal["self-consistent", "mass-action"] = "self-consistent",
    step: float | None = None,
    isotopes: bool = False,
    library: Monomers = None,
) -> Study:
    """Enthalpies, entropies and free energies of clusters and of their formation from monomers, in this process.

    Structures are relaxed where their forces are above 0.002 eV/Å and get a numerical Hessian; their monomers are added.
    The command ``sampler thermo`` does the same with many processes, keeps finished Hessians, and joins energies of another
    level.

    >>> import sampler
    >>> made = sampler.run("1sa1am", settings={"generate.candidates": 12}, workers=1, quiet=True)
    >>> study = sampler.thermochemistry(made, "gfn1-xtb", count=1)
    >>> float(round(study["1sa1am"].binding.gibbs, 1))  # eV
    -0.5

    Args:
        structures: clusters, the result of a run, a file or ASE atoms, which need ``potential``; or a ``.json`` file of
            frequencies that ``sampler thermo --out`` wrote, or several, which bring their own.
        potential: level of energies and frequencies: its name, a trained model or several, or the potential itself.
        temperature: K, or with a unit (``"25C"``). pressure: standard pressure, Pa, or with a unit (``"1bar"``).
        count: the lowest structures of every formula and charge that get frequencies.
        low_modes: grimme (interpolation to a free rotor), raised (to the cutoff) or harmonic. cutoff: cm⁻¹.
        scale: of frequencies, a number or a method. imaginary: what becomes of structures with imaginary modes.
        symmetry: count rotational symmetry numbers. mirror_images: count both mirror images of chiral structures.
        vapours: concentrations for actual free energies, e.g. ``{"sa": "1e7cm-3", "am": "100ppt"}``.
        definition: of the actual free energy.
        step: Å, of the Hessian's differences; by default 0.005, with a network 0.01.
        isotopes: masses of the main isotopes (as Gaussian), not averages.
        library: the monomers, or files and folders with further ones.

    Returns:
        A :class:`sampler.refine.thermo.study.Study`: ``study["2sa1am"].binding.gibbs`` is in eV. What is left out is in
        ``study.problems``.

    Raises:
        InputError: no potential for structures, no structure with frequencies, or a quantity that cannot be read.
        LevelError: files of several levels of theory, or monomers missing in them.
        PotentialError: there is no such potential.

    Source: Grimme, Chem. Eur. J. 18, 9955 (2012), DOI 10.1002/chem.201200497, for the low modes.
    """
    from dataclasses import replace

    from ..refine.thermo import Conditions, Treatment, scaling
    from ..refine.thermo.quantities import kelvin, pascal
    from ..refine.thermo.study import problems_of, study

    known = library_of(library)
    conditions = Conditions(kelvin(temperature), pascal(pressure))
    treatment = Treatment(low_modes, cutoff, scaling(scale), imaginary, symmetry, mirror_images)
    pressures = _pressures(vapours or {}, conditions, known)
    if files := _frequency_files(structures):
        if potential is not None:
            raise InputError(f"{files[0]} brings its own frequencies; leave out the potential")
        species, remarks = _loaded(files)
    elif potential is None:
        raise InputError("the structures need a potential: the level of their frequencies, for example gfn1-xtb")
    else:
        lowest = _lowest(clusters_of(structures), count)
        species, remarks = _computed(lowest, _smooth(potential), known, step, isotopes)
    made = study(species, known, conditions, treatment, pressures, definition)
    have = {monomer for cluster in made.clusters for monomer, _ in cluster.counts}
    if strangers := [name for name in pressures if name not in have]:
        raise InputError(
            f"no cluster here is made of {', '.join(strangers)}; they are made of {', '.join(sorted(have))}"
        )
    return replace(made, problems=problems_of([*remarks, *made.problems.items()]))


def _pressures(vapours: Mapping[str, str], conditions: Conditions, known: MonomerLibrary) -> dict[str, float]:
    from ..refine.thermo import partial_pressure

    return {known[name].name: partial_pressure(amount, conditions) for name, amount in vapours.items()}


def _frequency_files(given: Any) -> list[Path]:
    """Files of frequencies, where it is these that are given."""
    several = [given] if isinstance(given, str | Path) else given if isinstance(given, Sequence) else []
    paths = [Path(one) for one in several if isinstance(one, str | Path)]
    return paths if paths and all(path.suffix == ".json" for path in paths) else []


def _loaded(files: Sequence[Path]) -> tuple[list[Species], list[tuple[str, str]]]:
    from ..refine.thermo.sources import distinct, load

    kept, same = distinct([species for path in files for species in load(path)])
    return kept, [(r.id, r.reason) for r in same]


def _smooth(potential: Named) -> Potential:
    """The potential, with an SCF that is tight enough for differences of forces where it is named."""
    from ..potentials import get_potential
    from ..refine.thermo.differences import tight_options

    options = tight_options(potential) if isinstance(potential, str) else {}
    return get_potential(str(potential), **options) if options else potential_of(potential)


def _lowest(clusters: Clusters, count: int) -> Clusters:
    """The lowest structures of every formula and charge.

    Raises:
        InputError: there are more than ``count``, without energies.
    """
    if count < 1:
        raise InputError(f"count is {count}; at least one structure of each composition is needed")
    chosen: list[int] = []
    kinds = np.char.add(clusters.formulas, clusters.charge.astype(np.str_))
    for kind in dict.fromkeys(kinds.tolist()):
        members = np.flatnonzero(kinds == kind)
        energy = clusters.energy[members]
        if len(members) > count and not np.isfinite(energy).all():
            raise InputError(
                f"{len(members)} structures of one composition, not all with an energy: which {count} are the lowest cannot "
                f"be told; count={len(members)} takes all"
            )
        chosen += members[np.lexsort((clusters.ids[members], energy))[:count]].tolist()
    return clusters[chosen]


def _computed(
    clusters: Clusters, potential: Potential, known: MonomerLibrary, step: float | None, isotopes: bool
) -> tuple[list[Species], list[tuple[str, str]]]:
    """Species of structures and of the monomers that they are made of; what was left out, and why."""
    from ..refine.thermo.differences import step_for
    from ..refine.thermo.sources import HessianParams, distinct, from_potential, monomer_structures

    potential.require(np.unique(clusters.numbers).tolist())
    names = _monomers(clusters, known)
    everything = Clusters.concatenate(
        [monomer_structures(names, known), clusters.without_energies().replace(columns={})]
    )
    params = HessianParams(step=step or step_for(bool(potential.models)), isotopes=isotopes)
    found, lost = from_potential(everything, potential, params)
    if not found:
        raise InputError("no structure got frequencies: " + "; ".join(f"{r.id}: {r.reason}" for r in lost[:5]))
    kept, same = distinct(found)
    return kept, [(r.id, r.reason) for r in [*lost, *same]]


def _monomers(clusters: Clusters, known: MonomerLibrary) -> list[str]:
    """The monomers that the structures can be counted from."""
    from ..identify import recognise
    from ..levels import separated

    found = [one for one in dict.fromkeys(recognise(clusters, known)) if one is not None]
    names = {name for one in found for choice in separated(one, known) for name, n in choice.items() if n}
    return [m.name for m in known if m.name in names]
