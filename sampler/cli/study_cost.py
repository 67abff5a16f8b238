"""What a study would cost, told by those of its commands that have ``--plan``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import typer

from .common import print_json, print_table
from .study_common import sum_of_cost


def tell_cost(
    parts: Sequence[Mapping[str, Any]],
    labels: Mapping[str, str],
    workers: str | None,
    as_json: bool,
    base: tuple[str, int, float] = ("", 0, 0.0),
) -> None:
    """A row for each target and size, then the sum.

    Args:
        parts: of :func:`sampler.study.cost.cost_of`. labels: target -> its name in the table.
        base: the cheaper method, its structures and its seconds; none without a name.
    """
    from ..workers.progress import duration

    trainings = sum(p["trainings"] for p in parts)
    total = sum(p["seconds"] for p in parts) + base[2]
    if as_json:
        print_json({"trainings": trainings, "core_seconds": total, "base_core_seconds": base[2], "parts": parts})
        return
    table = [[base[0], str(base[1]), "–", "–", duration(base[2])]] if base[0] else []
    for p in parts:
        each, every = duration(p["seconds_each"]), duration(p["seconds"])
        table.append([labels[p["target"]], str(p["size"]), str(p["trainings"]), each, every])
    header = ["what", "structures", "trainings", "each", "all"]
    print_table("What it costs, time of one core", header, table, right=range(1, 5))
    typer.echo(f"{sum_of_cost(trainings, total, workers)}; nothing was started")
