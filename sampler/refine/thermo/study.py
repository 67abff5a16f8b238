"""A set of clusters and monomers at one level: binding, stepwise and actual free energies of all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ...composition import Composition
from ...errors import InputError, LevelError
from ...generate.handedness import one_handed
from ...levels import separated
from ...monomers import MonomerLibrary
from . import isotopes
from .belonging import belonging
from .ensemble import Ensemble, ensemble
from .formation import Counts, Difference, actual_gibbs, binding
from .losses import losses, single, splits
from .rrho import Conditions, Species, Thermo, Treatment, thermochemistry

_SHOWN = 8


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


@dataclass(frozen=True, eq=False, repr=False)
class Study:
    """Clusters by ascending size, monomers first.

    Structures that are no cluster of library molecules stand alone, named by their id, without binding.

    Attributes:
        evaporation: (cluster name, monomer that leaves) -> energies of losing it.
        problems: id or name -> why it is not (fully) in.
        splits: (cluster name, smaller part, larger part) -> energies of falling into two clusters.
        engine: the program or model of all energies, where the species say so.
    """

    clusters: tuple[Cluster, ...]
    evaporation: dict[tuple[str, str], Difference]
    conditions: Conditions
    treatment: Treatment
    level: str
    problems: dict[str, str]
    splits: dict[tuple[str, str, str], Difference] = field(default_factory=dict)
    engine: str = ""

    def __repr__(self) -> str:
        names = [c.name for c in self.clusters]
        shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
        at = f"{self.conditions.temperature:g} K and {self.conditions.pressure:g} Pa"
        return f"Study({shown} at the level {self.level}, {at})"

    def __getitem__(self, name: str) -> Cluster:
        found = [c for c in self.clusters if c.name == name]
        if not found:
            raise InputError(f"no cluster {name} here; there are: {', '.join(c.name for c in self.clusters)}")
        return found[0]


def study(
    species: Sequence[Species],
    library: MonomerLibrary,
    conditions: Conditions | None = None,
    treatment: Treatment | None = None,
    pressures: Mapping[str, float] | None = None,
    definition: str = "self-consistent",
    needs_monomers: bool = True,
) -> Study:
    """Sort species by composition and compute everything that follows from them.

    Structures that have evaporated or reacted are no conformers: they are listed with their cluster and a reason. Isotopes
    are combined with the same isotopes only (``2w[2H]`` with ``1w[2H]``); those of which an element has several are on
    their own, without binding.

    Args:
        species: conformers of clusters and monomers, all of one level; duplicates removed.
        pressures: monomer -> Pa, for actual free energies.
        needs_monomers: without monomers raise an error (else there are no binding energies).

    Raises:
        LevelError: several levels of theory or engines, or monomers missing.
        InputError: no species at all.
    """
    if not species:
        raise InputError("no structure with frequencies")
    conditions, treatment = conditions or Conditions(), treatment or Treatment()
    level, engine = one_level(species)
    labels = dict.fromkeys(["", *sorted(isotopes.of_columns(s.columns) for s in species)])
    clusters: list[Cluster] = []
    evaporation: dict[tuple[str, str], Difference] = {}
    parts: dict[tuple[str, str, str], Difference] = {}
    remarks: list[tuple[str, str]] = []
    for label in labels:
        whole = not label or isotopes.whole(label)
        members = [s for s in species if _goes_with(s, label, whole)]
        if any(isotopes.of_columns(s.columns) == label for s in members):
            one = _Part(label, library, conditions, treatment, pressures or {}, definition, needs_monomers, whole)
            one.add(members)
            clusters += one.clusters
            evaporation |= one.evaporation
            parts |= one.splits
            remarks += one.remarks
    clusters.sort(key=lambda c: (not c.counts, c.molecules, c.name))
    order = {c.name: i for i, c in enumerate(clusters)}
    evaporation = dict(sorted(evaporation.items(), key=lambda item: (order[item[0][0]], item[1].gibbs)))
    parts = dict(sorted(parts.items(), key=lambda item: (order[item[0][0]], item[1].gibbs)))
    return Study(
        tuple(clusters), evaporation, conditions, treatment, level, problems_of(remarks), parts, engine,
    )  # fmt: skip


def problems_of(remarks: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Remarks by what they are about; several on one are joined."""
    made: dict[str, str] = {}
    for about, text in remarks:
        if text not in made.get(about, "").split("; "):
            made[about] = f"{made[about]}; {text}" if about in made else text
    return made


