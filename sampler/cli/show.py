"""``sampler show``: the ledger and the ranking of a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from . import completion
from .common import Json, Monomers, Verbose, library, note, number, print_json, print_table, run_folders
from .thermo_options import ROOM_TEMPERATURE, Temperature


def show(
    run: Annotated[
        Path, typer.Argument(autocompletion=completion.runs, help="A run directory, or the folder of a screen.")
    ],
    limit: Annotated[
        int | None, typer.Option("--count", "-n", min=1, help="Structures of a ranking that are shown. Default: 20.")
    ] = None,
    by: Annotated[
        str, typer.Option("--by", help="Order by energy, or by G: the free energies that sampler thermo has left.")
    ] = "energy",
    temperature: Temperature = ROOM_TEMPERATURE,
    monomers: Monomers = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show what happened in a run, and what came out: the ranking.

    Of a screen it shows the lowest structure of each finished system; with --count also the rankings.

    \b
    Examples:
      sampler show 4sa4am
      sampler show 4sa4am --json | jq '.structures[].binding_energy_kcalmol'
      sampler show screen
      sampler show 4sa4am --by G --temperature 278.15
    """
    from ..api.folders import spelled
    from ..errors import InputError
    from ..rundir.directory import read_manifest

    known = library(monomers)
    run = spelled(run, known)
    runs = run_folders(run, known)
    if not runs:
        read_manifest(run)  # says what is wrong
    if by.lower() == "g":
        from .show_gibbs import show_gibbs

        show_gibbs(run, runs, known, temperature, limit, as_json)
        return
    if by.lower() not in ("energy", "e"):
        raise InputError(f"--by {by}: a ranking is by energy or by G")
    if temperature != ROOM_TEMPERATURE:
        raise InputError(f"--temperature {temperature} has a meaning only with --by G")
    if as_json:
        told = [_summary(one, known, limit) for one in runs]
        print_json(told[0] if runs == [run] else {"folder": run, "runs": told})
    elif runs == [run]:
        _print_run(run, known, limit or 20, verbose)
    else:
        _print_screen(run, runs, known, limit)


def _summary(run: Path, known, limit: int | None) -> dict[str, Any]:
    from ..funnel import results

    told = results.summary(run, known)
    return told | {"structures": told["structures"][:limit]}


def _print_run(run: Path, known, limit: int, verbose: bool) -> None:
    from ..rundir.directory import read_ledgers
    from ..rundir.finished import complete

    ledgers = read_ledgers(run)
    if not complete(run):
        note(f"{run}: a run that was started later has not ended; this is the result before it")
    print_table(
        f"{run}: the funnel", ["stage", "kind", "in", "out", "dropped, and what else there is to say"],
        [[ledger.stage, ledger.kind, ledger.came_in, ledger.out, _what(ledger)] for ledger in ledgers],
        right={0, 2, 3}, wrap={4}, keys=2,
    )  # fmt: skip
    for ledger in ledgers if verbose else ():
        _print_rounds(run, ledger)
    print_ranking(run, known, limit)


def _print_screen(folder: Path, runs: list[Path], known, limit: int | None) -> None:
    from ..screen.levels import warning
    from ..screen.rows import earlier

    rows = earlier(folder, known, ())
    if words := warning(rows):
        note(words)
    keys = ("state", "minima", "level", "protocol", "seed")
    print_table(
        f"{folder}: the lowest of {len(rows)} systems, kcal/mol", ["system", "binding", *keys],
        [[r["system"], number(r["binding_energy_kcalmol"]), *(r[k] for k in keys)] for r in rows],
        right={1, 3, 6},
    )  # fmt: skip
    for run in runs if limit else ():
        print_ranking(run, known, limit)


