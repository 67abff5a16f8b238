"""Analyses as files: a table (CSV) and a figure (SVG, PNG) each, and all of them for programs (JSON)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FileFormatError
from ..storage import write_atomic, write_text
from ..text.plain import plain
from ..version import __version__
from .analyse import FOLDER, Analysed, OfStructure, place
from .found import Axis, Figure, Found
from .known import ANALYSES

FORMAT = "sampler-md-analysis-1"
NAME = "analysis.json"


def save(made: Analysed) -> list[Path]:
    """Write all files; what earlier calls have found of the same trajectories stays in the JSON file.

    Raises:
        StorageError: they cannot be written.
    """
    written = []
    for one in made.structures:
        where = place(made.folder, one.group)
        for found in one.found:
            written += _files(where, found)
    path = made.folder.path / FOLDER / NAME
    write_text(path, json.dumps(plain(_merged(load(path), told(made))), ensure_ascii=False) + "\n")
    return [*written, path]


def told(made: Analysed) -> dict[str, Any]:
    """All of it as plain values."""
    return {
        "format": FORMAT,
        "version": __version__,
        "folder": str(made.folder.path),
        "trajectory_bytes": made.size,
        "structures": [_of_structure(one) for one in made.structures],
    }


def load(path: Path) -> dict[str, Any] | None:
    """What an earlier call has written, None where there is nothing.

    Raises:
        FileFormatError: it is damaged, or of another version.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise FileFormatError(f"{path} is damaged ({error}); remove it, and run sampler md analyse again") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise FileFormatError(f"{path} is not of the format {FORMAT}; remove it, and run sampler md analyse again")
    return found


def _of_structure(one: OfStructure) -> dict[str, Any]:
    return {
        "structure": one.group.name,
        "replicas": len(one.group.replicas),
        "skip_ps": one.skip_ps,
        "found": [as_told(f) for f in one.found],
        "left_out": one.left_out,
        "remarks": one.remarks,
    }


def as_told(one: Found) -> dict[str, Any]:
    """One analysis as plain values."""
    return {
        "name": one.name,
        "title": one.title,
        "columns": [{"key": c.key, "name": c.name, "unit": c.unit, "kind": c.kind, "digits": c.digits} for c in one.columns],
        "rows": [[_number(v) for v in row] for row in one.rows],
        "figures": [
            {
                "x": _axis(f.x), "y": _axis(f.y), "name": f.name,
                "marks": f.marks, "alt": f.alt,
                "series": [
                    {"name": s.name, "sticks": s.sticks, "x": _short(s.x), "y": _short(s.y)} for s in f.series
                ],
            }
            for f in one.figures
        ],
        "sentences": list(one.sentences),
    }  # fmt: skip


def _axis(axis: Axis) -> dict[str, str]:
    return {"name": axis.name, "unit": axis.unit}


def _number(value: Any) -> Any:
    """JSON has no infinity: what never ended is null, as what is not known."""
    if isinstance(value, str):
        return value
    value = float(value)
    return (int(value) if value.is_integer() and abs(value) < 2**53 else value) if np.isfinite(value) else None


def _short(values: np.ndarray) -> list[float | None]:
    return [float(f"{v:.6g}") if np.isfinite(v) else None for v in np.asarray(values, float).tolist()]


def _merged(earlier: dict[str, Any] | None, now: dict[str, Any]) -> dict[str, Any]:
    """What is found now in the place of what was found; the rest stays, of the same trajectories alone."""
    if earlier is None or earlier.get("trajectory_bytes") != now["trajectory_bytes"]:
        return now
    order = {name: k for k, name in enumerate(ANALYSES)}
    before = {one["structure"]: one for one in earlier["structures"]}
    for one in now["structures"]:
        old = before.get(one["structure"], {"found": [], "left_out": {}})
        fresh = {f["name"] for f in one["found"]}
        stays = [f for f in old["found"] if f["name"] not in fresh and f["name"] not in one["left_out"]]
        one["found"] = sorted([*one["found"], *stays], key=lambda f: order.get(f["name"], len(order)))
        missing = old["left_out"] | one["left_out"]
        one["left_out"] = {k: v for k, v in missing.items() if k not in {f["name"] for f in one["found"]}}
    return now


# ---- files -----------------------------------------------------------------------------------------------------------


def _files(where: Path, found: Found) -> list[Path]:
    table = where / f"{found.name}.csv"
    _write_csv(table, [c.key for c in found.columns], found.rows)
    written = [table]
    if figures := [f for f in found.figures if any(len(s.x) for s in f.series)]:
        curves = where / f"{found.name}-curves.csv"
        _write_csv(curves, ["figure", "series", "x", "y"], _long(figures))
        written += [curves, *(_draw(where / f"{found.name}.{kind}", figures) for kind in ("svg", "png"))]
    return written


def _long(figures: Sequence[Figure]) -> list[list[Any]]:
    unit = lambda axis: f"{axis.name} / {axis.unit}" if axis.unit else axis.name  # noqa: E731
    return [
        [f"{unit(f.y)} against {unit(f.x)}", s.name, x, y]
        for f in figures
        for s in f.series
        for x, y in zip(_short(s.x), _short(s.y))
    ]


def _write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(
        [["" if v is None or v != v else f"{v:.8g}" if isinstance(v, float) else v for v in row] for row in rows]
    )
    write_text(path, text.getvalue())


def _draw(path: Path, figures: Sequence[Figure]) -> Path:
    import matplotlib
    from matplotlib.figure import Figure as Canvas

    kind = path.suffix[1:]
    with matplotlib.rc_context({"svg.hashsalt": "sampler", "font.size": 9}):
        canvas = Canvas(figsize=(7.0, 3.2 * len(figures)), layout="constrained")
        for axes, figure in zip(canvas.subplots(len(figures), 1, squeeze=False).ravel(), figures):
            _panel(axes, figure)
        fixed: dict[str, Any] = {"Date": None} if kind == "svg" else {}
        write_atomic(path, lambda handle: canvas.savefig(handle, format=kind, dpi=150, metadata=fixed))
    return path


def _panel(axes: Any, figure: Figure) -> None:
    for one in figure.series:
        if one.sticks:
            axes.vlines(one.x, 0.0, one.y, color="0.5", linewidth=0.9, label=one.name)
        elif figure.marks == "steps":
            axes.step(one.x, one.y, where="post", label=one.name)
        else:
            axes.plot(one.x, one.y, linewidth=1.1, label=one.name)
    unit = lambda axis: f"{axis.name} ({axis.unit})" if axis.unit else axis.name  # noqa: E731
    axes.set(xlabel=unit(figure.x), ylabel=unit(figure.y))
    axes.grid(alpha=0.3)
    if len(figure.series) > 1:
        axes.legend(frameon=False, fontsize=7, ncols=1 + len(figure.series) // 8)
