"""``sampler merge``: several searches of one composition in one ranking."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .common import Json, Monomers, Quiet, Replace, library, next_step, number, print_json, print_table


def merge(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="Run directories of one composition, two or more.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Run directory of the result.")],
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Structures that are shown.")] = 10,
    replace: Replace = False,
    monomers: Monomers = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Merge several searches of one composition into one ranking.

    Of other seeds or protocols, at one level. Duplicates go as in a run, how often a minimum was found is summed, and each
    structure says which searches have found it, how often. The result is a run directory: show, export, thermo, report and
    import orca read it.

    \b
    Examples:
      sampler merge 4sa4am-seed0 4sa4am-seed1 --out 4sa4am
      sampler merge quick/3sa3am thorough/3sa3am --out 3sa3am --json
    """
    from ..api.merging import merge as together
    from ..columns import FOUND_IN, MERGED_FROM

    known = library(monomers)
    made = together(runs, out, monomers=known, replace=replace)
    lowest, rows = made.clusters.lowest_first(), made.ranking()
    for row, source, found in zip(rows, lowest.columns[MERGED_FROM].tolist(), lowest.columns[FOUND_IN].tolist()):
        row |= {MERGED_FROM: source, FOUND_IN: found}
    ledger, sources = made.ledgers[-1], made.manifest()["merged"]
    if as_json:
        print_json(made.summary() | {"structures": rows, "merged": sources})
        return
    print_table(
        f"{made.composition.name(known)}: the {len(rows[:count])} lowest of {len(rows)}, {lowest.level}, kcal/mol",
        ["rank", "id", "state", "relative", "binding", "found", "by"],
        [
            [
                r["rank"], r["id"], r["state"], number(r["relative_energy_kcalmol"]), number(r["binding_energy_kcalmol"]),
                r["times_found"], r[FOUND_IN],
            ]
            for r in rows[:count]
        ],
        right={0, 3, 4, 5}, wrap={6}, keys=2,
    )  # fmt: skip
    several = sum(", " in r[FOUND_IN] for r in rows)
    typer.echo(
        f"{len(sources)} searches, {ledger.came_in} structures, {len(rows)} of them distinct; {several} were found by more than "
        f"one search; in {out}"
    )
    next_step(("sampler", "show", out), quiet=quiet)
