"""What an extrapolation leaves for people: tables, figures against size, and what was found."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .extrapolate_cost import laws
from .figures import save
from .outcome import Table, in_words

Row = dict[str, Any]
_PANELS = (
    ("mae_kcal_mol", "std_abs_error_kcal_mol", "|error of ΔE|, kcal/mol"),
    ("mae_kcal_mol_atom", "std_abs_error_kcal_mol_atom", "|error of ΔE|, kcal/mol an atom"),
    ("forces_mae_kcal_mol_A", "forces_std_abs_error_kcal_mol_A", "|error of a force component|, kcal/mol/Å"),
)
_MARKERS = "osD^vP*X"
_WIDE = 20.0  # largest over smallest mean from which an axis is logarithmic


def error_table(rows: Sequence[Row]) -> Table:
    """For people: mean and standard deviation for each model and size, which is marked where the model was not trained on it."""
    several = len(_models(rows, "test")) > 1
    head = ["molecules", "trained on", "n", "error of ΔE", "absolute", "an atom", "relative", "forces"]
    return [("model", ["test", *head] if several else head), *(_cells(r, several) for r in rows)]


def _cells(r: Row, several: bool) -> tuple[str, list[str]]:
    lost = f" of {r['structures'] + r['failed']}" if r["failed"] else ""
    cells = [
        f"{r['molecules']}: {r['compositions']}", _mark(r), f"{r['structures']}{lost}",
        _pm(r["mean_error_kcal_mol"], r["std_error_kcal_mol"], sign="+"),
        _pm(r["mae_kcal_mol"], r["std_abs_error_kcal_mol"]),
        _pm(r["mae_kcal_mol_atom"], r["std_abs_error_kcal_mol_atom"], digits=4),
        _pm(r["relative_mae_kcal_mol"], None),
        _pm(r["forces_mae_kcal_mol_A"], r["forces_std_abs_error_kcal_mol_A"], digits=3),
    ]  # fmt: skip
    return r["model"], [r["test"], *cells] if several else cells


def _mark(r: Row) -> str:
    """How many structures of this size a model was trained on."""
    if r["beyond_training"] is None:
        return "–"
    return "beyond" if r["beyond_training"] else str(r["trained_structures"])


def cost_table(rows: Sequence[Row]) -> Table:
    """CPU seconds by size, a row a method, and the fitted power of the number of atoms."""
    sizes = {(r["atoms"], r["composition"]) for r in rows}
    order = sorted(sizes)
    table = [
        ("CPU s of energy and forces", [*(f"{name} ({atoms} atoms)" for atoms, name in order), "atoms to the power"])
    ]
    for name, law in laws(rows):
        mine = {(r["atoms"], r["composition"]): r["cpu_seconds"] for r in rows if r["method"] == name}
        cells = [f"{mine[s]:.3g}" if s in mine else "–" for s in order]
        table.append((name, [*cells, f"{law.exponent:.2f} ± {law.error:.2f}" if law else "–"]))
    return table


def _pm(mean: float | None, std: float | None, digits: int = 2, sign: str = "") -> str:
    if mean is None:
        return "–"
    return f"{mean:{sign}.{digits}f}" + (f" ± {std:.{digits}f}" if std is not None else "")


def _models(rows: Sequence[Row], key: str = "model") -> list[str]:
    return list(dict.fromkeys(r[key] for r in rows))


def error_figure(folder: Path, rows: Sequence[Row], trained: Mapping[str, Collection[int]], title: str) -> None:
    """``extrapolate.svg`` and ``.png``: errors of energies (a cluster, an atom) and forces against the number of molecules.

    Args:
        trained: model -> the numbers of molecules it was trained on, none where that is not known; they are marked.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = [p for p in _PANELS if any(r[p[0]] is not None for r in rows)]
    figure = Figure(figsize=(4.4 * len(panels) + 2.0, 3.9), layout="constrained")
    FigureCanvasAgg(figure)
    models = _models(rows)
    every = np.atleast_1d(figure.subplots(1, len(panels)))
    for axes, (mean, std, label) in zip(every, panels):
        _draw(axes, rows, mean, std)
        for k, sizes in enumerate(trained.get(m) for m in models):
            if sizes:
                low = axes.get_xaxis_transform()  # x of the data, y of the panel
                axes.plot(list(sizes), [0.015 * (k + 1)] * len(sizes), "|", color=f"C{k}", ms=4, transform=low)
                axes.axvline(max(sizes) + 0.5, color=f"C{k}", ls=":", lw=1)
        shown = [r[mean] for r in rows if r[mean]]
        if shown and max(shown) > _WIDE * min(shown):
            axes.set_yscale("log")
        else:
            axes.set_ylim(0, None)
        axes.set(xlabel="molecules (ticks: trained on, dotted: their end)", ylabel=label)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
    # energies are what every test set has
    figure.legend(*every[0].get_legend_handles_labels(), loc="outside right center", frameon=False, fontsize=7)
    figure.suptitle(title, fontsize=9)
    save(figure, folder / "extrapolate")


