"""What several commands share."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

Workers = Annotated[
    int | None, typer.Option("--workers", "-j", min=1, help="Worker processes, one thread each. Default: all cores.")
]
Anywhere = Annotated[
    str | None,
    typer.Option(
        "--workers",
        "-j",
        metavar="N|dask://HOST:PORT",
        help="Worker processes here, one thread each, or a running dask scheduler. Default: all cores.",
    ),
]
Slurm = Annotated[
    Path | None,
    typer.Option("--slurm", help="Run in SLURM jobs, which this profile (.toml) describes and this command submits."),
]
Join = Annotated[
    bool,
    typer.Option(
        "--join", help="Share the work with other processes of the same command, as in the elements of a SLURM array."
    ),
]
Replace = Annotated[
    bool,
    typer.Option(
        "--replace",
        help="Replace results of another protocol or seed in the folder; their tables are kept in earlier/.",
    ),
]
DEFAULT_PROTOCOL = "quick"
Json = Annotated[bool, typer.Option("--json", help="Write the result as JSON to standard output.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say more of each round of a search.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
Monomers = Annotated[
    list[Path] | None,
    typer.Option("--monomers", help="A folder or TOML file with further molecules (may be repeated)."),
]


def print_json(value: Any) -> None:
    """Indented JSON; NaN becomes null, so that every reader accepts it."""
    from ..text.plain import plain

    json.dump(plain(value), sys.stdout, indent=1, ensure_ascii=False, allow_nan=False)
    sys.stdout.write("\n")


def print_table(
    title: str,
    header: Sequence[str],
    rows: Iterable[Sequence[Any]],
    right: Collection[int] = (),
    wrap: Collection[int] = (),
    keys: int = 1,
) -> None:
    """A table for people, on standard output, as wide as the terminal or 80 characters; see :func:`sampler.text.table.table`."""
    from ..text.table import table

    lines, headers = table(title, header, [[str(cell) for cell in row] for row in rows], width(), right, wrap, keys)
    for k, line in enumerate(lines):
        typer.echo(typer.style(line, bold=True) if k in headers and bold() else line)
    typer.echo()


def width() -> int:
    """Characters of a line: what COLUMNS says, those of the terminal, else 80."""
    import shutil

    return shutil.get_terminal_size((80, 24)).columns


def bold() -> bool:
    """Whether standard output is a terminal that shows letters in bold, and its user wants that."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def number(value: float, digits: int = 2) -> str:
    """A number for a table; an en dash for none."""
    return "–" if value is None or value != value else f"{value:.{digits}f}"


def library(extra: list[Path] | None = None):
    """The monomer library with the user's additions."""
    from ..monomers import MonomerLibrary

    return MonomerLibrary.load(extra or ())


def run_folders(path: Path, known) -> list[Path]:
    """The run directories that a path stands for: itself, however its composition is spelled, or the finished runs of
    a screen, small clusters first. None if it is something else: a file, or a folder of ORCA outputs.

    Runs of a screen that are not finished are left out, which a line to standard error says.

    Raises:
        RunError: no run of the screen is finished.
    """
    from ..api.folders import spelled
    from ..errors import RunError
    from ..rundir.directory import is_run, runs_below
    from ..rundir.finished import complete

    path = spelled(path, known)
    if is_run(path):
        return [path]
    runs = runs_below(path)
    finished = [run for run in runs if complete(run)]
    if runs and not finished:
        raise RunError(f"no run in {path} is finished; the same sampler screen command goes on with them")
    if open_ := [run.name for run in runs if run not in finished]:
        note(f"{path}: left out, for they are not finished: {', '.join(open_)}")
    return finished


def note(line: str) -> None:
    """One line for people, to standard error, beside whatever goes to standard output."""
    typer.echo(f"sampler: {line}", err=True)


def canonical(text: str, known) -> str:
    """``text``, or the name of the cluster that its formulas and names in words stand for.

    Raises:
        CompositionError: it has no meaning.
    """
    from ..composition import Composition, in_names

    return text if in_names(text, known) == text else Composition.parse(text, known).name(known)


def understood(words: Iterable[str], reading: Callable[[str], str], quiet: bool) -> None:
    """Say how words are read that are no names of clusters."""
    for word in words if not quiet else ():
        if (read := reading(word)) != word:
            note(f"{word!r} is read as {read}")


def submitting(folder: Path) -> str:
    """The command that submits a folder of ORCA inputs."""
    import shlex

    return f"cd {shlex.quote(str(folder))} && sbatch slurm_array.sh"


def next_step(*commands: str | Sequence[Any], quiet: bool = False) -> None:
    """What to do with what a command has left behind, to standard error; words are quoted where a shell wants it."""
    import shlex

    for command in commands if not quiet else ():
        text = command if isinstance(command, str) else shlex.join(map(str, command))
        typer.echo(f"Next: {text}", err=True)


def cores(workers: int | None) -> int:
    """``workers``, or as many as there are cores."""
    from ..workers.pool import cores as available

    return workers or available()


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    """Rows of one kind, with a header line; '' for no value."""
    import csv
    import io

    from ..storage import write_text

    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for r in rows:
        writer.writerow({k: "" if v != v else v for k, v in r.items()})
    write_text(path, text.getvalue())
