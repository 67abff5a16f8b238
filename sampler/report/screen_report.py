"""The report of a screen: the grid of its systems, each with a link to a report of its own."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import FileFormatError, RunError, SamplerError
from ..rundir.directory import is_run, read_manifest, runs_below
from ..rundir.ledger import NAME as LEDGER
from ..screen.grid import systems
from ..screen.levels import apart, warning
from ..screen.rows import UNKNOWN, Row, blank, earlier
from ..text.files import read_text
from ..text.formula import state_as_written
from . import commands, provenance
from .asked import Asked
from .grids import Column, grid, table
from .pages import PAGE
from .thermo_report import GRIDS, planes

_COLUMNS: list[Column] = [
    ("system", "system", "", "text"), ("formula", "formula", "", "text"),
    ("binding_energy_kcalmol", "binding energy", "kcal/mol", "number"),
    ("binding_energy_per_molecule_kcalmol", "per molecule", "kcal/mol", "number"), ("state_label", "state", "", "text"),
    ("minima", "minima", "", "number"), ("level", "level", "", "text"), ("evaluations", "evaluations", "", "number"),
    ("cpu_seconds", "CPU time", "s", "number"), ("protocol", "protocol", "", "text"), ("seed", "seed", "", "number"),
    ("status", "status", "", "text"), ("error", "why", "", "text"),
]  # fmt: skip
_FLOATS = ("binding_energy_kcalmol", "binding_energy_per_molecule_kcalmol", "cpu_seconds")
_NO_BARS = (
    "The binding energies have no error bars: what is calibrated is the error of relative energies within one composition, "
    "which each system's own report states."
)
_NAMED = 5
"""Systems that a sentence lists."""
_INTEGERS = ("molecules", "minima", "evaluations", "seed")


def build(folder: Path, asked: Asked) -> dict[str, Any]:
    """What there is to tell of a screen; it links to those reports of its systems that are there.

    Raises:
        FileFormatError: its table cannot be read. RunError: nothing in it is finished. CompositionError: molecules that are not in the library.
    """
    rows = read_rows(folder, asked)
    library = asked.library
    compositions = systems([row["system"] for row in rows], library, None)
    for row in rows:
        row["formula"] = compositions[row["system"]].formula(library)
        row["state_label"] = state_as_written(row["state"])
        row["href"] = _link(folder, row)
    levels = {end: of_level for end, of_level in apart(rows, compositions).items() if of_level}
    finished = [row for row in rows if row["status"] == "finished"]
    runs = [folder / row["system"] for row in finished if is_run(folder / row["system"])]
    manifests = [read_manifest(run) for run in runs]
    free, unread = _free_energies(folder, {row["system"]: row["href"] for row in rows}, library)
    cited, uncited = provenance.citations(runs)
    return {
        "schema": 1,
        "kind": "screen",
        "title": folder.resolve().name,
        "formula": _molecules(rows, compositions, library),
        "verdict": verdict(folder, rows),
        "level": ", ".join(dict.fromkeys(row["level"] for row in rows if row["level"])),
        "temperature_K": asked.temperature,
        "made": provenance.made_now(),
        "grid": [
            plane
            for of_level in levels.values()
            for plane in grid(
                of_level, {row["system"]: compositions[row["system"]] for row in of_level}, library,
                value="binding_energy_per_molecule_kcalmol", words="binding energy per molecule",
                level=", ".join(dict.fromkeys(r["level"] for r in of_level if r["level"] and r["molecules"] > 1)),
                total="binding_energy_kcalmol",
            )
        ]
        + free,
        "table": table(_COLUMNS, rows, [row["href"] for row in rows]),
        "commands": commands.of_screen(folder, rows),
        "versions": provenance.versions(manifests),
        "seeds": {"seed": rows[0]["seed"]} if len({row["seed"] for row in rows}) == 1 else {},
        "citations": cited,
        "remarks": [
            *([_NO_BARS] if finished else []),
            *([told] if (told := warning(rows)) else []),
            *dict.fromkeys(f"{row['system']}: {row['remark']}" for row in rows if row["remark"]),
            *unread, *uncited,
        ],
    }  # fmt: skip


def read_rows(folder: Path, asked: Asked) -> list[Row]:
    """The rows of the tables of a screen, or, where there are none, those of its finished runs."""
    tables = sorted(folder.glob("screen*.csv"))
    if not tables:
        if not (rows := earlier(folder, asked.library, ())):
            raise RunError(f"no run in {folder} is finished; the same sampler screen command goes on with them")
        return rows
    return [row for path in tables for row in _read(path, asked)]


def _read(path: Path, asked: Asked) -> list[Row]:
    try:
        lines = list(csv.DictReader(read_text(path).splitlines()))
        found = [_typed(line) for line in lines]
        known = systems([row["system"] for row in found], asked.library, None)
        return [blank(row["system"], known[row["system"]], UNKNOWN) | row for row in found]
    except (LookupError, ValueError, TypeError) as error:
        raise FileFormatError(
            f"{path} is not the table of a screen, or it is damaged ({type(error).__name__}: {error}); the same sampler "
            "screen command writes it again"
        ) from error


def _typed(line: Mapping[str, str]) -> Row:
    row: Row = dict(line)
    for names, kind in ((_FLOATS, float), (_INTEGERS, int)):
        for name in names:
            row[name] = kind(line[name]) if line.get(name) else None
    row["seed"] = row["seed"] or 0
    return row


def parts(folder: Path) -> list[Path]:
    """The finished runs of a screen, each of which has a report of its own that the screen's links to."""
    return [run for run in runs_below(folder) if (run / LEDGER).is_file()]


