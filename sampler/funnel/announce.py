"""Telling the user before a stage starts how long it will take, and loudly where that is too long."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..rundir.owner import SEARCHES
from ..workers.progress import Progress, duration
from .stages.base import Stage
from .stages.context import Context

LONG = 24 * 3600.0
"""s; what takes longer is warned of."""
_MAKES = ("generate", "grow", *SEARCHES)
"""Stages that put out more structures than come in."""


def announce(stage: Stage, structures: int, context: Context, progress: Progress, at_most: bool = False) -> None:
    """Say what ``stage`` will cost with ``structures`` coming in; a warning where time or memory will not do."""
    forecast = stage.forecast(structures, context)
    if forecast is None or not forecast.structures:
        return
    workers = context.workers
    seconds = forecast.seconds(workers)
    text = f"{'at most ' if at_most else ''}{forecast.what}: {'more than' if forecast.least else 'about'} {duration(seconds)} with {workers} worker"
    text += f"{'s' if workers > 1 else ''} ({duration(forecast.each)} each)"
    if seconds > LONG:
        progress.warn(f"{text}. That is more than a day; {forecast.remedy}")
    else:
        progress.message(text)
    need, have = forecast.memory * min(workers, forecast.structures), _memory()
    if have and need > 0.9 * have:
        progress.warn(
            f"{forecast.what} need about {forecast.memory / 1e9:.1f} GB a worker, {need / 1e9:.0f} GB in all; this machine "
            f"has {have / 1e9:.0f} GB: use fewer --workers"
        )


def announce_all(stages: Sequence[Stage], incoming: int | None, context: Context, progress: Progress) -> None:
    """The same for all stages of a run before the first one starts, with the most structures that each can get.

    Args:
        incoming: structures that enter the first of ``stages``; None if it makes its own.
    """
    most = incoming
    for position, stage in enumerate(stages):
        if stage.kind in _MAKES:
            most = getattr(stage, "candidates", None)
        if most is not None and position:  # the first one starts at once, and says it itself
            announce(stage, most, context, progress, at_most=True)
        count = getattr(stage, "count", None)
        if isinstance(count, int):
            most = count if most is None else min(most, count)


def _memory() -> float:
    """Bytes of physical memory; 0 where the system does not say."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        return 0.0
