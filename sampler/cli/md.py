"""``sampler md``: dynamics of clusters."""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from typing import Annotated, Any

import typer

from .common import Anywhere, Json, Monomers, Quiet, Slurm, library, next_step, note, print_json, print_table
from .judging import Charge, Level, Model


def md(
    start: Annotated[
        str, typer.Argument(metavar="START", help="A run directory, a file of structures, or a composition.")
    ],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder of the results. Default: md/NAME.")] = None,
    ensemble: Annotated[
        str, typer.Option("--ensemble", help="nose-hoover, langevin, rescaling (Bussi), or nve.")
    ] = "nose-hoover",
    temperature: Annotated[
        str, typer.Option("--temperature", "-T", help="K; a ramp over the whole time: 300:450.")
    ] = "300",
    time: Annotated[float, typer.Option("--time", help="ps, of each replica.")] = 10.0,
    step: Annotated[float, typer.Option("--step", help="fs.")] = 0.5,
    thermostat: Annotated[
        float, typer.Option("--thermostat-time", help="fs, of the thermostat: 100 is a friction of 0.01 1/fs.")
    ] = 100.0,
    chain: Annotated[int, typer.Option("--chain", help="Thermostats of a Nosé–Hoover chain.")] = 3,
    replicas: Annotated[
        int, typer.Option("--replicas", min=1, help="Of each structure, with velocities of their own.")
    ] = 1,
    rank: Annotated[
        list[int] | None, typer.Option("--rank", help="Structures to start from: 1 is the lowest (may be repeated).")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", "-s", min=0, help="Random seed; same seed, same trajectories.")] = 0,
    level: Level = "auto",
    model: Model = None,
    charge: Charge = None,
    frames: Annotated[float, typer.Option("--frames", help="fs between two frames of the trajectory.")] = 10.0,
    velocities: Annotated[
        float, typer.Option("--velocities", help="fs between two sets of velocities, for spectra; 0: none.")
    ] = 0.0,
    check: Annotated[
        float, typer.Option("--check", help="fs between two looks at what the cluster is; 0: none.")
    ] = 50.0,
    stop_at: Annotated[
        str,
        typer.Option(
            "--stop-at", help="What ends a replica: evaporated, reacted, spread, drift; or none: it is marked."
        ),
    ] = "evaporated,reacted,spread,drift",
    spread: Annotated[float, typer.Option("--max-spread", help="eV/Å, of a force within a committee.")] = 0.5,
    drift: Annotated[float, typer.Option("--max-drift", help="kcal/mol per atom, of the conserved quantity.")] = 0.1,
    workers: Anywhere = None,
    slurm: Slurm = None,
    monomers: Monomers = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run trajectories of a cluster, many replicas at once.

    Guards watch it: chemistry, evaporation, drift, and doubt of the model go to events.jsonl, and end the replica. What
    is finished is kept; after Ctrl-C, a kill or a power cut the same command goes on and ends with the same bits. A
    replica's trajectory does not depend on the others.

    \b
    Examples:
      sampler md 4sa4am
      sampler md 4sa4am -T 450 --time 100 --step 0.1 --replicas 20
      sampler md 2sa2am --ensemble langevin -T 300:600 --level gfn1-xtb
      sampler md structures.xyz --rank 1 --rank 2 --velocities 2
      sampler md 7sa7am --json | jq '.replicas[].ended'
    """
    from ..api.dynamics import chosen, dynamics, simulation, starting_from
    from ..dynamics.ensembles import ensemble as of_name
    from ..dynamics.guards import Limits
    from ..dynamics.integrate import Plan
    from ..dynamics.schedule import Schedule
    from .stopping import when_stopped

    known, silent = library(monomers), quiet or as_json
    parameters: dict[str, Any] = {"step": step}
    if ensemble == "langevin":
        parameters["friction"] = 1.0 / _positive("--thermostat-time", thermostat)
    elif ensemble in ("nose-hoover", "rescaling"):
        parameters["time"] = thermostat
    if ensemble == "nose-hoover":
        parameters["length"] = chain
    kind = of_name(ensemble, **parameters)
    steps = max(1, round(_positive("--time", time) * 1000.0 / step))
    every = lambda name, fs: _steps_between(name, fs, step, steps)  # noqa: E731
    limits = Limits.stopping_at(
        stop_at, spread=_positive("--max-spread", spread), drift=_positive("--max-drift", drift)
    )
    plan = Plan(
        steps, kind, Schedule.parse(temperature), seed, every("--frames", _positive("--frames", frames)),
        every("--frames", frames), every("--check", min(check, steps * step)), every("--velocities", velocities), limits,
    )  # fmt: skip
    begin = starting_from(start, rank or [1], charge, known, (lambda line: None) if silent else note)
    found = chosen(level, model or (), begin.clusters, known)
    if not silent:
        note(str(found))
        note(f"{begin.words}: {plan.schedule}, {kind.name}, {steps} steps of {step:g} fs, {replicas} replicas each")
    folder = out or Path("md") / Path(start).stem
    what = simulation(begin, found, plan, folder, replicas, known)
    when_stopped(f"stopped; what is finished is kept in {folder}, the same command goes on from here")
    progress = _Steps(silent, plan.ensemble.step)
    try:
        outcome = dynamics(what, workers, slurm, progress, progress.message)
    finally:
        progress.close()
    if as_json:
        print_json({"folder": folder, "level": found.potential.level, "by": found.by, "replicas": outcome.rows})
        return
    _print(outcome.rows, folder)
    next_step(("sampler", "md", "analyse", folder), ("sampler", "report", folder), quiet=quiet)


class _Steps:
    """Steps of all replicas, their pace in ns a day, and the time left."""

    def __init__(self, silent: bool, step_fs: float):
        from ..workers import progress as reporting

        self._progress, self._step_fs = reporting.choose(silent), step_fs
        self._progress.pace_in = lambda a_second: f"{reporting.pace(self._ns_a_day(a_second))} ns/day"
        self._begun, self._made = 0.0, 0
        self.message, self.warn = self._progress.message, self._progress.warn

    def start(self, replicas: int, steps: int, done: int) -> None:
        self._begun = monotonic()
        self._progress.start(1, 1, "steps of all replicas", replicas * steps)
        if done:
            self._progress.advance(done, True)

    def advance(self, replica_steps: int, spared: int) -> None:
        self._made += replica_steps
        if spared:
            self._progress.advance(spared, True)
        self._progress.advance(replica_steps)

    def close(self) -> None:
        if self._made:
            a_day = self._ns_a_day(self._made / max(monotonic() - self._begun, 1e-9))
            self.message(f"{self._made} steps, {a_day:.3g} ns/day of all replicas together")
        self._progress.close()

    def _ns_a_day(self, steps_a_second: float) -> float:
        return steps_a_second * self._step_fs * 1e-6 * 86400


def _print(rows: list[dict[str, Any]], folder: Path) -> None:
    from collections import Counter

    ended = Counter(row["ended"] for row in rows)
    print_table(
        f"{folder}: {len(rows)} replicas, {', '.join(f'{n} {how}' for how, n in ended.items())}",
        ["replica", "from", "ps", "ended", "what happened", "protons"],
        [
            [r["replica"], r["structure"], f"{r['time_fs'] / 1000:.3f}", r["ended"], r["detail"], r["protons_moved"]]
            for r in rows[:40]
        ],
        right={0, 2, 5},
        wrap={1, 4},
    )
    if len(rows) > 40:
        typer.echo(f"… and {len(rows) - 40} more in {folder / 'replicas.csv'}")
    if ended["exploded"]:
        typer.echo(
            f"{ended['exploded']} exploded: a shorter --step or a lower temperature may hold them; no frame of them is lost"
        )
    if found := sorted(folder.glob("replica-*/candidates.xyz")):
        typer.echo(
            f"frames of doubt, which sampler label takes: {found[0]}"
            + (f" and {len(found) - 1} more" if found[1:] else "")
        )


def _positive(name: str, value: float) -> float:
    from ..errors import InputError

    if not 0 < value < float("inf"):
        raise InputError(f"{name} is {value}; it must be above 0, and finite")
    return value


def _steps_between(name: str, fs: float, step: float, steps: int) -> int:
    """Steps between two of what the option asks for; 0: never.

    Raises:
        InputError: negative, not a number, or longer than the whole.
    """
    from ..errors import InputError

    if fs == 0:
        return 0
    if _positive(name, fs) > steps * step * (1 + 1e-9):
        raise InputError(f"{name} is {fs:g} fs, and the whole lasts {steps * step:g} fs; give less, or a longer --time")
    return max(1, round(fs / step))