def print_ranking(folder: Path, known, limit: int | None) -> None:
    """The lowest structures of a run, as a table."""
    from ..funnel import results
    from ..funnel.protocols.ending import Ending
    from ..funnel.protocols.own_model import remarks_of
    from ..rundir.directory import read_manifest, read_result

    clusters, composition = read_result(folder), results.composition_of(folder, known)
    rows = results.ranking(clusters, composition, known)
    shown = rows[:limit]
    refined = any(r["rank_before"] for r in rows)
    errors = {r["uncertainty_kcalmol"] for r in shown} - {None}
    each = len(errors) > 1  # what is the same for all is said once
    manifest = read_manifest(folder)
    level = rows[0]["level"] + (" by PaiNN" if results.energies_by(manifest) == "painn" else "")
    print_table(
        f"{manifest['composition']}: the {len(shown)} lowest of {len(rows)}, {level}, kcal/mol",
        ["rank", *["before"] * refined, "id", "state", "relative", *["±"] * each, "binding", "found", "converged"],
        [
            [
                r["rank"],
                *[r["rank_before"] or "–"] * refined,
                r["id"],
                r["state"],
                number(r["relative_energy_kcalmol"]),
                *[number(r["uncertainty_kcalmol"])] * each,
                number(r["binding_energy_kcalmol"]),
                r["times_found"] or "",
                {True: "yes", False: "no", None: ""}[r["converged"]],
            ]
            for r in shown
        ],
        right={0, *range(1, 1 + refined), *range(3 + refined, 6 + refined + each)},
        keys=2 + refined,
    )
    if errors:
        typer.echo(
            f"uncertainty of relative energies: {'the column ±' if each else f'± {number(errors.pop())} kcal/mol'}, one "
            "standard deviation from B97-3c"
        )
    if "level" in manifest:
        typer.echo(f"level: {Ending(**manifest['level'])}")
    for one in manifest.get("merged", ()):
        typer.echo(
            f"merged from {one['source']}: {one['structures']} structures, protocol {one['protocol']}, seed {one['seed']}"
        )
    for remark in remarks_of(folder):
        typer.echo(f"remark: {remark}")
    if reason := results.no_binding(clusters.level, composition, known):
        note(reason)


def _what(ledger: Mapping[str, Any]) -> str:
    """``40 duplicate, 17 reacted; 12 found``, and what else a stage has to say."""
    dropped = ", ".join(f"{n} {reason.replace('_', ' ')}" for reason, n in ledger["dropped"].items())
    found = f"{ledger['found']} found" if ledger.get("found") else ""
    return "; ".join(filter(None, [dropped, found, _more(ledger)]))


def _print_rounds(run: Path, ledger: Mapping[str, Any]) -> None:
    """A line for each round of a search, with its statistics."""
    from ..rundir.directory import read_rounds
    from ..search.archive import line

    for record in read_rounds(run, ledger["folder"]):
        typer.echo(f"{ledger['kind']}, {line(record, ledger['watch_kcalmol'], verbose=True)}")


def _more(ledger: Mapping[str, Any]) -> str:
    if "ranking" in ledger:
        from ..similarity.rank_correlation import in_words

        return in_words(ledger["ranking"])
    if "confidence" in ledger:
        from ..funnel.stages.select import in_words as kept_in_words

        return kept_in_words(ledger["confidence"])
    if "evaluations" in ledger:
        told = [f"{ledger[key]} {key}" for key in ("rounds", "converged", "evaluations") if key in ledger]
        if "stopped" in ledger:
            told[0] += f" (ended by {ledger['stopped']})"
        if "unseen_chao1" in ledger:
            told.append(
                f"{ledger['seen']} within {ledger['watch_kcalmol']:g} kcal/mol, about {ledger['unseen_chao1']:.0f} unseen"
            )
        return ", ".join(told)
    if ledger.get("parent_structures_left_out"):
        return f"{ledger['parent_structures_left_out']} of {ledger['parent_structures']} parent structures left out"
    if "states" in ledger:
        return "1 protonation state" if len(ledger["states"]) == 1 else f"{len(ledger['states'])} protonation states"
    return ""