def _draw(axes, rows: Sequence[Row], mean: str, std: str) -> None:
    """A colour a model, a marker a test set, the same in every panel; models stand a little apart."""
    models, tests = _models(rows), _models(rows, "test")
    for k, model in enumerate(models):
        for j, test in enumerate(tests):
            mine = [r for r in rows if (r["model"], r["test"]) == (model, test) and r[mean] is not None]
            x = [r["molecules"] + 0.12 * (k - (len(models) - 1) / 2) for r in mine]
            y = np.array([r[mean] for r in mine], float)
            spread = np.array([r[std] or 0.0 for r in mine], float)
            label = model + (f", {test}" if len(tests) > 1 else "")
            marker = _MARKERS[j % len(_MARKERS)]
            low = np.minimum(spread, 0.9 * y)  # an axis of logarithms has no zero
            axes.errorbar(x, y, [low, spread], fmt=marker, ms=4, capsize=2, color=f"C{k}", label=label)


def cost_figure(folder: Path, rows: Sequence[Row]) -> None:
    """``cost.svg`` and ``cost.png``: CPU seconds of energy and forces against atoms, with the fitted powers."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for k, (name, law) in enumerate(laws(rows)):
        mine = [r for r in rows if r["method"] == name]
        x = np.array([r["atoms"] for r in mine])
        axes.plot(x, [r["cpu_seconds"] for r in mine], "o", ms=4, color=f"C{k}", label=_law(name, law))
        if law:
            ends = np.array([x.min(), x.max()])
            axes.plot(ends, law.at(ends), "-", lw=0.9, color=f"C{k}")
    axes.set(xscale="log", yscale="log", xlabel="atoms", ylabel="energy and forces, CPU s of one core")
    axes.grid(alpha=0.3, which="both")
    axes.legend(frameon=False, fontsize=7)
    save(figure, folder / "cost")


def _law(name: str, law) -> str:
    return f"{name}: {in_words(law)}" if law else name


def finding(rows: Sequence[Row], costs: Sequence[Row], trained: Mapping[str, Collection[int]]) -> str:
    """Two sentences: errors at the largest size beside those at the smallest, and what an evaluation costs."""
    told = [_growth([r for r in rows if r["model"] == m], max(trained.get(m, ()), default=None)) for m in _models(rows)]
    return " ".join(["; ".join(told) + ".", *_costs(costs)])


def _growth(rows: Sequence[Row], largest: int | None) -> str:
    """Of one model."""
    sizes = sorted({r["molecules"] for r in rows})
    ends = [sizes[0], sizes[-1]] if len(sizes) > 1 else sizes
    trained = f" (trained on up to {largest} molecules)" if largest is not None else ""
    return f"{rows[0]['model']}{trained} errs by " + ", ".join(
        _at([r for r in rows if r["molecules"] == n], n) for n in ends
    )


def _at(rows: Sequence[Row], size: int) -> str:
    """Of one size, all test sets together, weighted by their structures."""
    weights = [r["structures"] for r in rows]
    energy = np.average([r["mae_kcal_mol"] for r in rows], weights=weights)
    atom = np.average([r["mae_kcal_mol_atom"] for r in rows], weights=weights)
    said = f"{energy:.2f} kcal/mol ({atom:.4f} an atom)"
    forced = [(r["forces_mae_kcal_mol_A"], r["structures"]) for r in rows if r["forces_mae_kcal_mol_A"] is not None]
    if forced:
        said += f" and {np.average([f for f, _ in forced], weights=[n for _, n in forced]):.2f} kcal/mol/Å"
    return f"{said} at {size} molecules"


def _costs(rows: Sequence[Row]) -> Iterable[str]:
    found = [(name, law) for name, law in laws(rows) if law]
    if not found:
        return
    largest = {name: max((r for r in rows if r["method"] == name), key=lambda r: r["atoms"]) for name, _ in found}
    yield (
        "An energy with its forces takes "
        + ", ".join(
            f"{largest[n]['cpu_seconds']:.3g} s of a core at {largest[n]['atoms']} atoms by {n}, growing as {in_words(law)}"
            for n, law in found
        )
        + " with n atoms."
    )
