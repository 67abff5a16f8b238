"""What a page shows of a report, in order: a list of sections of a few types, each drawn by a template of its own.

A kind of report that is not named here is drawn from its own ``sections``: a new kind needs Python alone.
"""

from __future__ import annotations

from typing import Any

from . import funnel, ranking
from .heatmap import heatmap
from .words import any_value, link, sentence

Section = dict[str, Any]


def sections(report: dict) -> list[Section]:
    """Sections ``{"type", "id", "title", "short", …}``; ``short`` is the word in the navigation."""
    made = {"run": _run, "screen": _screen, "thermo": _thermo}.get(report["kind"], lambda report: [])(report)
    made += [_prepared(section) for section in report.get("sections", [])]
    return [*made, _methods(report)]


def _run(report: dict) -> list[Section]:
    made = []
    if report["structures"]:
        made.append(_structures(report))
    if report.get("funnel"):
        stages = {"type": "funnel", "id": "funnel", "title": "The funnel", "stages": report["funnel"]}
        made.append(
            _prepared(
                {**stages, "intro": "What came in, what went on, what was dropped and why, and the time it took."}
            )
        )
    if report.get("search"):
        made.append(_search(report["search"]))
    return made


def _structures(report: dict) -> Section:
    entries = report["structures"]
    labels = ranking.states(entries)
    counts = [sum(e["state_label"] == label for e in entries) for label in labels]
    return {
        "type": "structures",
        "id": "structures",
        "title": "Structures",
        "table": ranking.table(entries),
        "states": list(zip(labels, counts)),
        "weighed": any(e.get("boltzmann") is not None for e in entries),
        "gibbs": any(e.get("gibbs_kcalmol") is not None for e in entries),
        "notes": [
            sentence(text) for text in (_cut(report), report.get("rmsd"), report.get("error", {}).get("text")) if text
        ],
        "bond": sentence(report.get("hydrogen_bond", "")),
        "weights": sentence(report.get("weights", {}).get("text", "")),
    }


def _cut(report: dict) -> str:
    cut = report.get("cut")
    return f"The {cut['shown']} lowest of {cut['of']} structures are shown." if cut and cut["shown"] < cut["of"] else ""


def _search(search: dict) -> Section:
    """Minima of the watched window against effort; in words alone where there were no rounds."""
    said = {"id": "search", "title": "New minima against effort", "short": "Search"}
    text = search.get("text", "")
    intro = sentence(text)
    rounds = [r for r in search["rounds"] if r["evaluations"] is not None and r["minima"] is not None]
    if not rounds:
        return {**said, "type": "text", "title": "What may be unseen", "paragraphs": [intro] if intro else []}
    found = [{"x": r["evaluations"], "y": r["minima"], "label": f"round {r['round']}"} for r in rounds]
    likely = [
        {"x": r["evaluations"], "y": r["minima"] + r["unseen"], "label": f"about {r['unseen']:.1f} unseen"}
        for r in rounds
        if r["unseen"] is not None
    ]
    new = [
        {"x": r["evaluations"], "y": n, "label": f"round {r['round']}"} for r in rounds if (n := _new(r)) is not None
    ]
    last = rounds[-1]
    unseen = "" if last["unseen"] is None else f", about {last['unseen']:.1f} more are estimated to be unseen"
    series: list[dict[str, Any]] = [
        {"name": "found so far", "points": found},
        {"name": "found and estimated unseen", "points": likely, "dashed": True},
        {"name": "new in the round", "points": new},
    ]
    return {
        **said,
        "type": "plot",
        "intro": intro,
        "alt": f"Minima found against evaluations: {last['minima']} after {last['evaluations']} evaluations{unseen}.",
        "x": {"name": "energy evaluations", "unit": ""},
        "y": {"name": f"minima within {search['window_kcalmol']:g} kcal/mol", "unit": ""},
        "marks": "line",
        "series": [one for one in series if one["points"]],
    }


def _new(one: dict) -> int | None:
    """New minima of a round in the window, or of any energy where that is all that is known."""
    return one.get("new_in_window", one.get("new"))


def _grids(report: dict) -> list[Section]:
    made = []
    for k, grid in enumerate(report.get("grid") or []):
        title = _title(grid)
        short = "Grid" if k == 0 else f"Grid {k + 1}"
        made.append(_prepared({"type": "heatmap", "id": f"grid-{k + 1}", "title": title, "short": short, "grid": grid}))
    return made


def _title(grid: dict) -> str:
    """What sets this plane of the grid apart; what is drawn is said below it."""
    rest = grid.get("title", "").removeprefix(f"{grid['value']}, kcal/mol").strip("; ")
    return f"The grid {rest}".strip()


def _screen(report: dict) -> list[Section]:
    table = {"type": "table", "id": "systems", "title": "Every system", "short": "Systems"}
    return [*_grids(report), _prepared({**table, **report["table"]})]


def _thermo(report: dict) -> list[Section]:
    table = {"type": "table", "id": "table", "title": "Gibbs free energies", "short": "ΔG"}
    made = [*_grids(report), _prepared({**table, **report["table"]})]
    if report.get("ladder"):
        intro = "Each step adds one molecule; the height is ΔG of formation from the monomers."
        made.append(
            _prepared(
                {
                    "type": "ladder",
                    "id": "ladder",
                    "title": "Step by step",
                    "short": "Steps",
                    "intro": intro,
                    "paths": report["ladder"],
                }
            )
        )
    return made


def _methods(report: dict) -> Section:
    keys = ("commands", "versions", "seeds", "citations", "conditions")
    return {
        "type": "methods",
        "id": "methods",
        "title": "How to do it again",
        "short": "Methods",
        **{k: report.get(k) for k in keys},
    }


def _prepared(section: Section) -> Section:
    """A section with what its template needs besides what the report says."""
    if section["type"] == "funnel":
        return {**section, "rows": funnel.rows(section["stages"]), "box": (funnel.WIDTH, funnel.HEIGHT)}
    if section["type"] == "heatmap":
        return {**section, "map": heatmap(section["grid"])}
    if section["type"] == "table":
        return {**section, **_told(section)}
    return section


def _told(section: Section) -> dict[str, Any]:
    """Columns that say something in some row, and the rows of these."""
    hrefs = section.get("hrefs") or [None] * len(section["rows"])
    kept = [k for k in range(len(section["columns"])) if any(row[k] not in (None, "") for row in section["rows"])]
    lines = [
        {"href": link(href), "cells": [{"text": any_value(row[k]), "sort": _sortable(row[k])} for k in kept]}
        for row, href in zip(section["rows"], hrefs, strict=True)
    ]
    return {"columns": [section["columns"][k] for k in kept], "lines": lines}


def _sortable(value: Any) -> str:
    return "" if value is None else str(value)
