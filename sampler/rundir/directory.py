"""The run directory: a manifest, one folder a stage with a file a chunk, a ledger, and a lock.

Layout::

    RUN/
      manifest.json                  what was asked for: composition, protocol, seed, versions
      stages/01-generate-3f2a…/      the name carries a hash of everything the content depends on
        chunk-0000.npz               a finished chunk (written whole or not at all)
        output.npz                   what goes on to the next stage
        dropped.csv                  id, reason, detail of what does not
        ledger.json                  how many came in, went on, were dropped and why; sha256 of output.npz
      ledger.json                    the stages of the last complete run, in order
      complete.json                  sha256 of the manifest and the ledger that belong together
      ranking.csv, structures.xyz    the result
      orca/                          the inputs
      earlier/                       manifest, ledger and tables of results that others have replaced
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..clusters import Clusters
from ..columns import FATE, FATE_DETAIL
from ..errors import FileFormatError, RunBusy, RunError
from ..fate import Fate
from ..storage import storage_error, write_text
from ..text.nearest import suggested
from ..workers.claims import Claims, Others, tidy
from . import ledger as ledgers
from . import owner as belongs
from .finished import complete, finish, write_manifest
from .held import held
from .ledger import Ledger, Own, RoundLedger

TIMING = "timing.json"
"""Beside the ledger of a stage: how long it took, which that of another run of the same thing need not."""


@dataclass(frozen=True)
class StageDirectory:
    """The folder of one stage of one run.

    Attributes:
        claims: who computes what, where several processes work in the run directory.
        of: chunks in all, where that depends on the number of workers: part of their names, so that what was cut
            in another way is not taken for one of them.
    """

    folder: Path
    claims: Claims | None = None
    of: int = 0

    def part(self, name: str, of: int) -> StageDirectory:
        """A folder of its own inside this one, as for a round of a stage, for ``of`` chunks."""
        return StageDirectory(self.folder / name, self.claims, of)

    def chunk_path(self, index: int) -> Path:
        return self.folder / (f"chunk-{index:05d}-of-{self.of:05d}.npz" if self.of else f"chunk-{index:05d}.npz")

    @property
    def output_path(self) -> Path:
        return self.folder / "output.npz"

    @property
    def ledger_path(self) -> Path:
        return self.folder / ledgers.NAME

    def read_chunk(self, index: int) -> tuple[Clusters | None, str]:
        """A finished chunk, or None and what is wrong with its file ('' if there is none)."""
        path = self.chunk_path(index)
        if not path.exists():
            return None, ""
        try:
            return Clusters.load(path), ""
        except FileFormatError as error:
            return None, str(error)

    def read_output(self) -> tuple[Clusters | None, Ledger | RoundLedger | None, str]:
        """The finished output and its ledger, or (None, None, what is wrong)."""
        if not self.ledger_path.exists():
            return None, None, ""
        try:
            ledger = ledgers.read(self.ledger_path)
            found = sha256(self.output_path)
            if found != ledger.output_sha256:
                return None, None, f"{self.output_path} was changed or damaged (its sha256 differs from the ledger's)"
            return Clusters.load(self.output_path), ledger, ""
        except (OSError, ValueError, KeyError, TypeError, FileFormatError) as error:
            return None, None, f"{self.folder}: {error}"

    def finish(self, everything: Clusters, ledger: Own) -> tuple[Clusters, Own]:
        """Split ``everything`` by its ``fate`` column, write output, dropped list and ledger (in this order)."""
        fate = everything.columns.get(FATE, np.full(len(everything), ""))
        detail = everything.columns.get(FATE_DETAIL, np.full(len(everything), ""))
        dropped = fate != Fate.GOES_ON
        kept = everything[~dropped]
        columns = {k: v for k, v in kept.columns.items() if k not in (FATE, FATE_DETAIL)}
        kept = kept.replace(columns=columns)
        kept.save(self.output_path)
        lost = ([everything.ids[i], fate[i], detail[i]] for i in np.flatnonzero(dropped))
        write_table(self.folder / "dropped.csv", ["id", "reason", "detail"], lost)
        reasons, counts = np.unique(fate[dropped], return_counts=True)
        of_each = {str(r): int(c) for r, c in zip(reasons, counts)}
        ledger = ledger.with_output(self.folder.name, len(kept), of_each, sha256(self.output_path))
        ledgers.write(self.ledger_path, ledger)
        return kept, ledger


@dataclass(frozen=True)
class RunDirectory:
    """A run directory that this process holds (see :meth:`open`), or shares (see :meth:`join`)."""

    folder: Path
    claims: Claims | None = None

    @classmethod
    @contextlib.contextmanager
    def open(cls, folder: Path | str, manifest: dict[str, Any], *, replace: bool = False) -> Iterator[RunDirectory]:
        """Create or re-enter a run directory and hold its lock.

        Args:
            replace: the results of another protocol, seed or source that it holds may be replaced.

        Raises:
            RunBusy: another process works in it.
            RunError: it belongs to another composition, holds other results, or is no run directory although it holds
                files.
            StorageError: it cannot be written.
        """
        folder = Path(folder)
        with held(folder):
            _none_joined(folder)
            _check_manifest(folder, manifest, replace)
            write_manifest(folder, manifest)
            yield cls(folder)

    @classmethod
    @contextlib.contextmanager
    def join(
        cls, folder: Path | str, manifest: dict[str, Any], *, replace: bool = False, **timing: Any
    ) -> Iterator[RunDirectory]:
        """Create or re-enter a run directory in which other processes do the same, and share the work with them.

        Args:
            replace: as :meth:`open`. timing: ``beat`` and ``stale`` of :class:`sampler.workers.claims.Claims`.

        Raises:
            RunBusy: a process works in it that does not share, or that runs something else.
            RunError, StorageError: as :meth:`open`.
        """
        folder = Path(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, folder) from error
        with _shared_lock(folder):
            with Claims(folder, digest_of(manifest), **timing) as claims:
                strangers = claims.strangers()
                if strangers:
                    raise RunBusy(
                        f"{folder} is in use by {strangers[0]} with other parameters; only processes with the same "
                        "command can share a run directory"
                    )
                _check_manifest(folder, manifest, replace)
                write_manifest(folder, manifest)
                yield cls(folder, claims)
            tidy(folder)

    def stage(self, position: int, kind: str, digest: str) -> StageDirectory:
        """The folder of the stage at ``position`` (from 1) whose content is determined by ``digest``."""
        folder = self.folder / "stages" / f"{position:02d}-{kind}-{digest[:12]}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, folder) from error
        for part in () if self.claims else folder.rglob(".*.part"):  # left by a killed writer
            with contextlib.suppress(OSError):
                part.unlink()
        return StageDirectory(folder, self.claims)

    def completed(self, ledgers: list[Ledger]) -> None:
        """Keep the ledgers of the stages: the run is done."""
        finish(self.folder, ledgers)

    def outdated(self, finished: Sequence[Ledger]) -> list[Path]:
        """Stage folders of earlier parameters, no longer part of the run."""
        names = {ledger.folder for ledger in finished}
        return sorted(p for p in (self.folder / "stages").glob("*") if p.is_dir() and p.name not in names)


def is_run(folder: Path | str) -> bool:
    """Whether a folder is a run directory, finished or not."""
    return (Path(folder) / "manifest.json").is_file() and (Path(folder) / "stages").is_dir()


def runs_below(folder: Path | str) -> list[Path]:
    """The run directories in the folder of a screen, finished or not, small clusters first; none in another folder."""
    found = []
    for path in sorted(Path(folder).iterdir()) if Path(folder).is_dir() and not is_run(folder) else ():
        if is_run(path):
            with contextlib.suppress(RunError):
                counts = re.findall(r"\d+", str(read_manifest(path)["composition"]))
                found.append((sum(map(int, counts)), path.name, path))
    return [path for *_, path in sorted(found)]


def read_manifest(folder: Path | str) -> dict[str, Any]:
    """The manifest of a run directory.

    Raises:
        RunError: not a run directory.
    """
    path = Path(folder) / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if manifest.get("format") != "sampler-run-1":
            raise ValueError(f"its format is {manifest.get('format')!r}")
        return manifest
    except FileNotFoundError as error:
        near = suggested(Path(folder).name, _runs_beside(Path(folder)))
        raise RunError(
            f"{folder} is not a run directory (no manifest.json); {near}make one with: sampler run"
        ) from error
    except (OSError, ValueError, AttributeError) as error:
        raise RunError(f"{path} cannot be read: {error}") from error


def _runs_beside(folder: Path) -> list[str]:
    try:
        return [p.name for p in folder.parent.iterdir() if is_run(p)]
    except OSError:
        return []


def write_table(path: Path, header: list[str], rows: Iterable[Iterable[Any]]) -> None:
    """A csv file, written atomically."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_text(path, table.getvalue())


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def digest_of(*parts: Any) -> str:
    """A hash of JSON-able values: equal values, equal hash, on every machine."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def _check_manifest(folder: Path, manifest: dict[str, Any], replace: bool) -> None:
    if (folder / "manifest.json").exists():
        old = read_manifest(folder)
        if old["composition"] != manifest["composition"]:
            raise RunError(
                f"{folder} holds a run of {old['composition']}, not of {manifest['composition']}; choose another --out"
            )
        if (old.get("from") is None) != (manifest.get("from") is None):
            kinds = ("generated candidates", "structures from elsewhere")
            raise RunError(f"{folder} holds a run that started from {kinds['from' in old]}; choose another --out")
        if belongs.has_results(folder) and not replace:
            not_overwritten(folder, belongs.differences(old, manifest))
        if complete(folder) and not belongs.same_command(old, manifest):
            belongs.keep(folder, old)
        return
    found = [n for n in os.listdir(folder) if n not in (".lock", ".claims") and not n.startswith(".manifest.json.")]
    if found and not (folder / "manifest.json").exists():  # which a process that shares may have made in this moment
        raise RunError(f"{folder} is not empty and not a run directory; choose another --out")


def not_overwritten(folder: Path, differences: list[str]) -> None:
    """Raise RunError if there are differences, with what to do."""
    if differences:
        raise RunError(
            f"{folder} holds other results, which are not overwritten: this command has {', '.join(differences)}; choose "
            f"another folder with --out, or say --replace (their tables are then kept in {folder / belongs.EARLIER})"
        )


@contextlib.contextmanager
def _shared_lock(folder: Path) -> Iterator[None]:
    """Keep processes out that want the directory for themselves; those that share it do not exclude each other.

    Where the file system has no such locks nothing is held: the signs of life then have to do.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    try:
        handle = open(folder / ".lock", "a+b")
    except OSError as error:
        raise storage_error(error, folder) from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            raise RunBusy(
                f"{folder} is in use by a sampler process that does not share it; wait for it, or start all with --join"
            ) from error
        except OSError:
            pass
        yield


