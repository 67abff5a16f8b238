"""Packed weights in one piece of memory for all worker processes of a machine."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np

from ...errors import StorageError
from ...storage import write_atomic

_ALIGNED = 64  # bytes; a cache line, and the alignment of the data in an npy file


def map_shared(arrays: list[np.ndarray], path: Path) -> list[np.ndarray]:
    """The same numbers, lying in memory that is mapped from ``path`` and shared with every process that maps it.

    The first process writes the file. Every process compares it with its own numbers before it lets go of them, so
    that a file of another model, or a damaged one, cannot do harm. Writing to the arrays copies the page that is
    written to and changes nothing for the others (``mmap`` with MAP_PRIVATE).

    Args:
        arrays: one-dimensional, of one dtype.
        path: on a local disk, in a folder that exists; where it does not (a worker on another machine), or cannot be
            written, ``arrays`` come back.
    """
    if not path.parent.is_dir():
        return arrays
    for _attempt in range(2):
        mapped = _mapped(arrays, path)
        if mapped is not None:
            return mapped
        with contextlib.suppress(StorageError):
            write_atomic(path, lambda handle: np.save(handle, _joined(arrays), allow_pickle=False))
    return arrays


def _mapped(arrays: list[np.ndarray], path: Path) -> list[np.ndarray] | None:
    try:
        flat = np.load(path, mmap_mode="c", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    parts, start = [], 0
    for array in arrays:
        parts.append(np.asarray(flat)[start : start + array.size])
        start += _room(array)
    same = flat.ndim == 1 and flat.size == start and flat.dtype == arrays[0].dtype
    if not same or not all(np.array_equal(a, b) for a, b in zip(arrays, parts)):
        return None
    return parts


def _joined(arrays: list[np.ndarray]) -> np.ndarray:
    flat = np.zeros(sum(map(_room, arrays)), arrays[0].dtype)
    start = 0
    for array in arrays:
        flat[start : start + array.size] = array
        start += _room(array)
    return flat


def _room(array: np.ndarray) -> int:
    """Its size, rounded up so that the next one starts on a cache line."""
    step = _ALIGNED // array.itemsize
    return -(-array.size // step) * step
