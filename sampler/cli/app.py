"""The command ``sampler``: one file a command; heavy imports wait until a command runs."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Annotated, NoReturn

import typer

from ..errors import SamplerError
from ..version import __version__
from .audit import audit
from .cite import cite
from .command import CHEMISTRY, MODELS, RESULTS, RUN, SETUP, Command, Group, by_default, renamed
from .data import data_app
from .doctor import doctor
from .energy import energy
from .evaluate import evaluate
from .export import export_app
from .export_acdc import acdc
from .extopt import extopt
from .import_file import import_file
from .import_orca import import_orca
from .label import label
from .md import md
from .md_analyse import md_analyse
from .md_quench import quench
from .md_validate import validate
from .merge import merge
from .models import models
from .monomer import monomer_app
from .protocols import protocols
from .refit_xtb import refit_xtb
from .relax import relax
from .report import report
from .run import run
from .screen import screen
from .show import show
from .stopping import KEEPING, NOT_KEPT, when_stopped, words
from .study import study_app
from .thermo import thermo
from .train import train
from .watch import watch

_AGAIN_SECONDS = 10.0

FIRST_STEPS = """\
First steps:
  sampler doctor               what works on this machine
  sampler run 2sa2am           2 sulfuric acids, 2 ammonias: the lowest clusters
  sampler show 2sa2am          what was found, once more
  sampler screen 1-2sa 0-2am   all clusters of a grid
  sampler monomer list         the molecules that clusters are built from
  sampler COMMAND --help       options and examples of a command
"""

app = typer.Typer(
    name="sampler",
    cls=Group,
    help="Configurational sampling of atmospheric molecular clusters: from a name such as 4sa4am to ranked, unique, "
    "identified structures and ORCA inputs.",
    invoke_without_command=True,
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
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(f"{FIRST_STEPS}\n{context.get_help()}")
    elif context.invoked_subcommand not in KEEPING:
        when_stopped(NOT_KEPT)


def _add(heading: str, function: Callable[..., None], cls: type[Command] = Command) -> None:
    app.command(cls=cls, rich_help_panel=heading)(function)


def _add_group(heading: str, name: str, group: typer.Typer) -> None:
    app.add_typer(group, name=name, rich_help_panel=heading)


export_app.command("acdc", cls=Command)(acdc)
import_app = typer.Typer(cls=by_default("file"), no_args_is_help=True, help="Take up results of other programs.")
import_app.command("orca", cls=Command)(import_orca)
import_app.command("file", cls=Command)(import_file)
md_app = typer.Typer(
    cls=by_default("run"), no_args_is_help=True, help="Molecular dynamics: trajectories, and what they say."
)
md_app.command("run", cls=Command)(md)
md_app.command("validate", cls=Command)(validate)
md_app.command("analyse", cls=Command)(md_analyse)
md_app.command("quench", cls=Command)(quench)

_add(RUN, run)
_add(RUN, screen)
_add(RUN, watch)
_add_group(RUN, "md", md_app)
_add(RUN, protocols)
_add(RESULTS, show, renamed(limit="--count"))
_add(RESULTS, report)
_add(RESULTS, thermo, renamed(v="--vapour"))
_add(RESULTS, merge)
_add_group(RESULTS, "export", export_app)
_add_group(RESULTS, "import", import_app)
_add(RESULTS, audit)
_add(RESULTS, cite)
_add_group(CHEMISTRY, "monomer", monomer_app)
_add(CHEMISTRY, energy)
_add(CHEMISTRY, relax)
_add_group(MODELS, "data", data_app)
_add(MODELS, label)
_add(MODELS, train)
_add(MODELS, refit_xtb)
_add(MODELS, evaluate)
_add_group(MODELS, "study", study_app)
_add(MODELS, models)
_add(MODELS, extopt)
_add(SETUP, doctor)


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
