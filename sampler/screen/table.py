"""The table of a screen, and its heat map: as text for a terminal, and drawn with matplotlib."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..composition import Composition
from ..storage import write_atomic
from .levels import by_level

VALUE = "binding_energy_per_molecule_kcalmol"


@dataclass(frozen=True)
class Quantity:
    """What a map shows: a column of the table, in kcal/mol, and its name."""

    key: str
    name: str


BINDING = Quantity(VALUE, "binding energy per molecule")
_MARKS = {"failed": "failed", "waiting": "…", "running": "…", "jobs elsewhere": "jobs", "in use": "in use"}

_BETWEEN = 3
"""Characters between two columns of a sheet."""


def to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """CSV with a header line; '' for no value."""
    table = io.StringIO()
    writer = csv.DictWriter(table, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: "" if v is None or v != v else v for k, v in row.items()})
    return table.getvalue()


class Panel:
    """One plane of the grid: two molecules vary, the others (``rest``) are fixed.

    Attributes:
        rows, columns: numbers of the two molecules that occur. cells: (row, column) -> row of the table.
    """

    def __init__(self, rest: str):
        self.rest = rest
        self.cells: dict[tuple[int, int], Mapping[str, Any]] = {}

    @property
    def rows(self) -> list[int]:
        return sorted({r for r, _ in self.cells})

    @property
    def columns(self) -> list[int]:
        return sorted({c for _, c in self.cells})


def panels(table: Sequence[Mapping[str, Any]], grid: Mapping[str, Composition]) -> tuple[str, str, list[Panel]]:
    """The molecules along the rows and columns ('' if there is one kind only), and the planes of the grid.

    The two molecules with the most different numbers span the planes.
    """
    counts = {name: dict(c.counts) for name, c in grid.items()}
    families = list(dict.fromkeys(f for c in grid.values() for f, _ in c.counts))
    varied = sorted(families, key=lambda f: (-len({c.get(f, 0) for c in counts.values()}), families.index(f)))[:2]
    varied = sorted(varied, key=families.index) + ["", ""]
    down, across = varied[0], varied[1]
    found: dict[str, Panel] = {}
    for row in table:
        has = counts[row["system"]]
        charge = grid[row["system"]].charge
        rest = " ".join(f"{has.get(f, 0)}{f}" for f in families if f not in (down, across))
        rest += f" charge {charge:+d}" if charge else ""
        found.setdefault(rest.strip(), Panel(rest.strip())).cells[has.get(down, 0), has.get(across, 0)] = row
    return down, across, [found[rest] for rest in sorted(found)]


def text_map(
    table: Sequence[Mapping[str, Any]], grid: Mapping[str, Composition], width: int = 80, what: Quantity = BINDING
):
    """A rich renderable: a number a system, coloured on a terminal that has colours; '·' where the grid is empty.

    Args:
        table: rows of one level, which the title names.
        width: characters; what does not fit side by side is shown in several sheets. what: is shown.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    down, across, planes = panels(table, grid)
    low, high = _limits(table, what)
    shown: list[Text | Table] = []
    for plane in planes:
        title = f"{what.name}, kcal/mol{_of_level(table)}" + (f"; {plane.rest}" if plane.rest else "")
        shown.append(Text(title))  # as a title of the table it would be wrapped to its width
        for columns in _sheets(plane, down, across, width, what):
            sheet = Table(box=SIMPLE_HEAD, pad_edge=False)
            sheet.add_column("", no_wrap=True)
            for column in columns:
                sheet.add_column(f"{column}{across}" if across else "", justify="right", no_wrap=True)
            for row in plane.rows:
                line = [Text(f"{row}{down}")]
                for column in columns:
                    cell = plane.cells.get((row, column))
                    style = "" if cell is None else _colour(cell[what.key], low, high)
                    line.append(Text("·" if cell is None else _mark(cell, what), style=style))
                sheet.add_row(*line)
            shown.append(sheet)
    return Group(*shown)


