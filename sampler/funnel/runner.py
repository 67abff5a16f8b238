"""Running a protocol: stage after stage, chunk by chunk, taking up what an earlier run has finished."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..clusters import Clusters
from ..composition import Composition
from ..errors import RunError
from ..monomers import MonomerLibrary
from ..storage import write_text
from .context import Context
from .parallel import Died, unordered
from .parents import Parent, check_parents, takes_parents
from .progress import Progress
from .protocol import Protocol
from .rundir import RunDirectory, StageDirectory, digest_of, write_table
from .stage import Stage


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
    ledgers: list[dict[str, Any]]


def run(
    composition: Composition,
    protocol: Protocol,
    folder: Path | str,
    *,
    library: MonomerLibrary,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
    clean: bool = False,
    start: Start | None = None,
    parents: Sequence[Parent] = (),
) -> Run:
    """Run ``protocol`` for ``composition`` in ``folder``, or take up where an earlier run of it stopped.

    ``clean`` removes stage folders that belong to earlier parameters. With ``start`` the stages before its own are left
    out. ``parents`` are results of smaller systems for the stage ``grow``; their order does not matter.

    The result does not depend on ``workers``, nor on how often the run was interrupted.

    Raises:
        RunError: the directory cannot be used, nothing is left to go on with, or parents that are no part of the
            composition or that the protocol has no use for.
        SamplerError: what a stage raises.
    """
    progress = progress or Progress()
    if parents and not takes_parents(protocol.stage):
        raise RunError(f"the protocol {protocol.name} has no stage 'grow', so it has no use for parents")
    parents = check_parents(parents, composition, library)
    context = Context(composition, library, seed, Path(folder).resolve(), workers, parents)
    manifest = {
        "format": "sampler-run-1",
        "composition": context.name,
        "charge": composition.charge,
        "seed": seed,
        "protocol": protocol.dump(),
        "sampler_version": __version__,
        "monomers": library_digest(library, composition),
    }
    clusters, first = (start.clusters, start.position(protocol)) if start else (Clusters.empty(), 0)
    if start:
        manifest["from"] = {"source": start.source, "sha256": start.sha256, "stage": start.stage}
    if parents:
        manifest["parents"] = [{"source": p.source, "composition": p.name, "sha256": p.sha256} for p in parents]
    with RunDirectory.open(folder, manifest) as directory:
        entered = [start.sha256, start.stage] if start else []
        digest = digest_of(
            manifest["composition"], composition.charge, seed, __version__, manifest["monomers"], *entered
        )
        if start:
            write_table(directory.folder / "left_out.csv", ["id", "reason"], start.left_out.items())
        ledgers = []
        for position, stage in list(enumerate(protocol.stage, start=1))[first:]:
            digest = digest_of(digest, stage.model_dump(mode="json"), stage.identity(context))
            here = directory.stage(position, stage.kind, digest)
            clusters, ledger = _stage(stage, position, len(protocol.stage), here, clusters, context, progress)
            ledgers.append(ledger)
            if not len(clusters):
                reasons = ", ".join(f"{n} {reason}" for reason, n in ledger["dropped"].items()) or "none came in"
                raise RunError(
                    f"{folder}: no structure is left after stage {position} ({stage.kind}): {reasons}; "
                    f"see {here.folder / 'dropped.csv'}"
                )
        write_text(directory.folder / "ledger.json", json.dumps(ledgers, indent=1, ensure_ascii=False) + "\n")
        outdated = directory.outdated(ledgers)
        if outdated:
            for old in outdated if clean else []:
                shutil.rmtree(old, ignore_errors=True)
            fate = "are removed" if clean else "are kept; --clean removes them"
            progress.message(f"{len(outdated)} stage folder(s) of earlier parameters {fate}")
        return Run(directory.folder, clusters, ledgers)


def library_digest(library: MonomerLibrary, composition: Composition) -> dict[str, str]:
    """Monomer name -> hash of everything generation and identity use of it."""
    digests = {}
    for m in (m for family, _ in composition.counts for m in library.family(family)):
        h = hashlib.sha256(f"{m.name} {m.family} {m.protons} {m.charge} {m.label}".encode())
        arrays = [m.numbers, m.bonds, m.partial_charges, m.sigma, m.epsilon, *(c.positions for c in m.conformers)]
        for array in arrays:
            h.update(np.ascontiguousarray(array).tobytes())
        digests[m.name] = h.hexdigest()[:16]
    return digests


def _stage(
    stage: Stage,
    position: int,
    of: int,
    here: StageDirectory,
    incoming: Clusters,
    context: Context,
    progress: Progress,
) -> tuple[Clusters, dict[str, Any]]:
    done, ledger, wrong = here.read_output()
    if wrong:
        progress.message(f"stage {position} ({stage.kind}) is done again: {wrong}")
    if done is not None:
        progress.skip(position, of, stage.kind, ledger)
        return done, ledger
    tasks = list(stage.tasks(incoming, context))
    progress.start(position, of, stage.kind, sum(stage.size_of(t) for t in tasks))
    started = time.monotonic()
    if stage.per_chunk:
        everything = _chunks(stage, tasks, here, context, progress)
    else:
        everything = Clusters.concatenate([stage.run(task, context) for task in tasks])
    ledger = {
        "stage": position,
        "kind": stage.kind,
        "in": len(everything) if stage.kind == "generate" else len(incoming),
        **(stage.summary(everything) if len(everything) else {}),
    }
    kept, ledger = here.finish(everything, ledger)
    seconds = time.monotonic() - started  # beside the ledger, which is the same for every run of the same thing
    timing = {"seconds": round(seconds, 3), "workers": context.workers}
    write_text(here.folder / "timing.json", json.dumps(timing) + "\n")
    progress.finish(ledger, seconds)
    return kept, ledger


def _chunks(stage: Stage, tasks: list, here: StageDirectory, context: Context, progress: Progress) -> Clusters:
    parts: dict[int, Clusters] = {}
    for index in range(len(tasks)):
        part, wrong = here.read_chunk(index)
        if wrong:
            progress.message(f"a chunk is done again: {wrong}")
        if part is not None:
            parts[index] = part
            progress.advance(len(part), found=True)
    missing = [i for i in range(len(tasks)) if i not in parts]
    # absolute: a worker that is used again may stand in another folder
    jobs = [(stage, tasks[i], context, here.chunk_path(i).resolve()) for i in missing]
    for number, result in unordered(work, jobs, context.workers):
        index = missing[number]
        if isinstance(result, Died):
            progress.message(f"a worker died on chunk {index}; its structures are tried one by one")
            parts[index] = _one_by_one(stage, tasks[index], context)
            parts[index].save(here.chunk_path(index))
        else:
            parts[index] = Clusters.load(here.chunk_path(index))
        progress.advance(len(parts[index]))
    return Clusters.concatenate([parts[i] for i in range(len(tasks))])


def work(job: tuple[Stage, Any, Context, Path]) -> None:
    """Run one chunk and leave it on disk; called in a worker process."""
    stage, task, context, path = job
    stage.run(task, context).save(path)


def _measure(job: tuple[Stage, Any, Context]) -> Clusters:
    stage, task, context = job
    return stage.run(task, context)


def _one_by_one(stage: Stage, task: Any, context: Context) -> Clusters:
    if not isinstance(task, Clusters):
        raise RunError(f"the worker process dies on every attempt at stage {stage.kind}; see the messages above")
    singles = list(task)
    results: dict[int, Clusters] = {}
    for number, result in unordered(_measure, [(stage, single, context) for single in singles], 1):
        if isinstance(result, Died):
            result = singles[number].with_columns(fate="crashed", fate_detail=result.reason)
        results[number] = result
    return Clusters.concatenate([results[i] for i in range(len(singles))])