def _none_joined(folder: Path) -> None:
    """Raise RunBusy if a process shares the directory; remove what dead ones have left."""
    if not (folder / ".claims").exists():
        return
    now = folder / ".lock"
    with contextlib.suppress(OSError):
        os.utime(now)
    others = Others(folder / ".claims" / "processes").alive(since=now.stat().st_mtime if now.exists() else None)
    for token, told in others.items():
        raise RunBusy(
            f"{folder} is shared by sampler processes started with --join (process {told.get('pid')} on "
            f"{told.get('host')}, {token}); join them with --join, or wait for them; a process that was killed on "
            "another machine counts as gone after two minutes"
        )
    shutil.rmtree(folder / ".claims", ignore_errors=True)


def read_ledgers(folder: Path | str) -> list[Ledger]:
    """The ledgers of the last complete run in ``folder``.

    Raises:
        RunError: not a run directory, or no run has been completed in it.
    """
    read_manifest(folder)
    path = Path(folder) / ledgers.NAME
    try:
        return ledgers.read_run(path)
    except FileNotFoundError as error:
        raise RunError(f"the run in {folder} is not complete; the same sampler run command takes it up") from error
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read ({error}); run the same sampler run command again") from error


def read_rounds(folder: Path | str, stage: str) -> list[RoundLedger]:
    """The ledgers of the rounds of a stage, whose folder is called ``stage``; none of those that cannot be read."""
    found = []
    for path in sorted((Path(folder) / "stages" / stage).glob(f"round-*/{ledgers.NAME}")):
        with contextlib.suppress(OSError, ValueError):
            ledger = ledgers.read(path)
            found += [ledger] if isinstance(ledger, RoundLedger) and ledger.round else []
    return found


def stage_seconds(stage: Path) -> float | None:
    """Wall time that the stage in this folder took; None where that is not known."""
    try:
        return float(json.loads((stage / TIMING).read_text(encoding="utf-8"))["seconds"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def read_result(folder: Path | str) -> Clusters:
    """The final population of the last complete run in ``folder``.

    Raises:
        RunError: not a run directory, not complete, or its output was damaged.
    """
    here = StageDirectory(Path(folder) / "stages" / read_ledgers(folder)[-1].folder)
    clusters, _, wrong = here.read_output()
    if clusters is None:
        raise RunError(
            f"the result is missing or damaged: {wrong or here.folder}; run sampler run again, it repairs it"
        )
    return clusters