def _sheets(plane: Panel, down: str, across: str, width: int, what: Quantity) -> list[list[int]]:
    """The columns of a plane, as many as fit side by side in each sheet."""
    first = max(len(f"{row}{down}") for row in plane.rows)
    widest = max(len(f"{column}{across}") for column in plane.columns)
    widest = max(widest, *(len(_mark(cell, what)) for cell in plane.cells.values()))
    many = max(1, (width - first - 2) // (widest + _BETWEEN))
    return [plane.columns[k : k + many] for k in range(0, len(plane.columns), many)]


def draw(
    path: Path | str, table: Sequence[Mapping[str, Any]], grid: Mapping[str, Composition], what: Quantity = BINDING
) -> None:
    """The heat map of a quantity as a file; the ending of its name says which kind (``.svg``, ``.png``, ``.pdf``).

    Raises:
        StorageError: it cannot be written.
    """
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "sampler", "font.size": 8}):
        figure = _figure(table, grid, what)
        kind = Path(path).suffix[1:]
        fixed = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind, {})
        write_atomic(path, lambda handle: figure.savefig(handle, format=kind, dpi=200, metadata=fixed))


def _figure(table, grid, what: Quantity):
    import numpy as np
    from matplotlib.figure import Figure

    down, across, planes = panels(table, grid)
    low, high = _limits(table, what)
    sizes = [(0.55 * len(p.columns) + 1.6, 0.4 * len(p.rows) + 1.1) for p in planes]
    across_page = min(len(planes), 3)
    deep = -(-len(planes) // across_page)
    wide, tall = max(w for w, _ in sizes), max(h for _, h in sizes)
    figure = Figure(figsize=(wide * across_page, tall * deep), layout="constrained")
    axes = np.atleast_1d(figure.subplots(deep, across_page, squeeze=False)).ravel()
    image = None
    for axis, plane in zip(axes, planes):
        values = np.full((len(plane.rows), len(plane.columns)), np.nan)
        for (r, c), cell in plane.cells.items():
            i, j = plane.rows.index(r), plane.columns.index(c)
            values[i, j] = np.nan if cell[what.key] is None else cell[what.key]
            dark = np.isfinite(values[i, j]) and values[i, j] < (low + high) / 2
            axis.text(j, i, _mark(cell, what), ha="center", va="center", color="white" if dark else "black", fontsize=6)
        image = axis.imshow(values, cmap="viridis", vmin=low, vmax=high, origin="lower", aspect="auto")
        axis.set_xticks(range(len(plane.columns)), plane.columns if across else [""] * len(plane.columns))
        axis.set_yticks(range(len(plane.rows)), plane.rows)
        axis.set(xlabel=across, ylabel=down, title=plane.rest)
    for axis in axes[len(planes) :]:
        axis.set_visible(False)
    assert image is not None  # a grid has a panel
    figure.colorbar(image, ax=list(axes), label=f"{what.name}\n(kcal/mol){_of_level(table)}")  # in one line it is cut
    return figure


def _of_level(table: Sequence[Mapping[str, Any]]) -> str:
    levels = list(by_level(table))
    return f", {', '.join(levels)}" if levels else ""


def _mark(cell: Mapping[str, Any], what: Quantity) -> str:
    if cell["status"] != "finished":
        return _MARKS[cell["status"]]
    return "–" if cell[what.key] is None else f"{cell[what.key]:.1f}"


def _limits(table: Sequence[Mapping[str, Any]], what: Quantity) -> tuple[float, float]:
    """Lowest and highest value, a little apart."""
    values = [row[what.key] for row in table if row[what.key] is not None]
    low, high = (min(values), max(values)) if values else (0.0, 0.0)
    return low, max(high, low + 0.1)


def _colour(value: float | None, low: float, high: float) -> str:
    """Background from dark blue (lowest) to pale yellow, as in the drawn map."""
    if value is None:
        return "dim"
    stops = [(68, 1, 84), (49, 104, 142), (53, 183, 121), (253, 231, 37)]
    place = (value - low) / (high - low) * (len(stops) - 1)
    i = min(int(place), len(stops) - 2)
    red, green, blue = (round(a + (b - a) * (place - i)) for a, b in zip(stops[i], stops[i + 1]))
    return f"{'white' if place < 1.5 else 'black'} on #{red:02x}{green:02x}{blue:02x}"
