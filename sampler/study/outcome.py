"""What a study leaves for people: a table, figures, and two sentences of numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..storage import write_text
from .curve import TARGETS
from .exponents import PowerLaw, power_law
from .figures import save
from .folder import Study
from .training import COLUMNS, DIVERGED

_QUANTITIES = {
    "energy": ("mae_energy_kcal_mol", "MAE of ΔE, kcal/mol"),
    "forces": ("mae_forces_kcal_mol_A", "MAE of forces, kcal/mol/Å"),
    "train_seconds": ("train_seconds", "training, s"),
    "predict_seconds": ("predict_seconds", "prediction of the test, s"),
}


def write_table(folder: Path, rows: Sequence[dict[str, Any]], settings: Sequence[dict[str, Any]] = ()) -> None:
    """``trainings.csv``: a row a training, with those settings that differ between trainings."""
    varied = sorted(
        {k for s in settings for k in s if k not in COLUMNS and len({str(t[k]) for t in settings if k in t}) > 1}
    )
    text = io.StringIO()
    writer = csv.DictWriter(text, (*COLUMNS, *varied), lineterminator="\n", extrasaction="ignore", restval="")
    writer.writeheader()
    for k, row in enumerate(rows):
        extra = {n: settings[k].get(n) for n in varied} if settings else {}
        writer.writerow({n: "" if v != v else v for n, v in (extra | row).items()})
    write_text(folder / "trainings.csv", text.getvalue())


def grouped(rows: Sequence[dict[str, Any]], column: str, by: str = "target") -> dict[str, dict[int, list[float]]]:
    """``by`` -> size -> values of the repeats that are done and have one."""
    found: dict[str, dict[int, list[float]]] = {}
    for row in rows:
        value = row.get(column)
        if row.get("status", "done") == "done" and value is not None and np.isfinite(value) and value > 0:
            found.setdefault(row[by], {}).setdefault(row["size"], []).append(value)
    return found


def curve_summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """By quantity and target: mean and standard deviation of the repeats by size, and the power law."""
    found: dict[str, Any] = {}
    for quantity, (column, _) in _QUANTITIES.items():
        for target, values in grouped(rows, column).items():
            law = power_law(values)
            found.setdefault(quantity, {})[target] = {
                "sizes": of_repeats(values),
                "exponent": law and law.exponent, "exponent_error": law and law.error, "factor": law and law.factor,
            }  # fmt: skip
    return found


def of_repeats(values: Mapping[int, Sequence[float]]) -> dict[int, dict[str, Any]]:
    """Size -> mean, standard deviation (None of one) and number of the repeats, sizes ascending."""
    return {
        n: {"mean": float(np.mean(v)), "std": float(np.std(v, ddof=1)) if len(v) > 1 else None, "repeats": len(v)}
        for n, v in sorted(values.items())
    }


def error_bars(values: Mapping[int, Sequence[float]]) -> tuple[list[int], np.ndarray, list[np.ndarray]]:
    """Sizes, means, and how far a bar goes down and up: a standard deviation of the repeats."""
    told = of_repeats(values)
    mean = np.array([one["mean"] for one in told.values()])
    std = np.array([one["std"] or 0.0 for one in told.values()])
    return list(told), mean, [np.minimum(std, 0.9 * mean), std]  # an axis of logarithms has no negative numbers


def curve_figure(folder: Path, rows: Sequence[dict[str, Any]], title: str) -> None:
    """``curve.svg`` and ``curve.png``: errors and times against size, on logarithmic axes, with the fitted powers."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = [(name, grouped(rows, column), label) for name, (column, label) in _QUANTITIES.items()]
    shown = [s for s in shown if s[1]]
    if not shown:
        return
    figure = Figure(figsize=(4.4 * len(shown), 3.9), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (_name, values, label) in zip(np.atleast_1d(figure.subplots(1, len(shown))), shown):
        for k, target in enumerate(TARGETS):
            if target in values:
                _draw(axes, values[target], TARGETS[target].label, f"C{k}", fitted=True)
        axes.set(xscale="log", yscale="log", xlabel="structures to learn from", ylabel=label)
        axes.grid(alpha=0.3, which="both")
        axes.legend(frameon=False, fontsize=7)
    figure.suptitle(title, fontsize=9)
    save(figure, folder / "curve")


def _draw(axes, values: dict[int, list[float]], label: str, colour: str, fitted: bool) -> None:
    sizes, mean, bars = error_bars(values)
    law = power_law(values) if fitted else None
    text = f"{label}: {in_words(law)}" if law else label
    axes.errorbar(sizes, mean, bars, fmt="o", ms=4, capsize=2, color=colour, label=text)
    if law:
        axes.plot(sizes, law.at(np.array(sizes)), "-", lw=0.9, color=colour)


def in_words(law: PowerLaw) -> str:
    """``n^(−0.52 ± 0.03)``"""
    return f"n^({law.exponent:+.2f} ± {law.error:.2f})".replace("-", "−")


def curve_finding(rows: Sequence[dict[str, Any]]) -> str:
    """Two sentences, of the errors of the energies and of how they fall."""
    values = grouped(rows, "mae_energy_kcal_mol")
    failed = sum(row.get("status") == DIVERGED for row in rows)
    lost = f" {failed} of {len(rows)} trainings diverged." if failed else ""
    if not values:
        return f"No training gave an error.{lost}"
    at = max(n for v in values.values() for n in v)
    here = {t: v[at] for t, v in values.items() if at in v}
    order = sorted(here, key=lambda t: float(np.mean(here[t])))
    first = ", ".join(f"{TARGETS[t].label} {spread(here[t])}" for t in order)
    laws = {t: power_law(v) for t, v in values.items()}
    falls = ", ".join(f"{in_words(law)} for {TARGETS[t].label}" for t, law in laws.items() if law)
    second = f"With the number of structures n the errors go as {falls}." if falls else "One size tells no trend."
    return f"With {at} structures to learn from, the mean absolute errors of ΔE at the test are {first} kcal/mol. {second}{lost}"


def spread(values: Sequence[float]) -> str:
    """``0.312 ± 0.021``: mean and standard deviation, with three digits of the former."""
    mean = float(np.mean(values))
    digits = max(0, 2 - int(np.floor(np.log10(mean)))) if mean > 0 else 2
    return f"{mean:.{digits}f}" + (f" ± {np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else "")


Table = Sequence[tuple[str, Sequence[str]]]
"""(row, cells), headed by the first."""


def read_me(
    study: Study,
    command: str,
    finding: str,
    table: Table,
    figures: Sequence[str] = ("curve",),
    rows: str = "`trainings.csv` one row a training",
    more: Sequence[Table] = (),
) -> None:
    """``README.md`` and ``finding.txt``.

    Args:
        figures: stems of their names. rows: which tables lie beside, and what has a row there. more: further tables.
    """
    told = study.manifest()
    lines = [f"# {told['question']}", "", finding, ""]
    lines += [line for name in figures for line in (f"![]({name}.svg)", "")]
    for each in (table, *more):
        lines += [*_markdown(each), ""]
    lines += ["| input | file | structures | sha256 |", "| --- | --- | --- | --- |"]
    lines += [f"| {k} | {v['file']} | {v['structures']} | `{v['sha256'][:16]}` |" for k, v in told["inputs"].items()]
    lines += [
        "", f"Level: {told['level']}. Made by sampler {told['version']} with", "", f"    {command}", "",
        f"`study.json` holds all parameters, seeds and versions, {rows}. The same command goes on",
        "where it was stopped, and draws again what is finished.", "",
    ]  # fmt: skip
    write_text(study.folder / "README.md", "\n".join(lines))
    write_text(study.folder / "finding.txt", finding + "\n")


def _markdown(table: Table) -> list[str]:
    lines = [f"| {' | '.join((name, *cells))} |" for name, cells in table]
    return [lines[0], "|" + " --- |" * (1 + len(table[0][1])), *lines[1:]]
