"""Frequencies left in the folder of the run whose structures they belong to, or of a screen: ``thermo.json``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ...errors import InputError
from ...monomers import MonomerLibrary
from ...rundir.directory import read_ledgers
from .belonging import compositions
from .rrho import Conditions, Species, Treatment
from .sources import load, save
from .study import Study, study

NAME = "thermo.json"
RESULT, MADE_AS, BELOW, ENERGIES = "result_sha256", "made_as", "below", "energies"
"""Keys of a species' columns: the result of the run that it is of; the name of the work that gave its frequencies
(:func:`sampler.refine.kept.name_of`); energy (eV), level and engine of its frequencies, where its energy is of another level;
name of the work -> energy and level
of every other level that was computed there."""


def leave(run: Path, species: Sequence[Species], library: MonomerLibrary) -> Path:
    """Keep in the run directory what belongs to it, with the monomers.

    Raises:
        StorageError: it cannot be written.
    """
    result, start = read_ledgers(run)[-1].output_sha256, f"{run.resolve().name}/"
    made_of = compositions(species, library)
    own = [replace(s, columns={**s.columns, RESULT: result}) for s in species if s.id.startswith(start)]
    single = [s for s, one in zip(species, made_of) if one is not None and one.molecules() == 1]
    save(run / NAME, [*own, *(s for s in single if not s.id.startswith(start))])
    return run / NAME


def of_run(
    run: Path, library: MonomerLibrary, conditions: Conditions | None = None, treatment: Treatment | None = None
) -> Study:
    """What is left of a run's structures, at these conditions.

    Raises:
        InputError: nothing is left there, or it is of an earlier result of the run; with the remedy.
    """
    path, again = run / NAME, f"sampler thermo {run}"
    if not path.exists():
        raise InputError(f"{run} has no free energies; this makes them: {again}")
    species = load(path)
    if read_ledgers(run)[-1].output_sha256 not in {s.columns.get(RESULT) for s in species}:
        raise InputError(f"{path} belongs to an earlier result of the run; this makes it anew: {again}")
    return study(species, library, conditions, treatment, needs_monomers=False)


def earlier(folders: Iterable[Path]) -> Mapping[str, Species]:
    """Name of the work -> what it gave, of all that is left in these folders; files that cannot be read count for nothing."""
    return {s.columns[MADE_AS]: _below(s) for s in _all(folders) if MADE_AS in s.columns}


def energies(folders: Iterable[Path]) -> Mapping[str, tuple[float, str]]:
    """Name of the work -> energy (eV) and level, of all energies of another level than the frequencies' that are left there."""
    found = (s.columns.get(ENERGIES, {}).items() for s in _all(folders))
    return {name: (float(energy), str(level)) for of_one in found for name, (energy, level) in of_one}


def _all(folders: Iterable[Path]) -> Iterator[Species]:
    for path in dict.fromkeys(folder / NAME for folder in folders):
        with contextlib.suppress(InputError):
            yield from load(path) if path.exists() else ()


def _below(s: Species) -> Species:
    """With the energy of the level of its frequencies."""
    columns = {k: v for k, v in s.columns.items() if k not in (RESULT, BELOW)}
    if BELOW not in s.columns:
        return replace(s, columns=columns)
    energy, level, engine = s.columns[BELOW]
    return replace(s, energy=float(energy), level=str(level), columns={**columns, "engine": engine})
