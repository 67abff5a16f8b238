"""``sampler md quench``: the minima that the frames of a simulation lie above."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .common import Anywhere, Json, Monomers, Quiet, Replace, Slurm, library, next_step, print_json
from .judging import Model


def quench(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="What sampler md made.")],
    into: Annotated[
        Path | None, typer.Option("--into", help="A run directory: the minima join its ranking, relaxed as its were.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="With --into: run directory of that ranking. Default: RUN-md.")
    ] = None,
    every: Annotated[float, typer.Option("--every", help="ps between two frames of a replica.")] = 0.5,
    after: Annotated[float, typer.Option("--after", min=0.0, help="ps; earlier frames are left out.")] = 0.0,
    level: Annotated[
        str | None, typer.Option("--level", "-l", help="Without --into: b97-3c, gfn1-xtb or auto, the best there is.")
    ] = None,
    model: Model = None,
    workers: Anywhere = None,
    slurm: Slurm = None,
    replace: Replace = False,
    monomers: Monomers = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Quench frames of a simulation into minima, and rank them.

    Frames are relaxed, what is no whole cluster leaves with its reason, duplicates go. FOLDER/quench is a run directory.
    With --into they are relaxed as the last structures of that run were, and the two are merged into one ranking. Every
    finished chunk is kept: after Ctrl-C, a kill or a power cut the same command goes on.

    \b
    Examples:
      sampler md quench md/4sa4am
      sampler md quench md/4sa4am --into 4sa4am --every 0.2
      sampler md quench md/4sa4am --level gfn1-xtb --after 1
      sampler md quench md/4sa4am --json | jq '.structures[0]'
    """
    from ..api.quenching import quench as quenched
    from ..columns import MERGED_FROM
    from ..errors import InputError
    from .show import print_ranking
    from .stopping import when_stopped

    if into is not None and (level is not None or model):
        raise InputError(
            "--level and --model have no meaning with --into: frames are relaxed as the run's structures were"
        )
    if into is None and out is not None:
        raise InputError("--out is the ranking that --into makes; without it the minima are in FOLDER/quench")
    if not every > 0:
        raise InputError(f"--every {every:g}: it must be above 0 ps")
    known = library(monomers)
    when_stopped(f"stopped; what is finished is kept in {folder}, the same command goes on from here")
    found = quenched(
        folder, known, into=into, out=out, every_ps=every, after_ps=after, level=level or "auto", model=model or (),
        replace=replace, workers=workers, slurm=slurm, quiet=quiet or as_json,
    )  # fmt: skip
    made = found.together or found.minima
    if as_json:
        print_json(made.summary() | {"structures": made.ranking(), "frames": found.frames})
        return
    print_ranking(made.folder, known, 20)
    words = f"{found.frames} of {found.of} frames ended in {len(found.minima.clusters)} minima"
    if found.together is not None:
        new = int((made.clusters.columns[MERGED_FROM] == found.minima.folder.name).sum())
        words += f", {new} of them not in the run"
    typer.echo(f"{words}; in {made.folder}")
    next_step(("sampler", "show", made.folder), quiet=quiet)
