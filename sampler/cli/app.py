"""The command ``sampler``: one file a command; heavy imports wait until a command runs."""

from __future__ import annotations

import os
import signal
import sys
from typing import Annotated, NoReturn

import typer

from ..errors import SamplerError
from ..version import __version__
from .audit import audit
from .cite import cite
from .data import data_app
from .doctor import doctor
from .evaluate import evaluate
from .export import export_app
from .export_acdc import acdc
from .extopt import extopt
from .import_file import FileByDefault, import_file
from .import_orca import import_orca
from .label import label
from .models import models
from .monomer import monomer_app
from .protocols import protocols
from .run import run
from .screen import screen
from .show import show
from .stopping import KEEPING, NOT_KEPT, when_stopped, words
from .thermo import thermo
from .train import train

_AGAIN_SECONDS = 10.0

app = typer.Typer(
    name="sampler",
    help="Configurational sampling of atmospheric molecular clusters: from a name such as 4sa4am to ranked, unique, "
    "identified structures and ORCA inputs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sampler {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    if context.invoked_subcommand not in KEEPING:
        when_stopped(NOT_KEPT)


app.command()(run)
app.command()(screen)
app.command()(show)
app.command()(cite)
export_app.command("acdc")(acdc)
app.add_typer(export_app, name="export")
app.command()(thermo)
import_app = typer.Typer(cls=FileByDefault, no_args_is_help=True, help="Take up results of other programs.")
import_app.command("orca")(import_orca)
import_app.command("file")(import_file)
app.add_typer(import_app, name="import")
app.command()(audit)
app.command()(protocols)
app.add_typer(monomer_app, name="monomer")
app.add_typer(data_app, name="data")
app.command()(label)
app.command()(train)
app.command()(evaluate)
app.command()(extopt)
app.command()(models)
app.command()(doctor)


def main() -> None:
    """Entry point: one line for an error, no traceback for a user's mistake."""
    # sampler's parallelism is processes; the threads of numerical libraries would only wait for each other
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: _end(ended, number))
    try:
        app(standalone_mode=True)
    except SamplerError as error:
        print(f"sampler: error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, SystemExit) as stop:
        # typer makes an exit with 130 of Ctrl-C
        if isinstance(stop, SystemExit) and stop.code != 130:
            raise
        signal.setitimer(signal.ITIMER_REAL, 0)
        print(f"sampler: {words()}", file=sys.stderr)
        sys.exit(128 + ended[0] if ended else 130)
    except BrokenPipeError:  # the reader of a pipe, such as head, has left
        sys.stderr.close()
        sys.exit(0)


def _end(ended: list[int], number: int) -> NoReturn:
    """A batch system's time is up (SIGTERM): stop as on Ctrl-C, workers included, before it kills.

    Said again until it is heard: what is raised while compiled code calls back into Python can get lost.
    """
    ended.append(number)
    if number == signal.SIGTERM:
        signal.signal(signal.SIGALRM, lambda again, frame: _end(ended, again))
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS, _AGAIN_SECONDS)
    raise KeyboardInterrupt
