"""A grid of values as a table of coloured cells, with what is missing and what is of another level marked by pattern."""

from __future__ import annotations

from collections import Counter
from typing import Any

from .words import link, number

STEPS = 9


def heatmap(grid: dict) -> dict[str, Any]:
    """Rows of cells ``{"class", "value", "label", "href", "note"}`` for the template; deeper colour is more strongly bound."""
    cells = {(c["row"], c["column"]): c for c in grid["cells"]}
    values = [c["value_kcalmol"] for c in grid["cells"] if c["value_kcalmol"] is not None]
    low, high = (min(values), max(values)) if values else (0.0, 0.0)
    level = grid.get("level") or _common(grid["cells"])
    rows = [[_cell(cells.get((r, c)), low, high, level) for c in grid["columns"]] for r in grid["rows"]]
    return {
        "title": grid.get("title", ""),
        "row_name": grid["row_name"],
        "column_name": grid["column_name"],
        "value": grid["value"],
        "level": level,
        "columns": grid["columns"],
        "rows": list(zip(grid["rows"], rows)),
        "low": number(low, 1),
        "high": number(high, 1),
        "steps": range(STEPS),
        "kinds": {cell["kind"] for row in rows for cell in row},
        "intro": _intro(grid, level),
        "alt": _alternative(grid, values),
    }


def _intro(grid: dict, level: str) -> str:
    said = f"{grid['value']}, kcal/mol" + (f", at {level}" if level else "")
    linked = any(link(cell.get("href")) for cell in grid["cells"])
    return f"{said[:1].upper()}{said[1:]}." + (
        " An underlined formula opens the report of its system." if linked else ""
    )


def _common(cells: list[dict]) -> str:
    counted = Counter(c["level"] for c in cells if c["value_kcalmol"] is not None)
    return counted.most_common(1)[0][0] if counted else ""


def _cell(cell: dict | None, low: float, high: float, level: str) -> dict[str, Any]:
    if cell is None:
        return {
            "kind": "unasked",
            "step": None,
            "value": "",
            "formula": "",
            "name": "",
            "href": None,
            "note": "not asked for",
        }
    value = cell["value_kcalmol"]
    same = {"formula": cell["formula"], "name": cell["name"], "href": link(cell.get("href"))}
    if value is None:
        return {**same, "kind": "missing", "step": None, "value": "", "note": cell["status"]}
    # the most negative, the most strongly bound, is the deepest
    share = 1.0 if high == low else (high - value) / (high - low)
    kind, note = ("other", f"level {cell['level']}") if cell["level"] != level else ("value", cell["level"])
    return {**same, "kind": kind, "step": min(int(share * STEPS), STEPS - 1), "value": number(value, 1), "note": note}


def _alternative(grid: dict, values: list[float]) -> str:
    missing = sum(c["value_kcalmol"] is None for c in grid["cells"])
    said = f"Table of {grid['value']} for numbers of {grid['row_name']} (rows) and {grid['column_name']} (columns)"
    if not values:
        return said + ", with no value so far."
    return said + f": from {number(min(values), 1)} to {number(max(values), 1)} kcal/mol, {missing} missing."
