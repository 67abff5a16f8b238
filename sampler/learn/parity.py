"""What a potential says against labels, in one figure: parity with density, errors, angles of forces, spread."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from ..storage import write_atomic
from ..units import KCAL_PER_MOL
from .by_protons import NOT_WHOLE
from .evaluate import Evaluated, require_plot
from .metrics import SMALL_FORCE, angles
from .spread import Reliability, energy_reliability, force_reliability

_GRID = 60  # hexagons across


def parity_plot(evaluated: Evaluated, path: Path | str, moved: np.ndarray | None = None) -> None:
    """Predicted against wanted binding energies and force components as densities (logarithmic colours), errors of energies by
    composition, angles between forces; errors by ``moved`` (B,) protons, where they are given (:func:`.by_protons.protons`);
    and the reliability of a committee's spread.

    Raises:
        InputError: see :func:`.evaluate.require_plot`.
    """
    kind = require_plot(path)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = [_energies, _by_composition]
    if evaluated.labels.clusters.forces is not None and evaluated.forces is not None:
        panels[1:1] = [_force_components]
        panels.append(_angles)
    if moved is not None:
        panels.append(lambda axes, found: _by_protons(axes, found, moved))
    if energy_reliability(evaluated) is not None:
        panels.append(_spread)
    columns = min(3, len(panels))
    lines = -(-len(panels) // columns)
    figure = Figure(figsize=(3.9 * columns, 3.6 * lines), layout="constrained")
    FigureCanvasAgg(figure)
    every = np.atleast_1d(figure.subplots(lines, columns)).ravel()
    for axes, draw in zip(every, panels):
        draw(axes, evaluated)
    for axes in every[len(panels) :]:
        axes.set_axis_off()
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=120)
    write_atomic(path, lambda handle: handle.write(buffer.getbuffer()))


def _energies(axes, found: Evaluated) -> None:
    _density(axes, found.wanted, found.predicted, "structures")
    axes.set(xlabel="label ΔE, kcal/mol", ylabel="predicted ΔE, kcal/mol")


def _force_components(axes, found: Evaluated) -> None:
    assert found.forces is not None and found.labels.clusters.forces is not None
    _density(axes, found.labels.clusters.forces.ravel(), found.forces.ravel(), "components")
    axes.set(xlabel="label force, kcal/mol/Å", ylabel="predicted force, kcal/mol/Å")


def _density(axes, wanted: np.ndarray, predicted: np.ndarray, what: str) -> None:
    """Of values in eV or eV/Å."""
    x, y = wanted / KCAL_PER_MOL, predicted / KCAL_PER_MOL
    drawn = axes.hexbin(x, y, gridsize=_GRID, bins="log", mincnt=1, cmap="viridis")
    axes.axline((float(x.min()), float(x.min())), slope=1, color="0.6", lw=0.8, zorder=0)
    axes.figure.colorbar(drawn, ax=axes, label=what)


def _by_composition(axes, found: Evaluated) -> None:
    names = found.labels.compositions
    order = found.composition_names
    _boxes(axes, found, [names == n for n in order], order)
    axes.tick_params(axis="x", rotation=90, labelsize=7)


def _by_protons(axes, found: Evaluated, moved: np.ndarray) -> None:
    order = sorted(set(moved.tolist()), key=lambda n: (n == NOT_WHOLE, n))
    _boxes(axes, found, [moved == n for n in order], ["not whole" if n == NOT_WHOLE else str(n) for n in order])
    axes.set(xlabel="protons moved")


def _boxes(axes, found: Evaluated, groups: list[np.ndarray], names: list[str]) -> None:
    error = (found.predicted - found.wanted) / KCAL_PER_MOL
    axes.boxplot([error[g] for g in groups], flierprops={"ms": 2})
    axes.set_xticks(range(1, len(names) + 1), names)
    axes.axhline(0.0, color="0.6", lw=0.8, zorder=0)
    axes.set(ylabel="error of ΔE, kcal/mol")


def _angles(axes, found: Evaluated) -> None:
    assert found.forces is not None and found.labels.clusters.forces is not None
    angle, size = angles(found.forces, found.labels.clusters.forces)
    judged = angle[np.isfinite(angle) & (size > SMALL_FORCE)]
    axes.hist(judged, bins=np.linspace(0, 180, 91), log=True)
    title = f"mean {judged.mean():.1f}°, median {np.median(judged):.1f}°" if len(judged) else ""
    axes.set_title(title, fontsize=8)
    axes.set(xlabel=f"angle to the label force, ° (|F| > {SMALL_FORCE / KCAL_PER_MOL:.1f} kcal/mol/Å)", ylabel="atoms")


def _spread(axes, found: Evaluated) -> None:
    """Both axes logarithmic; energies and forces, each in its unit."""
    ends = []
    for name, r, colour in (("ΔE", energy_reliability(found), "C0"), ("F", force_reliability(found), "C1")):
        if r is not None:
            _bins(axes, name, r, colour)
            ends += [r.spread.min(), r.spread.max(), r.factor * r.spread.min(), r.factor * r.spread.max()]
    ends = [v for v in ends if v > 0]
    axes.plot([min(ends), max(ends)], [min(ends), max(ends)], color="0.6", lw=0.8, zorder=0)
    axes.set(
        xscale="log", yscale="log", xlabel="spread, kcal/mol or kcal/mol/Å", ylabel="error (root mean squares of bins)"
    )
    axes.legend(frameon=False, fontsize=7)


def _bins(axes, name: str, r: Reliability, colour: str) -> None:
    axes.plot(r.spread, r.error, "o", ms=4, color=colour, label=f"{name}, factor {r.factor:.2f}")
    axes.plot(r.factor * r.spread, r.error, "o", ms=4, mfc="none", color=colour, label=f"{name}, calibrated")