def _link(folder: Path, row: Row) -> str | None:
    """The page of a system, from the folder of the screen; None where there is none."""
    page = folder / row["system"] / PAGE
    return f"{row['system']}/{PAGE}" if row["status"] == "finished" and page.is_file() else None


def _free_energies(folder: Path, hrefs: Mapping[str, str | None], library) -> tuple[list[dict[str, Any]], list[str]]:
    """The grids of ΔG that lie in the folder, with links to the systems; and what could not be read."""
    found: list[dict[str, Any]] = []
    unread = []
    for path in sorted(folder.glob(GRIDS)):
        try:
            found += planes(path, library)
        except SamplerError as error:
            unread.append(f"free energies are left out: {error}")
    for cell in (cell for plane in found for cell in plane["cells"]):
        cell["href"] = hrefs.get(cell["name"])
    return found, unread


def _molecules(rows: Sequence[Row], compositions: Mapping[str, Any], library) -> str:
    from .grids import molecule

    families = dict.fromkeys(f for c in compositions.values() for f, _ in c.counts)
    return " · ".join(molecule(family, library) for family in families)


def verdict(folder: Path, rows: Sequence[Row]) -> list[str]:
    """Two sentences: how far the screen is and what is bound best; what is missing, and what is next."""
    finished = [row for row in rows if row["status"] == "finished"]
    levels = list(dict.fromkeys(row["level"] for row in finished if row["level"] and row["molecules"] > 1))
    first = f"{len(finished)} of {len(rows)} systems are finished"
    first += (
        f" at {levels[0]}" if len(levels) == 1 else f", at {len(levels)} levels that do not compare" if levels else ""
    )
    bound = [row for row in finished if row["binding_energy_per_molecule_kcalmol"] is not None and row["molecules"] > 1]
    if bound and len(levels) == 1:
        best = min(bound, key=lambda row: row["binding_energy_per_molecule_kcalmol"])
        first += (
            f"; the most strongly bound per molecule is {best['formula']}, "
            f"{-best['binding_energy_per_molecule_kcalmol']:.1f} kcal/mol a molecule"
        )
    missing = [row for row in rows if row["status"] != "finished"]
    names = ", ".join(f"{row['system']} ({row['status']})" for row in missing[:_NAMED])
    if missing:
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        second = f"Missing: {names}{more}; next: the same sampler screen command goes on with them."
    else:
        second = (
            "Each value is that of the lowest structure which its search has found, and the system's own report says how sure "
            f"that is; next: free energies of the grid, with sampler thermo {folder}."
        )
    return [first + ".", second]
