"""``sampler study curve``: learning curves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    mean_of_repeats,
    named,
    network_settings,
    numbers,
    this_command,
)

if TYPE_CHECKING:
    from ..monomers import MonomerLibrary
    from ..study.curve import CurvePlan
    from ..study.data import StudyData

Sizes = Annotated[
    str, typer.Option("--sizes", help="Structures to learn from, e.g. 100,200,400,1k; validation included.")
]


def curve(
    data: Annotated[
        list[Path],
        typer.Argument(metavar="TRAIN... TEST", help="Data set(s) to learn from, then the one to test with."),
    ],
    out: Out,
    sizes: Sizes = "100,200,400,800",
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Of each size: other structures, another seed.")] = 3,
    targets: Annotated[
        str,
        typer.Option(
            "--targets",
            help="Of energies, forces (and energies), delta, krr, krr-delta. Default: all that the data allow.",
        ),
    ] = "",
    base: Annotated[str, typer.Option("--base", help="The cheaper method of delta and krr-delta.")] = "gfn1-xtb",
    recipe: Annotated[str, typer.Option("--recipe", help="As in sampler train.")] = "quick",
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, help="Of every training.")] = None,
    steps: Annotated[
        int, typer.Option("--steps", min=0, help="Of every training, whatever its size, instead of epochs.")
    ] = 0,
    settings: Settings = None,
    seed: Annotated[int, typer.Option("--seed", "-s", min=0, help="Of samples and trainings.")] = 42,
    independent: Annotated[
        bool,
        typer.Option("--independent", help="Draw anew for each size. Default: larger samples hold the smaller ones."),
    ] = False,
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
    """Learning curves: errors against the size of the training set.

    For each target, size and repeat a model is trained and judged. OUT has a row of each training (trainings.csv), a
    figure with fitted exponents (curve.svg, curve.png), what was found in two sentences (README.md), and all that it
    depends on (study.json).

    The same command goes on after a kill. Started several times in one folder, its processes share the trainings. A training
    that diverges is recorded, and the others go on.

    \b
    Examples:
      sampler study curve sa-am-train.npz sa-am-test.npz -o curve --sizes 100,200,400,800 --plan
      sampler study curve sa-am-train.npz sa-am-test.npz -o curve --sizes 100,200,400,800 --workers 2
      sampler study curve train.npz test.npz -o curve --targets forces,delta --sizes 1k,2k,4k --steps 20000
    """
    from ..errors import InputError
    from ..study.data import open_data

    if len(data) < 2:
        raise InputError("give a set to learn from and one to test with: sampler study curve TRAIN.npz TEST.npz -o OUT")
    if steps and epochs:
        raise InputError("--steps and --epochs exclude each other")
    one_thread()
    known = library(monomers)
    held = open_data(data[:-1], data[-1], known, mix_engines, mix_charges)
    wanted = _plan(held, sizes, repeats, targets, base, recipe, epochs, steps, settings, seed, independent, keep)
    for remark in held.remarks if not quiet else ():
        note(remark)
    if plan:
        _tell_cost(held, wanted, known, workers, as_json)
        return
    _run(held, wanted, known, out, workers, slurm, as_json, quiet)


def _plan(
    data: StudyData, sizes, repeats, targets, base, recipe, epochs, steps, settings, seed, independent, keep
) -> CurvePlan:
    from ..study.curve import TARGETS, CurvePlan, default_targets
    from ..study.data import DELTA

    wanted = named(targets, TARGETS, "target") if targets.strip(" ,") else ()
    level = ""
    if not wanted or any(TARGETS[t].of == DELTA for t in wanted):
        from ..learn.evaluate import open_base

        level = open_base(base).level
    wanted = wanted or default_targets(data, level)
    level = level if any(TARGETS[t].of == DELTA for t in wanted) else ""
    return CurvePlan(
        numbers(sizes),
        repeats,
        wanted,
        network_settings(recipe, settings, epochs),
        steps,
        seed,
        independent,
        level,
        keep,
    )


def _run(data: StudyData, plan: CurvePlan, known: MonomerLibrary, out, workers, slurm, as_json, quiet) -> None:
    from ..api.workplace import workplace
    from ..learn.evaluate import open_base
    from ..study import curve as curves
    from ..study.data import keep_base, without_failures
    from ..study.outcome import curve_figure, curve_finding, curve_summary, read_me, write_table
    from ..study.queue import Queue
    from ..workers.progress import choose

    trainings = plan.trainings(data)
    study = curves.study_of(out, data, plan)
    study.begin()
    progress = choose(quiet or as_json)
    try:
        with workplace(workers, slurm, progress.message) as where:
            base = None
            if plan.needs_base:
                base = keep_base(
                    data, open_base(plan.base), out / "base", where if isinstance(where, int) else 1,
                    lambda total: progress.start(1, 1, f"{plan.base} at the structures", total), progress.advance,
                )  # fmt: skip
                data = without_failures(data, base)
                trainings = plan.trainings(data)
            rows = Queue(study, trainings, curves.tasks(study, data, plan, known, base), where, progress).run()
    finally:
        progress.close()
    summary, finding = curve_summary(rows), curve_finding(rows)
    write_table(out, rows, [t.settings for t in trainings])
    curve_figure(out, rows, f"{data.level}, {len(data.test)} test structures")
    command = this_command()
    header, table = _table(summary)
    read_me(study, command, finding, [(header[0], header[1:]), *((row[0], row[1:]) for row in table)])
    if as_json:
        print_json({"folder": out, "finding": finding, "summary": summary, "trainings": rows})
        return
    print_table(f"MAE of the test, kcal/mol and kcal/mol/Å, {data.level}", header, table, right=range(1, len(header)))
    typer.echo(finding)
    next_step(f"see {out / 'curve.png'} and {out / 'README.md'}", quiet=quiet)


def _table(summary: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Rows of targets; a column a size, then the exponent. Energies, then forces."""
    from ..study.curve import TARGETS

    sizes = sorted({n for q in ("energy", "forces") for t in summary.get(q, {}).values() for n in t["sizes"]})
    rows = []
    for quantity, mark in (("energy", "ΔE"), ("forces", "F")):
        for target, found in summary.get(quantity, {}).items():
            cells = [mean_of_repeats(found["sizes"].get(n)) for n in sizes]
            power = found["exponent"]
            fitted = f"{power:+.2f} ± {found['exponent_error']:.2f}" if power is not None else "–"
            rows.append([f"{TARGETS[target].label}: {mark}", *cells, fitted])
    return ["target", *map(str, sizes), "exponent"], rows


def _tell_cost(data: StudyData, plan: CurvePlan, known: MonomerLibrary, workers, as_json: bool) -> None:
    from ..clusters import Clusters
    from ..learn.evaluate import open_base
    from ..study.cost import base_seconds, cost_of
    from ..study.curve import TARGETS
    from ..study.data import pair_of
    from .study_cost import tell_cost

    trainings = plan.trainings(data)
    base = "", 0, 0.0
    if plan.needs_base:
        both = Clusters.concatenate([s.clusters.without_energies() for s in (data.train, data.test)])
        base = plan.base, len(both), base_seconds(open_base(plan.base), both)
    # a correction costs what its direct twin does: the base is computed once, and stands above
    rows = cost_of(trainings, dict.fromkeys(plan.targets, pair_of(data, known)), plan.independent)
    tell_cost(rows, {name: target.label for name, target in TARGETS.items()}, workers, as_json, base)
