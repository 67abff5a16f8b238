"""``sampler audit``: what is wrong in a database of structures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import completion
from .common import Json, Monomers, library, print_json, print_table, run_folders


def audit(
    path: Annotated[
        Path,
        typer.Argument(
            autocompletion=completion.inputs,
            help="A file of structures, a run directory, a screen, or a folder of files or ORCA outputs.",
        ),
    ],
    energy: Annotated[
        str | None, typer.Option("--energy", help="Name of the energies, with unit: b973c_electronic_energy_Eh.")
    ] = None,
    level: Annotated[
        str | None, typer.Option("--level", "-l", help="Level of theory of energies for which the file states none.")
    ] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Findings of one kind that are printed.")] = 10,
    monomers: Monomers = None,
    as_json: Json = False,
) -> None:
    """Find what is wrong in a file, a run or a folder of outputs.

    Identical geometries with different energies, jobs that did not end, mixed levels of theory or monomer references,
    imaginary modes, broken molecules, impossible numbers, charges and ids.

    Nothing is changed. The exit status is 1 if there are findings, else 0.

    \b
    Examples:
      sampler audit database.pkl
      sampler audit 4sa4am/orca --json | jq '.findings[].check'
      sampler audit minima.extxyz --energy b973c_electronic_energy_Eh --level b97-3c@orca5
    """
    from collections import defaultdict

    from ..api.folders import spelled
    from ..interop.audit import CHECKS, Finding, audit_path

    known = library(monomers)
    path = spelled(path, known)
    found: list[Finding] = []
    files: list[str] = []
    structures = 0
    for one in run_folders(path, known) or [path]:
        more, number, read = audit_path(one, known, level=level, energy_key=energy)
        found, structures, files = found + more, structures + number, files + read
    if as_json:
        rows = [{"check": f.check, "ids": f.ids, "message": f.message, "source": f.source} for f in found]
        print_json({"path": str(path), "files": files, "structures": structures, "findings": rows})
    else:
        kinds: dict[str, list[Finding]] = defaultdict(list)
        for finding in found:
            kinds[finding.check].append(finding)
        for check, some in kinds.items():
            typer.echo(f"{check} ({len(some)}): {CHECKS[check]}")
            print_table("", ["structures", "what"], [[_names(f.ids), f.message] for f in some[:count]], wrap={0, 1})
            if len(some) > count:
                typer.echo(f"… and {len(some) - count} more (--count)")
        many = f"{len(found)} finding" + ("" if len(found) == 1 else "s")
        typer.echo(f"{structures} structures in {len(files)} file(s): {many if found else 'nothing wrong found'}")
    if found:
        raise typer.Exit(1)


def _names(ids: tuple[str, ...]) -> str:
    return ", ".join(ids[:3]) + (f" and {len(ids) - 3} more" if len(ids) > 3 else "") or "–"
