"""The numbers of GFN1-xTB that are fitted, as a vector of relative changes."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_DIGITS = 9
"""Of a parameter that is changed: more than matter, few enough to read."""
_SHELLS = {"levels": 1.0, "slater": 0.0, "kcn": 0.05, "shpoly": 0.1, "lgam": 0.0}
"""What each shell has; and the size that a change is counted from where the number itself is smaller (it may be 0)."""
_ATOMS = {"gam": 0.0, "gam3": 0.1, "zeff": 0.0, "arep": 0.0}
_GLOBAL = (
    ("hamiltonian", "xtb", "shell", "ss"),
    ("hamiltonian", "xtb", "shell", "pp"),
    ("hamiltonian", "xtb", "shell", "sp"),
    ("hamiltonian", "xtb", "kpol"),
    ("hamiltonian", "xtb", "enscale"),
    ("repulsion", "effective", "kexp"),
    ("dispersion", "d3", "a1"),
    ("dispersion", "d3", "a2"),
    ("dispersion", "d3", "s8"),
)
_PAIRS = ("hamiltonian", "xtb", "kpair")


@dataclass(frozen=True)
class Parameter:
    """One number.

    Attributes:
        where: keys that lead to it in the tables; the last one may be the place in a list.
        value: as published. scale: the change that counts as 1: |value|, or the usual size of its kind where that is more.
    """

    where: tuple[str | int, ...]
    value: float
    scale: float

    def __str__(self) -> str:
        return ".".join(map(str, self.where))


def parameters_of(table: dict[str, Any], pairs: Iterable[tuple[str, str]]) -> list[Parameter]:
    """All that are fitted, of the elements in ``table``.

    Left as they are: reference occupations, Gaussians of a shell, halogens, and the hardness of an element's first shell
    relative to the element's own, which it is counted in.

    Args:
        table: as published, see :func:`sampler.potentials.xtb_parameters.published`.
        pairs: of elements, whose bonds get a factor; where the table has none, it is 1.
    """
    found = []
    for symbol, element in table["element"].items():
        for kind, least in _SHELLS.items():
            first = 1 if kind == "lgam" else 0
            found += [_one(("element", symbol, kind, i), v, least) for i, v in enumerate(element[kind]) if i >= first]
        found += [_one(("element", symbol, kind), element[kind], least) for kind, least in _ATOMS.items()]
    known = table["hamiltonian"]["xtb"]["kpair"]
    for pair in pairs:
        name = next((n for n in ("-".join(pair), "-".join(pair[::-1])) if n in known), "-".join(pair))
        found.append(_one((*_PAIRS, name), known.get(name, 1.0), 0.0))
    return found + [_one(where, float(_at(table, where)), 0.0) for where in _GLOBAL]


def changed(table: dict[str, Any], parameters: Sequence[Parameter], x: np.ndarray) -> dict[str, Any]:
    """A copy of ``table`` with the parameters changed by ``x`` (P,), in units of their scales."""
    made = copy.deepcopy(table)
    for parameter, change in zip(parameters, x):
        inner = _at(made, parameter.where[:-1])
        value = parameter.value + parameter.scale * float(change)
        inner[parameter.where[-1]] = float(f"{value:.{_DIGITS}g}") if change else parameter.value
    return made


def _one(where: tuple[str | int, ...], value: float, least: float) -> Parameter:
    return Parameter(where, value, max(abs(value), least))


def _at(table: dict[str, Any], where: tuple[str | int, ...]) -> Any:
    """What the keys lead to."""
    inner: Any = table
    for key in where:
        inner = inner[key]
    return inner
