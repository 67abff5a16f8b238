"""The report of a folder of ``sampler md``: what the replicas did, and what ``sampler md analyse`` has read from them.

It consists of sections alone (:mod:`sampler.report.page.sections`). Energies and events come from the logs; all that needs the
frames is taken from ``analysis/analysis.json``, so that a report takes no time.
"""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..composition import Composition
from ..errors import SamplerError
from ..text.formula import subscripts
from ..trajectories.analyse import FOLDER, trajectory_bytes
from ..trajectories.analyses.means import Means
from ..trajectories.analyses.rates import Rates
from ..trajectories.folder import Folder, is_trajectories, read_folder
from ..trajectories.frames import Molecules
from ..trajectories.saved import NAME, as_told, load
from . import provenance
from .asked import Asked

_POINTS = 700
"""Of one curve on the page."""
_ROWS = 300
_NOTHING = Molecules(np.zeros(0, int), ())
fits = is_trajectories


def build(path: Path, asked: Asked) -> dict[str, Any]:
    """What there is to tell of a folder of trajectories, finished or not.

    Raises:
        RunError: it is damaged. FileFormatError: its analysis is.
    """
    folder = read_folder(path)
    told = load(path / FOLDER / NAME)
    fresh = told is not None and told["trajectory_bytes"] == trajectory_bytes(folder)
    found = _found(folder, told)
    composition = folder.manifest.get("composition")
    cited, uncited = provenance.citations_of_simulation(path)
    return {
        "schema": 1,
        "kind": "dynamics",
        "title": f"{composition or 'clusters'}, dynamics",
        "formula": _formula(composition, asked),
        "verdict": _verdict(folder, found, told is not None),
        "level": str(folder.manifest["level"]),
        "temperature_K": float(np.mean(folder.groups[0].kelvin)),
        "facts": _facts(folder),
        "made": provenance.made_now(),
        "commands": _commands(path),
        "versions": {"sampler": str(folder.manifest.get("version", "")), **provenance.installed()},
        "seeds": {"seed": int(folder.manifest.get("seed", 0))},
        "citations": cited,
        "remarks": [*_remarks(folder, told, fresh), *uncited],
        "sections": [_replicas(folder), *_events(folder), *_sections(found), *_validations(path)],
    }


def _formula(composition: str | None, asked: Asked) -> str:
    try:
        return Composition.parse(composition, asked.library).formula(asked.library) if composition else ""
    except SamplerError:  # molecules that are not in this library
        return str(composition)


def _facts(folder: Folder) -> list[dict[str, str]]:
    group, every = folder.groups[0], folder.manifest["ensemble"]
    kelvin = " to ".join(f"{k:g}" for k in group.kelvin)
    return [
        {"name": "ensemble", "value": str(every["name"])},
        {"name": "thermostat", "value": f"{kelvin} K"},
        {"name": "step", "value": f"{group.step_fs:g} fs"},
        {
            "name": "replicas",
            "value": f"{len(folder.replicas)} of {max(g.longest_fs for g in folder.groups) / 1000:g} ps",
        },
        {"name": "energies by", "value": str(folder.manifest["potential"].get("by", ""))},
    ]


def _found(folder: Folder, told: Mapping[str, Any] | None) -> list[tuple[str, list[dict[str, Any]]]]:
    """(structure, its analyses): those that were made, and the two that need no frames where they were not."""
    of = {one["structure"]: one["found"] for one in (told or {"structures": []})["structures"]}
    every = []
    for group in folder.groups:
        found = list(of.get(group.name, []))
        for name, watcher in (
            ("evaporation", Rates(group, _NOTHING)),
            ("means", Means(group, _NOTHING, 0.1 * group.longest_fs)),
        ):
            if name not in {f["name"] for f in found} and any(r.log for r in group.replicas):
                found.insert(0, as_told(watcher.found()))
        every.append((group.name if len(folder.groups) > 1 else "", found))
    return every


