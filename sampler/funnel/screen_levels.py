"""Which level of theory each system of a screen gets: the automatic potentials of a protocol choose by composition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..composition import Composition
from ..errors import SamplerError
from ..monomers import MonomerLibrary
from .automatic import resolve
from .energy_source import before
from .protocol import Protocol

_SYMBOLS = "*†‡§#"


def final_level(protocol: Protocol, composition: Composition, library: MonomerLibrary) -> str:
    """The level of the energies that a run of ``protocol`` ends with; '' where that shows only when it has ended."""
    try:
        stages = resolve(protocol, composition, library).stage
        level = before(stages, len(stages)).level
    except SamplerError:  # the run itself will say what is wrong
        return ""
    return "" if level.endswith("@orca") else level  # ORCA's version is part of the level


def by_level(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Level -> systems that have it, or will have it; the level with the most systems first.

    Single molecules do not count: what they bind with is 0 at every level.
    """
    found: dict[str, list[str]] = {}
    for row in rows:
        if row["level"] and row["molecules"] > 1:
            found.setdefault(row["level"], []).append(row["system"])
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def warning(rows: Sequence[Mapping[str, Any]]) -> str:
    """What to tell the user of a screen whose systems are not all of one level; '' where they are."""
    levels = by_level(rows)
    if len(levels) < 2:
        return ""
    first, *others = levels.items()
    told = [
        f"{first[0]} for {len(first[1])} systems",
        *(f"{level} for {', '.join(_some(names))}" for level, names in others),
    ]
    return (
        f"the systems are of different levels of theory, whose binding energies do not compare: {'; '.join(told)}. "
        "For one level take --protocol standard or gfn1 (both end with GFN1-xTB), or a grid with smaller differences, such "
        "as am=sa±1; the table has the level of each"
    )


def symbols(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Level -> what marks it in the heat map: nothing for the level of most systems."""
    levels = list(by_level(rows))
    return {level: _SYMBOLS[min(i, len(_SYMBOLS)) - 1] if i else "" for i, level in enumerate(levels)}


def legend(rows: Sequence[Mapping[str, Any]]) -> str:
    """One line that explains :func:`symbols`; '' where all systems are of one level."""
    marks = symbols(rows)
    if len(marks) < 2:
        return ""
    marked = ", ".join(f"{symbol} {level}" for level, symbol in marks.items() if symbol)
    return f"{marked}; the others {next(iter(marks))}: levels do not compare"


def _some(names: list[str]) -> list[str]:
    return names[:8] + ([f"… ({len(names)} in all)"] if len(names) > 8 else [])
