"""Names of engines, such as ``pyscf 2.14.0, dftd3 1.7.0``: which of them give the same numbers, and which do not mix."""

from __future__ import annotations

from collections.abc import Iterable

ON_GPU = "gpu4pyscf"
"""Gives the numbers of PySCF: a label folder may hold labels of both."""
SEPARATOR = "; "
"""Between the engines of a set that has several."""


def same_engine(one: str, other: str) -> bool:
    """Whether two engines are the same programs, of whatever version; of trained models, the same weights."""
    return programs(one) == programs(other)


def different_engines(names: Iterable[str]) -> list[str]:
    """One name of each engine among ``names``, each of which may hold several; a set that does not say counts for none."""
    found: list[str] = []
    for name in (part for text in names for part in text.split(SEPARATOR) if part):
        if not any(same_engine(name, other) for other in found):
            found.append(name)
    return found


def programs(engine: str) -> set[str]:
    """The programs of an engine without their versions; of a trained model itself."""
    if engine.startswith("model "):
        return {engine}
    return {part.split()[0] for part in engine.split(", ") if part} - {ON_GPU}
