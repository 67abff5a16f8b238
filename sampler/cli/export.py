"""``sampler export``: inputs for ORCA, coordinates and tables from a run directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import completion
from .command import Command, Group, renamed
from .common import Json, Monomers, library, next_step, print_json, run_folders, submitting

export_app = typer.Typer(cls=Group, no_args_is_help=True, help="Write results as ORCA inputs, xyz or csv, or for ACDC.")

RunArgument = Annotated[
    Path, typer.Argument(autocompletion=completion.runs, help="A run directory, or the folder of a screen.")
]
Count = Annotated[
    int | None, typer.Option("--count", "-n", min=1, help="The lowest N structures of each run. Default: all.")
]


def _runs(path: Path, known) -> tuple[list[Path], bool]:
    """The run directories, and whether they are those of a screen."""
    from ..api.folders import spelled
    from ..rundir.directory import read_manifest

    path = spelled(path, known)
    runs = run_folders(path, known)
    if not runs:
        read_manifest(path)  # says what is wrong
    return runs, runs != [path]


def _lowest(run: Path, count: int | None, known):
    from ..funnel import results
    from ..rundir.directory import read_result

    clusters = read_result(run).lowest_first()
    rows = results.ranking(clusters, results.composition_of(run, known), known)
    return results.ranked(clusters)[:count], rows[:count]


@export_app.command("orca", cls=renamed(p="--preset"))
def orca(
    run: RunArgument,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder. Default: RUN/orca-PRESET.")] = None,
    preset: Annotated[str, typer.Option("--preset", help="Kind of job; an unknown one lists all.")] = "opt-freq",
    count: Count = None,
    cores: Annotated[int, typer.Option("--cores", min=1, help="Cores per job (%pal).")] = 8,
    memory_mb: Annotated[int, typer.Option("--memory", min=100, help="Memory per core in MB (%maxcore).")] = 2000,
    monomers: Monomers = None,
    as_json: Json = False,
) -> None:
    """Write one ORCA input a structure, job scripts and a manifest.

    The scripts are a SLURM array and a plain shell script. The inputs have the names of the structures; their first lines and the manifest have the ranks. Of a screen, each
    system gets a folder: RUN/orca-PRESET, or OUT/RUN.

    \b
    Examples:
      sampler export orca 4sa4am --preset sp --count 100
      sampler export orca 4sa4am --preset opt-freq --count 10 --cores 16 --memory 3000
    """
    from ..refine.orca import write_inputs

    known = library(monomers)
    runs, several = _runs(run, known)
    told = []
    for one in runs:
        clusters, _ = _lowest(one, count, known)
        folder = one / f"orca-{preset}" if out is None else out / one.name if several else out
        manifest = write_inputs(
            clusters, folder, preset, cores=cores, memory_mb=memory_mb,
            provenance={"run": one.resolve().name},
        )  # fmt: skip
        told.append({"folder": str(folder), "inputs": len(clusters), "manifest": str(manifest)})
        if not as_json:
            typer.echo(f"{len(clusters)} inputs in {folder}")
            next_step(submitting(folder), ("sampler", "import", "orca", folder))
    if as_json:
        print_json({"runs": told} if several else told[0])


@export_app.command("xyz", cls=Command)
def xyz(
    run: RunArgument,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File. Default: standard output.")] = None,
    count: Count = None,
    monomers: Monomers = None,
) -> None:
    """Write the structures as multi-frame extxyz, lowest first.

    The comment line has the energy with its unit and level.

    \b
    Example:
      sampler export xyz 4sa4am --count 1 > lowest.xyz
    """
    from ..funnel import results

    known = library(monomers)
    _emit("".join(results.to_xyz(*_lowest(one, count, known)) for one in _runs(run, known)[0]), out)
    if out is not None:
        next_step(("sampler", "relax", out))


@export_app.command("csv", cls=Command)
def csv(
    run: RunArgument,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File. Default: standard output.")] = None,
    count: Count = None,
    monomers: Monomers = None,
) -> None:
    """Write the ranking as csv; the unit is in every column name.

    Of a screen, the first column is the system.

    \b
    Example:
      sampler export csv 4sa4am --out ranking.csv
    """
    from ..funnel import results

    known = library(monomers)
    runs, several = _runs(run, known)
    rows = [row | ({"system": one.name} if several else {}) for one in runs for row in _lowest(one, count, known)[1]]
    _emit(results.to_csv(rows), out)
    if out is not None:
        next_step(("sampler", "thermo", run))


def _emit(text: str, out: Path | None) -> None:
    from ..storage import write_text

    if out is None:
        typer.echo(text, nl=False)
    else:
        write_text(out, text)
