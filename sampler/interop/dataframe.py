"""What the stand-ins of :mod:`sampler.interop.unpickle` mean: arrays, data frames, ASE's atoms.

The layouts are those in which numpy, pandas (0.25 to 3) and ASE pickle themselves; tests compare with pandas itself.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ..errors import FileFormatError
from .unpickle import Standin

_KINDS = "biufcSUO"


class NotUnderstood(FileFormatError):
    """A part of the pickle has no meaning here."""


def plain(value: Any) -> Any:
    """Python and numpy objects for stand-ins, at any depth; those that mean nothing here (calculators) stay.

    Raises:
        NotUnderstood: an array that numpy would not have written.
    """
    if isinstance(value, (list, tuple)):
        return type(value)(plain(v) for v in value)
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if not isinstance(value, Standin):
        return value
    if value.name in ("_reconstruct", "ndarray", "_frombuffer"):
        return _array(value)
    if value.name == "dtype":
        return _dtype(value)
    if value.name == "scalar":
        return _scalar(value)
    if value.name == "slice":
        return slice(*value.args)
    if value.name == "encode" and len(value.args) == 2 and value.args[1] == "latin1":
        return value.args[0].encode("latin1")
    if value.name in ("bytes", "bytearray"):
        return bytes(*value.args) if value.args and isinstance(value.args[0], bytes) else b""
    if value.name in ("FrozenList", "set", "frozenset"):
        return [plain(v) for v in (value.args[0] if value.args else value.items)]
    if value.name == "OrderedDict":
        return {k: plain(v) for k, v in value.items}
    if value.name == "__pyx_unpickle_NDArrayBacked":
        arrays = [v for v in value.state if isinstance(v, Standin) and v.name == "_reconstruct"]
        if len(arrays) == 1:
            return _array(arrays[0])
        raise NotUnderstood("a column of pandas strings in an unknown layout; save it with dtype object")
    return value


def columns(frame: Any) -> tuple[dict[tuple[str, ...], list], int]:
    """The columns of a pickled data frame, name -> values, and the number of rows.

    A flat name becomes a tuple of one.

    Raises:
        NotUnderstood: not a data frame, or in a layout that is not known.
    """
    if not (isinstance(frame, Standin) and frame.name == "DataFrame" and isinstance(frame.state, dict)):
        what = frame.name if isinstance(frame, Standin) else type(frame).__name__
        raise NotUnderstood(f"it holds {what}, not a pandas DataFrame")
    manager = frame.state.get("_mgr", frame.state.get("_data"))
    try:
        axes, blocks = _manager(manager)
        names, rows = _index(axes[0]), len(_index(axes[1]))
        found: dict[int, list] = {}
        for values, places in blocks:
            table = np.asarray(values)
            table = table[None] if table.ndim == 1 else table
            where = np.arange(len(names))[places]
            if table.shape != (len(where), rows):
                raise NotUnderstood(f"a block of shape {table.shape} for {len(where)} columns and {rows} rows")
            for place, row in zip(where, table):
                found[int(place)] = [plain(v) for v in row] if row.dtype.hasobject else row.tolist()
        if sorted(found) != list(range(len(names))):
            raise NotUnderstood(f"{len(found)} of {len(names)} columns have values")
    except NotUnderstood:
        raise
    except Exception as error:  # an unknown layout can fail in any way
        raise NotUnderstood(f"a data frame in an unknown layout: {error!r}") from error
    return {name if isinstance(name, tuple) else (name,): found[i] for i, name in enumerate(names)}, rows


def atoms(value: Any) -> tuple[np.ndarray, np.ndarray] | None:
    """(n,) atomic numbers and (n, 3) positions in Å of pickled ASE atoms; None where it is none."""
    if not (isinstance(value, Standin) and value.name == "Atoms" and isinstance(value.state, dict)):
        return None
    arrays = value.state.get("arrays", {})
    numbers, positions = plain(arrays.get("numbers")), plain(arrays.get("positions"))
    if not isinstance(numbers, np.ndarray) or not isinstance(positions, np.ndarray):
        return None
    if numbers.dtype.kind not in "iu" or positions.dtype.kind != "f" or positions.shape != (*numbers.shape, 3):
        return None
    return numbers.astype(np.int64), positions.astype(float)


def masses(value: Any) -> np.ndarray | None:
    """(n,) amu of pickled ASE atoms that were given masses; None where they were not."""
    arrays = value.state.get("arrays", {}) if isinstance(value, Standin) and isinstance(value.state, dict) else {}
    found = plain(arrays.get("masses")) if isinstance(arrays, dict) else None
    return found if isinstance(found, np.ndarray) and found.dtype.kind == "f" else None


def _manager(manager: Any) -> tuple[list, list[tuple[np.ndarray, Any]]]:
    if manager.args and len(manager.args) == 2:  # pandas >= 1.3: (blocks, axes)
        return list(manager.args[1]), [(plain(b.args[0]), plain(b.args[1])) for b in manager.args[0]]
    state = manager.state  # before: (axes, values, items, {version: {axes, blocks}})
    inner = next(iter(state[3].values()))
    return list(inner["axes"]), [(plain(b["values"]), plain(b["mgr_locs"])) for b in inner["blocks"]]


def _index(index: Standin) -> list:
    kind, state = index.args[0], index.args[1]
    if kind.name == "RangeIndex":
        return list(range(int(state["start"]), int(state["stop"]), int(state["step"])))
    if kind.name == "MultiIndex":
        levels = [_index(level) for level in plain(state["levels"])]
        codes = [np.asarray(plain(c)) for c in plain(state["codes"] if "codes" in state else state["labels"])]
        return [tuple(level[int(c)] if c >= 0 else "" for level, c in zip(levels, row)) for row in zip(*codes)]
    return np.asarray(plain(state["data"])).tolist()


def _dtype(value: Standin) -> np.dtype:
    code = value.args[0]
    order = value.state[1] if value.state else "|"
    if not isinstance(code, str) or code[:1] not in _KINDS:
        raise NotUnderstood(f"an array of the type {code!r}")
    if code[0] == "O":
        return np.dtype(object)
    return np.dtype((order if order in "<>" else "") + code)


def _array(value: Standin) -> np.ndarray:
    if value.name == "_frombuffer":
        data, dtype, shape, order = value.args[:4]
        return _filled(plain(data), plain(dtype), tuple(shape), order)
    if not isinstance(value.state, tuple) or len(value.state) != 5:
        raise NotUnderstood("an array without content")
    _, shape, dtype, fortran, data = value.state
    return _filled(plain(data), plain(dtype), tuple(shape), "F" if fortran else "C")


def _filled(data: Any, dtype: np.dtype, shape: tuple[int, ...], order: Literal["C", "F"]) -> np.ndarray:
    if dtype.hasobject:
        if not isinstance(data, list):
            raise NotUnderstood("an array of objects without objects")
        flat = np.empty(len(data), object)
        for i, item in enumerate(data):
            flat[i] = item
        return flat.reshape(shape, order=order)
    return np.frombuffer(data, dtype).reshape(shape, order=order)


def _scalar(value: Standin) -> Any:
    dtype = _dtype(value.args[0])
    if dtype.hasobject or len(value.args) != 2:
        raise NotUnderstood("a numpy scalar without a value")
    return np.frombuffer(plain(value.args[1]), dtype)[0].item()
