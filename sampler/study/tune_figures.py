"""Pictures of a tuning: errors against epochs and seconds, and what matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from .figures import save
from .tune_grid import in_words
from .tune_ranking import MAE, Configuration, leaders

_MOST = 6  # lines
LEADING = "batch_size"


def lines_of(order: Sequence[Configuration]) -> dict[str, Configuration]:
    """What is drawn: the best configuration of each batch size, or the best ones where all have the same."""
    best = leaders(order, LEADING)
    if len(best) > 1 and len(best) <= 2 * _MOST:
        return {f"batch {size}: {_others(one)}": one for size, one in best.items()}
    return {in_words(one.chosen): one for one in order[:_MOST] if one.rows}


def _others(one: Configuration) -> str:
    return in_words({k: v for k, v in one.chosen.items() if k != LEADING})


def convergence_figure(folder: Path, order: Sequence[Configuration], title: str) -> None:
    """``tune.svg`` and ``tune.png``: the lowest validation MAE of ΔE so far against epochs, and against seconds of a core.

    A line is the mean of the seeds, the band from the lowest to the highest.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    lines = {label: one for label, one in lines_of(order).items() if all(r.get("curve") for r in one.rows)}
    if not lines:
        return
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    by_epoch, by_time = figure.subplots(1, 2, sharey=True)
    for k, (label, one) in enumerate(lines.items()):
        errors, seconds = curves_of(one)
        for axes, x in ((by_epoch, np.arange(1, errors.shape[1] + 1)), (by_time, seconds)):
            axes.plot(x, errors.mean(axis=0), color=f"C{k}", lw=1.3, label=label)
            axes.fill_between(x, errors.min(axis=0), errors.max(axis=0), color=f"C{k}", alpha=0.15, lw=0)
    by_epoch.set(xlabel="epochs", ylabel="lowest validation MAE of ΔE so far, kcal/mol")
    by_time.set(xlabel="training, seconds of one core")
    for axes in (by_epoch, by_time):
        axes.set(xscale="log", yscale="log")
        axes.grid(alpha=0.3, which="both")
    by_epoch.legend(frameon=False, fontsize=7)
    figure.suptitle(title, fontsize=9)
    save(figure, folder / "tune")


def curves_of(one: Configuration) -> tuple[np.ndarray, np.ndarray]:
    """(seeds, epochs) lowest errors so far, and (epochs,) mean seconds; as many epochs as all seeds have."""
    most = min(len(r["curve"][MAE]) for r in one.rows)
    errors = np.array([[np.inf if v is None else v for v in r["curve"][MAE][:most]] for r in one.rows])
    seconds = np.array([r["curve"]["seconds"][:most] for r in one.rows]).mean(axis=0)
    return np.minimum.accumulate(errors, axis=1), seconds


def importance_figure(folder: Path, shares: Mapping[str, float], measure: str) -> None:
    """``importance.svg`` and ``importance.png``: a bar a setting."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if not shares:
        return
    figure = Figure(figsize=(6, 0.9 + 0.35 * len(shares)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    names = list(shares)[::-1]
    bars = axes.barh(names, [shares[n] for n in names], color="C0")
    axes.bar_label(bars, labels=[f"{shares[n]:.2f}" for n in names], padding=3, fontsize=8)
    axes.set(xlabel=measure, xlim=(0, 1.08 * max(max(shares.values()), 1e-9) + 0.02))
    save(figure, folder / "importance")
