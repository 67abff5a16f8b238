"""``sampler energy``: energies of structures as they are."""

from __future__ import annotations

from typing import Annotated

import typer

from .common import Anywhere, Json, Monomers, Quiet, Slurm, library
from .judging import Charge, Files, Level, Model, Out, Shown, asked, finished, tell

FOLDER = "energy-unfinished"
"""In the current directory, while there is unfinished work."""


def energy(
    files: Files,
    level: Level = "auto",
    model: Model = None,
    charge: Charge = None,
    forces: Annotated[
        bool, typer.Option("--forces/--no-forces", help="Forces, too, and the largest on an atom.")
    ] = True,
    out: Out = None,
    count: Shown = 20,
    workers: Anywhere = None,
    slurm: Slurm = None,
    monomers: Monomers = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Energies, binding energies and molecules of structures.

    Any file, any potential, no geometry is changed. A line says which level it is, by what and why. ΔE counts from the
    monomers of that level; where there is none, the reason is said. Stopped, it keeps what is finished, and the same
    command goes on from there.

    \b
    Examples:
      sampler energy structures.xyz
      sampler energy structures.xyz --level gfn2-xtb --out energies.csv
      sampler energy 2sa2am --model b97-delta
      sampler energy a.out b.out --level b97-3c --no-forces
      sampler energy ions.xyz --charge -1 --json | jq '.structures[].binding_energy_kcalmol'
    """
    from ..api.in_pieces import Job

    known = library(monomers)
    silent = quiet or as_json
    what = asked(files, level, model, charge, out, known, silent)
    made, kept = finished(what, Job(what.chosen.potential, None, forces), workers, slurm, silent, FOLDER)
    tell(what, made, kept, False, out, count, as_json, quiet)
