"""``sampler watch``: the ledger of a run or screen while it works, from another shell."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from .common import Json, Monomers, library, number, print_json, width

_SETTLED = 3
"""Looks in a row at a screen in which nothing runs, after which it is taken to have ended: between two systems nothing does."""
_ROUNDS = 5


def watch(
    run: Annotated[Path, typer.Argument(help="A run directory, or the folder of a screen.")],
    once: Annotated[bool, typer.Option("--once", help="Print once. So it does where output is no terminal.")] = False,
    every: Annotated[float, typer.Option("--every", min=0.2, help="Seconds between two looks.")] = 2.0,
    monomers: Monomers = None,
    as_json: Json = False,
) -> None:
    """Watch a run or a screen at work, from another shell.

    It only reads, and takes no lock: the run goes on whatever happens here. It ends when the run does, or with Ctrl-C. A run
    whose process is no more is said to be killed, with what to do. Of a screen it shows all systems and the one at work.

    \b
    Examples:
      sampler watch 4sa4am
      sampler watch screen --every 10
      sampler watch 4sa4am --once
      sampler watch 4sa4am --json | jq .status
    """
    from ..api.folders import spelled
    from ..rundir.directory import is_run, read_manifest

    known = library(monomers)
    run = spelled(run, known)
    look = _look_at_run if is_run(run) else _look_at_screen
    if look is _look_at_screen and not _is_screen(run):
        read_manifest(run)  # says what is wrong
    if as_json:
        print_json(look(run)[0])
        return
    if once or not sys.stdout.isatty():
        for line in look(run)[1]:
            typer.echo(line)
        return
    try:
        _follow(lambda: look(run), every)
    except KeyboardInterrupt:
        typer.echo(f"no longer watched; the run itself is left alone: sampler watch {run}")


def _follow(look: Callable[[], tuple[dict[str, Any], list[str]]], every: float) -> None:
    """Show it anew until nothing runs any more."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    idle = 0
    with Live(console=Console(highlight=False), auto_refresh=False, transient=True) as screen:
        while True:
            told, lines = look()
            screen.update(Text("\n".join(lines)), refresh=True)
            idle = 0 if told["going"] else idle + 1
            if idle >= (_SETTLED if "systems" in told else 1):
                break
            time.sleep(every)
    for line in lines:
        typer.echo(line)


# ---- a run -----------------------------------------------------------------------------------------------------------


def _look_at_run(folder: Path) -> tuple[dict[str, Any], list[str]]:
    from ..rundir.state import state_of
    from ..text.table import table
    from ..workers.progress import duration

    state = state_of(folder)
    manifest, stages = state.manifest, []
    for s in state.stages:
        stages.append(
            {
                "stage": s.position, "kind": s.kind, "seconds": s.seconds, "rounds": len(s.rounds),
                "status": "done" if s.ledger is not None else (state.status if s.begun else "to come"),
                "done": s.done, "total": s.total, "seconds_left": s.left if state.going else None, "ledger": None if s.ledger is None else s.ledger.as_dict(),
            }
        )  # fmt: skip
    told = {
        "folder": folder, "composition": manifest["composition"], "protocol": manifest["protocol"]["name"],
        "seed": manifest["seed"], "level": manifest.get("level"), "status": state.status, "why": state.why, "who": state.who,
        "silent_seconds": round(state.silent, 1), "going": state.going, "stages": stages,
    }  # fmt: skip
    title = f"{folder}: {manifest['composition']}, protocol {manifest['protocol']['name']}, seed {manifest['seed']}"
    rows = [
        [
            str(s.position),
            s.kind,
            *_counts(s),
            "" if s.seconds is None else duration(s.seconds),
            _words(s, state.status),
        ]
        for s in state.stages
    ]
    lines, _ = table(title, ["stage", "kind", "in", "out", "time", "what"], rows, width(), {0, 2, 3}, {5}, 2)
    lines += ["", *_rounds(state.now), _status(state)]
    return told, lines


def _counts(s: Any) -> list[str]:
    if s.ledger is not None:
        return [str(s.ledger.came_in), str(s.ledger.out)]
    return ["" if s.total is None else str(s.total), ""]


