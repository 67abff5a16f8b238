"""The funnel as a picture: a trapezoid a stage, what was dropped hatched at its sides."""

from __future__ import annotations

from typing import Any

from .words import duration, reason

WIDTH, HEIGHT = 220.0, 34.0


def rows(stages: list[dict]) -> list[dict[str, Any]]:
    """Stages for the template, with corner points of what came in and of what went on in a box WIDTH by HEIGHT."""
    most = max((s["came_in"] or s["went_on"] or 0 for s in stages), default=0) or 1
    slowest = max((s["seconds"] or 0 for s in stages), default=0)
    return [_row(stage, most, slowest) for stage in stages]


def _row(stage: dict, most: int, slowest: float) -> dict[str, Any]:
    before, after = (_half_width(stage[key] or 0, most) for key in ("came_in", "went_on"))
    middle = WIDTH / 2
    corners = [(middle - before, 0), (middle + before, 0), (middle + after, HEIGHT), (middle - after, HEIGHT)]
    whole = [(middle - before, 0), (middle + before, 0), (middle + before, HEIGHT), (middle - before, HEIGHT)]
    return {
        "stage": stage["stage"],
        "what": stage["what"],
        "more": stage.get("more", ""),
        "came_in": stage["came_in"],
        "went_on": stage["went_on"],
        "dropped": [(count, reason(name)) for name, count in stage["dropped"].items() if count],
        "time": duration(stage["seconds"]),
        "time_share": round(100 * (stage["seconds"] or 0) / slowest) if slowest else 0,
        "kept": _points(corners),
        "whole": _points(whole) if after < before else "",
    }


def _half_width(count: int, most: int) -> float:
    """Proportional to the count; one structure is still to be seen."""
    return max(WIDTH / 2 * count / most, 1.0) if count else 0.0


def _points(corners: list[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:g}" for x, y in corners)
