"""Several processes in one run directory: who computes which chunk, without a scheduler and without file locks.

Each process keeps a file ``.claims/processes/TOKEN`` with a count that grows every few seconds: its sign of life. A
piece of work is claimed by creating ``.claims/FOLDER/NAME.0``, which names the process. Where that exists and its
process shows no life any more, ``NAME.1`` is created, and so on; the highest number owns. Nothing is ever
overwritten or taken away from under another process, so that no two can both win a race.

What this needs of the file system: that creating a name which exists fails (hard links, else O_EXCL; both hold on NFS
version 3 and later), that rename is atomic, and that opening a file shows what was written before the writer closed
it. Clocks are not compared: every process measures with its own how long a count has stood still.

Were a live process taken for dead, a chunk would be computed twice, with the same content, and be written whole both
times.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ..storage import storage_error, writer_of
from .processes import born_at, runs

BEAT_SECONDS = 10.0
STALE_SECONDS = 120.0
"""Longer than the caches of a network file system keep an old count (60 s on NFS by default)."""
_MEMORY_SECONDS = 0.2
_ATTEMPTS = 20
_OLD_SECONDS = 3600.0
"""Nothing is written for so long: a temporary file that was not touched since is of a process that has ended."""


class Claims:
    """The claims of this process in one run directory; a context manager around the whole run.

    Args:
        folder: the run directory. matter: what this process runs (a digest); see :meth:`strangers`.
        beat: seconds between signs of life. stale: seconds without one after which a process counts as dead.
        host: of this process. clock: monotonic seconds.
    """

    def __init__(
        self,
        folder: Path,
        matter: str = "",
        *,
        beat: float = BEAT_SECONDS,
        stale: float = STALE_SECONDS,
        host: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.root = folder / ".claims"
        self.host = host or socket.gethostname()
        self.token = f"{self.host}-{os.getpid()}-{secrets.token_hex(4)}"
        self._life = _Life(self.root / "processes", self.token, self.host, matter, beat)
        self._others = Others(self.root / "processes", self.host, stale, clock)
        self._owners: dict[Path, str] = {}
        self._held: dict[tuple[str, str], Path] = {}

    def __enter__(self) -> Claims:
        self._life.start()
        return self

    def __exit__(self, *exc: Any) -> None:
        self._life.stop()

    def strangers(self) -> list[str]:
        """Live processes that run something else here."""
        return [t for t, told in self._others.alive().items() if told.get("matter") != self._life.matter]

    def alone(self) -> bool:
        """Whether no other process shows life here."""
        return set(self._others.alive()) <= {self.token}

    def numbers(self, folder: str) -> dict[str, int]:
        """Name -> highest number of its claims, from one look at the folder."""
        # listing opens the folder, and so shows what other machines have made; a look at one name may be cached
        highest: dict[str, int] = {}
        with contextlib.suppress(FileNotFoundError):
            for entry in os.listdir(self.root / folder):
                name, _, number = entry.rpartition(".")
                if number.isdecimal() and not name.startswith("."):
                    highest[name] = max(int(number), highest.get(name, -1))
        return highest

    def take(self, folder: str, name: str, number: int | None = None) -> bool:
        """Claim ``name``; False if a live process has it.

        Args:
            number: its highest claim, from :meth:`numbers`; looked up if not given. One that has grown since is safe.

        Raises:
            StorageError: the claim cannot be written.
        """
        number = self.numbers(folder).get(name, -1) if number is None else number
        if number >= 0 and self.owner(folder, name, number):
            return False
        path = self.root / folder / f"{name}.{number + 1}"
        if not _create(path, {"process": self.token}):
            return False
        self._held[folder, name] = path
        return True

    def drop(self, folder: str, name: str) -> None:
        """Remove the claim of this process on ``name``, of which the result is there: whoever claims looks for that first."""
        path = self._held.pop((folder, name), None)
        if path:
            with contextlib.suppress(OSError):
                path.unlink()

    def owner(self, folder: str, name: str, number: int) -> str:
        """The live process that has made this claim, or ''."""
        path = self.root / folder / f"{name}.{number}"
        if path not in self._owners:
            told = _read(path)
            if "process" not in told:
                return ""
            self._owners[path] = told["process"]  # a claim never changes
        return self._owners[path] if self._others.lives(self._owners[path]) else ""

    @contextlib.contextmanager
    def turn(self, folder: str, name: str, wait: Callable[[], None]) -> Iterator[None]:
        """Hold ``name`` alone; ``wait`` is called as long as a live process has it."""
        while not self.take(folder, name):
            wait()
        try:
            yield
        finally:  # given back by a claim of nobody: a number is used once
            _create(self.root / folder / f"{name}.{self.numbers(folder).get(name, -1) + 1}", {"process": ""})


class Others:
    """What the processes of a run directory show of themselves, seen from this one.

    Args:
        folder: of the signs of life. host: of this process. stale, clock: see :class:`Claims`.
    """

    def __init__(
        self, folder: Path, host: str = "", stale: float = STALE_SECONDS, clock: Callable[[], float] = time.monotonic
    ):
        self.folder, self.host, self.stale, self.clock = folder, host or socket.gethostname(), stale, clock
        self._seen: dict[str, tuple[Any, float]] = {}
        self._asked: dict[str, tuple[float, bool]] = {}

    def alive(self, since: float | None = None) -> dict[str, dict[str, Any]]:
        """Token -> what it tells, of every process that is not known to be dead.

        Args:
            since: a time of the file system (st_mtime of a file touched just now); signs of life that are older than
                ``stale`` before it do not count. Without, a process has to be watched for that long.
        """
        try:
            tokens = sorted(t for t in os.listdir(self.folder) if self.lives(t))
        except OSError:
            return {}
        if since is not None:
            tokens = [t for t in tokens if since - _modified(self.folder / t) < self.stale]
        return {t: _read(self.folder / t) for t in tokens}

    def lives(self, token: str) -> bool:
        """False if the process has ended, as far as can be told, or has shown no life for too long."""
        now = self.clock()
        asked, answer = self._asked.get(token, (-1.0, False))
        if token not in self._asked or now - asked >= _MEMORY_SECONDS:
            answer = self._look(token, now)
            self._asked[token] = (now, answer)
        return answer

    def _look(self, token: str, now: float) -> bool:
        told = _read(self.folder / token) if token and not token.startswith(".") else {}
        if not told:
            return False
        if told.get("host") == self.host and not runs(told.get("pid"), told.get("born")):
            return False
        beat, since = self._seen.get(token, (None, now))
        if beat != told.get("beat"):
            beat, since = told.get("beat"), now
        self._seen[token] = (beat, since)
        return now - since < self.stale


def tidy(folder: Path, files: bool = True) -> None:
    """When shared work is done: the last process removes the claims and, with ``files``, what killed writers have left."""
    # unlike rglob, walk bears that one removes .claims; a list, so that nothing that is written from here on is in it
    left = [Path(top, name) for top, _, names in os.walk(folder) for name in names] if files else []
    if not Others(folder / ".claims" / "processes").alive():
        sweep(left)
        shutil.rmtree(folder / ".claims", ignore_errors=True)


def sweep(files: Iterable[Path]) -> None:
    """Remove those of ``files`` that are temporary, and of a process that has ended.

    Not every process that writes shows life in ``.claims``: its workers do not, nor does who exports from a run.
    """
    for path in [p for p in files if p.match(".*.part")]:
        pid = writer_of(path.name)
        if not runs(pid, "") if pid is not None else _age(path) > _OLD_SECONDS:
            with contextlib.suppress(OSError):
                path.unlink()


class _Life:
    """The sign of life of this process: a file whose count grows."""

    def __init__(self, folder: Path, token: str, host: str, matter: str, beat: float):
        self.path, self.matter, self._beat = folder / token, matter, beat
        self._told = {"host": host, "pid": os.getpid(), "born": born_at(os.getpid()), "matter": matter}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="sign of life", daemon=True)

    def start(self) -> None:
        self._tell(0)
        self._thread.start()

    def stop(self) -> None:
        self._end.set()
        self._thread.join()
        with contextlib.suppress(OSError):
            self.path.unlink()

    def _go_on(self) -> None:
        count = 0
        while not self._end.wait(self._beat):
            count += 1
            with contextlib.suppress(Exception):  # a full disk is told by the work itself
                self._tell(count)

    def _tell(self, count: int) -> None:
        # not storage.write_text: it asks for the umask by setting it, which a second thread must not do
        private = self.path.with_name(f".{self.path.name}")

        def tell() -> None:
            private.write_text(json.dumps(self._told | {"beat": count}), encoding="utf-8")
            os.replace(private, self.path)

        _in_folder(self.path, tell)


def _in_folder(path: Path, make: Callable[[], Any]) -> Any:
    """``make()``, which makes ``path`` in its folder; again where a process that leaves removes the folder meanwhile.

    Raises:
        StorageError: it cannot be made.
    """
    for left in reversed(range(_ATTEMPTS)):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return make()
        except (FileNotFoundError, FileExistsError) as error:  # the second is how mkdir says it
            if not left:
                raise storage_error(error, path) from error
        except OSError as error:
            raise storage_error(error, path) from error


def _create(path: Path, content: dict[str, Any]) -> bool:
    """Make ``path`` with this content, whole; False if it exists. A hard link, where the file system has them."""
    private = path.with_name(f".{path.name}.{secrets.token_hex(8)}")

    def link() -> bool:
        private.write_text(json.dumps(content))
        try:
            os.link(private, path)
            return True
        except FileExistsError:
            # over NFS a lost answer is asked again, and then finds its own link: only the count is to be trusted
            return os.stat(private).st_nlink == 2
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
                raise
        try:
            with open(path, "x", encoding="utf-8") as handle:
                json.dump(content, handle)
            return True
        except FileExistsError:
            return False

    try:
        return _in_folder(path, link)
    finally:
        with contextlib.suppress(OSError):
            private.unlink()


def _read(path: Path) -> dict[str, Any]:
    for _attempt in range(2):  # over NFS, a file replaced in this moment answers with an error (ESTALE) once
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            return told if isinstance(told, dict) else {}
        except FileNotFoundError:
            break
        except (OSError, ValueError):
            continue
    return {}


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return float("-inf")


def _age(path: Path) -> float:
    """Seconds since the file was written, by the clock of its file system."""
    try:
        with tempfile.TemporaryFile(dir=path.parent) as now:
            return os.fstat(now.fileno()).st_mtime - path.stat().st_mtime
    except OSError:
        return 0.0
