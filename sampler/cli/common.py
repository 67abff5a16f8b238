"""What several commands share."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

Workers = Annotated[
    int | None, typer.Option("--workers", "-j", min=1, help="Worker processes, one thread each. Default: all cores.")
]
Json = Annotated[bool, typer.Option("--json", help="Write the result as JSON to standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
Monomers = Annotated[
    list[Path] | None,
    typer.Option("--monomers", help="A folder or TOML file with further molecules (may be repeated)."),
]


def print_json(value: Any) -> None:
    """Indented JSON; NaN becomes null, so that every reader accepts it."""
    json.dump(_plain(value), sys.stdout, indent=1, ensure_ascii=False, allow_nan=False)
    sys.stdout.write("\n")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and value != value:
        return None
    return str(value) if isinstance(value, Path) else value


def print_table(title: str, header: list[str], rows: list[list[Any]], right: set[int] = frozenset()) -> None:
    """A table for people, on standard output; ``right`` are the columns to align right."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title or None, box=SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for i, name in enumerate(header):
        table.add_column(name, justify="right" if i in right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*[str(cell) for cell in row])
    width = None if sys.stdout.isatty() else 200
    Console(highlight=False, width=width).print(table)


def number(value: float, digits: int = 2) -> str:
    """A number for a table; an en dash for none."""
    return "–" if value is None or value != value else f"{value:.{digits}f}"


def library(extra: list[Path] | None = None):
    """The monomer library with the user's additions."""
    from ..monomers import MonomerLibrary

    return MonomerLibrary.load(extra or ())


def cores(workers: int | None) -> int:
    """``workers``, or as many as there are cores."""
    from ..funnel.parallel import cores as available

    return workers or available()
