"""What a tuning leaves for people: tables, and two sentences."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..storage import write_text
from .epochs import CURVE
from .outcome import spread
from .training import DIVERGED, PRUNED
from .tune_figures import LEADING
from .tune_grid import in_words, short
from .tune_ranking import FORCES, MAE, NEAR, TEST_MAE, Configuration, leaders


def write_tables(folder: Path, rows: Sequence[dict[str, Any]], order: Sequence[Configuration]) -> None:
    """``tuning.csv``: a row a configuration, the best first; ``curves.csv``: a row an epoch of every training."""
    told = [{"rank": k} | one.told() for k, one in enumerate(order, start=1)]
    write_text(folder / "tuning.csv", _csv(list(dict.fromkeys(k for t in told for k in t)), told))
    curves = [
        {"name": row["name"], "epoch": k + 1, **{c: row["curve"][c][k] for c in CURVE}}
        for row in rows
        if row.get("curve")
        for k in range(len(row["curve"]["seconds"]))
    ]
    write_text(folder / "curves.csv", _csv(["name", "epoch", *CURVE], curves))


def _csv(columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows({k: "" if v != v else v for k, v in row.items()} for row in rows)
    return text.getvalue()


def table(order: Sequence[Configuration], names: Sequence[str], most: int = 20) -> tuple[list[str], list[list[str]]]:
    """Header and cells of the best ``most`` configurations."""
    tested = any(one.values(TEST_MAE) for one in order)
    forces = any(one.values(FORCES) for one in order)
    header = ["rank", *names, "seeds", "MAE of ΔE"] + ["MAE of F"] * forces + ["test, ΔE"] * tested
    header += ["best epoch", "s", f"epochs to {1 + NEAR:g} × best", "s to it"]
    lines = []
    for k, one in enumerate(order[:most], start=1):
        cells = [str(k), *(short(one.chosen.get(n)) for n in names), str(len(one.rows))]
        for column in (MAE, *[FORCES] * forces, *[TEST_MAE] * tested):
            cells.append(spread(one.values(column)) if one.values(column) else "–")
        near = one.near()
        cells += [f"{one.mean('best_epoch'):.0f}", f"{one.mean('train_seconds'):.0f}"] if one.rows else ["–", "–"]
        lines.append(cells + ([f"{near[0]:.0f}", f"{near[1]:.1f}"] if near else ["–", "–"]))
    return header, lines


def finding(rows: Sequence[dict[str, Any]], order: Sequence[Configuration]) -> str:
    """The best configuration, and how fast the best of each batch size came near it; what did not end."""
    lost = [
        f"{n} of {len(rows)} trainings {word}."
        for status, word in ((DIVERGED, "diverged"), (PRUNED, "were stopped early"))
        if (n := sum(r["status"] == status for r in rows))
    ]
    if not order or not order[0].rows:
        return " ".join(["No training gave an error.", *lost])
    best = order[0]
    seeds = f"{len(best.rows)} seed{'s' if len(best.rows) > 1 else ''}"
    alike = sum(len(one.rows) == len(best.rows) for one in order)
    of = f"Of {len(order)} configurations" + (f", {alike} of them with {seeds}," if alike < len(order) else "")
    first = (
        f"{of} {in_words(best.chosen)} gives the lowest validation error of ΔE, {spread(best.values(MAE))} kcal/mol (mean of "
        f"{seeds})."
    )
    return " ".join([first, _speeds(order), *lost])


def _speeds(order: Sequence[Configuration]) -> str:
    found = leaders(order, LEADING)
    if len(found) < 2:
        near = order[0].near()
        return (
            f"It is within {NEAR:.0%} of the lowest error after {near[0]:.0f} epochs, {near[1]:.0f} s." if near else ""
        )
    parts = []
    for size, one in found.items():
        near = one.near()
        parts.append(
            f"{size}: {spread(one.values(MAE))} kcal/mol, "
            + (f"{near[0]:.0f} epochs and {near[1]:.0f} s" if near else "never")
        )
    return (
        f"The best of each batch size, with the epochs and seconds of a core until it is within {NEAR:.0%} of the lowest error: "
        f"{'; '.join(parts)}."
    )
