"""Labelling: energies and forces of many structures, one file each, so that nothing is ever computed twice.

A label folder belongs to one level of theory and one engine, which ``level.json`` names. Each structure is a file
``labels/xx/KEY.npz``, where KEY is a hash of elements, coordinates and charge: a killed run goes on where it
stopped, and a structure that appears in several inputs is computed once. Failures are files too, with their reason.
Columns of a label are ``cpu_seconds`` (of its process), ``engine`` (with versions) and ``device`` (``cpu`` or ``gpu``).
Processes that share a folder share the work: each computes what no other has claimed (:mod:`sampler.workers.claims`).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...clusters import Clusters
from ...columns import CPU_SECONDS, DEVICE, ENGINE, FAILURE
from ...errors import FileFormatError, LevelError
from ...potentials import Potential
from ...storage import write_text
from ...workers.claims import Claims, tidy
from ...workers.resumable import Shared, Work, finish
from ...workers.worker import Died
from .engine_names import same_engine
from .provenance import describe, made_by

_CLAIMS = "labels"


@dataclass(frozen=True)
class LabelResult:
    """What a call to :func:`label` did: of ``total`` structures, ``computed`` now (``failed`` of them without success);
    ``found`` are those that an earlier run or another process had tried."""

    total: int
    found: int
    computed: int
    failed: int
    seconds: float


def key(numbers: np.ndarray, positions: np.ndarray, charge: int) -> str:
    """A name for a structure: elements, coordinates (Å, to 1e-7) and charge, in the given order of atoms."""
    digest = hashlib.sha256()
    digest.update(np.asarray(numbers, "<i8").tobytes())
    with np.errstate(invalid="ignore"):  # what is not a number has a key, too: its failure is kept under it
        digest.update(np.round(np.asarray(positions, float) * 1e7).astype("<i8").tobytes())
    digest.update(str(int(charge)).encode())
    return digest.hexdigest()[:24]


def label(
    clusters: Clusters,
    potential: Potential,
    folder: Path | str,
    *,
    workers: int | str = 1,
    limit: int | None = None,
    retry: bool = False,
    advance: Callable[[int, bool], None] | None = None,
) -> LabelResult:
    """Compute what ``folder`` does not hold yet; one structure a task, worker processes at the machine's lowest priority.

    Args:
        clusters: structures; their columns are kept beside the label.
        potential: any potential; its ``level`` is that of the folder.
        folder: created if absent.
        workers: processes; 1 computes in this one, at its own priority. Or the address of a dask scheduler
            (``dask://host:port``), whose workers need not see the folder.
        limit: compute at most so many structures in this call.
        retry: compute again what failed before: the engine, the machine or its memory may have been the reason.
        advance: called as ``advance(n, found)`` when ``n`` structures are done; ``found`` if by an earlier run.

    Raises:
        LevelError: the folder holds labels of another level of theory or another engine.
    """
    started = time.monotonic()
    folder = Path(folder)
    _claim(folder, potential)
    paths = [_path(folder, one) for one in clusters]
    if retry:
        for path in {path for path in paths if path.exists()}:
            if not _usable(path):
                path.unlink()
    missing = [i for i, path in enumerate(paths) if not path.exists()]
    # the same structure twice in one input is one task
    missing = list({paths[i]: i for i in reversed(missing)}.values())[::-1]
    told = Counter(found=0, computed=0, failed=0)

    def tell(number: int, elsewhere: bool) -> None:
        told["found" if elsewhere else "computed"] += number
        if advance and number:
            advance(number, elsewhere)

    tell(len(clusters) - len(missing), True)
    missing = missing[:limit]
    if missing:
        with Claims(folder) as claims:
            for reason in _outcomes(clusters, potential, paths, missing, workers, claims, lambda: tell(1, True)):
                told["failed"] += bool(reason)
                tell(1, False)
        tidy(folder)
    return LabelResult(len(clusters), **told, seconds=time.monotonic() - started)


def _outcomes(
    clusters: Clusters, potential: Potential, paths: Sequence[Path], missing: list[int], workers: int | str,
    claims: Claims, elsewhere: Callable[[], None],
) -> Iterator[str]:  # fmt: skip
    """Why it failed, or '', of each structure that is labelled here; its label is on disk.

    Args:
        elsewhere: called whenever a structure turns out to be labelled by another process.
    """

    def found(i: int) -> bool:
        there = paths[i].exists()
        if there:
            elsewhere()
        return there

    # a priority cannot be raised again: the next stage of this process gets fresh workers
    lowered = isinstance(workers, int) and workers > 1
    work = Work(_labelled_nicely if lowered else _labelled, lambda i: (potential, clusters[i]), lambda i: paths[i])
    shared = Shared(claims, _CLAIMS, found, release=True)
    for i, reason in finish(work, missing, workers, shared=shared, in_this_process=True, reuse=not lowered):
        if isinstance(reason, Died):
            _label_of(potential, clusters[i], np.nan, None, f"worker_died: {reason.reason}", 0).save(paths[i])
            reason = reason.reason
        yield reason


def collect(folder: Path | str, failures: bool = False) -> Clusters:
    """All labels of a folder, sorted by id, as one population with energies (eV), forces (eV/Å) and the level.

    Args:
        failures: give the structures that could not be labelled instead; the column ``failure`` says why.

    Raises:
        FileFormatError: the folder is no label folder, or a label is unreadable.
    """
    folder = Path(folder)
    level = _about(folder)["level"]
    parts = [_load(path) for path in sorted((folder / "labels").glob("*/*.npz"))]
    parts = [p for p in parts if bool(p.columns[FAILURE][0]) == failures]
    if not parts:
        return Clusters.empty().replace(level=level, forces=np.zeros((0, 3)))
    everything = Clusters.concatenate(parts).replace(level=level)
    return everything[np.argsort(everything.ids, kind="stable")]


def without_label(structures: Clusters, failed: Clusters) -> int:
    """How many of ``structures`` are among ``failed``, the failures of their folder."""
    names = {key(one.numbers, one.positions, one.charge[0]) for one in failed}
    return sum(key(one.numbers, one.positions, one.charge[0]) in names for one in structures) if names else 0


def count(folder: Path | str) -> int:
    """Number of structures in a label folder, failures included."""
    return sum(1 for _ in (Path(folder) / "labels").glob("*/*.npz"))


def store(potential: Potential, one: Clusters, folder: Path | str, energy: float, forces: np.ndarray) -> None:
    """Add a label computed elsewhere at the level of ``potential``, such as a step of an optimisation with it.

    What the columns of ``one`` say of ``cpu_seconds``, ``engine`` and ``device`` stays; without them, 0, this engine
    and its device.
    """
    _claim(Path(folder), potential)
    path = _path(Path(folder), one)
    if not path.exists():
        known = {k: one.columns[k] for k in (CPU_SECONDS, ENGINE, DEVICE) if k in one.columns}
        _label_of(potential, one, energy, forces, "", 0.0).with_columns(**known).save(path)


def _path(folder: Path, one: Clusters) -> Path:
    name = key(one.numbers, one.positions, one.charge[0])
    return folder / "labels" / name[:2] / f"{name}.npz"


def _labelled(task: tuple[Potential, Clusters]) -> tuple[Clusters, str]:
    """The label of a structure, and why it failed."""
    potential, one = task
    started = time.process_time()
    result = potential.evaluate(one)
    seconds = time.process_time() - started
    failure = str(result.failure[0])
    return _label_of(potential, one, result.energy[0], result.forces, failure, seconds), failure


def _labelled_nicely(task: tuple[Potential, Clusters]) -> tuple[Clusters, str]:
    lower_priority()
    return _labelled(task)


def _label_of(potential, one, energy, forces, failure, seconds) -> Clusters:
    blank = np.full(one.positions.shape, np.nan)
    labelled = one.replace(
        energy=np.array([energy]), forces=blank if failure else np.asarray(forces, float), level=potential.level
    )
    return labelled.with_columns(failure=failure, cpu_seconds=round(float(seconds), 2), **made_by(potential))


def _load(path: Path) -> Clusters:
    try:
        return Clusters.load(path)
    except FileFormatError as error:
        raise FileFormatError(f"{error}; remove this file, or label again with --retry: it is computed anew") from error


def _usable(path: Path) -> bool:
    """Whether a label is readable and no failure."""
    try:
        return not str(Clusters.load(path).columns[FAILURE][0])
    except FileFormatError:
        return False


def _claim(folder: Path, potential: Potential) -> None:
    """Make ``folder`` one of this level and engine, or check that it is.

    Raises:
        LevelError: it is of another level, engine or settings. Folders of older versions name the level alone.
    """
    path, mine = folder / "level.json", describe(potential)
    if not path.exists():
        about = {"level": potential.level, "engine": mine["engine"], "settings": mine["settings"]}
        write_text(path, json.dumps(about, ensure_ascii=False) + "\n")
        return
    found, own = _about(folder), "need a folder of their own"
    if found["level"] != potential.level:
        raise LevelError(f"{folder} holds labels of {found['level']}; labels of {potential.level} {own}")
    if found.get("engine") and not same_engine(found["engine"], mine["engine"]):
        raise LevelError(f"{folder} holds labels computed with {found['engine']}; labels of {mine['engine']} {own}")
    settings = found.get("settings") or {}
    for name in sorted(settings.keys() & mine["settings"].keys()):
        if settings[name] != mine["settings"][name]:
            raise LevelError(
                f"{folder} holds labels with {name} = {settings[name]}; labels with {mine['settings'][name]} {own}"
            )


def _about(folder: Path) -> dict[str, Any]:
    """What ``level.json`` says: ``level``, and ``engine`` and ``settings`` since they are kept."""
    try:
        about = json.loads((folder / "level.json").read_text(encoding="utf-8"))
        if not isinstance(about["level"], str):
            raise TypeError("the level is no text")
        return about
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileFormatError(f"{folder} is not a label folder: level.json is missing or unreadable") from error


def lower_priority() -> None:
    """Give this process the lowest priority, for good."""
    if hasattr(os, "nice"):
        os.nice(max(0, 19 - os.nice(0)))


_AUTOGROUP = Path("/proc/self/autogroup")


def lower_session() -> None:
    """Give a session of its own (``setsid sampler label …``) the lowest priority among sessions.

    Linux may share the processor out by session first (``sched_autogroup_enabled``), and then ``nice`` counts within one
    session alone. The session of a terminal, which is not ours, stays as it is.
    """
    if hasattr(os, "getsid") and os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):  # another system, or a kernel without
            if _AUTOGROUP.exists():
                _AUTOGROUP.write_text("19")
