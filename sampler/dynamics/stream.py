"""A gzip file that grows block by block and is whole after each: one member, since OVITO reads no second one.

A block ends with a full flush of the compressor, so that the next begins anew, whoever writes it. The end of the file (an
empty last block, check sum, length) is written over by the next block.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

SUFFIX = ".gz"
_HEAD = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"  # RFC 1952: deflate, no name, no time, whatever system
_LAST = b"\x03\0"  # RFC 1951: an empty last block


@dataclass(frozen=True)
class Written:
    """How far a file counts.

    Attributes:
        size: bytes, without the end of a gzip file. crc, text: check sum and bytes of what is in a gzip file; 0 of others.
    """

    size: int = 0
    crc: int = 0
    text: int = 0


def following(name: str, before: Written, content: bytes) -> tuple[bytes, Written]:
    """The bytes to write behind those that count, and how far the file counts then."""
    if not name.endswith(SUFFIX):
        return content, Written(before.size + len(content))
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = packer.compress(content) + packer.flush(zlib.Z_FULL_FLUSH)
    block = block if before.size else _HEAD + block
    return block, Written(
        before.size + len(block), zlib.crc32(content, before.crc), (before.text + len(content)) & 0xFFFFFFFF
    )


def end(name: str, written: Written) -> bytes:
    """What stands behind the bytes that count."""
    if not name.endswith(SUFFIX) or not written.size:
        return b""
    return _LAST + struct.pack("<II", written.crc, written.text)
