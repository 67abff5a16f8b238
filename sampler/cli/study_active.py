"""``sampler study active``: database reduction by active learning."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import Anywhere, Json, Monomers, Quiet, Slurm, library, next_step, note, print_json, print_table
from .data import one_thread
from .data_sets import MixEngines
from .study_common import (
    MixCharges,
    Out,
    Plan,
    Settings,
    mean_of_repeats,
    named,
    network_settings,
    numbers,
    seed_numbers,
    this_command,
)

if TYPE_CHECKING:
    from ..study.active import ActivePlan
    from ..study.data import StudyData


def active(
    data: Annotated[
        list[Path],
        typer.Argument(metavar="POOL... TEST", help="Data set(s) to choose from, then the one to test with."),
    ],
    out: Out,
    start: Annotated[int, typer.Option("--start", min=2, help="Structures at random to begin with.")] = 100,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Structures that each round adds.")] = 100,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Batches that are added.")] = 5,
    sizes: Annotated[
        str, typer.Option("--sizes", help="Of the sets, e.g. 100,200,400, in place of --start, --batch and --rounds.")
    ] = "",
    strategies: Annotated[
        str,
        typer.Option("--strategies", help="Of supervised (true error), unsupervised (spread), random."),
    ] = "supervised,unsupervised,random",
    score: Annotated[
        str,
        typer.Option(
            "--score", help="Of energies, or forces (the largest on any atom): what errors and spread are of."
        ),
    ] = "energies",
    per_atom: Annotated[bool, typer.Option("--per-atom", help="Divide the score by the number of atoms.")] = False,
    diverse: Annotated[
        int,
        typer.Option(
            "--diverse",
            min=0,
            help="Take a batch of structures unlike each other from so many times as many of the largest scores, e.g. 5. 0: no.",
        ),
    ] = 0,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Of all, each from other structures.")] = 3,
    members: Annotated[str, typer.Option("--members", help="Seeds of the networks of a committee.")] = "7,42,69",
    recipe: Annotated[str, typer.Option("--recipe", help="As in sampler train.")] = "quick",
    steps: Annotated[int, typer.Option("--steps", min=1, help="Of every training, whatever its size.")] = 5000,
    settings: Settings = None,
    seed: Annotated[int, typer.Option("--seed", "-s", min=0, help="Of what is drawn at random.")] = 42,
    plan: Plan = False,
    workers: Anywhere = "1",
    slurm: Slurm = None,
    mix_engines: MixEngines = False,
    mix_charges: MixCharges = False,
    monomers: Monomers = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Active learning: how many chosen structures are enough.

    A committee learns from --start structures at random. Each round adds a --batch from the pool: those that the
    committee is most wrong about (supervised), or most in doubt of (unsupervised), or any (random). All networks begin with
    random weights. OUT has a row of each training (trainings.csv) and of each committee (committees.csv), what was chosen
    (chosen/), a figure (active.svg, active.png), what was found in two sentences (README.md), and all that it depends on
    (study.json).

    The same command goes on after a kill. Started several times in one folder, its processes share the trainings of a
    round: those of all strategies and repeats are done side by side.

    \b
    Examples:
      sampler study active pool.npz test.npz -o active --plan
      sampler study active pool.npz test.npz -o active --start 100 --batch 100 --rounds 5 --workers 2
      sampler study active pool.npz test.npz -o active --sizes 100,200,400,800 --score forces --diverse 5
    """
    from ..errors import InputError
    from ..study.data import open_data

    if len(data) < 2:
        raise InputError(
            "give a set to choose from and one to test with: sampler study active POOL.npz TEST.npz -o OUT"
        )
    one_thread()
    wanted = _plan(
        start,
        batch,
        rounds,
        sizes,
        strategies,
        score,
        per_atom,
        diverse,
        repeats,
        members,
        recipe,
        steps,
        settings,
        seed,
    )
    known = library(monomers)
    held = open_data(data[:-1], data[-1], known, mix_engines, mix_charges)
    for remark in held.remarks if not quiet else ():
        note(remark)
    if plan:
        _tell_cost(held, wanted, known, workers, as_json)
        return
    _run(held, wanted, known, out, workers, slurm, as_json, quiet)


