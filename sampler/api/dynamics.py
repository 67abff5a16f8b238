"""Molecular dynamics of clusters: what to start from, with which potential, and the folder that comes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..clusters import Clusters
from ..composition import Composition
from ..errors import CompositionError, InputError
from ..monomers import MonomerLibrary
from .chosen import Chosen, chosen, compositions
from .folders import spelled

if TYPE_CHECKING:
    from ..dynamics.integrate import Plan
    from ..dynamics.simulate import Outcome, Simulation, Told
    from ..potentials.base import Potential


@dataclass(frozen=True)
class Start:
    """Structures to start from, and their composition (None where they differ)."""

    clusters: Clusters
    composition: Composition | None
    words: str


def starting_from(
    start: Path | str,
    ranks: Sequence[int],
    charge: int | None,
    known: MonomerLibrary,
    say: Callable[[str], None],
) -> Start:
    """The structures of a run directory or a file, by their ranks (1 is the lowest, or the first of a file); or the lowest
    of a composition, whose run is made with the protocol quick where there is none.

    Raises:
        InputError: neither file nor folder nor composition, or a rank that is not there.
    """
    from ..rundir.directory import is_run

    path = spelled(Path(start), known)
    if not path.exists():
        path = _run_of(str(start), known, say)
    if is_run(path):
        from .run_result import read_run

        clusters, what = read_run(path, monomers=known).clusters, "run"
    else:
        from ..learn.labels.structures import read_structures

        clusters, what = read_structures(path, charge, say, known), "file"
    if wrong := [r for r in ranks if not 1 <= r <= len(clusters)]:
        raise InputError(f"{path}: --rank {wrong[0]}, but the {what} has {len(clusters)} structures")
    clusters = clusters[np.array(ranks) - 1].replace(columns={})
    found = compositions(clusters, known)
    same = found[0] if len(set(found)) == 1 else None
    return Start(clusters, same, f"{path}, {', '.join(clusters.ids)}")


def _run_of(name: str, known: MonomerLibrary, say: Callable[[str], None]) -> Path:
    from .running import run

    try:
        composition = Composition.parse(name, known)
    except CompositionError as error:
        raise InputError(f"{name} is no file, no run directory and no composition: {error}") from error
    folder = Path(composition.name(known))
    say(f"{folder} is not there: its lowest structure is found first, with sampler run {name}")
    return run(name, folder=folder, monomers=known).folder


def simulation(
    start: Start,
    with_: Chosen,
    plan: Plan,
    folder: Path,
    replicas: int,
    known: MonomerLibrary,
    keep_every: int | None = None,
) -> Simulation:
    """What is simulated; nothing is begun.

    Args:
        keep_every: steps between two checkpoints; None: half a minute or less of one core.

    Raises:
        PotentialError: an element that the potential does not know. InputError: no replicas.
    """
    from ..dynamics.simulate import Simulation
    from ..learn.labels.provenance import describe

    if replicas < 1:
        raise InputError(f"{replicas} replicas; there must be at least one")
    with_.potential.require(sorted(set(start.clusters.numbers.tolist())))
    told: dict[str, Any] = {"by": with_.by, "engine": describe(with_.potential), "named": with_.words[1].split(",")}
    if keep_every is None:
        keep_every = _kept(len(start.clusters.numbers) * replicas, with_.potential)
    return Simulation(
        folder, start.clusters, replicas, with_.potential, told, plan, start.composition, known, keep_every
    )


_ATOM_STEPS = {True: 100_000, False: 4_000}
"""Steps times atoms in half a minute: of a committee of networks, of another method."""


def _kept(atoms: int, potential: Potential) -> int:
    """Steps between two checkpoints, which are also what progress is told of."""
    from ..dynamics.simulate import GROUP_ATOMS

    return min(1000, max(20, _ATOM_STEPS[bool(potential.models)] // min(max(atoms, 1), GROUP_ATOMS)))


def dynamics(
    what: Simulation, workers: int | str | None, slurm: Path | None, told: Told, say: Callable[[str], None]
) -> Outcome:
    """Run the simulation, in processes here or elsewhere; see :func:`sampler.dynamics.simulate.simulate`."""
    from ..dynamics.simulate import simulate
    from .workplace import workplace

    with workplace(workers, slurm, say) as place:
        return simulate(what, place, told, say)


__all__ = ["Chosen", "Start", "chosen", "dynamics", "simulation", "starting_from"]
