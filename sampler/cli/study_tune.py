"""``sampler study tune``: settings of a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .common import Anywhere, Json, Monomers, Quiet, Slurm, library, next_step, note, print_json, print_table
from .data import one_thread
from .data_sets import MixEngines
from .study_common import (
    Keep,
    MixCharges,
    Out,
    Plan,
    Settings,
    network_settings,
    seed_numbers,
    sum_of_cost,
    this_command,
)

if TYPE_CHECKING:
    from ..monomers import MonomerLibrary
    from ..study.data import StudyData
    from ..study.tune import TunePlan
    from ..study.tune_run import Tuned

Vary = Annotated[
    list[str] | None,
    typer.Option(
        "--vary",
        help="A setting with its values, NAME=VALUE,VALUE (may be repeated); with --search also NAME=LOW..HIGH.",
    ),
]


def tune(
    data: Annotated[list[Path], typer.Argument(metavar="TRAIN...", help="Data set(s) to learn from.")],
    out: Out,
    test: Annotated[
        Path | None, typer.Option("--test", help="A set whose errors are told, too; nothing is ranked by it.")
    ] = None,
    grid: Annotated[
        str,
        typer.Option("--grid", help="A grid to start from: paper. Default: paper, unless --vary says what is varied."),
    ] = "",
    vary: Vary = None,
    seeds: Annotated[
        str, typer.Option("--seeds", help="Of each configuration: structures to validate on, weights, order.")
    ] = "7,42,69",
    recipe: Annotated[str, typer.Option("--recipe", help="Of what is not varied; as in sampler train.")] = "paper",
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, help="Of every training.")] = None,
    steps: Annotated[
        int, typer.Option("--steps", min=0, help="Of every training, whatever its batch size, instead of epochs.")
    ] = 0,
    search: Annotated[
        int,
        typer.Option(
            "--search", min=0, metavar="N", help="N trials chosen by optuna, bad ones stopped early, in place of all."
        ),
    ] = 0,
    confirm: Annotated[
        int, typer.Option("--confirm", min=0, help="Best configurations of a search that get all seeds.")
    ] = 3,
    settings: Settings = None,
    plan: Plan = False,
    keep: Keep = False,
    workers: Anywhere = "1",
    slurm: Slurm = None,
    mix_engines: MixEngines = False,
    mix_charges: MixCharges = False,
    monomers: Monomers = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Which settings of a network give the smallest error?

    Every combination of the values is trained with every seed, and ranked by the validation MAE of ΔE, the mean of the
    seeds. The structures to validate on are the same for all combinations of a seed. The grid of the paper: n_atom_basis
    32,128,512, n_interactions 3,4,5, n_rbf 10,20,30, learning_rate 1e-3,1e-4,1e-5, batch_size 2,5,10,50,100.

    OUT has the ranking (tuning.csv), a row of each training (trainings.csv), the errors after each epoch (curves.csv), how
    fast each batch size came near the best (tune.svg, tune.png), what matters (importance.svg, importance.png) and what was
    found in two sentences (README.md).

    With --search N, optuna (extra tune) chooses N trials by TPE, and Hyperband stops those early that others are ahead of.
    Its database is OUT/search.db.

    The same command goes on after a kill. Started several times in one folder, its processes share the trainings.

    \b
    Examples:
      sampler study tune sa-am.npz -o tune --epochs 100 --plan
      sampler study tune sa-am.npz -o tune --epochs 100 --vary batch_size=2,5,10,50 --vary learning_rate=1e-3,1e-4
      sampler study tune sa-am.npz -o tune --epochs 100 --grid paper --vary n_atom_basis=32 --workers 2
      sampler study tune sa-am.npz -o search --epochs 81 --search 60 --vary learning_rate=1e-5..1e-2 --vary batch_size=2,10,50
    """
    from ..errors import InputError
    from ..study.data import open_data
    from ..study.tune import TunePlan
    from ..study.tune_grid import space_of

    if steps and epochs:
        raise InputError("--steps and --epochs exclude each other")
    one_thread()
    chosen = network_settings(recipe, settings, epochs)
    space = space_of(grid, vary or [], chosen)
    twice = [i.partition("=")[0] for i in settings or [] if i.partition("=")[0] in space]
    if twice:
        raise InputError(f"{twice[0]} is varied; --set {twice[0]} goes without it, or --vary {twice[0]}=VALUE fixes it")
    if epochs and "epochs" in space:
        raise InputError("--epochs and --vary epochs exclude each other")
    if search and (slurm is not None or not str(workers).isdecimal()):
        raise InputError("a --search shares its database among processes of this machine; give a number of --workers")
    wanted = TunePlan(space, chosen, _seeds(seeds), steps, search, confirm, keep)
    known = library(monomers)
    held = open_data(data, test, known, mix_engines, mix_charges)
    for remark in held.remarks if not quiet else ():
        note(remark)
    if plan:
        _tell_cost(held, wanted, known, workers, as_json, quiet)
        return
    _run(held, wanted, known, out, workers, slurm, as_json, quiet)


