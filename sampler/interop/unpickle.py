"""Reading pickles without running them.

A pickle is a program: it imports what it names and calls it. Here every name it may use is on a short list, and what it
gets for a name is an inert stand-in that only remembers what it was called with. Nothing of numpy, pandas, ASE or of
anything else is imported or run, so there is nothing to abuse, whatever the versions that wrote the file.
:mod:`sampler.interop.dataframe` reads the meaning off the stand-ins.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from ..errors import FileFormatError

_INDEXES = {"Index", "RangeIndex", "MultiIndex", "Int64Index", "UInt64Index", "Float64Index", "_new_Index"}

# What (module, name) means; the modules are those of pandas 0.25 to 3, numpy 1 and 2, ASE 3.
_PLACES: dict[str, set[str]] = {
    "numpy": {"ndarray", "dtype"},
    "numpy.core.multiarray": {"_reconstruct", "scalar"},
    "numpy._core.multiarray": {"_reconstruct", "scalar"},
    "numpy.core.numeric": {"_frombuffer"},
    "numpy._core.numeric": {"_frombuffer"},
    "pandas": {"DataFrame", "Series", "StringDtype", *_INDEXES},
    "pandas.core.frame": {"DataFrame"},
    "pandas.core.series": {"Series"},
    "pandas.core.internals.managers": {"BlockManager"},
    "pandas.core.internals": {"BlockManager"},
    "pandas.core.internals.blocks": {"new_block"},
    "pandas._libs.internals": {"_unpickle_block", "BlockManager"},
    "pandas._libs.arrays": {"__pyx_unpickle_NDArrayBacked"},
    "pandas.arrays": {"StringArray"},
    "pandas.core.arrays.string_": {"StringArray", "StringDtype"},
    "pandas.core.indexes.base": {"_new_Index", "Index"},
    "pandas.core.indexes.multi": {"MultiIndex"},
    "pandas.core.indexes.range": {"RangeIndex"},
    "pandas.core.indexes.numeric": {"Int64Index", "UInt64Index", "Float64Index"},
    "pandas.core.indexes.frozen": {"FrozenList"},
    "ase.atoms": {"Atoms"},
    "ase": {"Atoms"},
    "ase.cell": {"Cell"},
    "ase.calculators.singlepoint": {"SinglePointCalculator"},
    "ase.calculators.calculator": {"Parameters"},
    "ase.constraints": {"FixAtoms"},
    "builtins": {"slice", "object", "getattr", "set", "frozenset", "complex", "bytearray", "bytes"},
    "copyreg": {"_reconstructor"},
    "_codecs": {"encode"},
    "collections": {"OrderedDict"},
    "functools": {"partial"},  # pandas 1.3 wraps its blocks in it
}  # fmt: skip
_PLACES["copy_reg"] = _PLACES["copyreg"]  # protocols 0 to 2 use the names of Python 2
_PLACES["__builtin__"] = _PLACES["builtins"]


class Standin:
    """What a pickle gets for an allowed name: remembers its calls, does nothing.

    Attributes:
        name: of the class or function. args: what it was called with. state: what was set afterwards.
        items: appended or stored entries.
    """

    name = ""
    args: tuple[Any, ...]
    state: Any
    items: list[Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> Standin:
        made = object.__new__(cls)
        if cls.name == "_reconstructor" and args and isinstance(args[0], type):  # an instance of its first argument
            made = object.__new__(args[0])
            args = ()
        object.__setattr__(made, "args", args)
        object.__setattr__(made, "state", None)
        object.__setattr__(made, "items", [])
        return made

    def __init__(self, *args: Any, **kwargs: Any):
        pass

    def __setstate__(self, state: Any) -> None:
        object.__setattr__(self, "state", state)

    def __call__(self, *args: Any) -> Standin:
        """The result of a partial, which is a stand-in for the function that it wraps; nothing else can be called."""
        wrapped = self.state[0] if self.name == "partial" and isinstance(self.state, tuple) else None
        if not (isinstance(wrapped, type) and issubclass(wrapped, Standin)):
            raise TypeError(f"{self!r} is not a function")
        return wrapped(*args)

    def append(self, item: Any) -> None:
        self.items.append(item)

    def extend(self, items: Any) -> None:
        self.items.extend(items)

    def add(self, item: Any) -> None:
        self.items.append(item)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.items.append((key, value))

    def __repr__(self) -> str:
        return f"<{self.name}>"


class _Refused(Exception):
    pass


class _Unpickler(pickle.Unpickler):
    def __init__(self, handle):
        super().__init__(handle)
        self._made: dict[tuple[str, str], type[Standin]] = {}

    def find_class(self, module: str, name: str) -> type[Standin]:
        if name not in _PLACES.get(module, ()):
            raise _Refused(f"{module}.{name}")
        key = (module, name)
        if key not in self._made:
            self._made[key] = type(name, (Standin,), {"name": name})
        return self._made[key]

    def persistent_load(self, pid: Any) -> Any:
        raise _Refused(f"the persistent object {pid!r}")


def load(path: Path | str) -> Any:
    """The content of a pickle, as Python's own containers and :class:`Standin`.

    Raises:
        FileFormatError: not a pickle, empty, truncated; or it names something that is not on the list.
    """
    path = Path(path)
    try:
        with open(path, "rb") as handle:
            return _Unpickler(handle).load()
    except _Refused as refused:
        raise FileFormatError(
            f"{path} is refused: it wants to import {refused}, which a JKQC pickle does not need. Pickles can run any "
            "program when they are opened; nothing of it was run. If you trust its source, write the data as extxyz there"
        ) from refused
    except OSError as error:
        raise FileFormatError(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # a damaged pickle can fail in any way
        raise FileFormatError(f"{path} is empty, truncated or not a pickle: {error or type(error).__name__}") from error
