"""``--energies``: electronic energies of another level on the geometries that the frequencies belong to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any


def with_energies(species: list, name: str, known, workers, quiet: bool) -> tuple[list, dict[str, str]]:
    """The species with single points of the potential ``name``, their level ``HIGH//LOW``; id -> why one was left out.

    ``name`` is a potential, one or several models joined by commas, or ``auto`` or ``auto:delta``: what is recommended for
    the clusters, and taken for their monomers, too.

    Raises:
        InputError: two clusters have different recommendations, or no energy came out.
        PotentialError, ModelError: no such potential or model.
    """
    from ..errors import InputError
    from ..funnel.parallel import Died, unordered
    from ..funnel.progress import choose
    from ..potentials import get_potential

    potential, options = _potential(species, name, known)
    get_potential(potential, **options)  # a mistake is told before any work
    progress = choose(quiet)
    made: dict[int, Any] = {}
    lost: dict[str, str] = {}
    tasks = [(s, potential, options) for s in species]
    for index, result in unordered(_one, tasks, workers):
        if isinstance(result, Died):
            lost[species[index].id] = result.reason
        elif result[2]:
            lost[species[index].id] = f"energy: {result[2]}"
        else:
            energy, level, _ = result
            low = species[index].level.rpartition("//")[2]
            made[index] = replace(species[index], energy=energy, level=f"{level}//{low}")
        progress.message(f"{len(made) + len(lost)} of {len(tasks)} energies")
    if not made:
        raise InputError("no structure got an energy: " + "; ".join(f"{k}: {v}" for k, v in list(lost.items())[:5]))
    return [made[i] for i in sorted(made)], lost


def _one(task) -> tuple[float, str, str]:
    species, potential, options = task
    from ..potentials import get_potential
    from ..refine.thermo.study import structures

    made = get_potential(potential, **options)
    found = made.evaluate(structures([species]), forces=False)
    return float(found.energy[0]), made.level, str(found.failure[0])


def _potential(species: list, name: str, known) -> tuple[str, dict[str, Any]]:
    from ..errors import InputError
    from ..funnel.automatic import recommended_as
    from ..potentials import available
    from ..refine.thermo.study import compositions

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
    models = [m.strip() for m in name.split(",")]
    return "painn", {"model": models if len(models) > 1 else models[0]}
