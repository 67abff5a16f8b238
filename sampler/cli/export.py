"""``sampler export``: inputs for ORCA, coordinates and tables from a run directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .common import Json, Monomers, library, print_json

export_app = typer.Typer(no_args_is_help=True, help="Write the result of a run as ORCA inputs, xyz or csv.")

RunArgument = Annotated[Path, typer.Argument(help="A run directory.")]
Count = Annotated[int | None, typer.Option("--count", "-n", min=1, help="The lowest N structures. Default: all.")]


def _lowest(run: Path, count: int | None, known):
    from ..funnel import results
    from ..funnel.rundir import read_result

    clusters = read_result(run)
    clusters = clusters.lowest_first()[:count]
    return clusters, results.ranking(clusters, results.composition_of(run, known), known)


@export_app.command("orca")
def orca(
    run: RunArgument,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder. Default: RUN/orca-PRESET.")] = None,
    preset: Annotated[str, typer.Option("--preset", "-p", help="Kind of job; an unknown one lists all.")] = "opt-freq",
    count: Count = None,
    cores: Annotated[int, typer.Option("--cores", min=1, help="Cores per job (%pal).")] = 8,
    memory_mb: Annotated[int, typer.Option("--memory", min=100, help="Memory per core in MB (%maxcore).")] = 2000,
    monomers: Monomers = None,
    as_json: Json = False,
) -> None:
    """Write one ORCA input a structure, job scripts (SLURM array, plain shell) and a manifest.

    \b
    Examples:
      sampler export orca 4sa4am --preset sp --count 100
      sampler export orca 4sa4am --preset opt-freq --count 10 --cores 16 --memory 3000
    """
    from ..refine.orca import write_inputs

    known = library(monomers)
    clusters, _ = _lowest(run, count, known)
    folder = out or run / f"orca-{preset}"
    manifest = write_inputs(
        clusters, folder, preset, cores=cores, memory_mb=memory_mb,
        provenance={"run": run.resolve().name},
    )  # fmt: skip
    if as_json:
        print_json({"folder": str(folder), "inputs": len(clusters), "manifest": str(manifest)})
    else:
        typer.echo(f"{len(clusters)} inputs in {folder}")


@export_app.command("xyz")
def xyz(
    run: RunArgument,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File. Default: standard output.")] = None,
    count: Count = None,
    monomers: Monomers = None,
) -> None:
    """Write the structures as multi-frame extxyz, lowest first; energies with unit and level in the comment line.

    \b
    Example:
      sampler export xyz 4sa4am --count 1 > lowest.xyz
    """
    from ..funnel import results

    _emit(results.to_xyz(*_lowest(run, count, library(monomers))), out)


@export_app.command("csv")
def csv(
    run: RunArgument,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File. Default: standard output.")] = None,
    count: Count = None,
    monomers: Monomers = None,
) -> None:
    """Write the ranking as csv; the unit is in every column name.

    \b
    Example:
      sampler export csv 4sa4am --out ranking.csv
    """
    from ..funnel import results

    _emit(results.to_csv(_lowest(run, count, library(monomers))[1]), out)


def _emit(text: str, out: Path | None) -> None:
    from ..storage import write_text

    if out is None:
        typer.echo(text, nl=False)
    else:
        write_text(out, text)
