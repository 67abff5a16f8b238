"""``sampler refit-xtb``: parameters of GFN1-xTB, fitted to labels."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from .common import Anywhere, Json, Monomers, Quiet, library, next_step, note, number, print_json, print_table
from .data_sets import MixEngines

_ROWS = {"fitted": "fitted to", "held_out": "held out"}


def refit_xtb(
    data: Annotated[list[Path], typer.Argument(metavar="LABELS", help="Data sets of labels (.npz), of one level.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File of parameters (.toml) to write.")],
    hold_out: Annotated[
        list[str] | None,
        typer.Option(
            "--hold-out", help="A composition that judges the fit (may be repeated). Default: every fifth or so."
        ),
    ] = None,
    core_hours: Annotated[
        float, typer.Option("--core-hours", help="What the fit may cost; decides how many structures are taken.")
    ] = 1.0,
    steps: Annotated[int, typer.Option("--steps", help="Most steps of the fit.")] = 4,
    regularisation: Annotated[
        float, typer.Option("--regularisation", help="How much a relative change of a parameter costs.")
    ] = 1.0,
    mix_engines: MixEngines = False,
    workers: Anywhere = None,
    plan_only: Annotated[
        bool, typer.Option("--plan", help="Say what would be fitted to what, and the cost, and start nothing.")
    ] = False,
    monomers: Monomers = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Fit the parameters of GFN1-xTB to labels of a better method.

    The result is a level of theory of its own, for the elements of the labels: gfn1-xtb-refit- and a digest of the
    parameters. The file holds the energies of the molecules, too; in a folder that the environment variable SAMPLER_LEVELS
    names, the level can be used wherever gfn1-xtb can.

    Binding energies and forces of structures of all sizes and charges are fitted, mostly small ones; compositions that are
    held out decide when it ends. Finished work is kept beside the file until that is written: the same command goes on
    after a kill, to the same result.

    \b
    Examples:
      sampler refit-xtb b97-3c.npz ions.npz -o levels/refit.toml --plan
      sampler refit-xtb b97-3c.npz ions.npz -o levels/refit.toml --workers 2
      SAMPLER_LEVELS=levels sampler run 2nta2am -p gfn1 --level gfn1-xtb-refit-0123abcd
    """
    from ..api.workplace import workplace
    from ..learn.refit.plan import Settings, plan
    from ..learn.refit.result import refit, require_new
    from ..workers import progress as reporting

    require_new(out)
    known = library(monomers)
    made = plan(data, known, Settings(core_hours, steps, regularisation), hold_out or (), mix_engines)
    for remark in made.remarks:
        note(remark)
    progress = reporting.choose(quiet or as_json)
    try:
        with workplace(workers, say=progress.message) as where:
            seconds = made.core_seconds
            if plan_only:
                _print_plan(made, seconds, where, as_json)
                return
            for line in made.words(seconds, where):
                progress.message(line)
            command = f"sampler refit-xtb {shlex.join(f.name for f in data)} --out {out.name}"
            done = refit(made, out, data, command, where, progress, progress.message)
    finally:
        progress.close()
    if as_json:
        print_json({
            "file": done.file, "level": done.level, "errors": done.errors, "largest_changes": done.changes, "steps": done.steps,
            "ended": done.why, "no_minimum": done.without,
        })  # fmt: skip
        return
    _print(done)
    next_step(f"export SAMPLER_LEVELS={shlex.quote(str(out.resolve().parent))}", quiet=quiet)
    next_step(("sampler", "evaluate", done.level, "TEST.npz"), quiet=quiet)


def _print_plan(made: Any, seconds: float, where: int | str, as_json: bool) -> None:
    problem = made.problem
    if as_json:
        print_json({
            "parameters": [str(p) for p in problem.parameters], "elements": made.elements,
            "structures": len(problem.fitted.labels), "of": len(made.labels), "held_out_structures": len(problem.judging.labels),
            "compositions": list(problem.fitted.compositions), "held_out": list(problem.judging.compositions),
            "core_seconds": round(seconds),
        })  # fmt: skip
        return
    for line in made.words(seconds, where):
        typer.echo(line)


def _print(done: Any) -> None:
    names = ("forces_mae_kcal_mol_A", "binding_mae_kcal_mol", "relative_mae_kcal_mol", "rank_correlation")
    rows = []
    for part, words in _ROWS.items():
        for when, errors in done.errors[part].items():
            rows.append([words, errors["structures"], when, *(number(errors[n], 3) for n in names)])
    print_table(
        f"{done.level}: mean absolute errors, kcal/mol and kcal/mol/Å",
        ["structures", "number", "", "forces", "ΔE", "relative ΔE", "rank correlation"],
        rows,
        right={1, 3, 4, 5, 6},
        keys=3,
    )
    if failed := sum(both["after"]["failed"] for both in done.errors.values()):
        typer.echo(f"{failed} structures fail with these parameters; they count as far off as before")
    typer.echo(f"{done.steps} steps; {done.why}")
    typer.echo("largest relative changes: " + ", ".join(f"{n} {v:+.3f}" for n, v in done.changes.items()))
    if done.without:
        typer.echo(f"no minimum, and no reference energy, of {', '.join(done.without)}")
    typer.echo(f"written to {done.file}")
