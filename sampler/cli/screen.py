"""``sampler screen``: the main job for a grid of compositions."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import typer

from .common import Json, Monomers, Quiet, Workers, cores, library, number, print_json, print_table

_AXIS = re.compile(r"(\d+)(?:-(\d+))?([a-zA-Z]+)")
_MANY = 200


def screen(
    axes: Annotated[
        list[str], typer.Argument(help="One range a molecule, e.g. 1-4sa 0-4am; a single number is a range too.")
    ],
    protocol: Annotated[
        str, typer.Option("--protocol", "-p", help="A shipped protocol (see: sampler protocols) or a .toml file.")
    ] = "quick",
    out: Annotated[Path, typer.Option("--out", "-o", help="Directory of all runs and of the table.")] = Path("screen"),
    charge: Annotated[int, typer.Option("--charge", "-c", help="Total charge of every cluster.")] = 0,
    seed: Annotated[int, typer.Option("--seed", "-s", min=0, help="Random seed.")] = 0,
    workers: Workers = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="As in sampler run (may be repeated).")] = None,
    monomers: Monomers = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help=f"Do not ask before more than {_MANY} systems.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run a protocol for every composition of a grid, small clusters first, with one table at the end.

    Each composition has a run directory of its own below --out. The same command resumes; finished systems are not
    repeated. A system that fails is listed with its error and does not stop the others.

    \b
    Examples:
      sampler screen 1-4sa 0-4am
      sampler screen 1-2sa 1-2dma 0-3w --protocol standard --out wet
    """
    from ..composition import Composition
    from ..errors import CompositionError, SamplerError, StorageError
    from ..funnel import progress as reporting
    from ..funnel import protocol as protocols
    from ..funnel import results
    from ..funnel.runner import run as run_protocol
    from ..storage import write_text

    known = library(monomers)
    chosen = protocols.load(protocol, protocols.parse_overrides(settings or []))
    grid: dict[str, Any] = {}
    for text in expand(axes):
        try:
            wanted = Composition.parse(text, known, charge)
        except CompositionError:
            if text.strip("0") and any(int(n) for n in re.findall(r"\d+", text)):
                raise
            continue  # the empty corner of a grid that starts at zero
        grid[wanted.name(known)] = wanted
    if not grid:
        raise CompositionError(f"the grid {' '.join(axes)} holds no molecule")
    if len(grid) > _MANY and not yes:
        typer.confirm(f"The grid has {len(grid)} systems. Start?", abort=True, err=True)
    rows, progress = [], reporting.choose(quiet or as_json)
    order = sorted(grid.values(), key=lambda c: (c.molecules(), c.name(known)))
    try:
        for number_, wanted in enumerate(order, start=1):
            name = wanted.name(known)
            progress.message(f"--- {name} ({number_} of {len(order)})")
            try:
                finished = run_protocol(
                    wanted, chosen, out / name, library=known, seed=seed, workers=cores(workers), progress=progress
                )
                results.write(finished, chosen, known, wanted)
                rows.append(_row(name, results.ranking(finished.clusters, wanted, known), finished.ledgers))
            except StorageError:
                raise
            except SamplerError as error:
                progress.message(f"{name} failed: {error}")
                rows.append({"system": name, "error": str(error)})
    finally:
        progress.close()
    write_text(out / "screen.csv", _csv(rows))
    if as_json:
        print_json(rows)
        return
    print_table(
        f"{len(rows)} systems ({chosen.name}, seed {seed}); kcal/mol",
        ["system", "binding", "state", "minima", "evaluations", "note"],
        [
            [r["system"], number(r.get("binding_energy_kcalmol")), r.get("state", ""), r.get("minima", ""),
             r.get("evaluations", ""), r.get("error", "")]
            for r in rows
        ],
        right={1, 3, 4},
    )  # fmt: skip
    typer.echo(f"table: {out / 'screen.csv'}")
    if any("error" in r for r in rows):
        raise typer.Exit(1)


def expand(axes: list[str]) -> list[str]:
    """``["1-2sa", "0-1am"]`` -> ``["1sa0am", "1sa1am", "2sa0am", "2sa1am"]``.

    Raises:
        CompositionError: not a range and a molecule.
    """
    from ..errors import CompositionError

    ranges = []
    for axis in axes:
        match = _AXIS.fullmatch(axis.strip())
        if not match:
            raise CompositionError(f"cannot read {axis!r}: expected a range and a molecule, as in 1-4sa or 2am")
        low, high = int(match[1]), int(match[2] or match[1])
        if low > high:
            raise CompositionError(f"the range in {axis!r} runs backwards; write {high}-{low}{match[3]}")
        ranges.append([f"{n}{match[3]}" for n in range(low, high + 1)])
    return ["".join(parts) for parts in product(*ranges)]


def _row(name: str, ranked: list[dict[str, Any]], ledgers: list[dict[str, Any]]) -> dict[str, Any]:
    lowest = ranked[0]
    return {
        "system": name,
        "binding_energy_kcalmol": lowest["binding_energy_kcalmol"],
        "state": lowest["state"],
        "minima": len(ranked),
        "level": lowest["level"],
        "id": lowest["id"],
        "evaluations": sum(ledger.get("evaluations", 0) for ledger in ledgers),
    }


def _csv(rows: list[dict[str, Any]]) -> str:
    import csv
    import io

    table = io.StringIO()
    names = ["system", "binding_energy_kcalmol", "state", "minima", "level", "id", "evaluations", "error"]
    writer = csv.DictWriter(table, fieldnames=names, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: "" if v != v else v for k, v in row.items()})
    return table.getvalue()
