"""Files that are either whole or absent: write beside, fsync, rename."""

import contextlib
import errno
import hashlib
import os
import re
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from .errors import StorageError

_PART = re.compile(r"\..+\.([0-9a-f]{8})-(\d+)\.[^.]+\.part")


def write_atomic(path: Path | str, write: Callable[[BinaryIO], object]) -> None:
    """Call ``write(file)`` on a temporary file beside ``path``, flush it to disk and rename it to ``path``.

    A reader, or a process that resumes after a kill, finds the old file, the new file or none, never a part. The name of
    the temporary file says who writes it; see :func:`writer_of`.

    Raises:
        StorageError: the disk is full, the folder is read-only or absent.
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        prefix = f".{path.name}.{_machine(socket.gethostname())}-{os.getpid()}."
        descriptor, temporary = tempfile.mkstemp(prefix=prefix, suffix=".part", dir=path.parent)
        with os.fdopen(descriptor, "wb") as handle:
            write(handle)
            handle.flush()
            os.fsync(handle.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
        temporary = None
        _sync_directory(path.parent)
    except OSError as error:
        raise storage_error(error, path) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def write_text(path: Path | str, text: str) -> None:
    """Write ``text`` (UTF-8) atomically; see :func:`write_atomic`."""
    write_bytes(path, text.encode())


def write_bytes(path: Path | str, content: bytes) -> None:
    """Write ``content`` atomically; see :func:`write_atomic`."""
    write_atomic(path, lambda handle: handle.write(content))


def writer_of(name: str, host: str | None = None) -> int | None:
    """Number of the process that writes, or has written, the temporary file ``name``.

    Args:
        host: this machine, by default.

    Returns:
        None for a process of another machine, and for a name that does not tell.
    """
    told = _PART.fullmatch(name)
    return int(told[2]) if told and told[1] == _machine(host or socket.gethostname()) else None


def storage_error(error: OSError, path: Path | str) -> StorageError:
    """The one-line error for a failed write to ``path``."""
    reasons = {
        errno.ENOSPC: "the disk is full; free some space and run the same command again, it resumes",
        errno.EDQUOT: "the disk quota is used up; free some space and run the same command again, it resumes",
        errno.EROFS: "the file system is read-only; choose another directory",
        errno.EACCES: "permission denied; choose a directory you may write to",
        errno.EPERM: "permission denied; choose a directory you may write to",
        errno.ENOTDIR: "a part of the path is a file, not a directory",
    }
    return StorageError(f"cannot write {path}: {reasons.get(error.errno or 0, error.strerror or str(error))}")


def _machine(host: str) -> str:
    # a name of any length and with any characters becomes eight of them
    return hashlib.sha256(host.encode()).hexdigest()[:8]


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def _sync_directory(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
