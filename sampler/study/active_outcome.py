"""What active learning leaves for people: a table of committees, a figure, and two sentences of numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..storage import write_text
from .active import RANDOM, STRATEGIES
from .figures import save
from .outcome import error_bars, grouped, of_repeats, spread

COLUMNS = (
    "strategy", "repeat", "size", "members", "mae_energy_kcal_mol", "rmse_energy_kcal_mol", "max_energy_kcal_mol",
    "relative_mae_energy_kcal_mol", "mae_forces_kcal_mol_A", "rmse_forces_kcal_mol_A",
)  # fmt: skip
"""Of ``committees.csv``: errors of the mean of a committee at the test."""
QUANTITIES = {
    "mae": ("mae_energy_kcal_mol", "MAE of ΔE, kcal/mol"),
    "max": ("max_energy_kcal_mol", "largest error of ΔE, kcal/mol"),
    "forces": ("mae_forces_kcal_mol_A", "MAE of forces, kcal/mol/Å"),
}


def write_committees(folder: Path, rows: Sequence[dict[str, Any]]) -> None:
    """``committees.csv``: a row for each strategy, repeat and size."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n", extrasaction="ignore", restval="")
    writer.writeheader()
    writer.writerows({k: float(f"{v:.8g}") if isinstance(v, float) else v for k, v in row.items()} for row in rows)
    write_text(folder / "committees.csv", text.getvalue())


def active_summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """By quantity and strategy: means and deviations by size, and what is gained over a choice at random.

    ``gain``: the mean of random over that of the strategy, by size; ``gain_over_all`` its geometric mean over the sizes after the
    first. ``structures_for_random``: how many give the error that the largest set at random has.
    """
    found: dict[str, Any] = {}
    for quantity, (column, _) in QUANTITIES.items():
        values = grouped(rows, column, by="strategy")
        means = {s: {n: float(np.mean(v)) for n, v in sorted(at.items())} for s, at in values.items()}
        for strategy, at in values.items():
            told: dict[str, Any] = {"sizes": of_repeats(at)}
            if strategy != RANDOM and RANDOM in means:
                told |= _gains(means[strategy], means[RANDOM])
            found.setdefault(quantity, {})[strategy] = told
    return found


def _gains(own: dict[int, float], random: dict[int, float]) -> dict[str, Any]:
    gain = {n: random[n] / own[n] for n in own if n in random and own[n] > 0 and random[n] > 0}
    later = [gain[n] for n in sorted(gain)[1:]]
    return {
        "gain": gain, "gain_over_all": float(np.exp(np.mean(np.log(later)))) if later else None,
        "structures_for_random": reached(own, random[max(random)]),
    }  # fmt: skip


def reached(means: dict[int, float], goal: float) -> float | None:
    """Structures at which the mean error first falls to ``goal``, along lines through the logarithms; None: nowhere."""
    sizes = sorted(means)
    if means[sizes[0]] <= goal:
        return float(sizes[0])
    for n, m in zip(sizes, sizes[1:]):
        if means[m] <= goal:
            part = np.log(means[n] / goal) / np.log(means[n] / means[m])
            return float(np.exp(np.log(n) + part * np.log(m / n)))
    return None


def active_figure(folder: Path, rows: Sequence[dict[str, Any]], title: str) -> None:
    """``active.svg`` and ``active.png``: errors of the committees against size, with standard deviations of the repeats."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = [(grouped(rows, column, by="strategy"), label) for column, label in QUANTITIES.values()]
    shown = [s for s in shown if s[0]]
    if not shown:
        return
    figure = Figure(figsize=(4.4 * len(shown), 3.9), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (values, label) in zip(np.atleast_1d(figure.subplots(1, len(shown))), shown):
        for k, strategy in enumerate(STRATEGIES):
            if strategy in values:
                _draw(axes, values[strategy], strategy, k)
        axes.set(yscale="log", xlabel="structures to learn from", ylabel=label)
        axes.grid(alpha=0.3, which="both")
        axes.legend(frameon=False, fontsize=8)
    figure.suptitle(title, fontsize=9)
    save(figure, folder / "active")


def _draw(axes, values: dict[int, list[float]], label: str, k: int) -> None:
    sizes, mean, bars = error_bars(values)
    axes.errorbar(sizes, mean, bars, fmt="o-", ms=4, lw=1, capsize=2, color=f"C{k}", label=label)


def active_finding(rows: Sequence[dict[str, Any]], failed: int = 0) -> str:
    """Two sentences: the errors of the mean and the largest ones, at the same size, and what is gained over random."""
    lost = f" {failed} trainings diverged." if failed else ""
    summary = active_summary(rows)
    if "mae" not in summary:
        return f"No committee gave an error.{lost}"
    at = max(n for told in summary["mae"].values() for n in told["sizes"])
    first = f"With {at} structures the mean absolute errors of ΔE at the test are {_each(rows, summary, 'mae', at)} kcal/mol."
    second = f"The largest errors are {_each(rows, summary, 'max', at)} kcal/mol."
    return f"{first} {second}{lost}"


def _each(rows: Sequence[dict[str, Any]], summary: dict[str, Any], quantity: str, at: int) -> str:
    values = grouped(rows, QUANTITIES[quantity][0], by="strategy")
    told = []
    for strategy in reversed(STRATEGIES):  # random first, which the others are compared with
        if at in values.get(strategy, {}):
            found = summary[quantity][strategy]
            gain, over_all = found.get("gain", {}).get(at), found.get("gain_over_all")
            text = f" (gain {gain:.2f}, {over_all:.2f} over all sizes)" if gain and over_all else ""
            told.append(f"{spread(values[strategy][at])} {strategy}{text}")
    return ", ".join(told)
