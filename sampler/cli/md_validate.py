"""``sampler md validate``: frames of a simulation, computed again at the level that its potential stands for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .common import Anywhere, Json, Monomers, Quiet, Slurm, library, next_step, note, number, print_json, print_table
from .judging import Model


def validate(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="What sampler md made.")],
    reference: Annotated[
        str | None,
        typer.Option(
            "--reference",
            help="Potential or level to hold it against: b97-3c (PySCF), gfn1-xtb, b97-3c@orca5, … Default: the level that "
            "the model was taught.",
        ),
    ] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Frames, drawn from all replicas alike.")] = 100,
    after: Annotated[float, typer.Option("--after", min=0.0, help="ps; earlier frames are not drawn.")] = 0.0,
    seed: Annotated[
        int, typer.Option("--seed", "-s", min=0, help="Of the draw; a larger count adds frames to it.")
    ] = 0,
    retry: Annotated[bool, typer.Option("--retry", help="Compute again what failed in an earlier call.")] = False,
    model: Model = None,
    workers: Anywhere = None,
    slurm: Slurm = None,
    monomers: Monomers = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """How far the potential was off where the trajectories went.

    Frames are drawn uniformly and computed again at the reference level, one task each. Each finished one is kept: after
    Ctrl-C, a kill or a power cut the same command goes on. FOLDER/validation/REFERENCE gets a table of the frames, a
    figure, a summary and the labels, which sampler data collect and sampler train take. --model names the trained models
    of the dynamics where they lie elsewhere now.

    \b
    Examples:
      sampler md validate md/4sa4am
      sampler md validate md/4sa4am --count 20 --after 1
      sampler md validate md/4sa4am --reference gfn1-xtb
      sampler md validate md/7sa7am --slurm cluster.toml
      sampler md validate md/4sa4am --json | jq .energy.mae_kcal_mol
    """
    from ..api.validation import PLOT, TABLE, asked
    from ..api.validation import validate as compute
    from ..api.workplace import workplace
    from ..workers import progress as reporting
    from .stopping import when_stopped

    known, silent = library(monomers), quiet or as_json
    what = asked(folder, reference, count, seed, after, known, model or ())
    n = len(what.drawn.clusters)
    if not silent:
        note(f"{n} of {what.drawn.of} frames, {what.potential.level} against {what.reference.level}")
    when_stopped(f"stopped; what is finished is kept in {what.out}, the same command goes on from here")
    progress = reporting.choose(silent)
    progress.start(1, 1, f"frames at {what.reference.level}", n)
    try:
        with workplace(workers, slurm, progress.message) as place:
            found = compute(what, place, known, retry, progress.advance)
    finally:
        progress.close()
    if as_json:
        print_json({**found, "folder": what.out})
        return
    _print(found)
    typer.echo(f"written: {what.out / TABLE}, {what.out / PLOT}")
    next_step(("sampler", "report", folder), quiet=quiet)


def _print(found: dict[str, Any]) -> None:
    e, f, error = found["energy"], found["forces"], found["mae_standard_error_kcal_mol"]
    kelvin = " to ".join(f"{t:g}" for t in found["temperature_K"])
    mae = number(e["mae_kcal_mol"]) + ("" if error is None else f" ± {number(error)}")
    print_table(
        f"{found['potential']} against {found['reference']}, {found['frames']} frames at {kelvin} K",
        ["", "unit", "MAE", "RMSE", "largest", "mean", "correlation"],
        [
            ["binding energy", "kcal/mol", mae, number(e["rmse_kcal_mol"]), number(e["max_kcal_mol"]),
             number(e["mean_kcal_mol"]), number(e["pearson"], 4)],
            ["force component", "kcal/mol/Å", number(f["mae_kcal_mol_A"]), number(f["rmse_kcal_mol_A"]),
             number(f["max_kcal_mol_A"]), "", number(f["pearson"], 4)],
        ],
        right=set(range(2, 7)),
    )  # fmt: skip
    for line in filter(None, found["note"].split("\n")):
        typer.echo(line)
    for name, reason in found["failed"].items():
        typer.echo(f"left out: {name}: {reason}")
