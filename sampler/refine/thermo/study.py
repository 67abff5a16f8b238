"""A set of clusters and monomers at one level: binding, stepwise and actual free energies of all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...clusters import Clusters
from ...composition import Composition
from ...errors import InputError, LevelError
from ...identify import recognise
from ...levels import separated
from ...monomers import MonomerLibrary
from .ensemble import Ensemble, ensemble
from .formation import Counts, Definition, Difference, actual_gibbs, binding, evaporations
from .rrho import Conditions, Species, Thermo, Treatment, thermochemistry


@dataclass(frozen=True)
class Cluster:
    """All conformers of one composition.

    Attributes:
        name: canonical, e.g. ``2sa1am``. counts: monomers that binding refers to. charge: e.
        species, thermo: B conformers and their thermochemistry (NaN where rejected).
        mixture: the Boltzmann average. per_conformer: binding of each conformer, None where it was rejected or for
            monomers. binding: of the mixture (None for monomers). actual: eV, at the given vapours (NaN without).
    """

    name: str
    counts: Counts
    charge: int
    species: tuple[Species, ...]
    thermo: tuple[Thermo, ...]
    mixture: Ensemble
    per_conformer: tuple[Difference | None, ...]
    binding: Difference | None
    actual: float = float("nan")

    @property
    def molecules(self) -> int:
        return sum(n for _, n in self.counts)

    @property
    def lowest(self) -> Species:
        """The conformer of lowest G."""
        return self.species[self.mixture.lowest]


@dataclass(frozen=True)
class Study:
    """Clusters by ascending size, monomers first.

    Structures that are no cluster of library molecules stand alone, named by their id, without binding.

    Attributes:
        evaporation: (cluster name, monomer that leaves) -> energies of losing it.
        problems: id or name -> why it is not (fully) in.
    """

    clusters: tuple[Cluster, ...]
    evaporation: dict[tuple[str, str], Difference]
    conditions: Conditions
    treatment: Treatment
    level: str
    problems: dict[str, str]

    def __getitem__(self, name: str) -> Cluster:
        found = [c for c in self.clusters if c.name == name]
        if not found:
            raise InputError(f"no cluster {name} here; there are: {', '.join(c.name for c in self.clusters)}")
        return found[0]


def structures(species: Sequence[Species]) -> Clusters:
    """The geometries of species, as all sources of sampler keep them among their columns."""
    return Clusters.make(
        [np.asarray(s.columns["positions"], float) for s in species], [np.asarray(s.columns["numbers"]) for s in species],
        charge=[int(s.columns["charge"]) for s in species],
    )  # fmt: skip


def compositions(species: Sequence[Species], library: MonomerLibrary) -> list[Composition | None]:
    """What each species consists of, from its geometry; None where a part is no molecule of the library."""
    return recognise(structures(species), library)


def study(
    species: Sequence[Species],
    library: MonomerLibrary,
    conditions: Conditions | None = None,
    treatment: Treatment | None = None,
    pressures: Mapping[str, float] | None = None,
    definition: Definition = "self-consistent",
    needs_monomers: bool = True,
) -> Study:
    """Sort species by composition and compute everything that follows from them.

    Args:
        species: conformers of clusters and monomers, all of one level; duplicates removed.
        pressures: monomer -> Pa, for actual free energies.
        needs_monomers: without monomers raise an error (else there are no binding energies).

    Raises:
        LevelError: several levels of theory, or monomers missing.
        InputError: no species at all.
    """
    if not species:
        raise InputError("no structure with frequencies")
    conditions, treatment = conditions or Conditions(), treatment or Treatment()
    levels = sorted({s.level for s in species})
    if len(levels) > 1:
        raise LevelError(f"structures of different levels of theory cannot be combined: {', '.join(levels)}")
    problems: dict[str, str] = {}
    groups: dict[Composition, list[Species]] = {}
    foreign: list[Species] = []
    for s, composition in zip(species, compositions(species, library)):
        if composition is None:
            problems[s.id] = "no binding: it holds a part that is no molecule of the library"
            foreign.append(s)
        elif composition.charge != s.columns["charge"]:
            problems[s.id] = (
                f"no binding: its molecules have the charge {composition.charge:+d}, it {s.columns['charge']:+d}"
            )
            foreign.append(s)
        else:
            groups.setdefault(composition, []).append(s)
    mixtures: dict[Composition, tuple[list[Thermo], Ensemble]] = {}
    for composition, members in groups.items():
        each = [thermochemistry(s, conditions, treatment) for s in members]
        problems |= {s.id: t.failure for s, t in zip(members, each) if t.failure}
        try:
            mixtures[composition] = each, ensemble(each, [s.degeneracy for s in members])
        except InputError as error:
            problems[composition.name(library)] = str(error)
    monomers = _monomers(mixtures, library)
    made = []
    for composition in sorted(mixtures, key=lambda c: (c.molecules(), c.name(library))):
        each, mixture = mixtures[composition]
        made.append(
            _cluster(
                composition, groups[composition], each, mixture, monomers, library, needs_monomers,
                pressures or {}, conditions, definition,
            )
        )  # fmt: skip
    names = {c.counts: c.name for c in made}
    steps = evaporations({c.counts: c.mixture.thermo for c in made})
    for s in foreign:
        alone = thermochemistry(s, conditions, treatment)
        if alone.failure:
            problems[s.id] += f"; {alone.failure}"
        else:
            made.append(Cluster(s.id, (), int(s.columns["charge"]), (s,), (alone,), ensemble([alone]), (None,), None))
    return Study(
        tuple(made),
        {(names[counts], m): d for (counts, m), d in steps.items()},
        conditions,
        treatment,
        levels[0],
        problems,
    )


def _monomers(mixtures, library: MonomerLibrary) -> dict[str, Thermo]:
    found = {}
    for composition, (_, mixture) in mixtures.items():
        if composition.molecules() == 1:
            found[_single(composition, library)] = mixture.thermo
    return found


def _single(composition: Composition, library: MonomerLibrary) -> str:
    family = composition.counts[0][0]
    return next(m.name for m in library.family(family) if m.charge == composition.charge)


def _cluster(
    composition, members, each, mixture, monomers, library, needs_monomers, pressures, conditions, definition
) -> Cluster:
    name = composition.name(library)
    whole, per_conformer, actual = None, (None,) * len(members), float("nan")
    counts = _counts(composition, monomers, library)
    if composition.molecules() > 1:
        missing = [m for m, _ in counts if m not in monomers]
        if missing and needs_monomers:
            raise LevelError(
                f"no thermochemistry of {', '.join(missing)} at the level {mixture.thermo.level}, which {name} is made of; "
                "add frequency calculations of the monomers"
            )
        if not missing:
            whole = binding(mixture.thermo, counts, monomers)
            per_conformer = tuple(None if t.failure else binding(t, counts, monomers) for t in each)
            if pressures:
                actual = actual_gibbs(whole.gibbs, counts, pressures, conditions, definition)
    elif pressures and composition.counts[0][0] in pressures:
        actual = actual_gibbs(0.0, counts, pressures, conditions, definition)
    return Cluster(name, counts, composition.charge, tuple(members), tuple(each), mixture, per_conformer, whole, actual)


def _counts(composition: Composition, monomers: Mapping[str, Thermo], library: MonomerLibrary) -> Counts:
    """The monomers to refer to; for ions the choice of fewest charges that is known and lowest in G."""
    choices = separated(composition, library)
    known = [c for c in choices if all(m in monomers for m in c)]
    best = min(known, key=lambda c: sum(n * monomers[m].gibbs for m, n in c.items())) if known else choices[0]
    order = [m.name for m in library]
    return tuple(sorted(((m, n) for m, n in best.items() if n), key=lambda item: order.index(item[0])))
