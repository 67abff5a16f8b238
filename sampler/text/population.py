"""A population in a few words, and as a small table for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from ..columns import STATE
from .formula import formula
from .html import table


class Population(Protocol):
    """What is shown of :class:`sampler.clusters.Clusters`."""

    def __len__(self) -> int: ...

    @property
    def numbers(self) -> np.ndarray: ...

    @property
    def ptr(self) -> np.ndarray: ...

    @property
    def charge(self) -> np.ndarray: ...

    @property
    def ids(self) -> np.ndarray: ...

    @property
    def energy(self) -> np.ndarray: ...

    @property
    def level(self) -> str: ...

    @property
    def columns(self) -> dict[str, np.ndarray]: ...


_SHOWN = 10
"""Rows of a table in a notebook."""
_NAMED = 3
"""Formulas or columns that a line names."""


def formulas(population: Population) -> np.ndarray:
    """(B,) str, the formula of each structure."""
    b = len(population)
    if not b:
        return np.zeros(0, np.str_)
    width = int(population.numbers.max(initial=0)) + 1
    owner = np.repeat(np.arange(b), np.diff(population.ptr))
    counts = np.bincount(owner * width + population.numbers, minlength=b * width).reshape(b, width)
    distinct, which = np.unique(counts, axis=0, return_inverse=True)
    return np.array([formula(np.repeat(np.arange(width), row).tolist()) for row in distinct], np.str_)[
        which.reshape(-1)
    ]


def in_words(population: Population) -> str:
    """One line, whatever the size: how many, of what, charge, energies, columns."""
    b = len(population)
    if not b:
        return "Clusters(no structures)"
    parts = [f"{b} structure{'s' * (b > 1)} of {_some(formulas(population))}", f"charge {_some(population.charge)}"]
    known = population.energy[np.isfinite(population.energy)]
    if len(known):
        low, high = f"{known.min():.4f}", f"{known.max():.4f}"
        spread = low if low == high else f"{low} to {high}"
        level = population.level or "(unknown)"
        parts.append(f"{spread} eV at the level {level}" + (f" ({b - len(known)} without)" if len(known) < b else ""))
    else:
        parts.append("no energies")
    if population.columns:
        parts.append(f"columns {_some(list(population.columns))}")
    return f"Clusters({', '.join(parts)})"


def as_table(population: Population) -> str:
    """HTML: the first structures with id, formula, charge, energy (eV) and, where it is known, protonation state."""
    b, shown = len(population), min(len(population), _SHOWN)
    columns = {
        "id": population.ids[:shown],
        "formula": formulas(population)[:shown],
        "charge, e": [f"{int(q):+d}" if q else "0" for q in population.charge[:shown]],
        "energy, eV": [f"{e:.4f}" if np.isfinite(e) else "–" for e in population.energy[:shown]],
    }
    if STATE in population.columns:
        columns["state"] = population.columns[STATE][:shown]
    caption = f"{b} structure{'s' * (b != 1)}" + (f", level {population.level}" if population.level else "")
    return table(caption, list(columns), zip(*columns.values()), f"and {b - shown} more" if b > shown else "")


def _some(values: np.ndarray | Sequence[Any]) -> str:
    """The distinct values, at most a few of them."""
    distinct = list(dict.fromkeys(np.asarray(values).tolist()))
    more = f" and {len(distinct) - _NAMED} more" if len(distinct) > _NAMED else ""
    return ", ".join(str(v) for v in distinct[:_NAMED]) + more