def _sections(every: list[tuple[str, list[dict[str, Any]]]]) -> list[dict[str, Any]]:
    made = []
    for k, (structure, found) in enumerate(every):
        for one in found:
            title = f"{one['title']}, {structure}" if structure else one["title"]
            mark = f"{one['name']}-{k}" if structure else one["name"]
            said = " ".join(one["sentences"])
            plots = [
                _plot(f, f"{mark}-{i}", title) for i, f in enumerate(one["figures"]) if any(s["x"] for s in f["series"])
            ]
            if plots:
                plots[0]["intro"], plots[0]["short"] = said, one["title"].split()[0]
            made += plots
            if one["rows"]:
                columns = [{k: c[k] for k in ("key", "name", "unit", "kind")} for c in one["columns"]]
                rows = [[_rounded(v, c) for v, c in zip(row, one["columns"])] for row in one["rows"]]
                made.append(
                    {"type": "table", "id": f"{mark}-table", "title": f"{title}: numbers" if plots else title, "short": "" if plots else one["title"].split()[0],
                     "intro": "" if plots else said, "columns": columns, "rows": rows}
                )  # fmt: skip
    return made


def _rounded(value: Any, column: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        return subscripts(value) if column["key"] in ("state", "molecule", "event") else value
    if value is None or not column["digits"]:
        return value
    return round(float(value), column["digits"] + 1)


def _plot(figure: Mapping[str, Any], mark: str, title: str) -> dict[str, Any]:
    y = dict(figure["y"]) | ({"zero": False} if figure["y"]["name"] == "temperature" else {})
    return {
        "type": "plot",
        "id": mark,
        "title": f"{title}: {figure['name']}" if figure["name"] else title,
        "short": "",
        "alt": figure["alt"] or title,
        "x": figure["x"],
        "y": y,
        "marks": figure["marks"],
        "series": [
            {"name": subscripts(s["name"]), "sticks": s["sticks"], "points": _thinned(s["x"], s["y"], s["sticks"])}
            for s in figure["series"][:12]
        ],
    }  # fmt: skip


def _thinned(x: list, y: list, sticks: bool) -> list[dict[str, float]]:
    """As many points as a page shows, the highest of each stretch: lines of a spectrum stay."""
    known = [(a, b) for a, b in zip(x, y) if a is not None and b is not None]
    size = 1 if sticks else max(1, -(-len(known) // _POINTS))
    kept = [max(known[k : k + size], key=lambda p: p[1]) for k in range(0, len(known), size)]
    return [{"x": float(f"{a:.5g}"), "y": float(f"{b:.4g}")} for a, b in kept]


def _replicas(folder: Folder) -> dict[str, Any]:
    name = {r.number: g.name for g in folder.groups for r in g.replicas}
    ended = Counter(r.ended or "running" for r in folder.replicas)
    shown = sorted(folder.replicas, key=lambda r: (r.ended == "finished", r.number))[:_ROWS]
    cut = f" The {_ROWS} that tell most are shown." if len(folder.replicas) > _ROWS else ""
    last = lambda r: str(r.events[-1]["detail"]) if r.events else ""  # noqa: E731
    return {
        "type": "table",
        "id": "replicas",
        "title": "Replicas",
        "short": "Replicas",
        "intro": ", ".join(f"{n} {how}" for how, n in ended.most_common()).capitalize() + "." + cut,
        "columns": [
            {"key": "replica", "name": "replica", "unit": "", "kind": "number"},
            {"key": "structure", "name": "from", "unit": "", "kind": "text"},
            {"key": "time_ps", "name": "simulated", "unit": "ps", "kind": "number"},
            {"key": "ended", "name": "ended", "unit": "", "kind": "text"},
            {"key": "events", "name": "events", "unit": "", "kind": "number"},
            {"key": "last", "name": "last event", "unit": "", "kind": "text"},
        ],
        "rows": [
            [r.number, name[r.number], round(r.time_fs / 1000.0, 4), r.ended or "running", len(r.events), last(r)] for r in shown
        ],
    }  # fmt: skip


def _events(folder: Folder) -> list[dict[str, Any]]:
    every = [(e["time_fs"], r.number, e["kind"], e["detail"]) for r in folder.replicas for e in r.events]
    if not every:
        return []
    rare = Counter(kind for _, _, kind, _ in every)
    shown = sorted(sorted(every, key=lambda e: rare[e[2]])[:_ROWS])
    cut = f" {_ROWS} are shown, the rarest kinds first." if len(every) > _ROWS else ""
    return [
        {
            "type": "table",
            "id": "events",
            "title": "What happened",
            "short": "Events",
            "intro": "Events that the guards wrote down: "
            + ", ".join(f"{n} {k}" for k, n in rare.most_common())
            + "."
            + cut,
            "columns": [
                {"key": "time_ps", "name": "time", "unit": "ps", "kind": "number"},
                {"key": "replica", "name": "replica", "unit": "", "kind": "number"},
                {"key": "kind", "name": "kind", "unit": "", "kind": "text"},
                {"key": "detail", "name": "what", "unit": "", "kind": "text"},
            ],
            "rows": [
                [round(t / 1000.0, 4), number, kind, detail if kind == "proton" else subscripts(detail)]
                for t, number, kind, detail in shown
            ],
        }
    ]


def _validations(path: Path) -> list[dict[str, Any]]:
    """What ``sampler md validate`` found, one row a reference."""
    rows = []
    for file in sorted(path.glob("validation/*/summary.json")):
        try:
            told = json.loads(file.read_text(encoding="utf-8"))
            rows.append([file.parent.name, *(told["energy"][k] for k in ("mae_kcal_mol", "rmse_kcal_mol"))])
        except (OSError, ValueError, LookupError, TypeError):
            continue
    if not rows:
        return []
    return [
        {
            "type": "table",
            "id": "validation",
            "title": "Checked at a reference level",
            "short": "Validation",
            "intro": "Energies of frames against a reference, as sampler md validate found them.",
            "columns": [
                {"key": "reference", "name": "reference", "unit": "", "kind": "text"},
                {"key": "mae", "name": "mean error", "unit": "kcal/mol", "kind": "number"},
                {"key": "rmse", "name": "RMSE", "unit": "kcal/mol", "kind": "number"},
            ],
            "rows": rows,
        }
    ]


def _verdict(folder: Folder, found: list[tuple[str, list[dict[str, Any]]]], analysed: bool) -> list[str]:
    ended = Counter(r.ended or "running" for r in folder.replicas)
    group, path = folder.groups[0], shlex.quote(str(folder.path))
    first = (
        f"{len(folder.replicas)} replica{'s' * (len(folder.replicas) > 1)} of {folder.manifest.get('composition') or group.name} "
        f"at {' to '.join(f'{k:g}' for k in group.kelvin)} K and {group.level}: {', '.join(f'{n} {how}' for how, n in ended.most_common())}"
    )
    happened = [row for _, one in found for f in one if f["name"] == "evaporation" for row in f["rows"]]
    gone = next((row for row in happened if row[0] == "evaporation"), None)
    if gone and gone[2]:
        rate = f"{gone[3]:.3g} per ns ({gone[4]:.3g} to {gone[5]:.3g})" if gone[1] else f"below {gone[5]:.3g} per ns"
        first += f"; evaporation {rate}, with 95 % confidence"
    kelvin = next(
        (r for _, one in found for f in one if f["name"] == "means" for r in f["rows"] if r[0] == "temperature"), None
    )
    sure = "How good the energies are is not in a trajectory"
    if kelvin and kelvin[2] is not None and kelvin[3] is not None:
        sure = f"The mean temperature is {kelvin[2]:.1f} ± {kelvin[3]:.1f} K; how good the energies are is not in a trajectory"
    validated = any(folder.path.glob("validation/*/summary.json"))
    then = f"sampler md analyse {path}" if not analysed else f"sampler md validate {path}"
    return [first + ".", sure + ("." if analysed and validated else f"; next: {then}.")]


def _commands(path: Path) -> list[str]:
    name = shlex.quote(str(path))
    return [
        "# spectra, hydrogen bonds, lifetimes, rates; how far the potential was off; this page",
        f"sampler md analyse {name}",
        f"sampler md validate {name}",
        f"sampler report {name}",
    ]


def _remarks(folder: Folder, told: Mapping[str, Any] | None, fresh: bool) -> list[str]:
    said = []
    if told is None:
        said.append(f"hydrogen bonds, spectra, distances and lifetimes come with: sampler md analyse {folder.path}")
    elif not fresh:
        said.append(f"the trajectories have grown since they were analysed; again: sampler md analyse {folder.path}")
    for one in (told or {"structures": []})["structures"]:
        said += [f"{name}: {why}" for name, why in one["left_out"].items()] + list(one["remarks"])
    return list(dict.fromkeys(said))
