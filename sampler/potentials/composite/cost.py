"""What a calculation with a composite method costs, before it is started: a polynomial in the basis functions.

Fits to the process times that benchmarks/refine_cost.py prints (the numbers stand in docs/evidence/refinement-cost.md). Other machines
are faster or slower by a small factor, and so are other molecules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .methods import get_method
from .potential import CompositePotential

_FUNCTIONS = {
    "def2-mtzvp": {1: 3, 6: 19, 7: 19, 8: 24, 9: 19, 16: 22, 17: 22},
    "def2-mtzvpp": {1: 5, 6: 19, 7: 24, 8: 24, 9: 24, 16: 27, 17: 27},
    "6-31++g**": {1: 6, 6: 19, 7: 19, 8: 19, 9: 19, 16: 23, 17: 23},
}
"""Basis functions of an element; six d functions in 6-31++G(d,p)."""

# seconds = c0 + c2 x² + c3 x³ with x = basis functions / 100; memory in GB likewise
_SECONDS = {
    ("b97-3c", False): (0.30, 0.67, 0.121),
    ("b97-3c", True): (0.18, 1.44, 0.066),
    ("r2scan-3c", False): (0.94, 0.0, 8.8),
}
_MEMORY = {"b97-3c": (0.31, 0.088, 0.0)}
_MEASURED = "b97-3c"
"""What stands in where nothing was measured: less than any of the others costs."""


@dataclass(frozen=True)
class Cost:
    """Of one structure: CPU seconds, and bytes of memory; ``least``: it was not measured, and B97-3c takes as much."""

    seconds: float
    memory: float
    least: bool = False


def basis_functions(method: str, counts: Mapping[int, int]) -> int:
    """Number of basis functions of a structure with so many atoms of each atomic number; an element that the table
    lacks counts as 30."""
    table = _FUNCTIONS[get_method(method).basis]
    return sum(n * table.get(z, 30) for z, n in counts.items())


def estimate(potential: object, counts: Mapping[int, int], forces: bool) -> Cost | None:
    """The cost of one energy (with forces) of a structure; None for potentials that are not composite methods.

    Args:
        counts: atomic number -> atoms.
    """
    if not isinstance(potential, CompositePotential):
        return None
    x = basis_functions(potential.method, counts) / 100
    powers = (1.0, x**2, x**3)
    known = (potential.method, forces) in _SECONDS
    seconds = sum(c * p for c, p in zip(_SECONDS[potential.method if known else _MEASURED, forces], powers))
    memory = sum(c * p for c, p in zip(_MEMORY[_MEASURED], powers))
    return Cost(seconds, 1e9 * memory, least=not known)
