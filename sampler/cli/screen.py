"""``sampler screen``: the main job for a grid of compositions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from .common import (
    Anywhere,
    Join,
    Json,
    Monomers,
    Quiet,
    Replace,
    Slurm,
    library,
    number,
    print_json,
    print_table,
    workplace,
)

_MANY = 200


def screen(
    axes: Annotated[
        list[str] | None,
        typer.Argument(
            help="One range a molecule, e.g. 1-4sa 0-4am; a band, e.g. am=sa±2 (or am=sa+-2, am=2sa); or whole "
            "compositions, e.g. 4sa4am."
        ),
    ] = None,
    names: Annotated[
        Path | None, typer.Option("--list", help="A text file with compositions, instead of or besides the grid.")
    ] = None,
    protocol: Annotated[
        str, typer.Option("--protocol", "-p", help="A shipped protocol (see: sampler protocols) or a .toml file.")
    ] = "quick",
    large: Annotated[
        str | None, typer.Option("--large", help="The protocol of systems with more molecules than --beyond.")
    ] = None,
    beyond: Annotated[int, typer.Option("--beyond", min=1, help="With --large: molecules.")] = 16,
    out: Annotated[Path, typer.Option("--out", "-o", help="Directory of all runs and of the table.")] = Path("screen"),
    level: Annotated[
        str,
        typer.Option(
            "--level",
            help="Level that all systems end at: b97-3c, gfn1-xtb, or auto (the best of the two that all have).",
        ),
    ] = "auto",
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--model", help="A trained model, shipped or a folder, to relax and rank with, as in sampler run."
        ),
    ] = None,
    charge: Annotated[
        int | None, typer.Option("--charge", "-c", help="Total charge of every cluster. Default: from the names.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", "-s", min=0, help="Random seed.")] = 0,
    priority: Annotated[
        list[str] | None,
        typer.Option(
            "--priority", help="Systems to run first (comma-separated), or the order: small (default) or given."
        ),
    ] = None,
    budget: Annotated[
        str | None, typer.Option("--time-budget", help="Start no further system after this time, e.g. 2h or 1h30m.")
    ] = None,
    growth: Annotated[
        bool, typer.Option("--growth/--no-growth", help="Let larger systems grow from finished smaller ones.")
    ] = True,
    workers: Anywhere = None,
    slurm: Slurm = None,
    join: Join = False,
    settings: Annotated[list[str] | None, typer.Option("--set", help="As in sampler run (may be repeated).")] = None,
    monomers: Monomers = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help=f"Do not ask before more than {_MANY} systems.")] = False,
    replace: Replace = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run a protocol for every composition of a grid, small clusters first, with one table of all.

    Each composition has a run directory of its own below --out. The same command resumes; finished systems are not
    repeated. A system that fails is listed with its error and does not stop the others. The table (screen.csv) is up
    to date at any time; at the end there is a heat map, too. With a protocol that has a stage grow, larger systems
    start from the structures of the smaller ones in the grid.

    Exit status: 0 all finished, 1 some failed, 3 some are left (time budget, ORCA jobs elsewhere).

    \b
    Examples:
      sampler screen 1-4sa 0-4am
      sampler screen 1-15sa am=sa±2 --protocol thorough --large large --time-budget 12h
      sampler screen 1-2sa 1-2dma 0-3w --protocol standard --out wet
      sampler screen 1-4sa am=sa±2 --level gfn1-xtb
      sampler screen --list wanted.txt --priority 4sa4am,3sa3am
    """
    from ..errors import InputError
    from ..funnel.parents import takes_parents
    from ..funnel.protocols import protocol as protocols
    from ..screen import grid as grids
    from ..screen import runner as screening
    from ..workers import progress as reporting

    words = [*grids.expand(axes or []), *(grids.read_list(names) if names else [])]
    if not words:
        raise InputError("what is to be screened? give a grid, for example: sampler screen 1-4sa 0-4am")
    seconds = screening.seconds_of(budget) if budget else None
    known = library(monomers)
    overrides = protocols.parse_overrides(settings or [])
    chosen = protocols.load(protocol, overrides)
    other = protocols.load(large, overrides) if large else None
    impossible: dict[str, str] = {}
    grid = grids.systems(words, known, charge, impossible)
    first, by = _priority(priority or [], grid, known, charge)
    grows = takes_parents(chosen.stage) or (other is not None and takes_parents(other.stage))
    order = grids.order(grid, known, first, by=by, growth=growth and grows)
    screening.check_folder(out)
    if len(grid) > _MANY and not yes:
        _ask(len(grid))
    progress = reporting.choose(quiet or as_json)
    if impossible:
        why = next(iter(impossible.values()))
        progress.warn(f"left out, for a charge that they cannot have: {', '.join(impossible)} ({why})")
    what = screening.Screen(
        grid, order, chosen, known, out, seed, growth, other, beyond, level.lower(), tuple(models or ())
    )
    if not replace:
        screening.check_results(what)
    try:
        with workplace(workers, slurm, progress.message) as where:
            rows = screening.screen(what, workers=where, join=join, replace=replace, budget=seconds, progress=progress)
    finally:
        progress.close()
    from ..screen.levels import apart, told
    from ..screen.table import draw

    # with what earlier screens have left in the folder
    table = grids.systems([row["system"] for row in rows], known, None)
    levels = {end: of_level for end, of_level in apart(rows, grid).items() if of_level}
    for end, of_level in levels.items():
        for kind in ("svg", "png"):
            draw(out / f"screen{end}.{kind}", of_level, table)
    if as_json:
        print_json(rows)
    else:
        before = len(rows) - len(grid)
        by = chosen.name + (f", {other.name} beyond {beyond} molecules" if other else "")
        with_them = f", and {before} that earlier screens have left there" if before else ""
        title = f"{len(grid)} systems ({by}, seed {seed}){with_them}; kcal/mol"
        for end, of_level in levels.items():
            _show(of_level, table, f"of another level, {end[1:]}; kcal/mol" if end else title, set(grid))
            files = [str(out / f"screen{end}.{kind}") for kind in ("csv", "svg", "png")]
            typer.echo(f"table: {files[0]}; heat map: {files[1]}, {files[2]}")
        if line := told(what.level, what.common_level, rows, grid):
            typer.echo(line)
        for row in rows:
            if row["remark"]:
                typer.echo(f"{row['system']}: remark: {row['remark']}")
    status = {row["status"] for row in rows}
    if "failed" in status:
        raise typer.Exit(1)
    if status & set(screening.OPEN):
        raise typer.Exit(3)


