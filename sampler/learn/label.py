"""Labelling: energies and forces of many structures, one file each, so that nothing is ever computed twice.

A label folder belongs to one level of theory, which ``level.json`` names. Each structure is a file
``labels/xx/KEY.npz``, where KEY is a hash of elements, coordinates and charge: a killed run goes on where it
stopped, and a structure that appears in several inputs is computed once. Failures are files too, with their reason.
Processes that share a folder share the work: each computes what no other has claimed (:mod:`sampler.funnel.claims`).
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

from ..clusters import Clusters
from ..errors import FileFormatError, LevelError
from ..funnel.claims import Claims, tidy
from ..potentials import Potential
from ..storage import write_text

_CLAIMS = "labels"
_WAIT_SECONDS = 1.0


@dataclass(frozen=True)
class LabelResult:
    """What a call to :func:`label` did."""

    total: int
    found: int
    computed: int
    failed: int
    seconds: float


def key(numbers: np.ndarray, positions: np.ndarray, charge: int) -> str:
    """A name for a structure: elements, coordinates (Å, to 1e-7) and charge, in the given order of atoms."""
    digest = hashlib.sha256()
    digest.update(np.asarray(numbers, "<i8").tobytes())
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
        LevelError: the folder holds labels of another level of theory.
    """
    started = time.monotonic()
    folder = Path(folder)
    _claim(folder, potential.level)
    paths = [_path(folder, one) for one in clusters]
    if retry:
        for path in {path for path in paths if path.exists()}:
            if str(Clusters.load(path).columns["failure"][0]):
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
            share = _Share(claims, paths, missing, lambda: tell(1, True))
            while share.missing:
                for i, reason in _outcomes(clusters, potential, paths, share.take(), len(share.missing), workers):
                    share.drop(i)
                    told["failed"] += bool(reason)
                    tell(1, False)
                share.wait()
        tidy(folder)
    return LabelResult(len(clusters), **told, seconds=time.monotonic() - started)


def _outcomes(clusters, potential, paths, indices: Iterator[int], most: int, workers) -> Iterator[tuple[int, str]]:
    """(index, why it failed) of each structure; its label is on disk."""
    from ..funnel.parallel import Died, unordered

    begun: list[int] = []

    def tasks() -> Iterator[tuple[Potential, Clusters, str]]:
        for i in indices:
            begun.append(i)
            yield potential, clusters[i], str(paths[i])

    if workers == 1:
        outcomes = ((n, _task(task)) for n, task in enumerate(tasks()))
    elif isinstance(workers, str):
        outcomes = _from_afar(unordered(_compute, (task[:2] for task in tasks()), workers), begun, paths)
    else:
        # a priority cannot be raised again: the next stage of this process gets fresh workers
        outcomes = unordered(_nice_task, tasks(), min(workers, most), reuse=False)
    for n, reason in outcomes:
        i = begun[n]
        if isinstance(reason, Died):
            _store(potential, clusters[i], paths[i], np.nan, None, f"worker_died: {reason.reason}", 0)
            reason = reason.reason
        yield i, reason


class _Share:
    """What this process computes of ``missing``: what no other process that shares the folder has claimed.

    Args:
        elsewhere: called whenever a structure turns out to be finished by another process.
    """

    def __init__(self, claims: Claims, paths: Sequence[Path], missing: Sequence[int], elsewhere: Callable[[], None]):
        self.claims, self.paths, self.missing, self.elsewhere = claims, paths, list(missing), elsewhere

    def take(self) -> Iterator[int]:
        """Structures to compute, claimed one by one as a worker becomes free; ``missing`` keeps those of others."""
        numbers = self.claims.numbers(_CLAIMS)
        theirs: list[int] = []
        for i in self.missing:
            name = self.paths[i].stem
            if self.paths[i].exists():
                self.elsewhere()
            elif not self.claims.take(_CLAIMS, name, numbers.get(name, -1)):
                theirs.append(i)
            elif self.paths[i].exists():  # finished between the two looks
                self.drop(i)
                self.elsewhere()
            else:
                yield i
                theirs = self._unfinished(theirs)
        self.missing = theirs

    def _unfinished(self, theirs: list[int]) -> list[int]:
        """Those of ``theirs`` that are not there yet; the others are told at once, for the progress."""
        left = [i for i in theirs if not self.paths[i].exists()]
        for _ in range(len(theirs) - len(left)):
            self.elsewhere()
        return left

    def drop(self, i: int) -> None:
        """The label of ``i`` is on disk: its claim has done its duty."""
        self.claims.drop(_CLAIMS, self.paths[i].stem)

    def wait(self) -> None:
        """Return when a structure that others compute is there, or one of these others is gone."""
        while self.missing:
            numbers = self.claims.numbers(_CLAIMS)
            for i in self.missing:
                name = self.paths[i].stem
                if self.paths[i].exists() or name not in numbers:
                    return
                if not self.claims.owner(_CLAIMS, name, numbers[name]):
                    return
            time.sleep(_WAIT_SECONDS)