def _goes_with(s: Species, label: str, whole: bool) -> bool:
    own = isotopes.of_columns(s.columns)
    return own == (isotopes.matching(label, s.columns["numbers"]) if whole else label)


class _Part:
    """The clusters of one isotopic label, and the light ones that they can be referred to."""

    def __init__(self, label, library, conditions, treatment, pressures, definition, needs_monomers, binds):
        self.label, self.library, self.binds = label, library, binds
        self.conditions, self.treatment = conditions, treatment
        self.pressures, self.definition = pressures, definition
        self.needs_monomers = needs_monomers and binds and not label
        self.clusters: list[Cluster] = []
        self.evaporation: dict[tuple[str, str], Difference] = {}
        self.splits: dict[tuple[str, str, str], Difference] = {}
        self.remarks: list[tuple[str, str]] = []

    def add(self, members: Sequence[Species]) -> None:
        sorted_out = belonging(members, self.library)
        mine = {id(s) for s in members if isotopes.of_columns(s.columns) == self.label}
        names = {id(s): s.id for s in members}
        self.remarks += [r for r in sorted_out.remarks if r[0] in {names[i] for i in mine}]
        mixtures: dict[Composition, tuple[list[Thermo], Ensemble]] = {}
        for composition, group in sorted_out.groups.items():
            one_hand = any(one_handed(m) for family, _ in composition.counts for m in self.library.family(family))
            each = [self._thermo(s, sorted_out.broken.get(id(s), ""), one_hand) for s in group]
            self.remarks += [(s.id, t.failure) for s, t in zip(group, each) if t.failure and id(s) in mine]
            try:
                mixtures[composition] = each, ensemble(each, [s.degeneracy for s in group])
            except InputError as error:
                if id(group[0]) in mine:
                    self.remarks.append((self._name(composition), str(error)))
        monomers = {single(c, self.library): m.thermo for c, (_, m) in mixtures.items() if c.molecules() == 1}
        own = [c for c in mixtures if id(sorted_out.groups[c][0]) in mine]
        for composition in own:
            self.clusters.append(self._cluster(composition, sorted_out.groups[composition], mixtures, monomers))
        if self.binds:
            thermo = {c: m.thermo for c, (_, m) in mixtures.items()}
            self.evaporation = {(self._name(c), m): d for (c, m), d in losses(thermo, self.library).items() if c in own}
            self.splits = {
                (self._name(c), a.name(self.library), b.name(self.library)): d
                for (c, a, b), d in splits(thermo).items()
                if c in own
            }
        for s in sorted_out.alone:
            if id(s) in mine:
                self._alone(s)

    def _name(self, composition: Composition) -> str:
        return isotopes.named(composition.name(self.library), self.label)

    def _missing(self, monomer: str) -> str:
        """A monomer that has no free energy, and why if it is here."""
        name = self._name(Composition.parse(f"1{monomer}", self.library))
        why = problems_of(self.remarks).get(name)
        return f"{monomer} ({why})" if why else monomer

    def _thermo(self, s: Species, broken: str, one_hand: bool) -> Thermo:
        if broken:
            return Thermo.rejected(s, self.conditions, broken)
        # the mirror image of a cluster with L-alanine holds D-alanine: it is another cluster
        treatment = replace(self.treatment, mirror_images=self.treatment.mirror_images and not one_hand)
        return thermochemistry(s, self.conditions, treatment)

    def _alone(self, s: Species) -> None:
        alone = thermochemistry(s, self.conditions, self.treatment)
        if alone.failure:
            self.remarks.append((s.id, alone.failure))
        else:
            name, charge = isotopes.named(s.id, self.label), int(s.columns["charge"])
            self.clusters.append(Cluster(name, (), charge, (s,), (alone,), ensemble([alone]), (None,), None))

    def _cluster(self, composition: Composition, members, mixtures, monomers: Mapping[str, Thermo]) -> Cluster:
        each, mixture = mixtures[composition]
        name, library = self._name(composition), self.library
        whole, actual = None, float("nan")
        per_conformer: tuple[Difference | None, ...] = (None,) * len(members)
        counts = _counts(composition, monomers, library)
        if composition.molecules() > 1 and not self.binds:
            self.remarks.append((name, "no binding: it holds several isotopes of one element"))
        elif composition.molecules() > 1:
            missing = [m for m, _ in counts if m not in monomers]
            if missing and self.needs_monomers:
                raise LevelError(
                    f"no thermochemistry of {', '.join(map(self._missing, missing))} at the level {mixture.thermo.level}, "
                    f"which {name} is made of; add frequency calculations of the monomers"
                )
            if missing and self.label:
                self.remarks.append((name, f"no binding: no {', '.join(missing)} of the same isotopes"))
            if not missing:
                whole = binding(mixture.thermo, counts, monomers)
                per_conformer = tuple(None if t.failure else binding(t, counts, monomers) for t in each)
                if self.pressures:
                    actual = actual_gibbs(whole.gibbs, counts, self.pressures, self.conditions, self.definition)
        elif self.pressures and composition.counts[0][0] in self.pressures:
            actual = actual_gibbs(0.0, counts, self.pressures, self.conditions, self.definition)
        return Cluster(
            name, counts, composition.charge, tuple(members), tuple(each), mixture, per_conformer, whole, actual
        )