def _words(s: Any, status: str) -> str:
    if s.ledger is not None:
        return ", ".join(f"{n} {reason.replace('_', ' ')}" for reason, n in s.ledger.dropped.items())
    if not s.begun:
        return "to come"
    here = f"{status}: " if status != "running" else ""
    left = _left(s) if status == "running" else ""
    if s.rounds:
        return f"{here}round {len(s.rounds) + 1}, {s.done or 0} children done{left}"
    return f"{here}{s.done or 0} of {s.total} done{left}" if s.total else f"{here}{s.done or 0} done{left}"


def _left(s: Any) -> str:
    """``, about 12 s left``; a search may end before its last round."""
    from ..workers.progress import duration

    if s.left is None:
        return ""
    return f", {'at most ' if s.rounds else ''}about {duration(s.left)} left"


def _rounds(now: Any) -> list[str]:
    """The last rounds of a search at work."""
    if now is None or not now.rounds or "new_in_window" not in now.rounds[-1]:
        return []
    from ..search.archive import line

    return [line(record, 0.0) for record in now.rounds[-_ROUNDS:]]


def _status(state: Any) -> str:
    from ..workers.progress import duration

    text = state.status + (f": {state.why}" if state.why else "")
    if state.status == "running":
        return f"{text}{', ' if state.why else ': '}{state.who}; last sign {duration(state.silent)} ago"
    if state.status in ("stopped", "failed", "not finished") and not state.why:
        return f"{text}; the same command goes on where it was"
    return text + (f"; the result: sampler show {state.folder}" if state.status == "finished" else "")


# ---- a screen --------------------------------------------------------------------------------------------------------


def _is_screen(folder: Path) -> bool:
    from ..rundir.directory import runs_below

    return folder.is_dir() and ((folder / "screen.csv").is_file() or bool(runs_below(folder)))


def _look_at_screen(folder: Path) -> tuple[dict[str, Any], list[str]]:
    from ..rundir.directory import runs_below
    from ..rundir.state import state_of
    from ..text.table import table

    rows = {row["system"]: row for row in _table(folder)}
    for run in runs_below(folder):
        state = state_of(run)
        row = rows.setdefault(run.name, {"system": run.name, "binding_energy_kcalmol": "", "minima": "", "status": ""})
        # a table that was written before its process died still says running
        if row["status"] in ("", "running") or state.going:
            row["status"] = state.status
        row["at"] = _at(state)
    systems = list(rows.values())
    for row in systems:
        if row["status"] == "running" and "at" not in row:
            row["status"] = "waiting"
    counts = {word: sum(r["status"] == word for r in systems) for word in dict.fromkeys(r["status"] for r in systems)}
    going = counts.get("running", 0) > 0
    left = sum(r["status"] not in ("finished", "failed") for r in systems)
    told = {
        "folder": folder, "going": going, "counts": counts,
        "systems": [{k: r.get(k) for k in ("system", "status", "binding_energy_kcalmol", "minima", "at")} for r in systems],
    }  # fmt: skip
    title = f"{folder}: " + ", ".join(f"{n} {word}" for word, n in counts.items())
    cells = [
        [r["system"], r["status"], _number(r["binding_energy_kcalmol"]), str(r["minima"]), r.get("at", "")]
        for r in systems
    ]
    lines, _ = table(title, ["system", "status", "binding", "minima", "at"], cells, width(), {2, 3}, {4}, 1)
    end = "all done" if not left else f"{left} to go"
    if left and not going:
        end += "; nothing runs here: the same sampler screen command goes on"
    return told, [*lines, "", f"{end}; binding in kcal/mol"]


def _table(folder: Path) -> list[dict[str, Any]]:
    import csv

    try:
        with open(folder / "screen.csv", encoding="utf-8", newline="") as handle:
            return [dict(row) for row in csv.DictReader(handle)]
    except OSError:
        return []


def _at(state: Any) -> str:
    """``3 of 9, relax: 120 of 200 done``; '' where there is nothing to say."""
    if state.status == "finished":
        return ""
    now = state.now
    if now is None:
        return state.why
    return f"stage {now.position} of {state.stages[-1].position}, {now.kind}: {_words(now, 'running')}"


def _number(text: Any) -> str:
    try:
        return number(float(text))
    except (TypeError, ValueError):
        return "–"
