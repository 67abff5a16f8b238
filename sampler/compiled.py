"""numba with this package's habits: machine code that is kept on disk, and kept well."""

from __future__ import annotations

import functools
import hashlib
import pickle
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numba
from numba.core.caching import IndexDataCacheFile

_BROKEN = (OSError, EOFError, ValueError, IndexError, KeyError, AttributeError, ImportError, pickle.UnpicklingError)


def compiled(function=None, **options):
    """numba.njit with the machine code kept on disk where some folder is writable.

    Without one (a container mounted read-only, and no home) every process compiles for itself.
    """
    if function is None:
        return lambda f: compiled(f, **options)
    try:
        dispatcher = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # "no locator available": neither the package folder nor the user's cache is writable
        return numba.njit(**options)(function)
    cache = dispatcher._cache
    cache._cache_file = KeptCode.instead_of(cache._cache_file, function)
    return dispatcher


class KeptCode(IndexDataCacheFile):
    """Where the machine code of one function lies: an index, and a file for each signature and kind of CPU.

    numba numbers these files one by one and writes the index first. Killed in between, after a change of the source, it
    would find the old code under the new index; and two processes that begin at the same time, of two signatures or on
    two kinds of CPU that share a home, would take each other's. Here a file is named by all that it depends on, and is
    written before the index. What cannot be read is compiled anew; what cannot be written (no space) is used all the same.
    """

    in_package: Path

    @classmethod
    def instead_of(cls, numbas: IndexDataCacheFile, function: Any) -> KeptCode:
        base = numbas._index_name.removesuffix(".nbi")
        kept = cls(numbas._cache_path, base, (numbas._source_stamp, _digest_of_sources(function)))
        kept.in_package = Path(function.__code__.co_filename).parent / "__pycache__"
        return kept

    def save(self, key, data):
        depends = repr((key, self._source_stamp)).encode()
        name = self._data_name(int.from_bytes(hashlib.sha256(depends).digest()[:8], "big"))
        try:
            self._save_data(name, data)
            self._save_index({**self._load_index(), key: name})
        except OSError as error:
            warnings.warn(f"compiled code is not kept, every start will compile anew: {error}", stacklevel=2)

    def load(self, key):
        found = super().load(key)
        if found is None and not numba.config.CACHE_DIR and Path(self._cache_path) != self.in_package:
            # what was compiled for all users of an installation that they cannot write to
            beside = IndexDataCacheFile(str(self.in_package), self._index_name.removesuffix(".nbi"), self._source_stamp)
            found = _read(beside.load, key)
        return found

    def _load_index(self):
        return _read(super()._load_index) or {}

    def _load_data(self, name):
        data = _read(super()._load_data, name)
        if data is None:
            raise OSError(f"{name} cannot be read")  # numba compiles again
        return data


def _read(how, *args):
    try:
        return how(*args)
    except _BROKEN:
        return None


def _digest_of_sources(function: Any) -> str:
    """Of all files with compiled code that ``function`` calls: numba looks at the one that it stands in."""
    files: set[str] = set()
    _collect(function, files, set())
    return hashlib.sha256("".join(map(_digest_of, sorted(files))).encode()).hexdigest()


def _collect(function: Any, files: set[str], seen: set[int]) -> None:
    files.add(function.__code__.co_filename)
    for value in list(function.__globals__.values()):
        for one in vars(value).values() if isinstance(value, ModuleType) and _ours(value) else (value,):
            below = getattr(one, "py_func", None) or getattr(one, "_defn", None)  # a compiled function, an intrinsic
            if below is not None and hasattr(below, "__code__") and _key(below) not in seen:
                seen.add(_key(below))
                if below.__module__.startswith(__package__):
                    _collect(below, files, seen)


def _ours(module: ModuleType) -> bool:
    return module.__name__.startswith(f"{__package__}.")


def _key(function: Any) -> int:
    return id(function.__globals__)


@functools.cache
def _digest_of(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