def one_level(species: Sequence[Species]) -> tuple[str, str]:
    """The level of all species, and the engine ('' where none says its engine).

    Raises:
        LevelError: several levels of theory; or one level by several engines, as a network and the method it was trained on,
            whose energies do not add up.
    """
    levels = sorted({s.level for s in species})
    if len(levels) > 1:
        low = {level.rpartition("//")[2] for level in levels}
        remedy = "; --energies NAME gives all the electronic energies of one potential" if len(low) == 1 else ""
        raise LevelError(f"structures of different levels of theory cannot be combined: {', '.join(levels)}{remedy}")
    engines = sorted({str(s.columns["engine"]) for s in species if s.columns.get("engine")})
    if len(engines) > 1:
        raise LevelError(
            f"structures of the level {levels[0]} by different engines cannot be combined: {'; '.join(engines)}; compute all "
            "with one (--potential)"
        )
    main = [s.id for s in species if s.columns.get("masses")]
    plain = [s.id for s in species if not s.columns.get("masses") and s.id and _telling(s)]
    if main and plain:
        raise LevelError(
            f"masses of the main isotopes ({main[0]}) and standard atomic weights ({plain[0]}) cannot be combined; compute "
            "all with the same (--isotopes)"
        )
    return levels[0], engines[0] if engines else ""


def _telling(s: Species) -> bool:
    """Whether its elements have atomic weights that differ from the masses of their main isotopes."""
    from ..hessian import isotope_masses

    numbers = np.asarray(s.columns["numbers"])
    return bool(isotopes.convention(numbers, isotope_masses(numbers)))


def _counts(composition: Composition, monomers: Mapping[str, Thermo], library: MonomerLibrary) -> Counts:
    """The monomers to refer to; for ions the choice of fewest charges that is known and lowest in G."""
    choices = separated(composition, library)
    known = [c for c in choices if all(m in monomers for m in c)]
    best = min(known, key=lambda c: sum(n * monomers[m].gibbs for m, n in c.items())) if known else choices[0]
    order = [m.name for m in library]
    return tuple(sorted(((m, n) for m, n in best.items() if n), key=lambda item: order.index(item[0])))
