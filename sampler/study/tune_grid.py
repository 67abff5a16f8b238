"""What a tuning varies: settings with the values of a grid, or with the ends of a range for a search."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import InputError
from ..learn.training.settings import TrainSettings
from ..text.nearest import suggested


@dataclass(frozen=True)
class Range:
    """From ``low`` to ``high``, both positive and included, even on a logarithmic scale."""

    low: float
    high: float


Values = tuple[Any, ...] | Range
Space = dict[str, Values]

GRIDS: dict[str, Space] = {
    "paper": {
        "n_atom_basis": (32, 128, 512),
        "n_interactions": (3, 4, 5),
        "n_rbf": (10, 20, 30),
        "learning_rate": (1e-3, 1e-4, 1e-5),
        "batch_size": (2, 5, 10, 50, 100),
    }
}
"""``paper``: Kubečka et al., Environ. Sci.: Adv. 2024, doi:10.1039/D4VA00255E."""

_REFUSED = {
    "seed": "the seeds of a study are given with --seeds",
    "validation": "all configurations are judged at the same structures, so that their share is one; --set validation=…",
}
_KINDS: dict[str, type] = {f.name: type(f.default) for f in dataclasses.fields(TrainSettings)}


def space_of(grid: str, varied: Sequence[str], base: TrainSettings) -> Space:
    """What is varied: a grid of :data:`GRIDS` ('' for none), with ``NAME=VALUE,VALUE`` or ``NAME=LOW..HIGH`` in its place.

    Nothing given is the grid of the paper.

    Raises:
        InputError: an unknown grid or setting, a value that a training refuses, nothing that varies.
    """
    if grid and grid not in GRIDS:
        raise InputError(f"no grid is called {grid!r}; {suggested(grid, GRIDS)}known: {', '.join(GRIDS)}")
    space = dict(GRIDS[grid or "paper"]) if grid or not varied else {}
    for item in varied:
        name, _, text = item.partition("=")
        if name in _REFUSED:
            raise InputError(f"{name} cannot be varied: {_REFUSED[name]}")
        if name not in _KINDS:
            raise InputError(f"no setting is called {name!r}; {suggested(name, _KINDS)}known: {', '.join(_KINDS)}")
        space[name] = _values(name, text)
    for name, values in space.items():
        for value in ends(values):
            base.replace(**{name: value})  # refuses what a training would
    if not any(isinstance(v, Range) or len(v) > 1 for v in space.values()):
        raise InputError("nothing is varied: give two values or more, e.g. --vary batch_size=2,10")
    return space


def ends(values: Values) -> tuple[Any, ...]:
    """All values, or the ends of a range."""
    return values if isinstance(values, tuple) else (values.low, values.high)


def _values(name: str, text: str) -> Values:
    kind = _KINDS[name]
    low, dots, high = text.partition("..")
    if dots and kind in (int, float):
        found = Range(_value(name, low), _value(name, high))
        if not 0 < found.low < found.high:
            raise InputError(f"{name}={text}: a range goes from a positive number to a larger one, e.g. 1e-5..1e-3")
        return found
    values = tuple(dict.fromkeys(_value(name, word) for word in text.split(",") if word.strip()))
    if not values:
        raise InputError(f"{name} has no values; give some, e.g. --vary {name}={vars(TrainSettings())[name]}")
    return values


def _value(name: str, text: str) -> Any:
    kind = _KINDS[name]
    try:
        return kind(text.strip())
    except ValueError as error:
        raise InputError(f"{name} wants values of type {kind.__name__}, got {text.strip()!r}") from error


def configurations(space: Mapping[str, Values]) -> list[dict[str, Any]]:
    """Every combination, the last name fastest.

    Raises:
        InputError: a range, which has no end of values.
    """
    for name, values in space.items():
        if isinstance(values, Range):
            raise InputError(f"{name}={values.low}..{values.high} is a range, for a --search; a grid takes values")
    return [dict(zip(space, chosen)) for chosen in itertools.product(*(ends(v) for v in space.values()))]


def varied(space: Mapping[str, Values]) -> list[str]:
    """Names with more than one value."""
    return [n for n, v in space.items() if isinstance(v, Range) or len(v) > 1]


def in_words(settings: Mapping[str, Any]) -> str:
    """``batch_size 2, learning_rate 0.001``"""
    return ", ".join(f"{k} {short(v)}" for k, v in settings.items())


def short(value: Any) -> str:
    """A setting as a table has it."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)
