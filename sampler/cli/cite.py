"""``sampler cite``: the references of what a run used."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import completion
from .common import Json, note, print_json, run_folders


def cite(
    runs: Annotated[
        list[Path],
        typer.Argument(autocompletion=completion.runs, help="Run directories, or folders of screens or of sampler md."),
    ],
    bibtex: Annotated[bool, typer.Option("--bibtex", help="As BibTeX, in UTF-8.")] = False,
    low_modes: Annotated[
        str | None,
        typer.Option(
            "--low-modes",
            help="Free energies were made of the runs, too: the --low-modes of sampler thermo (grimme, raised or harmonic).",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Print what to cite for runs and simulations.

    The approach, and every method and engine they used. It reads the manifest (protocol and potentials), the cards of trained
    models (what they learnt, what they correct) and the ORCA outputs in the folder. What has to be cited but is not known here is said on standard error.

    \b
    Examples:
      sampler cite 4sa4am
      sampler cite 4sa4am 2sa2dma --bibtex > references.bib
      sampler cite screen --low-modes grimme
      sampler cite md/4sa4am
      sampler cite 4sa4am --json | jq -r '.references[].doi'
    """
    from ..citations.of_dynamics import citations_of_dynamics, is_dynamics
    from ..citations.reference import references
    from ..citations.used import LOW_MODES, citations_of
    from ..errors import InputError
    from ..rundir.directory import read_manifest
    from .common import library

    if bibtex and as_json:
        raise InputError("--bibtex and --json exclude each other; the JSON has the BibTeX entry of each reference")
    if low_modes is not None and low_modes not in LOW_MODES:
        raise InputError(f"--low-modes is {low_modes!r}; it is one of {', '.join(LOW_MODES)}")
    known = library()
    folders, simulations = list[Path](), list[Path]()
    for path in runs:
        if is_dynamics(path):
            simulations.append(path)
            continue
        found = run_folders(path, known)
        if not found:
            read_manifest(path)  # says what is wrong
        folders += found
    cited, all_known = citations_of(folders, low_modes or ""), references()
    for path in simulations:
        cited.include(citations_of_dynamics(path))
    for remark in cited.remarks:
        note(remark)
    if as_json:
        rows = [
            {"key": key, "doi": all_known[key].doi, "url": all_known[key].url, "text": str(all_known[key]),
             "used_for": what, "bibtex": all_known[key].bibtex()}
            for key, what in cited.used_for.items()
        ]  # fmt: skip
        print_json({"runs": [*folders, *simulations], "references": rows, "remarks": cited.remarks})
    elif bibtex:
        typer.echo("\n".join(all_known[key].bibtex() for key in cited.used_for), nl=False)
    else:
        for number, (key, what) in enumerate(cited.used_for.items(), 1):
            typer.echo(f"[{number}] {all_known[key]}\n    {'; '.join(what)}")
