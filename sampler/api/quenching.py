"""Frames of a simulation, quenched into minima, which join those of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..monomers import MonomerLibrary
from .folders import spelled
from .run_result import RunResult

if TYPE_CHECKING:
    from ..funnel.protocols.protocol import Protocol

NAME = "quench"
"""Of the protocol, and of the folder below that of the simulation."""


@dataclass(frozen=True)
class Quenched:
    """The minima of the frames, a run directory; and the ranking in which they have joined those of a run, None without one.

    Attributes:
        frames: how many were quenched. of: how many there are.
    """

    minima: RunResult
    together: RunResult | None
    frames: int
    of: int


def quench(
    folder: Path,
    known: MonomerLibrary,
    *,
    into: Path | None = None,
    out: Path | None = None,
    every_ps: float = 0.5,
    after_ps: float = 0.0,
    level: str = "auto",
    model: Sequence[str] = (),
    replace: bool = False,
    **how: Any,
) -> Quenched:
    """Relax frames of a simulation and rank what comes of them; what ``sampler md quench`` does.

    Args:
        into: a run whose ranking they join: they are relaxed and ranked as its structures were. out: that ranking.
        every_ps: between two frames of a replica. after_ps: earlier frames are left out.
        level, model: without ``into``, see :func:`sampler.run`. how: ``workers``, ``slurm``, ``quiet`` of it.

    Raises:
        RunError: no simulation, no run. InputError: clusters of several compositions, or another than that of the run.
    """
    from ..composition import Composition
    from ..dynamics.drawn import spaced
    from ..dynamics.simulate import read_manifest
    from ..rundir.directory import read_manifest as read_run_manifest
    from .merging import merge
    from .running import run

    name = read_manifest(folder)["composition"]
    if name is None:
        raise InputError(f"{folder} holds clusters of several compositions; a ranking has one")
    drawn = spaced(folder, every_ps * 1000.0, after_ps * 1000.0)
    composition = Composition.parse(name, known, int(drawn.clusters.charge[0]))
    stages, place = None, folder / NAME
    if into is not None:
        into = spelled(into, known)
        manifest = read_run_manifest(into)
        if Composition.parse(manifest["composition"], known, manifest["charge"]) != composition:
            raise InputError(f"{into} is a run of {manifest['composition']}, {folder} a simulation of {name}")
        stages, place = manifest["protocol"]["stage"], folder / f"{NAME}-{into.resolve().name}"
    made = run(
        composition, _protocol(stages), place, source=drawn.clusters, level=level, model=list(model) or None,
        monomers=known, replace=True, **how,
    )  # fmt: skip
    if into is None:
        return Quenched(made, None, len(drawn.clusters), drawn.of)
    whole = out or into.with_name(f"{into.resolve().name}-md")
    return Quenched(
        made, merge([into, place], whole, monomers=known, replace=replace), len(drawn.clusters), drawn.of
    )  # fmt: skip


def _protocol(stages: Sequence[dict[str, Any]] | None) -> Protocol:
    """What happens to frames: the last relaxation of ``stages`` and all after it; by default of the protocol quick, with every
    minimum in its window.

    Raises:
        InputError: the stages have no relaxation.
    """
    from ..funnel.protocols.protocol import build, load

    asked = list(stages or load("quick").dump()["stage"])
    kinds = [stage["kind"] for stage in asked]
    if "relax" not in kinds:
        raise InputError(
            f"the run has no stage 'relax' ({', '.join(kinds)}), so it does not say how frames are relaxed"
        )
    last = asked[len(kinds) - 1 - kinds[::-1].index("relax") :]
    if stages is None:
        last = [stage | {"count": None} if stage["kind"] == "select" else stage for stage in last]
    first = {"kind": "generate"}  # which the frames replace
    return build({"name": NAME, "description": "frames of a simulation", "stage": [first, *last]}, NAME)
