"""The level of theory that the systems of a screen end at: one for all, where the protocols can, or several kept apart."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..composition import Composition
from ..errors import ProtocolError, SamplerError
from ..funnel.protocols.automatic import AUTO, BEST, FALLBACK, keeps_out
from ..funnel.protocols.ending import Ending, at_level, ending
from ..funnel.protocols.protocol import Protocol
from ..monomers import MonomerLibrary

Systems = Mapping[str, tuple[Protocol, Composition]]


def final(protocol: Protocol, composition: Composition, library: MonomerLibrary, level: str = AUTO) -> Ending:
    """What a run of ``protocol`` ends with; its ``level`` is '' where that shows only when it has ended."""
    try:
        found = ending(at_level(protocol, level, composition, library), level, composition, library)
    except SamplerError as error:  # the run itself will say what is wrong
        return Ending("", "", str(error))
    return (
        Ending("", found.by, found.why) if found.level.endswith("@orca") else found
    )  # ORCA's version is part of the level


def common(asked: str, systems: Systems, library: MonomerLibrary) -> str:
    """The level for all systems, one of :data:`sampler.funnel.protocols.automatic.CHOICES`: what was asked for, or the best one that
    all can end at. ``auto``: each gets what is best for it, since it is the same, or the protocols leave no choice.

    Raises:
        ProtocolError: systems cannot end at the level that was asked for.
    """
    several = {name: found for name, found in systems.items() if found[1].molecules() > 1}
    if asked != AUTO:
        refused = {}
        for name, (protocol, composition) in several.items():
            try:
                at_level(protocol, asked, composition, library)
            except ProtocolError as error:
                refused[name] = str(error)
        if refused:
            raise ProtocolError(
                f"{len(refused)} of {len(systems)} systems cannot end at {asked} ({', '.join(_some(list(refused)))}), so they "
                f"would not compare with the others; the first: {next(iter(refused.values()))}"
            )
        return asked
    if len({final(*found, library).level for found in several.values()} - {""}) <= 1:
        return AUTO
    lower = {final(*found, library, FALLBACK).level for found in several.values()}
    return FALLBACK if lower == {FALLBACK} else AUTO


def of_single(level: str, composition: Composition) -> str:
    """The level for one system of a screen at ``level``: a single molecule, which binds with 0 at every level, may be of no
    model's home."""
    return AUTO if level == BEST and composition.molecules() == 1 and keeps_out(composition) else level


def told(asked: str, level: str, rows: Sequence[Mapping[str, Any]], grid: Mapping[str, Composition]) -> str:
    """One line: the level of all systems, what gives it and why; '' where there is none, or several.

    Args:
        asked: of the screen. level: what :func:`common` made of it. rows: of the systems of ``grid``.
    """
    of = by_level([row for row in rows if row["system"] in grid])
    if len(of) != 1:
        return ""
    ((name, systems),) = of.items()
    row = next(r for r in rows if r["system"] == systems[0])
    why = row["level_why"]
    by = dict.fromkeys(r["level_by"] for r in rows if r["system"] in systems)
    if asked == AUTO and level == FALLBACK:
        out = {n: keeps_out(grid[n]) for n in systems}
        foreign = [n for n, reason in out.items() if reason]
        if foreign:
            why = (
                f"one level for all, and no model of {BEST} is at home in {len(foreign)} of them "
                f"({', '.join(_some(foreign))}: {out[foreign[0]]}{' in the first' if len(foreign) > 1 else ''})"
            )
    return f"level: all systems of this screen end at {Ending(name, ' or '.join(by), why)}"


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
        f"the systems end at different levels of theory, whose binding energies do not compare: {'; '.join(told)}. "
        "Each level gets a table and a heat map of its own; for one level take --level, or protocols that can end at it"
    )


def apart(rows: Sequence[Mapping[str, Any]], asked: Collection[str]) -> dict[str, list[Mapping[str, Any]]]:
    """The rows of each level, under the end of its files' names: '' for the level of most of the systems that were asked
    for, which single molecules and systems of no known level are put to, else ``-LEVEL``."""
    levels = [*by_level([r for r in rows if r["system"] in asked]), *by_level(rows)]
    main = levels[0] if levels else ""
    found: dict[str, list[Mapping[str, Any]]] = {"": []}
    for row in rows:
        with_main = row["level"] in ("", main) or row["molecules"] == 1
        found.setdefault("" if with_main else f"-{row['level']}", []).append(row)
    return found


def _some(names: list[str]) -> list[str]:
    return names[:8] + ([f"… ({len(names)} in all)"] if len(names) > 8 else [])
