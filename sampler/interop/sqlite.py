"""SQLite files of others, read without leaving a trace: no tables, no side files, no recovered journal."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..errors import FileFormatError

_WAL = 2
"""Bytes 18 and 19 of a file whose changes go through a write-ahead log."""
_PATIENCE = 2.0
"""Seconds that a lock is waited for."""


@contextlib.contextmanager
def read_only(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that cannot write, for as long as the context lasts.

    What a write-ahead log or a journal beside the file holds belongs to its content; SQLite would write to take it in,
    so then a copy is read.

    Raises:
        FileFormatError: the database is locked by another program, or no database.
    """
    with contextlib.ExitStack() as stack:
        file = path
        log, journal = (path.with_name(path.name + end) for end in ("-wal", "-journal"))
        with open(path, "rb") as handle:
            wal = _WAL in handle.read(20)[18:20]
        if _holds(log) if wal else _holds(journal) and _unfinished(path):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="sampler-db-"))
            file = Path(folder) / "copy.db"
            for end in ("", "-wal", "-journal"):
                if (one := path.with_name(path.name + end)).exists():
                    shutil.copyfile(one, f"{file}{end}")
            connection = _open(file, "mode=rw")
        else:
            # a log that is empty or absent: immutable, as mode=ro would make one
            connection = _open(file, "immutable=1" if wal else "mode=ro")
        stack.callback(connection.close)
        try:
            connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        except sqlite3.Error as error:
            raise told(path, error) from error
        yield connection


def told(path: Path, error: Exception) -> FileFormatError:
    """What an error of SQLite means for the user."""
    if any(word in str(error) for word in ("locked", "busy")):
        return FileFormatError(
            f"{path} is a database that another program has locked; wait until it is finished, or read a copy"
        )
    return FileFormatError(f"{path} is damaged, truncated or not an ASE database: {error}")


def tables(connection: sqlite3.Connection, path: Path) -> dict[str, list[str]]:
    """Table -> its columns.

    Raises:
        FileFormatError: the description of the tables is damaged.
    """
    query = "SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid"
    try:
        names = [row[0] for row in connection.execute(query)]
        quoted = {name: name.replace('"', '""') for name in names}
        return {name: [row[1] for row in connection.execute(f'PRAGMA table_info("{quoted[name]}")')] for name in names}
    except sqlite3.Error as error:
        raise told(path, error) from error


def _open(file: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.resolve().as_uri()}?{mode}", uri=True, timeout=_PATIENCE)


def _holds(side: Path) -> bool:
    return side.is_file() and side.stat().st_size > 0


def _unfinished(path: Path) -> bool:
    """Whether a journal was left by a program that died: a reader that may not write cannot undo what it began."""
    connection = _open(path, "mode=ro")
    try:
        connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        return False
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise told(path, error) from error
        return True
    except sqlite3.Error as error:
        raise told(path, error) from error
    finally:
        connection.close()
