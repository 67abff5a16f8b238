"""``sampler show``: the ledger and the ranking of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .common import Json, Monomers, library, number, print_json, print_table


def show(
    run: Annotated[Path, typer.Argument(help="A run directory.")],
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Rows of the ranking.")] = 20,
    monomers: Monomers = None,
    as_json: Json = False,
) -> None:
    """Show what happened in a run (the ledger) and what came out (the ranking).

    \b
    Examples:
      sampler show 4sa4am
      sampler show 4sa4am --json | jq '.structures[].binding_energy_kcalmol'
    """
    from ..funnel import results
    from ..funnel.progress import outcome
    from ..funnel.rundir import read_ledgers

    known = library(monomers)
    if as_json:
        print_json(results.summary(run, known))
        return
    print_table(
        f"{run}: the funnel", ["stage", "kind", "in and out", "more"],
        [[ledger["stage"], ledger["kind"], outcome(ledger), _more(ledger)] for ledger in read_ledgers(run)],
    )  # fmt: skip
    print_ranking(run, known, limit)


def print_ranking(folder: Path, known, limit: int) -> None:
    """The lowest structures of a run, as a table."""
    from ..funnel import results
    from ..funnel.rundir import read_manifest, read_result

    rows = results.ranking(read_result(folder), results.composition_of(folder, known), known)
    shown = rows[:limit]
    refined = any(r["rank_before"] for r in rows)
    manifest = read_manifest(folder)
    level = rows[0]["level"] + (" by PaiNN" if results.energies_by(manifest) == "painn" else "")
    print_table(
        f"{manifest['composition']}: the {len(shown)} lowest of {len(rows)}, {level}, kcal/mol",
        ["rank", *["before"] * refined, "id", "state", "relative", "binding", "found", "converged"],
        [
            [
                r["rank"],
                *[r["rank_before"] or "–"] * refined,
                r["id"],
                r["state"],
                number(r["relative_energy_kcalmol"]),
                number(r["binding_energy_kcalmol"]),
                r["times_found"] or "",
                {True: "yes", False: "no", None: ""}[r["converged"]],
            ]
            for r in shown
        ],
        right={0, 1, 4, 5, 6} if refined else {0, 3, 4, 5},
    )


def _more(ledger: dict[str, Any]) -> str:
    if "ranking" in ledger:
        from ..funnel.ranks import in_words

        return in_words(ledger["ranking"])
    if "confidence" in ledger:
        from ..funnel.select_stage import in_words as kept_in_words

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
        return f"{len(ledger['states'])} protonation states"
    return ""
