"""What ``sampler thermo`` leaves in the folders of runs and screens: frequencies, and of a screen its grid of ΔG.

``SCREEN/thermo-278.15K/`` holds the grid (``free_energies.csv``, ``free_energies.json``), heat maps (``gibbs.svg``, ``.png``,
``actual-gibbs.*``) and ACDC's input (``acdc/``); ``thermo.json`` in the screen and in each run the frequencies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .common import note

GRID = "free_energies"


@dataclass
class Left:
    """The files, and for each screen its rows and map."""

    files: list[Path] = field(default_factory=list)
    maps: list[Any] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def shown(self) -> Path:
        """The run or screen whose frequencies were left first."""
        return self.files[0].parent


def leave(inputs: Sequence[Path], gathered, told: dict[str, Any], made, known) -> Left:
    """Write what belongs to the runs and screens among the inputs; where that cannot be written, it is said.

    Args:
        told: what ``--json`` prints. made: the study.
    """
    from ..api.folders import spelled
    from ..errors import StorageError
    from ..refine.thermo.left import NAME
    from ..refine.thermo.left import leave as leave_in
    from ..refine.thermo.sources import save
    from ..rundir.directory import is_run, runs_below
    from ..rundir.finished import complete

    left = Left()
    for path in (spelled(one, known) for one in inputs):
        if path.name == NAME and path.is_file() and runs_below(path.parent):
            path = path.parent  # the frequencies of a screen, at other conditions
        if not path.is_dir():
            continue
        screen = [run for run in runs_below(path) if complete(run)]
        try:
            for run in screen or [path] * is_run(path):
                leave_in(run, gathered.species, known)
            if screen:
                save(path / NAME, gathered.species)
                left.files.append(path / NAME)
                _grid(path, screen, gathered, told, made, known, left)
            elif is_run(path):
                left.files.append(path / NAME)
        except StorageError as error:
            note(f"nothing is left in {path}: {error}")
    return left


def _grid(screen: Path, runs: Sequence[Path], gathered, told: dict[str, Any], made, known, left: Left) -> None:
    import json

    from ..screen.grid import systems
    from ..screen.table import Quantity, draw
    from ..storage import write_text
    from ..text.plain import plain
    from .common import write_csv

    where = screen / f"thermo-{folder_name(told)}"
    rows = told["clusters"]
    write_csv(where / f"{GRID}.csv", [{k: v for k, v in r.items() if k != "conformer_list"} for r in rows])
    write_text(where / f"{GRID}.json", json.dumps(plain(told), indent=1, ensure_ascii=False) + "\n")
    left.files += [where / f"{GRID}.{kind}" for kind in ("csv", "json")]
    at = f"{told['temperature_K']:g} K"
    kinds = [Quantity("binding_gibbs_kcalmol", f"ΔG of binding at {at}")]
    if any(r["actual_gibbs_kcalmol"] == r["actual_gibbs_kcalmol"] for r in rows):
        kinds.append(Quantity("actual_gibbs_kcalmol", f"ΔG at the given vapours, {at}"))
    cells = _cells([run.name for run in runs], rows, kinds, told["level"], known)
    if not cells:
        return
    # the largest first: its name has the molecules in their order, which is that of the axes
    grid = systems([cell["system"] for cell in reversed(cells)], known, None)
    for name, kind in zip(("gibbs", "actual-gibbs"), kinds):
        for ending in ("svg", "png"):
            draw(where / f"{name}.{ending}", cells, grid, kind)
            left.files.append(where / f"{name}.{ending}")
        left.maps.append((cells, grid, kind))
    _acdc(where / "acdc", gathered.species, made, known, left)


def print_left(left: Left) -> None:
    """The maps, and where the files are."""
    import typer
    from rich.console import Console

    from ..screen.table import text_map
    from .common import width

    wide = width()
    for cells, grid, kind in left.maps:
        Console(highlight=False, width=wide).print(text_map(cells, grid, wide, kind))
    for folder in dict.fromkeys(path.parent for path in left.files):
        names = ", ".join(path.name for path in left.files if path.parent == folder)
        typer.echo(f"left in {folder}: {names}")
    for remark in left.remarks:
        typer.echo(remark)


def folder_name(told: dict[str, Any]) -> str:
    """``278.15K``, and the pressure where it is not 1 atm."""
    pressure = "" if abs(told["pressure_Pa"] - 101325.0) < 0.5 else f"-{told['pressure_Pa']:g}Pa"
    return f"{told['temperature_K']:g}K{pressure}"


def _cells(names: Sequence[str], rows: Sequence[dict[str, Any]], kinds, level: str, known) -> list[dict[str, Any]]:
    """One cell a system of the screen, and what else has a free energy; None where there is none."""
    from ..composition import Composition
    from ..errors import CompositionError

    values = {r["cluster"]: r for r in rows}
    cells = []
    for name in dict.fromkeys([*names, *values]):
        try:
            size = Composition.parse(name, known).molecules()
        except CompositionError:  # a structure that is no cluster of molecules, or one with isotopes
            continue
        row = values.get(name, {})
        found = {k.key: None if (v := row.get(k.key)) is None or v != v else v for k in kinds}
        if size == 1 and row:
            found[kinds[0].key] = 0.0  # by definition
        cells.append({"system": name, "molecules": size, "status": "finished", "level": level, **found})
    return sorted(cells, key=lambda cell: (cell["molecules"], cell["system"]))


def _acdc(folder: Path, species: list, made, known, left: Left) -> None:
    """ACDC's files, where ACDC can have the set."""
    from ..errors import SamplerError
    from ..refine import acdc
    from .export_acdc import no_isotopes

    try:
        no_isotopes(species)
        written = acdc.write(acdc.system(made, known), folder, [])
    except SamplerError as error:
        left.remarks.append(f"no input of ACDC: {error}")
        return
    left.files += list(written.values())