def _seeds(text: str) -> tuple[int, ...]:
    from ..errors import InputError

    found = seed_numbers(text)
    if not found:
        raise InputError("no seeds are given; give numbers such as 7,42,69")
    return tuple(dict.fromkeys(found))


def _run(data: StudyData, plan: TunePlan, known: MonomerLibrary, out, workers, slurm, as_json, quiet) -> None:
    from ..api.workplace import workplace
    from ..study.tune import study_of
    from ..study.tune_run import run
    from ..workers.progress import choose

    study = study_of(out, data, plan)
    if not plan.search:
        plan.trainings(data)  # what cannot be is told before anything is written
    study.begin()
    progress = choose(quiet or as_json)
    try:
        with workplace(workers, slurm, progress.message) as where:
            done = run(study, data, plan, known, where, progress)
    finally:
        progress.close()
    _leave(study, data, plan, done, as_json, quiet)


def _leave(study, data: StudyData, plan: TunePlan, done: Tuned, as_json: bool, quiet: bool) -> None:
    """The folder, and what the terminal says."""
    from ..study.outcome import read_me, write_table
    from ..study.tune_figures import convergence_figure, importance_figure
    from ..study.tune_outcome import finding, table, write_tables
    from ..study.tune_run import settings_rows

    out, found = study.folder, finding(done.rows, done.order)
    write_table(out, done.rows, settings_rows(plan, done.chosen))
    write_tables(out, done.rows, done.order)
    convergence_figure(out, done.order, f"{data.level}, {len(data.train)} structures")
    importance_figure(out, done.importance, done.measure)
    command = this_command()
    header, cells = table(done.order, plan.names)
    drawn = [name for name in ("tune", "importance") if (out / f"{name}.svg").exists()]
    shares = [(name, [f"{share:.2f}"]) for name, share in done.importance.items()]
    read_me(
        study, command, found, [(header[0], header[1:]), *((row[0], row[1:]) for row in cells)], drawn,
        "`tuning.csv` one row a configuration, `trainings.csv` one a training, `curves.csv` one an epoch",
        [[("setting", [done.measure]), *shares]] if shares else (),
    )  # fmt: skip
    if as_json:
        rows = [{k: v for k, v in row.items() if k != "curve"} for row in done.rows]
        print_json({
            "folder": out, "finding": found, "ranking": [c.told() for c in done.order], "importance": done.importance,
            "importance_measure": done.measure, "trainings": rows,
        })  # fmt: skip
        return
    print_table(
        f"Validation MAE, kcal/mol and kcal/mol/Å, {data.level}", header, cells, right=range(len(header))
    )  # fmt: skip
    typer.echo(found)
    if shares:
        typer.echo(f"What matters ({done.measure}): {', '.join(f'{n} {s}' for n, (s,) in shares)}.")
    next_step(f"see {out / 'tune.png'} and {out / 'README.md'}", quiet=quiet)


def _tell_cost(data: StudyData, plan: TunePlan, known: MonomerLibrary, workers, as_json: bool, quiet: bool) -> None:
    from ..study.tune_cost import SHAPE, cost_of
    from ..workers.progress import duration

    told = cost_of(plan, data, known, note if not (quiet or as_json) else lambda text: None)
    if as_json:
        print_json(told)
        return
    rows = [
        [*(str(r[n]) for n in SHAPE), str(r["trainings"]), duration(r["seconds_each"]), duration(r["seconds"])]
        for r in told["parts"]
    ]
    title = "Every combination once, time of one core" if plan.search else "What it costs, time of one core"
    print_table(title, [*SHAPE, "trainings", "each", "all"], rows, right=range(len(SHAPE) + 3))
    text = sum_of_cost(told["trainings"], told["core_seconds"], workers)
    text += ", less what is stopped early" if plan.search else ""
    typer.echo(f"{text}; nothing was started")
