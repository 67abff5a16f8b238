"""The ranking as a table: its columns, its rows, its protonation states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .words import any_value, number


@dataclass(frozen=True)
class Column:
    """One column of the ranking: ``text`` writes the cell of an entry, ``key`` is what it is sorted by."""

    key: str
    name: str
    unit: str
    help: str
    text: Callable[[dict], str]
    number: bool = True


def _of(key: str, digits: int | None = None) -> Callable[[dict], str]:
    return lambda entry: any_value(entry.get(key)) if digits is None else number(entry.get(key), digits)


def _weight(entry: dict) -> str:
    weight = entry.get("boltzmann")
    return "" if weight is None else f"{100 * weight:.1f}"


COLUMNS = (
    Column("rank", "#", "", "Rank: 1 is the lowest", _of("rank")),
    Column(
        "state_label", "Protonation state", "", "Which molecule holds which proton", _of("state_label"), number=False
    ),
    Column(
        "binding_energy_kcalmol", "ΔE", "kcal/mol", "Binding energy with its error", _of("binding_energy_kcalmol", 2)
    ),
    Column(
        "relative_energy_kcalmol", "Relative", "kcal/mol", "Energy above the lowest", _of("relative_energy_kcalmol", 2)
    ),
    Column("boltzmann", "Weight", "%", "Boltzmann weight at the temperature above the table", _weight),
    Column("gibbs_kcalmol", "ΔG", "kcal/mol", "Gibbs free energy of binding", _of("gibbs_kcalmol", 2)),
    Column(
        "relative_gibbs_kcalmol",
        "Rel. ΔG",
        "kcal/mol",
        "Free energy above the lowest",
        _of("relative_gibbs_kcalmol", 2),
    ),
    Column("times_found", "Found", "times", "How often the search came upon it", _of("times_found")),
    Column(
        "framework",
        "Frame",
        "",
        "Framework: structures with one number share the arrangement of molecules",
        _of("framework"),
    ),
    Column("converged", "Conv.", "", "Whether the relaxation converged", _of("converged"), number=False),
    Column("rmsd_to_lowest_A", "RMSD", "Å", "RMSD to the lowest structure", _of("rmsd_to_lowest_A", 2)),
    Column("rg_A", "Rg", "Å", "Radius of gyration", _of("rg_A", 2)),
    Column("orca", "ORCA", "", "State of the ORCA job", _of("orca"), number=False),
    Column(
        "orca_relative_energy_kcalmol",
        "ORCA rel.",
        "kcal/mol",
        "Energy of ORCA above its lowest",
        _of("orca_relative_energy_kcalmol", 2),
    ),
    Column("orca_rank", "ORCA #", "", "Rank by the energies of ORCA", _of("orca_rank")),
    Column("rank_before", "Before", "", "Rank before the last refinement", _of("rank_before")),
    Column("id", "Name", "", "Name in structures.xyz", _of("id"), number=False),
    Column("origin", "Comes from", "", "Where the structure comes from", _of("origin"), number=False),
    Column("level", "Level", "", "Level of theory of the energy", _of("level"), number=False),
)
_ERRORS = {"binding_energy_kcalmol": "error_kcalmol", "relative_energy_kcalmol": "relative_error_kcalmol"}


def states(entries: list[dict]) -> list[str]:
    """Protonation states in the order of their lowest structure."""
    return list(dict.fromkeys(entry["state_label"] for entry in entries))


def table(entries: list[dict]) -> dict[str, Any]:
    """Columns that say something, and rows of cells ``{"text", "sort", "error", "key"}``."""
    columns = [c for c in COLUMNS if any(entry.get(c.key) is not None for entry in entries)]
    levels = {entry.get("level") for entry in entries}
    if len(levels) < 2:  # the head of the page says it
        columns = [c for c in columns if c.key != "level"]
    order = {label: k for k, label in enumerate(states(entries))}
    rows = [
        {"state": order[entry["state_label"]], "cells": [_cell(entry, column) for column in columns]}
        for entry in entries
    ]
    return {"columns": columns, "rows": rows}


def _cell(entry: dict, column: Column) -> dict[str, Any]:
    value = entry.get(column.key)
    error = entry.get(_ERRORS.get(column.key, ""))
    shown = "± " + number(error, 1) if error else ""
    return {"text": column.text(entry), "sort": _sortable(value), "error": shown, "column": column}


def _sortable(value: Any) -> str:
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, bool) else str(value)
