"""Text files of other programs: in the encodings they come in, and never from what is no file."""

from __future__ import annotations

import codecs
import os
import stat
from pathlib import Path

from ..errors import FileFormatError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHERS = (
    (stat.S_ISFIFO, "a named pipe (FIFO)"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISDIR, "a folder"),
)

_PACKED = {
    b"\x1f\x8b": ("gzip", "gunzip"), b"BZh": ("bzip2", "bunzip2"), b"\xfd7zXZ\0": ("xz", "unxz"),
    b"\x28\xb5\x2f\xfd": ("zstandard", "unzstd"), b"7z\xbc\xaf": ("7-Zip", "7z x"),
}  # fmt: skip


def regular_file(path: Path | str) -> Path:
    """The path, if a file of known length stands there: opening a pipe would wait for ever.

    Raises:
        FileFormatError: nothing is there, or a folder, pipe, socket or device.
    """
    path = Path(path)
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise FileFormatError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from error
    except ValueError as error:  # a null byte in the name
        raise FileFormatError(f"{str(path)!r} is no name of a file") from error
    for is_one, what in _OTHERS:
        if is_one(mode):
            raise FileFormatError(f"{path} is {what}, not a file; write what comes out of it into a file first")
    return path


def no_pipe(path: Path | str) -> Path:
    """The path, whatever is there or not, but for a pipe, socket or device.

    Raises:
        FileFormatError: it is one of these.
    """
    path = Path(path)
    return regular_file(path) if path.exists() and not path.is_dir() else path


def read_head(path: Path | str, size: int = 20_000) -> bytes:
    """The first bytes of a file.

    Raises:
        FileFormatError: as :func:`regular_file`, it is compressed, or it cannot be read.
    """
    path = regular_file(path)
    try:
        with open(path, "rb") as handle:
            return _unpacked(path, handle.read(size))
    except OSError as error:
        raise FileFormatError(f"{path} cannot be read: {error.strerror or error}") from error


def read_bytes(path: Path | str) -> bytes:
    """All of a file.

    Raises:
        FileFormatError: as :func:`regular_file`, it is compressed, or it cannot be read.
    """
    path = regular_file(path)
    try:
        return _unpacked(path, path.read_bytes())
    except OSError as error:
        raise FileFormatError(f"{path} cannot be read: {error.strerror or error}") from error


def _unpacked(path: Path, content: bytes) -> bytes:
    """The content, or an error for what is compressed, whatever its name says."""
    for mark, (name, tool) in _PACKED.items():
        if content.startswith(mark):
            raise FileFormatError(f"{path} is compressed ({name}); unpack it first, for example with: {tool} {path}")
    return content


def read_text(path: Path | str) -> str:
    """A whole text file, with ``\\n`` at the ends of its lines; see :func:`decoded`.

    Raises:
        FileFormatError: as :func:`regular_file`, it cannot be read, or is no text.
    """
    try:
        return decoded(read_bytes(path))
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{path} cannot be read as text: {error}") from error


def decoded(content: bytes, errors: str = "strict") -> str:
    """Text of bytes: UTF-8, or what a byte order mark or the null bytes of UTF-16 say (Notepad, ``>`` of PowerShell),
    else Latin-1. ``errors`` as for ``bytes.decode``.

    Raises:
        UnicodeDecodeError: a mark that the rest does not keep to, such as half a letter at the end.
    """
    name = next((name for mark, name in _MARKS if content.startswith(mark)), "") or _unmarked(content)
    if name:
        text = content.decode(name, errors)
    else:
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:  # an Å or ° of an old program
            text = content.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\0\x1a")


def _unmarked(content: bytes) -> str:
    """UTF-16 without a mark: every other byte of ASCII text is null."""
    head = content[:200]
    if len(head) < 4 or not head.count(0):
        return ""
    if not any(head[0::2]) or not any(head[1::2]):
        return "utf-16-be" if not any(head[0::2]) else "utf-16-le"
    return ""
