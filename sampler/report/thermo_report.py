"""The report of free energies: of the frequencies that ``sampler thermo --out`` keeps, or of what ``--json`` prints."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..citations.used import LOW_MODES
from ..composition import Composition
from ..errors import CompositionError, FileFormatError
from ..monomers import MonomerLibrary
from ..refine.thermo.rows import as_json, row
from ..refine.thermo.rrho import Conditions
from ..refine.thermo.sources import load
from ..refine.thermo.study import study
from ..screen.grid import systems
from ..text.files import read_text
from ..text.plain import plain
from . import provenance
from .asked import Asked
from .free_energies import is_kept
from .grids import Column, grid, table

_COLUMNS: list[Column] = [
    ("cluster", "cluster", "", "text"), ("formula", "formula", "", "text"), ("used", "conformers used", "", "number"),
    ("conformers", "of", "", "number"), ("binding_energy_kcalmol", "ΔE", "kcal/mol", "number"),
    ("binding_enthalpy_kcalmol", "ΔH", "kcal/mol", "number"),
    ("binding_entropy_calmolK", "ΔS", "cal/(mol K)", "number"), ("binding_gibbs_kcalmol", "ΔG", "kcal/mol", "number"),
    ("actual_gibbs_kcalmol", "actual ΔG", "kcal/mol", "number"), ("lowest", "lowest conformer", "", "text"),
    ("point_group", "group", "", "text"), ("lowest_frequency_cm1", "lowest mode", "cm⁻¹", "number"),
    ("level", "level", "", "text"),
]  # fmt: skip


GRIDS = "thermo-*/free_energies.json"
"""What ``sampler thermo SCREEN`` leaves in the folder of a screen, in the form of ``--json``."""


def fits(path: Path) -> bool:
    """Whether a path is a file that :func:`build` reads."""
    if not path.is_file():
        return False
    try:
        with open(path, "rb") as handle:
            head = handle.read(400)
    except OSError:
        return False
    return is_kept(path) or (b'"temperature_K"' in head and b'"low_modes"' in head)


def planes(path: Path, library: MonomerLibrary) -> list[dict[str, Any]]:
    """The grid of ΔG of binding of what ``sampler thermo --json`` printed.

    Raises:
        FileFormatError: it is damaged.
    """
    told = _printed(path)
    for one in told["clusters"]:
        one["formula"] = _formula(one["cluster"], library)
    bound = [one for one in told["clusters"] if one["binding_gibbs_kcalmol"] is not None]
    return _grid(bound, told["level"], library, f" at {told['temperature_K']:g} K")


def build(path: Path, asked: Asked) -> dict[str, Any]:
    """What there is to tell of free energies.

    Raises:
        FileFormatError: the file is damaged. SamplerError: what it holds cannot be combined.
    """
    told = _of_kept(path, asked) if is_kept(path) else _printed(path)
    library, rows = asked.library, told["clusters"]
    for one in rows:
        one["formula"] = _formula(one["cluster"], library)
    bound = [one for one in rows if one["binding_gibbs_kcalmol"] is not None]
    cited, uncited = provenance.citations([], told["low_modes"] if told["low_modes"] in LOW_MODES else "")
    return {
        "schema": 1,
        "kind": "thermo",
        "title": path.name,
        "formula": ", ".join(one["formula"] for one in bound[:3]) + (f" and {len(bound) - 3} more" * (len(bound) > 3)),
        "verdict": _verdict(told, bound),
        "level": told["level"] + (f" by {told['engine']}" if str(told.get("engine", "")).startswith("PaiNN") else ""),
        "temperature_K": told["temperature_K"],
        "made": provenance.made_now(),
        "conditions": {
            "temperature_K": told["temperature_K"], "pressure_Pa": told["pressure_Pa"],
            "low_modes": told["low_modes"] + (f", {told['cutoff_cm1']:g} cm⁻¹" * (told["low_modes"] != "harmonic")),
            "scaling": str(told["scaling"]["method"]),
        },
        "table": table(_COLUMNS if _actual(rows) else [c for c in _COLUMNS if not c[0].startswith("actual")], rows),
        "grid": _grid(bound, told["level"], library, f" at {told['temperature_K']:g} K"),
        "ladder": ladders(told["evaporation"], rows, library),
        "commands": _commands(path, told),
        "versions": provenance.versions([]),
        "seeds": {},
        "citations": cited,
        "remarks": [*(f"{name}: {text}" for name, text in told["problems"].items()), *uncited],
    }  # fmt: skip


def _of_kept(path: Path, asked: Asked) -> dict[str, Any]:
    made = study(load(path), asked.library, Conditions(asked.temperature), needs_monomers=False)
    return plain(as_json(made, [row(c) for c in made.clusters], made.problems))


def _printed(path: Path) -> dict[str, Any]:
    """What ``sampler thermo --json`` printed, at its own conditions."""
    try:
        told = json.loads(read_text(path))
        for one in told["clusters"]:
            one["cluster"], one["binding_gibbs_kcalmol"], one["level"]  # noqa: B018 (they must be there)
        for key in ("level", "pressure_Pa", "low_modes", "cutoff_cm1", "scaling", "evaporation", "problems"):
            told[key]  # noqa: B018
        return told
    except (ValueError, LookupError, TypeError) as error:
        raise FileFormatError(
            f"{path} is not what sampler thermo --json prints, or it is damaged ({type(error).__name__}: {error}); write it "
            "again"
        ) from error


def _actual(rows: Sequence[Mapping[str, Any]]) -> bool:
    return any(one.get("actual_gibbs_kcalmol") is not None for one in rows)


def _formula(name: str, library: MonomerLibrary) -> str:
    try:
        return Composition.parse(name, library).formula(library)
    except CompositionError:  # isotopes, or a structure that is no cluster of the library's molecules
        return name


def _grid(
    bound: Sequence[Mapping[str, Any]], level: str, library: MonomerLibrary, at: str = ""
) -> list[dict[str, Any]]:
    """ΔG over the numbers of molecules, of the clusters whose names can be read."""
    rows = [
        {"system": one["cluster"], "value": one["binding_gibbs_kcalmol"], "level": level, "status": "finished"}
        for one in bound
        if one["formula"] != one["cluster"]
    ]
    if not rows:
        return []
    known = systems([one["system"] for one in rows], library, None)
    return grid(rows, known, library, value="value", words=f"ΔG of binding{at}", level=level)


def ladders(
    losses: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]], library: MonomerLibrary
) -> list[dict[str, Any]]:
    """Ways from a molecule to the largest clusters, one molecule at a time, over the most stable clusters in between.

    Args:
        losses: what it costs each cluster to lose a molecule; adding it gains as much. rows: of the clusters.
    """
    total = {one["cluster"]: one["binding_gibbs_kcalmol"] for one in rows}
    ways: dict[str, list[dict[str, Any]]] = {}
    for loss in losses:
        before = _without(loss["cluster"], loss["loses"], library)
        if before is not None and loss["gibbs_kcalmol"] is not None:
            ways.setdefault(loss["cluster"], []).append({**loss, "from": before})
    grown = {way["from"] for several in ways.values() for way in several}
    found = []
    for end in [name for name in ways if name not in grown]:
        steps: list[dict[str, Any]] = []
        at = end
        while at in ways:
            way = min(ways[at], key=lambda w: (total.get(w["from"]) or 0.0, w["from"]))
            steps.insert(0, _step(at, way, total, library))
            at = way["from"]
        found.append({"name": f"{_formula(at, library)} to {_formula(end, library)}", "steps": steps})
    return found


def _step(name: str, way: Mapping[str, Any], total: Mapping[str, Any], library: MonomerLibrary) -> dict[str, Any]:
    return {
        "cluster": name,
        "formula": _formula(name, library),
        "adds": _formula(f"1{way['loses']}", library),
        "from": way["from"],
        "from_formula": _formula(way["from"], library),
        "step_gibbs_kcalmol": -way["gibbs_kcalmol"],
        "step_enthalpy_kcalmol": None if way.get("enthalpy_kcalmol") is None else -way["enthalpy_kcalmol"],
        "gibbs_kcalmol": total.get(name),
    }


def _without(name: str, monomer: str, library: MonomerLibrary) -> str | None:
    """The cluster that is left, None where the names say nothing."""
    try:
        whole, part = Composition.parse(name, library), Composition.parse(f"1{monomer}", library)
    except CompositionError:
        return None
    taken = dict(part.counts)
    left = tuple((f, n - taken.get(f, 0)) for f, n in whole.counts if n > taken.get(f, 0))
    return Composition(left, whole.charge - part.charge).name(library) if left else None


def _verdict(told: Mapping[str, Any], bound: Sequence[Mapping[str, Any]]) -> list[str]:
    at = f"at {told['level']}, {told['temperature_K']:g} K and {told['pressure_Pa']:g} Pa"
    if not bound:
        return [
            f"No cluster has a free energy of binding {at}.",
            "The monomers need frequencies of the same level; next: sampler thermo with the monomers among its inputs.",
        ]
    best = min(bound, key=lambda one: one["binding_gibbs_kcalmol"])
    first = f"{len(bound)} cluster{'s have' if len(bound) > 1 else ' has'} a free energy of binding {at}; the lowest is that of "
    first += f"{best['formula']}, {best['binding_gibbs_kcalmol']:.1f} kcal/mol."
    cut = [one for one in bound if one["used"] < one["conformers"]]
    sure = (
        "Each is an average over the conformers that have frequencies, so it is as good as the search that found them"
    )
    sure += f"; of {len(cut)} clusters not all conformers could be used" if cut else ""
    return [first, f"{sure}; next: rates for ACDC, with sampler export acdc."]


def _commands(path: Path, told: Mapping[str, Any]) -> list[str]:
    import shlex

    name = shlex.quote(str(path))
    if not is_kept(path):
        return [f"sampler report {name}"]
    kelvin = f"--temperature {told['temperature_K']:g}"
    return [f"sampler thermo {name} {kelvin}", f"sampler report {name} {kelvin}", f"sampler export acdc {name}"]
