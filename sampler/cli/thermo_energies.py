"""``--energies``: electronic energies of another level on the geometries that the frequencies belong to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..refine.kept import Kept


def with_energies(
    species: list,
    name: str,
    known,
    workers,
    quiet: bool,
    keep: Callable[[], Kept | None] = lambda: None,
    folders: Sequence[Path] = (),
) -> tuple[list, list[tuple[str, str]]]:
    """The species with single points of the potential ``name``, their level ``HIGH//LOW``; (id, why one was left out), and
    clusters that a model was not made for.

    ``name`` is a potential, one or several models joined by commas, or ``auto`` or ``auto:delta``: what is recommended for
    the clusters, and taken for their monomers, too. Finished ones are found again in what ``keep`` opens, and in
    what earlier commands have left in ``folders``.

    Raises:
        InputError: two clusters have different recommendations, or no energy came out.
        PotentialError, ModelError: no such potential or model.
    """
    from ..errors import InputError
    from ..learn.labels.provenance import describe
    from ..potentials import get_potential
    from ..refine.kept import name_of, outcomes, triple, write
    from ..refine.thermo.left import BELOW, ENERGIES, energies
    from ..workers.progress import choose
    from ..workers.worker import Died
    from .thermo_hessians import engine_of, strangers

    potential, options = _potential(species, name, known)
    engine = get_potential(potential, **options)  # a mistake is told before any work
    settings = {"engine": describe(engine), "options": options}
    by = engine_of(engine, options)
    kept = keep()
    progress = choose(quiet)
    made: dict[int, Any] = {}
    lost: dict[str, str] = {}
    left = energies(folders)
    of = [s.columns for s in species]
    names = [name_of("energy", c["numbers"], c["positions"], c["charge"], settings) for c in of]
    found_again = [(k, (*left[name], "")) for k, name in enumerate(names) if name in left]
    to_do = [k for k, name in enumerate(names) if name not in left]

    def computed() -> Iterator[tuple[int, Any]]:
        tasks = [(species[k], potential, options) for k in to_do]
        paths = [kept.of("energy", species[k], settings) if kept else None for k in to_do]
        progress.start(1, 1, "energies", len(tasks))
        before = {k for k, p in enumerate(paths) if p and p.exists()}
        for index, result in progress.counted(outcomes(_one, tasks, paths, workers, triple, write), before):
            yield to_do[index], result

    for index, result in [*found_again, *(computed() if to_do else ())]:
        if isinstance(result, Died):
            lost[species[index].id] = result.reason
        elif result[2]:
            lost[species[index].id] = f"energy: {result[2]}"
        else:
            energy, level, _ = result
            low = species[index].level.rpartition("//")[2]
            below = str(species[index].columns.get("engine", "")).rpartition("//")[2]
            frequencies_of = [species[index].energy, low, below] if low == species[index].level else []
            columns = {**species[index].columns, "engine": f"{by}//{below}"}
            columns[ENERGIES] = {**columns.get(ENERGIES, {}), names[index]: [energy, level]}
            columns |= {BELOW: frequencies_of} if frequencies_of else {}
            made[index] = replace(species[index], energy=energy, level=f"{level}//{low}", columns=columns)
    if not made:
        raise InputError("no structure got an energy: " + "; ".join(f"{k}: {v}" for k, v in list(lost.items())[:5]))
    from ..refine.thermo.belonging import compositions

    found = [made[i] for i in sorted(made)]
    return found, [*lost.items(), *strangers(potential, options, compositions(found, known), known)]


def _one(task) -> tuple[tuple | None, tuple[float, str, str]]:
    """What is to be kept, and (energy, level, why it failed)."""
    species, potential, options = task
    from ..potentials import get_potential
    from ..refine.thermo.belonging import structures

    made = get_potential(potential, **options)
    found = made.evaluate(structures([species]), forces=False)
    result = float(found.energy[0]), made.level, str(found.failure[0])
    return None if result[2] else result, result


def _potential(species: list, name: str, known) -> tuple[str, dict[str, Any]]:
    from ..errors import InputError
    from ..funnel.protocols.automatic import recommended_as
    from ..potentials import available
    from ..refine.thermo.belonging import compositions
    from .thermo_hessians import models_of

    if name == "auto" or name.startswith("auto:"):
        clusters = [c for c in compositions(species, known) if c is not None and c.molecules() > 1]
        found = [recommended_as(c, known, name.partition(":")[2]) for c in clusters]
        if not found:
            raise InputError(f"--energies {name}: there is no cluster to recommend a potential for")
        if any(f != found[0] for f in found):
            raise InputError(
                f"--energies {name}: not one potential is recommended for all clusters ({clusters[0].name(known)}: {found[0][0]}, "
                f"{next(c.name(known) for c, f in zip(clusters, found) if f != found[0])}: another); name one"
            )
        return found[0]
    if name.lower() in available() or name.lower().startswith("ase:"):
        return name, {}
    return "painn", models_of(name)
