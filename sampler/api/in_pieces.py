"""Many structures through one potential: in pieces, in worker processes, each piece kept until all are done."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..clusters import Clusters
from ..columns import FATE, FATE_DETAIL, remaining
from ..errors import FileFormatError
from ..fate import Fate
from ..potentials.base import Potential
from ..workers.resumable import Work, finish
from ..workers.worker import Died

if TYPE_CHECKING:
    from ..refine.kept import Kept
    from ..relax import RelaxParams

_BATCHES = {"relax": 2, "evaluate": 8}
"""How many batches of a potential that likes batches make a piece."""
_WITHOUT = 300
"""Atoms of a batch where the result depends on what is in it, but the potential names no number."""
README = """Structures that sampler energy or sampler relax has finished, until it has finished all.
The same command, started in the same directory, goes on with them and removes them when it is done.
They may be deleted at any time. No result is read from here but that of the same structures with the same settings.
"""
"""What stands in a folder of finished pieces."""


@dataclass(frozen=True)
class Job:
    """What is to be done with structures.

    Attributes:
        potential: that does it. params: of a relaxation; None evaluates the structures as they are.
        forces: where they are not relaxed.
    """

    potential: Potential
    params: RelaxParams | None = None
    forces: bool = True

    @property
    def kind(self) -> str:
        return "evaluate" if self.params is None else "relax"

    def settings(self) -> dict[str, Any]:
        """All that the numbers depend on besides the structures, as JSON has it."""
        from ..learn.labels.provenance import describe

        how = {} if self.params is None else {k: v for k, v in vars(self.params).items() if k != "time_budget"}
        return {"engine": describe(self.potential), "forces": self.forces, **how}


def pieces(clusters: Clusters, job: Job) -> list[Clusters]:
    """The structures in portions that do not depend on the number of workers, so that those done are found again."""
    from ..potentials.painn.batches import chunk_bounds

    potential = job.potential
    atoms = potential.batch_atoms or (0 if potential.batch_invariant else _WITHOUT)
    bounds = chunk_bounds(clusters.ptr, atoms * _BATCHES[job.kind])
    return [clusters[start:stop] for start, stop in bounds]


def done(
    clusters: Clusters,
    job: Job,
    *,
    workers: int | str = 1,
    kept: Kept | None = None,
    advance: Callable[[int, bool], None] = lambda number, found: None,
) -> Clusters:
    """The structures, in their order, evaluated or relaxed; see :func:`.energies.evaluate` and :func:`.energies.relax`.

    Args:
        workers: processes here (1 is this one), or the address of a dask scheduler.
        kept: where finished pieces are looked for and put.
        advance: called with a number of structures that are done, and whether an earlier call had done them.
    """
    if not len(clusters):
        return _without(clusters, job, Fate.GOES_ON)
    parts = pieces(clusters, job)
    paths = [_path(part, job, kept) for part in parts]
    found = [_load(path) for path in paths]
    for made in found:
        if made is not None:
            advance(len(made), True)
    missing = [i for i, made in enumerate(found) if made is None]
    work = Work(_do, lambda i: (parts[i], job, workers != 1, kept is not None), lambda i: paths[i])
    for i, note in finish(work, missing, workers, in_this_process=True):
        if isinstance(note, Died):
            found[i] = made = _one_by_one(parts[i], job, note.reason)
            if (path := paths[i]) is not None:
                made.save(path)
        else:
            found[i] = _load(paths[i]) if note is None else note
        advance(len(parts[i]), False)
    return Clusters.concatenate([made for made in found if made is not None]).replace(level=job.potential.level)


def _path(part: Clusters, job: Job, kept: Kept | None) -> Path | None:
    if kept is None:
        return None
    settings = {**job.settings(), "charges": part.charge.tolist(), "ptr": part.ptr.tolist()}
    settings["told"] = [part.ids.tolist(), {k: v.tolist() for k, v in part.columns.items()}]
    return kept.path(job.kind, part.numbers.tolist(), part.positions, 0, settings, ".npz")


def _load(path: Path | None) -> Clusters | None:
    try:
        return Clusters.load(path) if path is not None and path.exists() else None
    except FileFormatError:
        return None


def _do(task: tuple[Clusters, Job, bool, bool]) -> tuple[Clusters | None, Clusters | None]:
    """What is to be kept of a piece, or else handed over; in a worker, where it was sent to one."""
    part, job, sent, keep = task
    made = _made(part, replace(job, potential=_started(pickle.dumps(job.potential))) if sent else job)
    return (made, None) if keep else (None, made)


@lru_cache(maxsize=2)
def _started(pickled: bytes) -> Potential:
    """The potential of this process: its start (imports, weights) is paid once, not for each piece."""
    return pickle.loads(pickled)  # noqa: S301  what this package has pickled a moment ago


def _made(part: Clusters, job: Job) -> Clusters:
    from ..relax import relax as minimised

    return minimised(part, job.potential, job.params) if job.params else _evaluated(part, job.potential, job.forces)


def _evaluated(clusters: Clusters, engine: Potential, forces: bool) -> Clusters:
    """What :func:`.energies.evaluate` gives, in one piece."""
    found = engine.evaluate(clusters, forces)
    bare = clusters.without_energies()
    told = [[part.strip() for part in str(failure).partition(":")] for failure in found.failure]
    why = {FATE: [fate for fate, _, _ in told], FATE_DETAIL: [detail for _, _, detail in told]}
    return bare.replace(energy=found.energy, forces=found.forces, level=engine.level).with_columns(
        **{name: np.array(texts, np.str_) for name, texts in why.items()}
    )


def _one_by_one(part: Clusters, job: Job, reason: str) -> Clusters:
    """A piece on which its worker died, structure by structure: the one that is to blame has no result."""
    if len(part) == 1:
        return _without(part, job, Fate.CRASHED, reason)
    made: dict[int, Clusters] = {}
    for i, note in finish(Work(_do, lambda i: (part[i], job, True, False), lambda i: None), range(len(part)), 1):
        made[i] = _without(part[i], job, Fate.CRASHED, note.reason) if isinstance(note, Died) else note
    return Clusters.concatenate([made[i] for i in range(len(part))])


def _without(part: Clusters, job: Job, fate: str, detail: str = "") -> Clusters:
    """Structures without a result, with the columns that one has."""
    bare = part.replace(
        energy=np.full(len(part), np.nan), forces=np.full(part.positions.shape, np.nan), level=job.potential.level,
        columns=remaining(part.columns, moved=job.params is not None, judged=True),
    )  # fmt: skip
    if job.params is not None:
        bare = bare.with_columns(converged=False, steps=0, evaluations=0, fmax_eV_per_A=np.nan)
    return bare.with_columns(fate=str(fate), fate_detail=detail)
