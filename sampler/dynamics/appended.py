"""Files that grow: what is written at a checkpoint is whole, what came after it is cut off when a run goes on."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

from ..storage import storage_error


class Appended:
    """A file to which whole blocks are added, ``length`` bytes of which count.

    Args:
        path: of the file. length: bytes that are kept of what is there; the rest is cut off. packed: blocks are members of
            a gzip file (without a time in them, so that the same content gives the same bytes).
    """

    def __init__(self, path: Path, length: int = 0, packed: bool = False):
        self.path, self.length, self.packed = path, length, packed
        self._waiting: list[bytes] = []
        if path.exists() or length:
            self._cut()

    def add(self, content: str | bytes) -> None:
        """To be written at the next checkpoint."""
        self._waiting.append(content.encode() if isinstance(content, str) else content)

    def flush(self) -> int:
        """Write what waits, to the disk; returns the length that counts from now on.

        Raises:
            StorageError: the disk is full, the folder is read-only.
        """
        if not self._waiting:
            return self.length
        block = b"".join(self._waiting)
        if self.packed:
            block = gzip.compress(block, compresslevel=6, mtime=0)
        try:
            with open(self.path, "ab") as handle:
                handle.truncate(self.length)  # a block that could not be written whole
                handle.write(block)
                handle.flush()
                os.fsync(handle.fileno())
        except OSError as error:
            raise storage_error(error, self.path) from error
        self._waiting = []
        self.length += len(block)
        return self.length

    def _cut(self) -> None:
        try:
            with open(self.path, "ab") as handle:
                if handle.tell() > self.length:
                    handle.truncate(self.length)
        except OSError as error:
            raise storage_error(error, self.path) from error
