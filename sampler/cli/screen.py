"""``sampler screen``: the main job for a grid of compositions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from . import completion
from .common import (
    DEFAULT_PROTOCOL,
    Anywhere,
    Join,
    Json,
    Monomers,
    Quiet,
    Replace,
    Slurm,
    Verbose,
    library,
    next_step,
    number,
    print_json,
    print_table,
    understood,
    width,
)
from .report import NoReport, at_end

_MANY = 200


def screen(
    axes: Annotated[
        list[str] | None,
        typer.Argument(
            autocompletion=completion.axes,
            help="One range a molecule, e.g. 1-4sa 0-4am; a band, e.g. am=sa±2 (or am=sa+-2, am=2sa); or whole "
            "compositions, e.g. 4sa4am.",
        ),
    ] = None,
    names: Annotated[
        Path | None, typer.Option("--list", help="A text file with compositions, instead of or besides the grid.")
    ] = None,
    protocol: Annotated[
        str,
        typer.Option(
            "--protocol",
            "-p",
            autocompletion=completion.protocols,
            help="A shipped protocol (see: sampler protocols) or a .toml file.",
        ),
    ] = DEFAULT_PROTOCOL,
    large: Annotated[
        str | None,
        typer.Option(
            "--large",
            autocompletion=completion.protocols,
            help="The protocol of systems with more molecules than --beyond.",
        ),
    ] = None,
    beyond: Annotated[int, typer.Option("--beyond", min=1, help="With --large: molecules.")] = 16,
    out: Annotated[Path, typer.Option("--out", "-o", help="Directory of all runs and of the table.")] = Path("screen"),
    level: Annotated[
        str,
        typer.Option(
            "--level",
            "-l",
            autocompletion=completion.levels,
            help="Level that all systems end at: b97-3c, gfn1-xtb, or auto (the best of the two that all have).",
        ),
    ] = "auto",
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            autocompletion=completion.models,
            help="A trained model, shipped or a folder, to relax and rank with, as in sampler run.",
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
    no_report: NoReport = False,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Run a protocol for every composition of a grid.

    Small clusters come first; one table holds all. Each composition has a run directory of its own below --out. The same command resumes; finished systems are not
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
    from ..api.screening import screen as screen_it
    from ..screen import grid as grids
    from ..screen import runner
    from ..screen.levels import apart, told

    def confirm(systems: int) -> None:
        if systems > _MANY and not yes:
            _ask(systems)

    known = library(monomers)
    understood(axes or (), lambda word: grids.axis_in_names(word, known), quiet)
    made = screen_it(
        axes or (), protocol, out, names=names, large=large, beyond=beyond, level=level, model=models, charge=charge,
        seed=seed, settings=settings, priority=priority or (), time_budget=budget, growth=growth, monomers=known,
        workers=workers, slurm=slurm, join=join, replace=replace, quiet=quiet or as_json, verbose=verbose, confirm=confirm,
    )  # fmt: skip
    rows, what, grid = made.rows, made.screen, made.screen.grid
    if as_json:
        print_json(rows)
    else:
        # with what earlier screens have left in the folder
        table = grids.systems([row["system"] for row in rows], known, None)
        levels = {end: of_level for end, of_level in apart(rows, grid).items() if of_level}
        before = len(rows) - len(grid)
        by = what.protocol.name + (f", {what.large.name} beyond {beyond} molecules" if what.large else "")
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
    if not no_report:
        at_end(out, known, quiet=as_json)
    status = {row["status"] for row in rows}
    if not as_json and "finished" in status:
        next_step(("sampler", "show", out), ("sampler", "thermo", out), quiet=quiet)
    if "failed" in status:
        raise typer.Exit(1)
    if status & set(runner.OPEN):
        raise typer.Exit(3)


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
        wrap={7},
    )
    wide = width()
    Console(highlight=False, width=wide).print(text_map(rows, grid, wide))
