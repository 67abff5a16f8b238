"""Figures of studies: as SVG and PNG, the numbers of logarithmic axes written out."""

from __future__ import annotations

import io
import math
from pathlib import Path

from ..storage import write_bytes


def save(figure, stem: Path) -> None:
    """The figure as SVG and PNG; the same figure gives the same file."""
    import matplotlib

    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if axis.get_scale() == "log":
                write_out(axis)
    with matplotlib.rc_context({"svg.hashsalt": "sampler"}):
        for kind in ("svg", "png"):
            buffer = io.BytesIO()
            told = {"metadata": {"Date": None}} if kind == "svg" else {"dpi": 150}
            figure.savefig(buffer, format=kind, **told)
            write_bytes(stem.with_suffix(f".{kind}"), buffer.getvalue())


def write_out(axis) -> None:
    """0.7 in place of 7 × 10⁻¹ at the ticks of a logarithmic axis, as many as there is room for."""
    from matplotlib.ticker import FuncFormatter

    low, high = axis.get_view_interval()
    digits = labelled(high / low)
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(FuncFormatter(lambda value, _: f"{value:g}" if leading(value) in digits else ""))


def labelled(ratio: float) -> tuple[int, ...]:
    """First digits that have a label besides 1, on an axis whose ends have this ratio."""
    if ratio < 6:
        return tuple(range(2, 10))
    return (2, 5) if ratio < 300 else ()


def leading(value: float) -> int:
    """The first digit."""
    return round(value / 10.0 ** math.floor(math.log10(value) + 1e-9))
