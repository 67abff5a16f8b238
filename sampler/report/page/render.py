"""Templates, style and script into one HTML text."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from . import packed, words
from .sections import sections

_HERE = Path(__file__).parent
_STYLES = ("tokens.css", "layout.css", "parts.css", "structures.css", "print.css")
_SCRIPTS = (
    "dom.js", "theme.js", "geometry.js", "model.js", "elements.js", "scene.js", "viewer.js", "axes.js", "plot.js", "levels.js",
    "steps.js", "tables.js", "ranking.js", "weights.js", "bonds.js", "distances.js", "measure.js", "xyz.js", "structures.js", "main.js",
)  # fmt: skip
#: Sections that the script draws, and what it needs of them
_DRAWN = {"plot": ("alt", "x", "y", "marks", "series"), "ladder": ("paths",)}


def html(report: dict) -> str:
    """The page of ``report`` (the dictionary of report.json, schema 1): one HTML text, nothing outside it is needed.

    Every text of the report is data: it is escaped, and the content security policy of the page runs no script but its own.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=words.number, value=words.any_value, words=words.reason)
    shown = sections(report)
    style, script = _joined("style", _STYLES), _joined("script", _SCRIPTS)
    script = f'(() => {{\n"use strict";\n{script}}})();\n'
    return environment.get_template("page.html").render(
        report=report,
        sections=shown,
        style=style,
        script=script,
        policy=_policy(style, script),
        data=_data(report, shown),
    )


def _joined(folder: str, names: tuple[str, ...]) -> str:
    return "".join((_HERE / folder / name).read_text(encoding="utf-8") for name in names)


def _policy(style: str, script: str) -> str:
    """Nothing is loaded; one style and one script, these, are taken; pictures are those the page itself makes."""
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _data(report: dict, shown: list[dict]) -> str:
    """What the script reads, as JSON that cannot close its element."""
    drawn = {
        s["id"]: {"type": s["type"], **{k: s.get(k) for k in _DRAWN[s["type"]]}} for s in shown if s["type"] in _DRAWN
    }
    told: dict[str, Any] = {"title": report["title"], "sections": drawn, "weights": report.get("weights") or {}}
    cut = report.get("cut") or {"shown": 0, "of": 0}
    told["unseen"] = cut["of"] - cut["shown"]
    if report.get("structures"):
        told["structures"] = packed.structures(report["structures"])
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
