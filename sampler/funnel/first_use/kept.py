"""Whether a part is compiled on this machine: known from a note beside the code, without loading numba."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ...storage import write_text
from .parts import PARTS

_PACKAGE = Path(__file__).parents[2]


def compiled(name: str) -> bool:
    """Whether the machine code of the part is on disk, for this CPU, these sources and this numba."""
    return any(_complete(folder / _note(name)) for folder in _folders())


def writable() -> Path | None:
    """Where notes are kept: numba's folder of the user's choice, that of the package, or the user's cache."""
    for folder in _folders():
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
            return folder
    return None


def note(name: str) -> None:
    """Say that the part is compiled, and which files hold it."""
    folder = writable()
    if folder is not None:
        with contextlib.suppress(OSError):
            write_text(folder / _note(name), json.dumps([str(path) for path in _code_of(name)]) + "\n")


@contextlib.contextmanager
def alone(name: str) -> Iterator[None]:
    """Let one process of the machine compile the part; another one waits for it, and then finds the code.

    The lock goes with its process. Where there is no folder, or no locks, nobody waits.
    """
    folder = writable()
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError, ImportError):
            import fcntl

            if folder is not None:
                handle = stack.enter_context(open(folder / f"{_note(name)}.lock", "w"))
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _folders() -> list[Path]:
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        return [Path(chosen)]
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return [_PACKAGE / "__pycache__", home / "cluster-sampler"]


def _complete(path: Path) -> bool:
    try:
        code = json.loads(path.read_text(encoding="utf-8"))
        return bool(code) and all(Path(one).exists() for one in code)
    except (OSError, ValueError, TypeError):
        return False


def _code_of(name: str) -> list[Path]:
    """The files that hold the code of the part's modules, as loaded or written by this process."""
    from numba.core.dispatcher import Dispatcher

    found: set[Path] = set()
    for path in sources(name):
        module = sys.modules.get(".".join((_PACKAGE.name, *path.relative_to(_PACKAGE).with_suffix("").parts)))
        for value in vars(module).values() if module else ():
            if isinstance(value, Dispatcher) and value.stats.cache_path and value.signatures:
                found.update(Path(value.stats.cache_path).glob(f"{path.stem}.*{value.py_func.__name__}-*.nb[ci]"))
    return sorted(found)


def sources(name: str) -> list[Path]:
    return sorted(path for pattern in PARTS[name].files for path in _PACKAGE.glob(pattern))


@functools.cache
def _note(name: str) -> str:
    """A name that changes with all that machine code depends on."""
    depends = hashlib.sha256(f"{_machine()} {name}".encode())
    for path in sources(name):
        depends.update(path.read_bytes())
    return f"compiled-{depends.hexdigest()[:20]}"


@functools.cache
def _machine() -> str:
    """The kind of CPU as LLVM knows it, and the versions of what compiles."""
    from importlib.metadata import version

    import llvmlite
    import llvmlite.binding as llvm

    cpu = os.environ.get("NUMBA_CPU_NAME") or llvm.get_host_cpu_name()
    features = os.environ.get("NUMBA_CPU_FEATURES") or llvm.get_host_cpu_features().flatten()
    versions = f"{platform.python_implementation()} {sys.version_info[:2]} {version('numba')} {llvmlite.__version__}"
    return f"{cpu} {features} {versions} {_PACKAGE}"
