"""``sampler study``: experiments with models, each a folder that explains itself."""

from __future__ import annotations

import typer

from .command import Command, Group
from .study_active import active
from .study_curve import curve
from .study_extrapolate import extrapolate
from .study_tune import tune

study_app = typer.Typer(
    name="study",
    cls=Group,
    no_args_is_help=True,
    help="Experiments with models: learning curves and the like.",
)
study_app.command("curve", cls=Command)(curve)
study_app.command("active", cls=Command)(active)
study_app.command("extrapolate", cls=Command)(extrapolate)
study_app.command("tune", cls=Command)(tune)