def potential_of(level: str) -> Potential:
    """The potential of a level: ``b97-3c`` (through PySCF), ``b97-3c@orca5``, or a name that ``get_potential`` knows."""
    from ..potentials import get_potential
    from ..potentials.composite import CompositePotential
    from ..potentials.composite.methods import METHODS

    name, _, version = level.lower().partition("@orca")
    if version.isdecimal():
        from ..potentials.composite.orca import OrcaPotential

        return OrcaPotential(name, int(version))
    name = level.lower().removesuffix("@pyscf")
    return CompositePotential(name) if name in METHODS else get_potential(level)


def read_structures(file: Path | str, charge: int | None = None) -> Clusters:
    """Structures from a clusters npz, or from any file that ASE reads; energies in the file are not used.

    Raises:
        FileFormatError: the file is missing, empty or unreadable.
    """
    file = Path(file)
    if file.suffix == ".npz":
        clusters = Clusters.load(file)
        return clusters if charge is None else clusters.replace(charge=np.full(len(clusters), charge))
    from ase.io import read

    try:
        frames = read(file, ":")
    except Exception as error:  # ASE's readers raise whatever their parsing meets
        raise FileFormatError(f"{file} cannot be read as structures: {type(error).__name__}: {error}") from error
    if not frames:
        raise FileFormatError(f"{file} holds no structure")
    return Clusters.from_ase(frames, charge=charge)


def collect(folder: Path | str, failures: bool = False) -> Clusters:
    """All labels of a folder, sorted by id, as one population with energies (eV), forces (eV/Å) and the level.

    Args:
        failures: give the structures that could not be labelled instead; the column ``failure`` says why.

    Raises:
        FileFormatError: the folder is no label folder, or a label is unreadable.
    """
    folder = Path(folder)
    level = _level_of(folder)
    parts = [Clusters.load(path) for path in sorted((folder / "labels").glob("*/*.npz"))]
    parts = [p for p in parts if bool(p.columns["failure"][0]) == failures]
    if not parts:
        return Clusters.empty().replace(level=level, forces=np.zeros((0, 3)))
    everything = Clusters.concatenate(parts).replace(level=level)
    return everything[np.argsort(everything.ids, kind="stable")]


def count(folder: Path | str) -> int:
    """Number of structures in a label folder, failures included."""
    return sum(1 for _ in (Path(folder) / "labels").glob("*/*.npz"))


def store(potential: Potential, one: Clusters, folder: Path | str, energy: float, forces: np.ndarray) -> None:
    """Add a label computed elsewhere, such as a step of an optimisation with ``potential``."""
    _claim(Path(folder), potential.level)
    path = _path(Path(folder), one)
    if not path.exists():
        _store(potential, one, path, energy, forces, "", 0.0)


def _path(folder: Path, one: Clusters) -> Path:
    name = key(one.numbers, one.positions, one.charge[0])
    return folder / "labels" / name[:2] / f"{name}.npz"


def _task(task: tuple[Potential, Clusters, str]) -> str:
    """Label a structure and leave it on disk, in a process here; returns why it failed."""
    potential, one, path = task
    if Path(path).exists():  # another run in the same folder was quicker
        return ""
    labelled = _compute((potential, one))
    labelled.save(path)
    return str(labelled.columns["failure"][0])


def _nice_task(task: tuple[Potential, Clusters, str]) -> str:
    lower_priority()
    return _task(task)


def _compute(task: tuple[Potential, Clusters]) -> Clusters:
    potential, one = task
    started = time.process_time()
    result = potential.evaluate(one)
    seconds = time.process_time() - started
    return _labelled(potential, one, result.energy[0], result.forces, str(result.failure[0]), seconds)


def _from_afar(results: Iterator[tuple[int, Any]], begun: list[int], paths: list[Path]) -> Iterator[tuple[int, Any]]:
    """Keep the labels that come from other machines, as :func:`_task` does."""
    from ..funnel.parallel import Died

    for n, labelled in results:
        if isinstance(labelled, Died):
            yield n, labelled
            continue
        labelled.save(paths[begun[n]])
        yield n, str(labelled.columns["failure"][0])


def _store(potential, one, path, energy, forces, failure, seconds) -> None:
    _labelled(potential, one, energy, forces, failure, seconds).save(path)


def _labelled(potential, one, energy, forces, failure, seconds) -> Clusters:
    blank = np.full(one.positions.shape, np.nan)
    labelled = one.replace(
        energy=np.array([energy]), forces=blank if failure else np.asarray(forces, float), level=potential.level
    )
    return labelled.with_columns(failure=failure, cpu_seconds=round(float(seconds), 2))


def _claim(folder: Path, level: str) -> None:
    path = folder / "level.json"
    if path.exists():
        found = _level_of(folder)
        if found != level:
            raise LevelError(f"{folder} holds labels of {found}; labels of {level} need a folder of their own")
        return
    write_text(path, json.dumps({"level": level}) + "\n")


def _level_of(folder: Path) -> str:
    try:
        return json.loads((folder / "level.json").read_text(encoding="utf-8"))["level"]
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
