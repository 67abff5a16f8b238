"""``sampler report``: one page of a run, a screen or free energies, and the line about it at the end of runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import completion
from .common import Json, Monomers, library, next_step, note, print_json

NoReport = Annotated[bool, typer.Option("--no-report", help="Write no report.html at the end.")]


def report(
    path: Annotated[
        Path,
        typer.Argument(
            autocompletion=completion.inputs,
            help="A run directory, the folder of a screen, or a file of sampler thermo (--out, --json).",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="The page; its values go beside it as .json. Default: report.html in the folder."
        ),
    ] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Structures of a run, the lowest.")] = 100,
    temperature: Annotated[
        str,
        typer.Option("--temperature", "-T", help="Of Boltzmann weights and free energies: K, or with a unit (25C)."),
    ] = "298.15",
    thermo: Annotated[
        list[Path] | None,
        typer.Option(
            "--thermo",
            help="Frequencies of a run's structures: a file of sampler thermo --out (may be repeated). Default: those in the "
            "run directory.",
        ),
    ] = None,
    monomers: Monomers = None,
    as_json: Json = False,
) -> None:
    """Write one page with all that was found, to open offline.

    A page of a run has its verdict, the ranking, the structures in 3D, the funnel, the search, commands and citations. That of
    a screen has the grid, and links to a page of each system, which it writes where there is none. What is on a page stands
    as values in the .json file beside it, which --json prints. Runs and screens write their page at their end.

    \b
    Examples:
      sampler report 4sa4am
      sampler report 4sa4am --count 500 --out all.html
      sampler report screen
      sampler thermo 1sa1am 2sa2am --out clusters.json && sampler report clusters.json
      sampler report 4sa4am --thermo clusters.json --temperature 278.15
      sampler report 4sa4am --json | jq '.structures[0].hydrogen_bonds'
    """
    from ..api.folders import spelled
    from ..refine.thermo.quantities import kelvin
    from ..report import Asked, write

    known = library(monomers)
    asked = Asked(known, count, kelvin(temperature), tuple(thermo or ()))
    written = write(spelled(path, known), asked, out, say=note)
    if as_json:
        print_json(written.report)
        return
    for sentence in written.report["verdict"]:
        typer.echo(sentence)
    typer.echo(f"\npage: {written.html} ({_size(written.html)}); values: {written.json}")
    if "cut" in written.report and written.report["cut"]["shown"] < written.report["cut"]["of"]:
        typer.echo(
            "the {shown} lowest of {of} structures are in it; --count takes more".format(**written.report["cut"])
        )
    next_step(("python", "-m", "webbrowser", written.html))


def at_end(path: Path, known, quiet: bool = False) -> None:
    """Write the report of what has just ended. Whatever goes wrong with it costs one line, and never the result."""
    from ..report import Asked, write

    try:
        written = write(path, Asked(known), say=note)
    except Exception as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())  # one line, whatever it says
        note(f"no report was written ({why}); try again with: sampler report {path}")
        return
    if not quiet:
        typer.echo(f"report: {written.html} ({_size(written.html)})")


def _size(page: Path) -> str:
    size = page.stat().st_size
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"
