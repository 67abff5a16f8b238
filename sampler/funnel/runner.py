"""Running a protocol: stage after stage, chunk by chunk, taking up what an earlier run has finished."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..clusters import Clusters
from ..composition import Composition
from ..errors import RunError
from ..generate import fitted
from ..monomers import MonomerLibrary
from ..rundir import ledger as ledger_files
from ..rundir.directory import TIMING, RunDirectory, StageDirectory, digest_of, write_table
from ..rundir.ledger import Ledger
from ..rundir.live import live
from ..storage import write_text
from ..version import __version__
from ..workers.pool import cores
from ..workers.progress import Progress
from .announce import announce, announce_all
from .chunk_runner import claim_folder, run_chunks
from .first_use.parts import needed
from .first_use.prepare import prepare
from .parents import Parent, check_parents, takes_parents
from .protocols.automatic import AUTO, resolve, without_model
from .protocols.ending import at_level, ending
from .protocols.informed import informed
from .protocols.protocol import Protocol
from .rounds import RoundStage, run_rounds
from .stages.base import Stage
from .stages.context import Context
from .stages.energy_source import first_energies, made_by
from .stages.uncertainty import with_uncertainty

_TURN_SECONDS = 0.5


@dataclass(frozen=True)
class Start:
    """A population that enters the funnel from outside, instead of being generated.

    Attributes:
        clusters: the population. sha256: of everything in it. source: where it comes from, for the manifest.
        stage: kind of the stage it enters at; the protocol's first stage of that kind.
        left_out: id -> why a structure of the source is not in the population; goes to RUN/left_out.csv.
    """

    clusters: Clusters
    sha256: str
    source: str
    stage: str = "relax"
    left_out: Mapping[str, str] = field(default_factory=dict)

    def position(self, protocol: Protocol) -> int:
        """Index of the stage in the protocol.

        Raises:
            RunError: the protocol has no such stage.
        """
        kinds = [s.kind for s in protocol.stage]
        if self.stage not in kinds[1:]:
            raise RunError(
                f"the protocol {protocol.name} has no stage {self.stage!r} to enter; it has {', '.join(kinds)}"
            )
        return kinds.index(self.stage, 1)


@dataclass(frozen=True)
class Run:
    """A finished run: the final population, lowest first, and one ledger a stage."""

    folder: Path
    clusters: Clusters
    ledgers: list[Ledger]


def run(
    composition: Composition,
    protocol: Protocol,
    folder: Path | str,
    *,
    library: MonomerLibrary,
    seed: int = 0,
    workers: int | str = 1,
    progress: Progress | None = None,
    clean: bool = False,
    start: Start | None = None,
    parents: Sequence[Parent] = (),
    join: bool = False,
    replace: bool = False,
    leave: Callable[[Run], Any] | None = None,
    level: str = AUTO,
) -> Run:
    """Run ``protocol`` for ``composition`` in ``folder``, or take up where an earlier run of it stopped.

    ``clean`` removes stage folders that belong to earlier parameters. With ``start`` the stages before its own are left
    out. ``parents`` are results of smaller systems for the stage ``grow``; their order does not matter. ``workers``:
    processes here, or the address of a dask scheduler (``dask://host:port``). With ``join`` other processes may run the
    same in the same folder at the same time; they share the chunks. With ``replace`` results of another protocol or seed in
    the folder may be replaced; what both have in common is taken up. ``leave`` writes what a finished run leaves for people,
    while the folder is still held: outside, others may start something else in it, or take unfinished files for lost ones.
    ``level``: that the energies are to end at (:data:`sampler.funnel.protocols.automatic.CHOICES`); which it is, by what and why, is
    said, and is in the manifest.

    The result does not depend on ``workers`` and ``join``, nor on how often the run was interrupted.

    Raises:
        RunError: the directory cannot be used or holds other results, nothing is left to go on with, or parents that are no part of the
            composition or that the protocol has no use for.
        SamplerError: what a stage raises.
    """
    progress = progress or Progress()
    clusters = start.clusters if start else Clusters.empty()
    declared, protocol = protocol, resolve(protocol, composition, library, level)
    first = start.position(protocol) if start else 0
    protocol = at_level(declared, level, composition, library, first, clusters.level)
    ends = ending(protocol, level, composition, library, first, clusters.level)
    if words := without_model(declared, protocol):
        progress.message(words)
    if parents and not takes_parents(protocol.stage):
        raise RunError(f"the protocol {protocol.name} has no stage 'grow', so it has no use for parents")
    library = with_surface(library, protocol, first)
    parents = check_parents(parents, composition, library)
    processes, scheduler = (cores(), workers) if isinstance(workers, str) else (workers, "")
    context = Context(composition, library, seed, Path(folder).resolve(), processes, parents, scheduler, join)
    manifest = {
        "format": "sampler-run-1",
        "composition": context.name,
        "charge": composition.charge,
        "seed": seed,
        "protocol": protocol.dump(),
        "level": ends.dump(),
        "sampler_version": __version__,
        "monomers": library_digest(library, composition),
    }
    progress.news(f"level: {ends}")
    protocol = informed(protocol, first, clusters.level)
    for stage in protocol.stage[first:]:
        stage.check(context)
    if start:
        manifest["from"] = {"source": start.source, "sha256": start.sha256, "stage": start.stage}
    if parents:
        manifest["parents"] = [{"source": p.source, "composition": p.name, "sha256": p.sha256} for p in parents]
    enter = RunDirectory.join if join else RunDirectory.open
    with enter(folder, manifest, replace=replace) as directory, live(directory.folder) as sign:
        entered = [start.sha256, start.stage] if start else []
        digest = digest_of(
            manifest["composition"], composition.charge, seed, __version__, manifest["monomers"], *entered
        )
        if start:
            write_table(directory.folder / "left_out.csv", ["id", "reason"], start.left_out.items())
        if not (directory.folder / ledger_files.NAME).exists():
            announce_all(protocol.stage[first:], len(clusters) if start else None, context, progress)
        ledgers: list[Ledger] = []
        for position, stage in list(enumerate(protocol.stage, start=1))[first:]:
            asked, identity = stage.model_dump(mode="json"), stage.identity(context)
            # rounds that are done stay done where they are to end later, or earlier
            lasting = digest_of(digest, {k: v for k, v in asked.items() if k not in stage.limits}, identity)
            here = directory.stage(position, stage.kind, lasting)
            digest = digest_of(digest, asked, identity)
            sign.at(position, stage.kind, here.folder.name, len(clusters) or getattr(stage, "candidates", None))
            with _turn(stage, here):
                clusters, ledger = _stage(protocol.stage, position, here, clusters, context, progress)
            ledgers.append(ledger)
            if not len(clusters):
                reasons = ", ".join(f"{n} {reason}" for reason, n in ledger.dropped.items()) or "none came in"
                raise RunError(
                    f"{folder}: no structure is left after stage {position} ({stage.kind}): {reasons}; "
                    f"see {here.folder / 'dropped.csv'}"
                )
        directory.completed(ledgers)
        outdated = directory.outdated(ledgers)
        if outdated:
            for old in outdated if clean else []:
                shutil.rmtree(old, ignore_errors=True)
            fate = "are removed" if clean else "are kept; --clean removes them"
            progress.message(f"{len(outdated)} stage folder(s) of earlier parameters {fate}")
        finished = Run(directory.folder, clusters, ledgers)
        if leave:
            with directory.claims.turn("results", "all", _pause) if directory.claims else contextlib.nullcontext():
                leave(finished)
        return finished


def with_surface(library: MonomerLibrary, resolved: Protocol, first: int = 0) -> MonomerLibrary:
    """On the fitted surface for the level that judges first what the protocol generates, from its stage ``first`` on."""
    return library.on(fitted.name_for(first_energies(resolved.stage[first:])))


def library_digest(library: MonomerLibrary, composition: Composition) -> dict[str, str]:
    """Monomer name -> hash of everything generation and identity use of it."""
    digests = {}
    for m in (m for family, _ in composition.counts for m in library.family(family)):
        h = hashlib.sha256(f"{m.name} {m.family} {m.protons} {m.charge} {m.label}".encode())
        arrays = [m.numbers, m.bonds, m.partial_charges, m.sigma, m.epsilon, *(c.positions for c in m.conformers)]
        arrays += fitted.surface(library.surface).arrays(m.name)
        for array in arrays:
            h.update(np.ascontiguousarray(array).tobytes())
        digests[m.name] = h.hexdigest()[:16]
    return digests


def _turn(stage: Stage, here: StageDirectory) -> contextlib.AbstractContextManager:
    """Where processes share the run: a stage without chunks is one process's work, and the others wait for it."""
    if here.claims is None or stage.per_chunk or here.ledger_path.exists():
        return contextlib.nullcontext()
    return here.claims.turn(claim_folder(here, here.claims), "stage", _pause)


def _pause() -> None:
    time.sleep(_TURN_SECONDS)


def _stage(
    stages: Sequence[Stage],
    position: int,
    here: StageDirectory,
    incoming: Clusters,
    context: Context,
    progress: Progress,
) -> tuple[Clusters, Ledger]:
    stage, of = stages[position - 1], len(stages)
    done, found, wrong = here.read_output()
    if wrong:
        progress.message(f"stage {position} ({stage.kind}) is done again: {wrong}")
    if done is not None and isinstance(found, Ledger) and found.limits == _limits(stage):
        progress.skip(position, of, stage.kind, found)
        return done, found
    if not context.scheduler:  # workers elsewhere compile for their own machines
        prepare(needed(stages[position - 1 :]), context.workers, progress)
    announce(stage, len(incoming), context, progress)
    for text in stage.said_at_start(context):
        progress.message(text)
    started = time.monotonic()
    rounds: dict[str, Any] = {}
    if isinstance(stage, RoundStage):
        everything, rounds = run_rounds(stage, position, of, here, incoming, context, progress)
    else:
        tasks = list(stage.tasks(incoming, context))
        progress.start(position, of, stage.kind, sum(stage.size_of(t) for t in tasks))
        if stage.per_chunk:
            everything = run_chunks(stage, tasks, here, context, progress)
        else:
            everything = Clusters.concatenate([stage.run(task, context) for task in tasks])
        everything = stage.gather(incoming, everything)
    if (energies := made_by(stage)) is not None and len(everything):
        everything = with_uncertainty(everything, energies, context.composition)
    result = stage.ledger_of_result(everything) if len(everything) else {}
    opened = Ledger(
        stage=position,
        kind=stage.kind,
        came_in=len(everything) if stage.kind == "generate" else len(incoming),
        said={**result, **stage.ledger_of_sources(context), **rounds},
        limits=_limits(stage),
    )
    kept, ledger = here.finish(everything, opened)
    seconds = time.monotonic() - started  # beside the ledger, which is the same for every run of the same thing
    timing = {"seconds": round(seconds, 3), "workers": context.workers}
    write_text(here.folder / TIMING, json.dumps(timing) + "\n")
    progress.finish(ledger, seconds)
    for text in stage.said_at_end(ledger):
        progress.message(text)
    return kept, ledger


def _limits(stage: Stage) -> dict[str, Any]:
    return {name: getattr(stage, name) for name in stage.limits}
