"""Levels of theory: an energy means something only together with the method, the engine and the reference it counts from.

A level is a file ``data/levels/ID.toml``: method, engine, settings, and the energies of the monomers' minima *at that
level*. What a binding energy counts from is decided here and nowhere else; whatever would mix levels, engines or
reference sets is a :class:`~sampler.errors.LevelError`. (What a network learns is made of it in
:mod:`sampler.learn.training.targets`.)

The identifiers: ``gfn1-xtb`` (all engines agree), ``b97-3c@pyscf`` and ``b97-3c@orca5`` (they do not, quite).

Files of the same form in the folders that the environment variable ``SAMPLER_LEVELS`` names (several with the separator
of PATH) add levels, and monomers to levels that ship.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import resources
from .clusters import Clusters
from .composition import Composition
from .errors import InputError, LevelError
from .monomers import MonomerLibrary
from .text.nearest import suggested
from .units import HARTREE

_SAME_MOLECULE = 2e-3
"""eV by which two optimisations of one conformer may differ."""


@dataclass(frozen=True)
class Level:
    """A level of theory with one set of monomer reference energies.

    Attributes:
        id: the name that ``Clusters.level`` carries, e.g. ``b97-3c@pyscf``.
        method: e.g. ``B97-3c``. engine: the program and its version.
        reference_set: which monomer energies: ``minima`` (each monomer optimised at this level) or the name of a
            published set.
        settings: what else determines the numbers, in words.
        monomers: monomer name -> energy in eV of its lowest conformer.
        source: where the monomer energies come from, or the command that computes them.
    """

    id: str
    method: str
    engine: str
    reference_set: str
    settings: Mapping[str, str]
    monomers: Mapping[str, float]
    source: str

    def __str__(self) -> str:
        return f"{self.id} ({self.reference_set})"

    def reference_energy(self, monomers: Mapping[str, int]) -> float:
        """Sum of the monomer energies in eV, for monomer name -> count.

        Raises:
            LevelError: a monomer has no energy at this level.
        """
        missing = [name for name in monomers if name not in self.monomers]
        if missing:
            raise LevelError(
                f"the level {self} has no reference energy for {', '.join(missing)}; it has "
                f"{', '.join(self.monomers) or 'none'}; {how_to_add(self.id, missing)}"
            )
        return sum(n * self.monomers[name] for name, n in monomers.items())

    def binding(self, clusters: Clusters, monomers: Mapping[str, int] | Sequence[Mapping[str, int]]) -> Binding:
        """ΔE = E(cluster) − Σ E(monomer), all of this level.

        Args:
            clusters: with energies of this level.
            monomers: monomer name -> count, for all structures or one for each.

        Raises:
            LevelError: the energies are of another level, or a monomer has no reference energy.
        """
        if clusters.level != self.id:
            raise LevelError(
                f"energies of the level {clusters.level or '(none)'!r} cannot be referred to monomers of {self}"
            )
        each = [monomers] * len(clusters) if isinstance(monomers, Mapping) else monomers
        if len(each) != len(clusters):
            raise InputError(f"{len(each)} monomer counts for {len(clusters)} structures")
        reference = np.array([self.reference_energy(m) for m in each])
        return Binding(clusters.energy - reference, self)


@dataclass(frozen=True)
class Binding:
    """Binding energies that remember what they are.

    Attributes:
        values: (B,) eV.
        level: the level and reference set of every value.
    """

    values: np.ndarray
    level: Level

    @classmethod
    def concatenate(cls, parts: Sequence[Binding]) -> Binding:
        """One array from several.

        Raises:
            LevelError: different levels, engines or reference sets.
        """
        return cls(np.concatenate([p.values for p in parts]), require_same([p.level for p in parts]))


def levels() -> list[str]:
    """Identifiers of the levels that ship with sampler, and of those in the folders of ``SAMPLER_LEVELS``."""
    return sorted({_id(p) for p in resources.level_files()})


def spelled_level(name: str) -> str:
    """The name of a level as it is written here, for one written otherwise (``GFN1-xTB``); others stay as they are."""
    return next((known for known in levels() if known.lower() == name.strip().lower()), name)


def load_level(name: str | Path, reference_set: str = "minima") -> Level:
    """The level with the identifier ``name``, or from a TOML file of the same form.

    A level that ships gets the further monomers of the user's files with the same ``id`` (see ``SAMPLER_LEVELS``), which
    may have any name and must have the same method and settings.

    Raises:
        LevelError: no such level, no such reference set, an unreadable file, or files that contradict each other.
    """
    if Path(name).suffix == ".toml":
        return _read(Path(name), reference_set)
    paths = [p for p in resources.level_files() if name in (p.stem, _id(p))]
    if not paths:
        remedy = f"; to add monomer energies of another, {how_to_add(str(name), ['MONOMERS'])}" if name else ""
        raise LevelError(
            f"no level of theory is called {str(name)!r}; {suggested(str(name), levels())}known: {', '.join(levels())}{remedy}"
        )
    level = _read(paths[0], reference_set)
    for path in paths[1:]:
        level = _joined(level, _read(path, reference_set), path)
    return level


def level_with(name: str, library: MonomerLibrary) -> Level:
    """The level ``name``, and with it the energies that molecules bring in their own files (``sampler monomer add``).

    Raises:
        LevelError: no such level, or a molecule's file and the level's disagree about the molecule's energy.
    """
    level = load_level(name)
    own = {m.name: m.reference_energies[level.id] for m in library if level.id in m.reference_energies}
    for molecule in own.keys() & level.monomers.keys():
        if abs(own[molecule] - level.monomers[molecule]) > _SAME_MOLECULE:
            raise LevelError(
                f"{molecule} has {level.monomers[molecule] / HARTREE:.6f} Eh in the level {level}, but "
                f"{own[molecule] / HARTREE:.6f} Eh in its own file: another molecule or conformer; make one of the two "
                f"anew (sampler monomer add {molecule} --replace, or {how_to_add(level.id, [molecule])})"
            )
    return dataclasses.replace(level, monomers={**own, **level.monomers})


def how_to_add(level: str, monomers: Iterable[str]) -> str:
    """The commands that add monomer energies to a level, as the end of an error message."""
    method = level.removesuffix("@pyscf")
    if "/" in level:
        # with a basis, settings or another level behind it: of outputs of ORCA, which no command here calculates
        return (
            f"calculate {', '.join(monomers)} in the same way, write their energies with id = {level!r} into a file of the "
            "form of data/levels/*.toml, and name its folder in the environment variable SAMPLER_LEVELS"
        )
    return (
        f"compute them with: sampler label --references {','.join(monomers)} --level {method} --out levels/{level}.toml, "
        "and set the environment variable SAMPLER_LEVELS=levels"
    )


def _id(path: Path) -> str:
    """The identifier of a level file; where it cannot be read, its name, so that who asks for it is told why."""
    if path.parent == resources.path("data", "levels"):
        return path.stem  # a test says so
    try:
        return str(tomllib.loads(path.read_text(encoding="utf-8"))["id"])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError):
        return path.stem


def _joined(level: Level, more: Level, path: Path) -> Level:
    if (more.id, more.method, more.settings) != (level.id, level.method, level.settings):
        raise LevelError(f"{path} is not the level {level.id} that ships: another method or other settings; rename it")
    for name in more.monomers.keys() & level.monomers.keys():
        if abs(more.monomers[name] - level.monomers[name]) > 1e-6 * HARTREE:
            raise LevelError(
                f"{path} has another energy of {name} than the level {level} that ships; take it out there"
            )
    return dataclasses.replace(level, monomers={**more.monomers, **level.monomers})


def _read(path: Path, reference_set: str) -> Level:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        sets = table["reference_sets"]
        if reference_set not in sets:
            raise LevelError(f"{path.name} has no reference set {reference_set!r}; it has {', '.join(sets) or 'none'}")
        chosen = sets[reference_set]
        return Level(
            id=table["id"],
            method=table["method"],
            engine=table["engine"],
            reference_set=reference_set,
            settings=dict(table.get("settings", {})),
            monomers={m: float(v["energy_Eh"]) * HARTREE for m, v in chosen["monomers"].items()},
            source=chosen["source"],
        )
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise LevelError(f"{path} is not a readable level of theory: {error!r}") from error


def require_same(chosen: Iterable[Level]) -> Level:
    """The one level of all.

    Raises:
        LevelError: they differ in method, engine, settings or reference set.
    """
    chosen = list(chosen)
    if not chosen:
        raise LevelError("no level of theory given")
    for other in chosen[1:]:
        if other != chosen[0]:
            what = "reference sets" if other.id == chosen[0].id else "levels of theory"
            raise LevelError(f"different {what} cannot be mixed: {chosen[0]} and {other}")
    return chosen[0]


def separated(composition: Composition, library: MonomerLibrary) -> list[dict[str, int]]:
    """The monomers that a composition falls apart into: monomer name -> count, all choices of fewest charges.

    Neutral clusters are referred to neutral monomers. An ion needs one charged monomer; where several molecules can
    carry the charge there are several choices, and the one of lowest energy is the reference.
    """
    states = [s.monomers for s in composition.states(library, conformers=False)]
    charges = [sum(abs(library[m].charge) * n for m, n in s.items()) for s in states]
    return [s for s, q in zip(states, charges) if q == min(charges)]


def cheapest_reference(composition: Composition, energies: Mapping[str, float], library: MonomerLibrary) -> float:
    """The energy in eV that a cluster of ``composition`` counts from, that of its :func:`cheapest_choice`.

    Raises:
        LevelError: no choice has all its monomers.
    """
    return sum(n * energies[m] for m, n in cheapest_choice(composition, energies, library).items())


def cheapest_choice(
    composition: Composition, energies: Mapping[str, float], library: MonomerLibrary
) -> Mapping[str, int]:
    """Monomer -> how many, of the lowest in energy of the choices of :func:`separated` whose monomers all have an energy.

    Args:
        energies: monomer -> eV, of the level and engine of the cluster.

    Raises:
        LevelError: no choice has all its monomers.
    """
    choices = separated(composition, library)
    usable = [c for c in choices if all(m in energies for m in c)]
    if not usable:
        missing = sorted({m for c in choices for m in c} - set(energies))
        raise LevelError(
            f"{composition.name(library)}: no reference energy of {', '.join(missing)}; binding energies need every "
            "monomer at the level and engine of the cluster"
        )
    return min(usable, key=lambda c: sum(n * energies[m] for m, n in c.items()))


def binding_energy(clusters: Clusters, composition: Composition, library: MonomerLibrary) -> np.ndarray:
    """(B,) ΔE in eV of clusters that all have ``composition``, with the monomer minima of their own level.

    Raises:
        LevelError: the level is unknown or a monomer has no reference energy at it.
    """
    level = level_with(clusters.level, library)
    choices = separated(composition, library)
    return level.binding(clusters, min(choices, key=level.reference_energy)).values


def require_references(level: str, composition: Composition, library: MonomerLibrary) -> None:
    """Check that binding energies of ``composition`` at ``level`` can be computed, before anything else is.

    Raises:
        LevelError: the level is unknown, or lacks a monomer; the message says how to add it.
    """
    choices = separated(composition, library)
    if level not in levels():
        names = dict.fromkeys(name for choice in choices for name in choice)
        raise LevelError(f"the level {level!r} has no monomer energies; {how_to_add(level, names)}")
    for choice in choices:
        level_with(level, library).reference_energy(choice)


def composition_of(numbers: np.ndarray, charge: int, families: Sequence[str], library: MonomerLibrary) -> Composition:
    """The composition that atoms add up to, out of the given families.

    Args:
        numbers: (n,) atomic numbers. charge: in e. families: e.g. ``("sa", "am")``.

    Raises:
        LevelError: no such composition, or more than one.
    """
    neutral = [next((m for m in library.family(f) if m.charge == 0), library.family(f)[0]) for f in families]
    elements = sorted({int(z) for m in neutral for z in m.numbers} | {int(z) for z in numbers})
    heavy = [z for z in elements if z != 1]
    matrix = np.array([[int((m.numbers == z).sum()) for m in neutral] for z in heavy])
    target = np.array([int((np.asarray(numbers) == z).sum()) for z in heavy])
    if np.linalg.matrix_rank(matrix) < len(neutral):
        raise LevelError(f"atoms alone do not tell how many of {', '.join(families)} there are; give the composition")
    counts = np.rint(np.linalg.lstsq(matrix, target, rcond=None)[0]).astype(int)
    hydrogens = sum(int(n) * (int((m.numbers == 1).sum()) - m.charge) for n, m in zip(counts, neutral)) + charge
    if (counts < 0).any() or (matrix @ counts != target).any() or hydrogens != int((np.asarray(numbers) == 1).sum()):
        raise LevelError(f"{len(numbers)} atoms with charge {charge:+d} are no cluster of {', '.join(families)}")
    name = "".join(f"{n}{f}" for n, f in zip(counts, families) if n)
    return Composition.parse(name, library, charge)
