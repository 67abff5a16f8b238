"""Files that are either whole or absent: write beside, fsync, rename."""

import contextlib
import errno
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from .errors import StorageError


def write_atomic(path: Path | str, write: Callable[[BinaryIO], None]) -> None:
    """Call ``write(file)`` on a temporary file beside ``path``, flush it to disk and rename it to ``path``.

    A reader, or a process that resumes after a kill, finds the old file, the new file or none, never a part.

    Raises:
        StorageError: the disk is full, the folder is read-only or absent.
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
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
    write_atomic(path, lambda handle: handle.write(text.encode()))


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
    return StorageError(f"cannot write {path}: {reasons.get(error.errno, error.strerror or str(error))}")


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
