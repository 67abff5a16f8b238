"""``sampler relax``: structures to the nearest minimum, by the optimiser of the funnel."""

from __future__ import annotations

from typing import Annotated

import typer

from .common import Anywhere, Json, Monomers, Quiet, Slurm, library
from .judging import Charge, Files, Level, Model, Out, Shown, asked, finished, tell

FOLDER = "relax-unfinished"
"""In the current directory, while there is unfinished work."""


def relax(
    files: Files,
    level: Level = "auto",
    model: Model = None,
    charge: Charge = None,
    fmax: Annotated[float, typer.Option("--fmax", help="eV/Å, the largest force on an atom at a minimum.")] = 0.01,
    criteria: Annotated[
        str, typer.Option("--criteria", help="fmax, or ORCA's sets: orca-loose, orca-normal, orca-tight.")
    ] = "fmax",
    max_steps: Annotated[int, typer.Option("--max-steps", min=1, help="Evaluations that a structure may take.")] = 500,
    optimizer: Annotated[str, typer.Option("--optimizer", help="lbfgs or fire.")] = "lbfgs",
    out: Out = None,
    count: Shown = 20,
    workers: Anywhere = None,
    slurm: Slurm = None,
    monomers: Monomers = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Relax structures, and say what has become of them.

    Any file, any potential, by the optimiser of the funnel, many structures at once and in parallel. The table says which
    molecules each structure holds at its end, whether it is at a minimum, and how far it has moved (RMSD to the start). A
    line says which level it is, by what and why. Stopped, it keeps what is finished, and the same command goes on.

    \b
    Examples:
      sampler relax guesses.xyz --out minima.xyz
      sampler relax guesses.xyz --level gfn1-xtb --fmax 0.005 --out minima.npz
      sampler relax 2sa2am/structures.xyz --model b97-delta --out minima.csv
      sampler relax a.out --level b97-3c --criteria orca-normal
      sampler relax frames.db --charge 1 --json | jq '.structures[] | [.id, .state, .rmsd_to_start_A]'
    """
    from ..api.in_pieces import Job
    from ..relax import RelaxParams

    params = RelaxParams(optimizer=optimizer, fmax=fmax, criteria=criteria, max_steps=max_steps)  # type: ignore[arg-type]
    known = library(monomers)
    silent = quiet or as_json
    what = asked(files, level, model, charge, out, known, silent)
    made, kept = finished(what, Job(what.chosen.potential, params), workers, slurm, silent, FOLDER)
    tell(what, made, kept, True, out, count, as_json, quiet)
