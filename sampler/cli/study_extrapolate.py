"""``sampler study extrapolate``: errors and cost against the size of clusters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import completion
from .common import Json, Monomers, Quiet, library, next_step, note, print_json, print_table, write_csv
from .data import one_thread
from .study_common import Out, Plan, this_command

if TYPE_CHECKING:
    from ..monomers import MonomerLibrary
    from ..study.extrapolate_cost import Timed
    from ..study.extrapolate_data import ExtrapolationData
    from ..study.outcome import Table
    from ..workers.progress import Progress

_ALWAYS = "gfn1-xtb"
"""What is timed beside the models."""
MEANING = (
    "errors are predicted − label, mean ± standard deviation: of ΔE, of its absolute value, that an atom, that without the mean "
    "of a composition, and the absolute one of force components; trained on: structures of this number of molecules by the card"
)


def extrapolate(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL... TEST...",
            autocompletion=completion.models_and_data,
            help="Models (folders, names of those that ship, committees A,B,C, potentials), and data sets to test with.",
        ),
    ],
    out: Out,
    leave_out_seen: Annotated[
        bool, typer.Option("--leave-out-seen", help="Leave out structures that a model was trained or validated on.")
    ] = False,
    cost_of: Annotated[
        list[str] | None,
        typer.Option("--cost-of", help="Time this method, too, e.g. b97-3c (may be repeated). Always: gfn1-xtb."),
    ] = None,
    cost_at: Annotated[
        list[Path] | None,
        typer.Option("--cost-at", help="Data set to time at, one structure a composition. Default: the test sets."),
    ] = None,
    cost_sizes: Annotated[
        list[str] | None,
        typer.Option("--cost-sizes", help="Time at these compositions alone, e.g. 4sa4am (may be repeated)."),
    ] = None,
    cost_limit: Annotated[
        float, typer.Option("--cost-limit", min=0.0, help="Seconds an evaluation to be timed may take.")
    ] = 120.0,
    no_cost: Annotated[bool, typer.Option("--no-cost", help="Errors alone, time nothing.")] = False,
    plan: Plan = False,
    workers: Annotated[
        int, typer.Option("--workers", "-j", min=1, help="Processes that predict. Timings take one.")
    ] = 1,
    monomers: Monomers = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Errors against cluster size, beyond the training sizes; cost.

    Each model predicts each test set. OUT has a row for each model, test set and number of molecules (errors.csv), seconds of
    one core by size (cost.csv), figures with the largest size that a model was trained on and with fitted powers, what was
    found (README.md), and all that it depends on (study.json). The sizes trained on are those of a model's card.

    The same command goes on after a kill. A timing that was measured is kept. Labels of another level than the models' are
    refused; a method, such as gfn1-xtb, may be of any.

    \b
    Examples:
      sampler study extrapolate b97-painn b97-delta large.npz -o extrapolate --plan
      sampler study extrapolate b97-painn b97-delta gfn1-xtb nine.npz fifteen.npz -o extrapolate
      sampler study extrapolate m/seed1,m/seed2,m/seed3 large.npz -o three --cost-of b97-3c --cost-at small.npz
    """
    from ..study.extrapolate_data import divided, open_extrapolation

    one_thread()
    known = library(monomers)
    models, tests = divided(words)
    data = open_extrapolation(models, tests, known, leave_out_seen)
    timed = None if no_cost else _timed(data, cost_of or [], cost_at or [], cost_sizes or [], cost_limit, known)
    for remark in data.remarks if not quiet else ():
        note(remark)
    if plan:
        _tell_cost(data, timed, workers, as_json)
        return
    _run(data, timed, known, out, leave_out_seen, workers, as_json, quiet)


def _timed(
    data: ExtrapolationData,
    methods: list[str],
    files: list[Path],
    sizes: list[str],
    limit: float,
    known: MonomerLibrary,
) -> Timed | None:
    import numpy as np

    from ..composition import Composition
    from ..errors import InputError
    from ..learn.evaluate import open_potential
    from ..learn.labels.labels_file import open_labels
    from ..study.extrapolate import molecules
    from ..study.extrapolate_cost import Timed, one_of_each

    sets = [open_labels(f, known) for f in files] or [t.labels for t in data.tests]
    chosen = one_of_each(sets)
    if sizes:
        wanted = [Composition.parse(n, known).name(known) for n in sizes]
        absent = sorted(set(wanted) - set(chosen.compositions.tolist()))
        if absent:
            raise InputError(
                f"no structure of {', '.join(absent)} to time at; give a data set that has some: --cost-at"
            )
        chosen = chosen.subset(np.isin(chosen.compositions, wanted))
    beside = {name: open_potential([name]) for name in dict.fromkeys([_ALWAYS, *methods])}  # xTB must load before torch
    potentials = beside | {s.name: s.potential for s in data.subjects}
    return Timed(potentials, chosen.clusters, molecules(chosen), limit)


