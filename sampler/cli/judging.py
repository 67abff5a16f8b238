"""What ``sampler energy`` and ``sampler relax`` share: their structures, their potential, and how results are shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from . import completion
from .common import next_step, note, number, print_json, print_table

Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE",
        autocompletion=completion.inputs,
        help="Structures: xyz, extxyz, npz, ASE db, JKQC pickle, CREST ensemble, ORCA output, run directory, or what ASE reads.",
    ),
]
Level = Annotated[
    str,
    typer.Option(
        "--level", "-l",
        help="gfn1-xtb, gfn2-xtb, b97-3c (PySCF), ase:NAME, …; or auto: the models of B97-3c where they are at home, else "
        "GFN1-xTB.",
    ),
]  # fmt: skip
Model = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        "-m",
        autocompletion=completion.models,
        help="A trained model instead, by short name (sampler models) or folder; repeated: a committee.",
    ),
]
Charge = Annotated[
    int | None,
    typer.Option("--charge", "-c", help="Of every structure. Default: as in the file, else that of the molecules."),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", help="Write structures (.xyz, .extxyz, .npz, .db, .pkl) or the table (.csv) to this file."
    ),
]
Shown = Annotated[int, typer.Option("--count", "-n", min=1, help="Rows of the table on the terminal.")]


@dataclass(frozen=True)
class Asked:
    """What the user named, read and checked before any work."""

    start: Any
    chosen: Any
    known: Any
    where: tuple[str, ...]
    notes: tuple[str, ...]


def asked(files: Sequence[Path], level: str, models: Sequence[str] | None, charge: int | None, out: Path | None, known,
          quiet: bool) -> Asked:  # fmt: skip
    """Read all files and choose the potential.

    Raises:
        InputError: a file without structures, or an ``out`` that no format has the ending of. Others: see
            :func:`sampler.api.chosen.chosen`.
    """
    from ..api.chosen import chosen

    if out is not None:
        _require_ending(out)
    notes: list[str] = []
    start, where = _read(files, charge, known, notes.append)
    for line in () if quiet else notes:
        note(line)
    found = chosen(level, models or (), start, known)
    found.potential.require(sorted(set(start.numbers.tolist())))
    if not quiet:
        note(str(found))
    return Asked(start, found, known, where, tuple(notes))


def _read(files: Sequence[Path], charge: int | None, known, say: Callable[[str], None]) -> tuple[Any, tuple[str, ...]]:
    """The structures of all files, without energies, and the file of each; ids of several files have its name before them."""
    import numpy as np

    from ..api.folders import spelled
    from ..clusters import Clusters
    from ..errors import InputError
    from ..interop.entry import unique_ids
    from ..learn.labels.structures import read_structures

    parts, where = [], []
    for file in files:
        path = spelled(file, known)
        found = read_structures(path, charge, say, known).replace(columns={})
        if not len(found):
            raise InputError(f"{path} holds no structures")
        if len(files) > 1:
            found = found.replace(ids=np.array([f"{path.stem}/{i}" for i in found.ids], np.str_))
        parts.append(found)
        where += [str(path)] * len(found)
    whole, renamed = unique_ids(Clusters.concatenate(parts))
    for line in renamed:
        say(line)
    return whole, tuple(where)


def _require_ending(out: Path) -> None:
    from ..errors import InputError
    from ..interop.formats import kind_by_ending

    if out.suffix != ".csv" and not kind_by_ending(out):
        raise InputError(f"--out {out}: no format has this ending; known: .csv, .xyz, .extxyz, .npz, .db, .pkl")


def finished(what: Asked, job: Any, workers: str | None, slurm: Path | None, quiet: bool, folder: str) -> Any:
    """The structures as :mod:`sampler.api.in_pieces` makes them, with progress; and what keeps finished pieces."""
    from ..api.in_pieces import README, done, pieces
    from ..api.workplace import workplace
    from ..refine.kept import Kept
    from ..workers import progress as reporting
    from .stopping import when_stopped

    kept = None
    if len(pieces(what.start, job)) > 1:
        kept = Kept.open(folder, README)
        when_stopped(
            f"stopped; what is finished is kept in {folder}, the same command goes on from here"
            if kept is not None
            else "stopped; nothing was kept, for the current directory cannot be written"
        )
    progress = reporting.choose(quiet)
    progress.start(1, 1, f"{job.kind} at {job.potential.level}", len(what.start))
    try:
        with workplace(workers, slurm, progress.message) as place:
            made = done(what.start, job, workers=place, kept=kept, advance=progress.advance)
    finally:
        progress.close()
        if kept is not None:
            kept.close()
    return made, kept


# ---- what is shown ---------------------------------------------------------------------------------------------------


def tell(
    what: Asked, made: Any, kept: Any, relaxed: bool, out: Path | None, count: int, as_json: bool, quiet: bool
) -> None:
    """Write, print, and forget the finished pieces.

    Raises:
        Exit: no structure has an energy.
    """
    from ..api.judged import judged, rows

    made = judged(made, what.start, what.known, relaxed)
    table = rows(made)
    if out is not None:
        _write(made, table, out, what.known)
    if as_json:
        for row, file in zip(table, what.where):
            row["file"] = file
        print_json({
            "level": made.level, "by": what.chosen.by, "why": what.chosen.why, "notes": list(what.notes), "out": out,
            "structures": table,
        })  # fmt: skip
    else:
        _print(what, made, table, relaxed, out, count)
        if not relaxed:
            next_step(("sampler", "relax", what.where[0], "--out", "minima.xyz"), quiet=quiet)
        elif out is not None and out.suffix != ".csv":
            next_step(("sampler", "thermo", out, *what.chosen.words), quiet=quiet)
    if kept is not None:
        kept.done()
    if not any(row["energy_eV"] == row["energy_eV"] for row in table):
        typer.echo(f"sampler: error: no structure has an energy: {_failed(table[0])}", err=True)
        raise typer.Exit(1)


def _write(made: Any, table: list[dict[str, Any]], out: Path, known) -> None:
    from ..interop import write_any
    from .common import write_csv

    if out.suffix == ".csv":
        write_csv(out, table)
    else:
        write_any(made, out, library=known)


def _print(what: Asked, made: Any, table: list[dict[str, Any]], relaxed: bool, out: Path | None, count: int) -> None:
    shown = table[:count]
    header = ["structure", "what it is", "energy, eV", "ΔE", "relative", "max F"]
    if relaxed:
        header = ["structure", "what it is", "ΔE", "relative", "RMSD", "steps", "max F", "min."]
    print_table(
        f"{len(table)} structures at {made.level}; kcal/mol, Å, eV/Å",
        header,
        [_cells(row, relaxed) for row in shown],
        right=set(range(2, len(header) - relaxed)),
        wrap={1},
    )
    if len(shown) < len(table):
        typer.echo(f"… and {len(table) - len(shown)} more (--count, or --out FILE)")
    for text, names in _grouped(table, "no_binding_energy").items():
        if text != "no energy":
            typer.echo(f"no ΔE of {_some(names)}: {text}")
    if lost := [row["id"] for row in table if row["fate"]]:
        typer.echo(f"{len(lost)} of {len(table)} structures failed: {_some(lost)}")
    if relaxed and (open_ := [r["id"] for r in table if not r["fate"] and not r["converged"]]):
        typer.echo(f"not at a minimum yet: {_some(open_)} (--max-steps)")
    if relaxed and (other := [r["id"] for r in table if not r["fate"] and r["state"] != r["state_before"]]):
        typer.echo(f"in another protonation state than at the start: {_some(other)}")
    if broken := Counter(row["identity"] for row in table if row["identity"] not in ("", "intact")):
        typer.echo(", ".join(f"{n} {word}" for word, n in broken.items()))
    if out is not None:
        typer.echo(f"written to {out}")


def _cells(row: dict[str, Any], relaxed: bool) -> list[Any]:
    what = _failed(row) or _state(row)
    force = "–" if row.get("fmax_eV_per_A") is None else number(row["fmax_eV_per_A"], 3)
    energies = [number(row["binding_energy_kcalmol"]), number(row["relative_energy_kcalmol"])]
    if not relaxed:
        return [row["id"], what, number(row["energy_eV"], 4), *energies, force]
    end = {True: "yes", False: "no"}[row["converged"]]
    return [row["id"], what, *energies, number(row["rmsd_to_start_A"], 3), row["steps"], force, end]


def _state(row: dict[str, Any]) -> str:
    return row["state"] if row["identity"] in ("", "intact") else f"{row['identity']}: {row['identity_detail']}"


def _failed(row: dict[str, Any]) -> str:
    return f"failed: {row['fate']}" + (f", {row['fate_detail']}" if row["fate_detail"] else "") if row["fate"] else ""


def _grouped(table: list[dict[str, Any]], key: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in table:
        if row[key]:
            found.setdefault(row[key], []).append(row["id"])
    return found


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