def _plan(
    start, batch, rounds, sizes, strategies, score, per_atom, diverse, repeats, members, recipe, steps, settings, seed
) -> ActivePlan:
    from ..errors import InputError
    from ..study.active import ENERGIES, FORCES, STRATEGIES, ActivePlan

    if score not in (ENERGIES, FORCES):
        raise InputError(f"--score is {score!r}; it can be {ENERGIES} or {FORCES}")
    return ActivePlan(
        numbers(sizes) if sizes else tuple(start + k * batch for k in range(rounds + 1)),
        repeats,
        named(strategies, STRATEGIES, "strategy"),
        network_settings(recipe, settings, None),
        steps,
        score,
        per_atom,
        diverse,
        seed_numbers(members),
        seed,
    )


def _run(data: StudyData, plan: ActivePlan, known, out: Path, workers, slurm, as_json: bool, quiet: bool) -> None:
    from ..api.workplace import workplace
    from ..study import active_outcome as outcome
    from ..study.active import study_of
    from ..study.active_rounds import Rounds
    from ..study.data import pair_of
    from ..study.outcome import read_me, write_table
    from ..study.training import DIVERGED
    from ..workers.progress import choose

    trainings = plan.rounds(data)
    study = study_of(out, data, plan)
    study.begin()
    progress = choose(quiet or as_json)
    try:
        with workplace(workers, slurm, progress.message) as where:
            work = Rounds(study, plan, pair_of(data, known), trainings, where, progress)
            rows = work.run()
    finally:
        progress.close()
    summary = outcome.active_summary(work.committees)
    finding = outcome.active_finding(work.committees, sum(row["status"] == DIVERGED for row in rows))
    write_table(out, rows)
    outcome.write_committees(out, work.committees)
    outcome.active_figure(
        out, work.committees, f"{data.level}, {len(data.test)} test structures, committees of {len(plan.members)}"
    )
    header, table = _table(summary)
    command = this_command()
    read_me(
        study, command, finding, [(header[0], header[1:]), *((row[0], row[1:]) for row in table)], figures=("active",)
    )
    if as_json:
        told = {"folder": out, "finding": finding, "summary": summary, "ended": work.ended}
        print_json(told | {"committees": work.committees, "trainings": rows})
        return
    print_table(f"Errors of committees at the test, {data.level}", header, table, right=range(1, len(header)))
    typer.echo(finding)
    next_step(f"see {out / 'active.png'} and {out / 'README.md'}", quiet=quiet)


_SHORT = {"mae": "MAE of ΔE", "max": "largest of ΔE", "forces": "MAE of F"}


def _table(summary: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Rows of strategies for each quantity; a column a size, then what is gained over random."""
    sizes = sorted({n for found in summary.values() for told in found.values() for n in told["sizes"]})
    rows = []
    for quantity in _SHORT:
        for strategy, told in summary.get(quantity, {}).items():
            cells = [mean_of_repeats(told["sizes"].get(n)) for n in sizes]
            gain, enough = told.get("gain_over_all"), told.get("structures_for_random")
            last = [f"{gain:.2f}" if gain else "–", f"{enough:.0f}" if enough else "–"]
            rows.append([f"{_SHORT[quantity]}, {strategy}", *cells, *last])
    return ["kcal/mol (Å)", *map(str, sizes), "gain", "reaches random"], rows


def _tell_cost(data: StudyData, plan: ActivePlan, known, workers, as_json: bool) -> None:
    from ..study.active import START, STRATEGIES
    from ..study.cost import cost_of
    from ..study.data import pair_of
    from .study_cost import tell_cost

    trainings = [t for round_ in plan.rounds(data) for t in round_]
    labels = {START: "at random, to begin with"} | {name: name for name in STRATEGIES}
    tell_cost(cost_of(trainings, dict.fromkeys(labels, pair_of(data, known))), labels, workers, as_json)