def _run(
    data: ExtrapolationData, timed: Timed | None, known, out: Path, leave_out_seen, workers, as_json, quiet
) -> None:
    from ..study import extrapolate as study
    from ..study import extrapolate_cost as cost
    from ..study.extrapolate_outcome import cost_figure, cost_table, error_figure, error_table, finding
    from ..study.outcome import read_me
    from ..workers.progress import choose

    made = study.study_of(out, data, {"leave_out_seen": leave_out_seen})
    made.begin()
    progress = choose(quiet or as_json)
    try:
        total = len(data.subjects) * sum(len(t.labels) for t in data.tests)
        progress.start(1, 2 if timed else 1, "predictions", total)
        found = list(study.predict(out, data, known, workers, progress.advance))
        rows = [row for each in found for row in study.rows_of(*each)]
        costs = _measured(out, timed, progress) if timed else []
    finally:
        progress.close()
    trained = {s.name: s.trained for s in data.subjects}
    write_csv(out / "errors.csv", [{k: row[k] for k in study.COLUMNS} for row in rows])
    error_figure(out, rows, trained, f"against {data.level}")
    if costs:
        write_csv(out / "cost.csv", [{k: row[k] for k in cost.COLUMNS} for row in costs])
        cost_figure(out, costs)
    said = finding(rows, costs, trained)
    command = this_command()
    errors = error_table(rows)
    more = [cost_table(costs)] if costs else []
    figures = ("extrapolate", "cost") if costs else ("extrapolate",)
    beside = "`errors.csv` a row for each model, test set and size" + (", `cost.csv` each timing" if costs else "")
    read_me(made, command, said, errors, figures, beside, more)
    if as_json:
        laws = {n: law and {"exponent": law.exponent, "error": law.error} for n, law in cost.laws(costs)}
        print_json(
            {"folder": out, "finding": said, "trained_on": trained, "errors": rows, "cost": costs, "powers": laws}
        )
        return
    _print("kcal/mol and kcal/mol/Å", errors)
    for table in more:
        _print("seconds of one core for energy and forces", table)
    typer.echo(MEANING)
    typer.echo(said)
    next_step(f"see {out / 'extrapolate.png'} and {out / 'README.md'}", quiet=quiet)


def _measured(out: Path, timed: Timed, progress: Progress) -> list[dict[str, Any]]:
    """The timings; what a slow method will take is said before."""
    from ..study import extrapolate_cost as cost
    from ..workers.progress import duration

    for name, potential in timed.potentials.items():
        if cost.expected(potential, timed.structures[[0]], []) is not None:
            (row,) = cost.planned(cost.Timed({name: potential}, timed.structures, timed.molecules, timed.limit))
            progress.message(
                f"{name}: {row['structures']} sizes to be timed, about {duration(row['seconds'])} of one core"
            )
    progress.start(2, 2, "timings", len(timed))
    return cost.measure(out, timed, progress.advance)


def _print(title: str, table: Table) -> None:
    head, *rows = [[name, *cells] for name, cells in table]
    print_table(title, head, rows, right=range(1, len(head)))


def _tell_cost(data: ExtrapolationData, timed: Timed | None, workers: int, as_json: bool) -> None:
    from ..study.extrapolate_cost import planned, seconds_of
    from ..workers.progress import duration

    parts: list[dict[str, Any]] = []
    for s in sorted(data.subjects, key=lambda s: bool(s.potential.models)):
        for t in data.tests:
            seconds = sum(seconds_of(s.potential, t.labels.clusters))
            parts.append({"what": f"{s.name}, {t.name}", "structures": len(t.labels), "seconds": seconds})
    parts += [{"what": f"timing {r['method']}", **r} for r in (planned(timed) if timed else [])]
    total = sum(p["seconds"] for p in parts)
    if as_json:
        print_json({"core_seconds": total, "parts": parts})
        return
    table = [[p["what"], str(p["structures"]), duration(p["seconds"])] for p in parts]
    print_table("What it costs, time of one core", ["what", "structures", "all"], table, right=range(1, 3))
    shared = f", {workers} processes predict" if workers > 1 else ""
    typer.echo(f"{duration(total)} of one core{shared}; nothing was started")
