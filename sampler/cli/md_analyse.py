"""``sampler md analyse``: tables and figures of trajectories."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .common import Json, Monomers, Quiet, library, next_step, note, number, print_json, print_table
from .judging import Model


def md_analyse(
    folder: Annotated[Path, typer.Argument(help="A folder of sampler md, finished, running or killed.")],
    what: Annotated[
        str,
        typer.Option(
            "--what",
            "-w",
            help="Names with commas between: means, evaporation, rmsd, hbonds, states, rdf, msd, spectrum, ir; or all. "
            "Default: all but ir, as far as the folder allows.",
        ),
    ] = "",
    skip: Annotated[
        float | None, typer.Option("--skip", help="ps at the beginning of each replica to leave out. Default: a tenth.")
    ] = None,
    every: Annotated[int, typer.Option("--every", min=1, help="Take only each so many-th frame.")] = 1,
    resolution: Annotated[
        float | None,
        typer.Option("--resolution", help="cm⁻¹, of spectra. Default: 5, or what the length of the replicas allows."),
    ] = None,
    harmonic: Annotated[
        bool, typer.Option("--harmonic/--no-harmonic", help="Vibrations of the minimum beside the spectrum.")
    ] = True,
    dipoles: Annotated[
        str, typer.Option("--dipoles", help="The method of the dipoles for ir: gfn1-xtb, gfn2-xtb or b97-3c.")
    ] = "gfn1-xtb",
    model: Model = None,
    monomers: Monomers = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Read spectra, bonds, lifetimes and rates from trajectories.

    Each analysis leaves a table (.csv), its curves (-curves.csv) and a figure (.svg, .png) in FOLDER/analysis. All replicas of
    a structure count together; means have errors that know of correlated frames. A replica is read up to where its cluster
    reacted or came apart, and up to the last whole frame where it was killed. --model names the trained models of the dynamics
    where they lie elsewhere now.

    \b
    Examples:
      sampler md analyse md/4sa4am
      sampler md analyse md/4sa4am --what spectrum,hbonds --skip 5
      sampler md analyse md/1sa1am --what ir --dipoles gfn2-xtb
      sampler md analyse md/4sa4am --json | jq '.structures[0].found[].name'
    """
    from ..api.analysing import analyse_trajectories
    from ..trajectories.analyse import FOLDER, Options
    from ..trajectories.known import ANALYSES
    from ..trajectories.saved import told

    names = tuple(ANALYSES) if what == "all" else tuple(w.strip() for w in what.split(",") if w.strip())
    silent = quiet or as_json
    made = analyse_trajectories(
        folder, Options(names, skip, every, resolution, harmonic), library(monomers), model or (), dipoles,
        (lambda line: None) if silent else note,
    )  # fmt: skip
    if as_json:
        print_json(told(made))
        return
    for one in made.structures:
        of = f"{one.group.name}, " if len(made.structures) > 1 else ""
        for found in one.found:
            _print(f"{found.title} ({of}{found.name})", found)
        for name, why in one.left_out.items():
            typer.echo(f"left out: {name}: {why}")
        for remark in one.remarks:
            typer.echo(f"note: {remark}")
    typer.echo(f"tables and figures: {folder / FOLDER}")
    next_step(("sampler", "report", folder), quiet=quiet)


def _print(title: str, found: Any) -> None:
    header = [f"{c.name}, {c.unit}" if c.unit else c.name for c in found.columns]
    rows = [[_cell(v, c) for v, c in zip(row, found.columns)] for row in found.rows]
    right = {k for k, c in enumerate(found.columns) if c.kind == "number"}
    print_table(title, header, rows[:40], right=right)
    if len(rows) > 40:
        typer.echo(f"… and {len(rows) - 40} more rows in {found.name}.csv\n")


def _cell(value: Any, column: Any) -> str:
    if column.kind == "text":
        return str(value)
    return "∞" if value == float("inf") else number(float(value), column.digits)
