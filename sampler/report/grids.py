"""Grids of compositions and tables of them, as a report has them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..composition import Composition
from ..monomers import MonomerLibrary
from ..screen.table import panels

_PART = re.compile(r"(\d+)([a-z]+\d*)")

Column = tuple[str, str, str, str]
"""Key, name, unit ('' for none), and ``text`` or ``number``."""


def grid(
    rows: Sequence[Mapping[str, Any]],
    systems: Mapping[str, Composition],
    library: MonomerLibrary,
    *,
    value: str,
    words: str,
    level: str,
    total: str = "",
) -> list[dict[str, Any]]:
    """The planes of a grid, each with its cells; what was not asked for has no cell.

    Args:
        rows: of one level, with the keys ``system``, ``status``, ``level``, ``href``. systems: name -> composition.
        value: the key of what is drawn, which ``words`` name; total: of another number of the cell.
    """
    down, across, planes = panels(rows, systems)
    return [
        {
            "title": f"{words}, kcal/mol" + (f"; {_rest(plane.rest, library)}" if plane.rest else ""),
            "rows": plane.rows,
            "columns": plane.columns,
            "row_name": molecule(down, library),
            "column_name": molecule(across, library),
            "value": words,
            "level": level,
            "cells": [
                {
                    "row": r,
                    "column": c,
                    "name": cell["system"],
                    "formula": systems[cell["system"]].formula(library),
                    "value_kcalmol": cell[value],
                    "total_kcalmol": cell.get(total),
                    "level": cell["level"],
                    "status": cell["status"],
                    "href": cell.get("href"),
                }
                for (r, c), cell in sorted(plane.cells.items())
            ],
        }
        for plane in planes
    ]


def molecule(family: str, library: MonomerLibrary) -> str:
    """The formula of the neutral member of a family, or the nearest to it; '' for no family."""
    if not family:
        return ""
    return Composition(
        ((family, 1),), min((m.charge for m in library.family(family)), key=lambda q: (abs(q), q))
    ).formula(library)


def _rest(text: str, library: MonomerLibrary) -> str:
    """What all systems of a plane have besides, as chemists write it."""
    words = _PART.sub(lambda found: f"{found[1]} {molecule(found[2], library)}", text)
    return f"with {words}"


def table(
    columns: Sequence[Column], rows: Sequence[Mapping[str, Any]], hrefs: Sequence[str | None] | None = None
) -> dict[str, Any]:
    """Named columns, and the rows in their order."""
    return {
        "columns": [{"key": key, "name": name, "unit": unit, "kind": kind} for key, name, unit, kind in columns],
        "rows": [[row.get(key) for key, *_ in columns] for row in rows],
        "hrefs": list(hrefs) if hrefs is not None else [None] * len(rows),
    }
