"""How far a run is, told from its folder alone: nothing is locked, nothing is written."""

from __future__ import annotations

import contextlib
import os
import time
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ..workers.claims import Others
from . import ledger as ledgers
from . import live
from .directory import read_manifest, read_rounds, stage_seconds
from .finished import complete
from .ledger import Ledger

RUNNING, FINISHED, KILLED, STOPPED, FAILED, WAITS, OPEN = (
    "running", "finished", "killed", "stopped", "failed", "waits for jobs", "not finished",
)  # fmt: skip
_FRESH_SECONDS = 120.0


@dataclass(frozen=True)
class StageState:
    """One stage of a protocol.

    Attributes:
        ledger: once it is done. done: structures that are, while it lasts. total: that come to it, where that is known.
        rounds: ledgers of its rounds, of a stage that has such. seconds: it took, or has taken so far.
        left: seconds to its end at the pace so far, None where there is none yet; of a search to its last round, which
            its patience may spare.
    """

    position: int
    kind: str
    ledger: Ledger | None = None
    done: int | None = None
    total: int | None = None
    rounds: tuple[Mapping[str, Any], ...] = ()
    seconds: float | None = None
    begun: bool = False
    left: float | None = None


@dataclass(frozen=True)
class RunState:
    """A run as it is now.

    Attributes:
        status: one of the words above. why: in words, where there is a reason; who: process and machine, where it runs.
        silent: seconds since anything was written in the folder.
    """

    folder: Path
    manifest: Mapping[str, Any]
    status: str
    why: str
    who: str
    silent: float
    stages: tuple[StageState, ...]

    @property
    def going(self) -> bool:
        """Whether it may change by itself."""
        return self.status == RUNNING

    @property
    def now(self) -> StageState | None:
        """The stage that it is at, or was at last; None where all are done, or none is begun."""
        return next((s for s in reversed(self.stages) if s.begun and s.ledger is None), None)


def state_of(folder: Path) -> RunState:
    """Look at a run.

    Raises:
        RunError: not a run directory.
    """
    manifest, told = read_manifest(folder), live.read(folder)
    status, why, who = _status(folder, told)
    stages = tuple(_stages(folder, manifest, told, status))
    return RunState(folder, manifest, status, why, who, _silent(folder), stages)


def _status(folder: Path, told: dict[str, Any]) -> tuple[str, str, str]:
    who = f"process {told.get('pid')} on {told.get('host')}" if told else ""
    if told and not told.get("ended"):
        alive = live.lives(told)
        if alive is None:
            silent = _silent(folder)
            alive = silent < _FRESH_SECONDS
            why = "" if alive else f"nothing was written for {silent:.0f} s, and {told.get('host')} is another machine"
            return (RUNNING, why, who) if alive else (OPEN, why, who)
        if alive:
            return RUNNING, "", who
    if shared := Others(folder / ".claims" / "processes").alive():
        return RUNNING, f"{len(shared)} processes share it" if len(shared) > 1 else "", who
    if told.get("ended"):
        return {"stopped": STOPPED, "waits": WAITS}.get(told["ended"], FAILED), str(told.get("why", "")), ""
    if complete(folder):
        return FINISHED, "", ""
    if told:
        return KILLED, f"{who} is no more; the same command goes on where it was", ""
    return OPEN, "no process says that it works here; the same command goes on", ""


def _stages(folder: Path, manifest: Mapping[str, Any], told: dict[str, Any], status: str):
    """The stages of the protocol, in order; those before the one that the run entered at are left out."""
    kinds = [stage["kind"] for stage in manifest["protocol"]["stage"]]
    first = kinds.index(manifest["from"]["stage"], 1) if "from" in manifest else 0
    folders = {s["position"]: s for s in told.get("stages", [])}
    finished: dict[int, Ledger] = {}
    if status == FINISHED:
        with contextlib.suppress(OSError, ValueError):
            finished = {ledger.stage: ledger for ledger in ledgers.read_run(folder / ledgers.NAME)}
        if len(finished) < len(kinds) - first:  # a result that was put together otherwise
            yield from (
                StageState(p, one.kind, one, begun=True, seconds=stage_seconds(folder / "stages" / one.folder))
                for p, one in finished.items()
            )
            return
    for position, kind in list(enumerate(kinds, start=1))[first:]:
        said = folders.get(position, {})
        name = finished[position].folder if position in finished else said.get("folder", "")
        if not name and not told:  # of a version that says nothing of itself
            name = _newest(folder, position, kind)
        most = manifest["protocol"]["stage"][position - 1].get("rounds")
        yield _stage(folder, position, kind, name, said.get("total"), told.get("since"), most)


def _stage(
    folder: Path, position: int, kind: str, name: str, total: int | None, since: float | None, most: int | None
) -> StageState:
    if not name:
        return StageState(position, kind, total=total)
    here = folder / "stages" / name
    with contextlib.suppress(OSError, ValueError):
        found = ledgers.read(here / ledgers.NAME)
        if isinstance(found, Ledger):
            return StageState(position, kind, found, total=total, seconds=stage_seconds(here), begun=True)
    rounds = tuple(read_rounds(folder, name))
    lasts = max(time.time() - since, 0.0) if since else None
    done = _done(here)
    left = None
    if since and most:
        left = _left(len(list(_younger(here.glob(f"round-*/{ledgers.NAME}"), since))), most - len(rounds), since)
    elif since and total:
        fresh = sum(_size(str(path), _modified(path)) for path in _younger(here.glob("chunk-*.npz"), since))
        left = _left(fresh, total - done, since)
    return StageState(position, kind, None, done, total, rounds, lasts, begun=True, left=left)


def _younger(paths: Iterable[Path], since: float) -> Iterator[Path]:
    """What this process has made; the rest was there."""
    return (path for path in paths if _modified(path) >= since)


def _left(done: int, to_do: int, since: float) -> float | None:
    """Seconds to do the rest at the pace of what was finished since the stage began."""
    return max((time.time() - since) / done * to_do, 0.0) if done else None


def _newest(folder: Path, position: int, kind: str) -> str:
    found = sorted((folder / "stages").glob(f"{position:02d}-{kind}-*"), key=_modified)
    return found[-1].name if found else ""


def _done(stage: Path) -> int:
    """Structures in the finished chunks of a stage without rounds, or of its last round."""
    rounds = sorted(stage.glob("round-*"))
    chunks = (rounds[-1] if rounds else stage).glob("chunk-*.npz")
    return sum(_size(str(path), _modified(path)) for path in chunks)


@lru_cache(maxsize=100_000)
def _size(path: str, modified: float) -> int:
    """Structures in a chunk; a chunk does not change, and is looked into once."""
    try:
        with np.load(path, allow_pickle=False) as data:
            return len(data["ptr"]) - 1
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return 0


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _silent(folder: Path) -> float:
    """Seconds since the youngest change of a folder of the run."""
    newest = max((_modified(Path(top)) for top, *_ in os.walk(folder)), default=0.0)
    return max(time.time() - newest, 0.0)