def _priority(given: list[str], grid, known, charge) -> tuple[list[str], str]:
    """Names to run first, in their canonical form, and the order of the rest."""
    from ..composition import Composition
    from ..screen.grid import ORDERS

    words = [word.strip() for text in given for word in text.split(",") if word.strip()]
    by = [word for word in words if word in ORDERS]
    names = [Composition.parse(word, known, charge).name(known) for word in words if word not in ORDERS]
    return names, by[-1] if by else ORDERS[0]


def _ask(count: int) -> None:
    from ..errors import InputError

    if not sys.stdin.isatty():
        raise InputError(f"the grid has {count} systems; say --yes if all of them are meant")
    typer.confirm(f"The grid has {count} systems. Start?", abort=True, err=True)


def _show(rows, grid, title: str, asked: set[str]) -> None:
    from rich.console import Console

    from ..screen.table import text_map
    from ..workers.progress import duration

    def value(row, key):
        return "" if row[key] is None else row[key]

    def note(row):
        if row["system"] not in asked:
            return f"{row['protocol']}, seed {row['seed']}"
        return row["error"] or ("" if row["status"] == "finished" else row["status"])

    print_table(
        title,
        ["system", "binding", "state", "minima", "level", "evaluations", "CPU time", "note"],
        [
            [
                row["system"],
                number(row["binding_energy_kcalmol"]),
                row["state"],
                value(row, "minima"),
                row["level"],
                value(row, "evaluations"),
                "" if row["cpu_seconds"] is None else duration(row["cpu_seconds"]),
                note(row),
            ]
            for row in rows
        ],
        right={1, 3, 5, 6},
    )
    Console(highlight=False, width=None if sys.stdout.isatty() else 200).print(text_map(rows, grid))
