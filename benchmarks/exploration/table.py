"""The records as Markdown tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from methods import POTENTIAL
from records import first_hit, per_success, wilson
from systems import SYSTEMS

from sampler.units import KCAL_PER_MOL

WITHIN = 0.1  # kcal/mol
EARLIER = ("-packings", "-screened", "-unbalanced")
"""What the names of protocols as they were end in (docs/development-log.md)."""
_BEGIN, _END = "<!-- table: begin -->", "<!-- table: end -->"


def markdown(everything: list[dict[str, Any]], earlier: bool = False) -> str:
    """A row for each system and method, and the lowest known minimum of each system.

    The lowest minimum is that of all records; protocols as they were have rows only with ``earlier``."""
    rows = ["| system | method | success | 95 % interval | GFN1-xTB evaluations to success (median) | per success | of a run (median) | PaiNN evaluations of a run (median) | CPU min a run |",
            "|---|---|---|---|---|---|---|---|---|"]  # fmt: skip
    known = ["| system | lowest known, eV | protonation state | reached by | published and relaxed, kcal/mol above |",
             "|---|---|---|---|---|"]  # fmt: skip
    outdated = 0
    for system in sorted({r["system"] for r in everything}, key=_order):
        here = [r for r in everything if r["system"] == system]
        low = [r for r in here if r["lowest_eV"] is not None]
        if not low:
            continue
        best = min(low, key=lambda r: r["lowest_eV"])
        target = best["lowest_eV"] + WITHIN * KCAL_PER_MOL
        reached = [r for r in low if r["lowest_eV"] <= target]
        shown = [r for r in here if earlier or not r["method"].endswith(EARLIER)]
        names = ", ".join(dict.fromkeys(r["method"] for r in reached if r in shown))
        published = [r["lowest_eV"] for r in low if r["method"] == "reference"]
        above = f"{(min(published) - best['lowest_eV']) / KCAL_PER_MOL:.2f}" if published else "none published"
        known.append(f"| {system} | {best['lowest_eV']:.4f} | {best['state']} | {names} | {above} |")
        for method in dict.fromkeys(r["method"] for r in shown if r["method"] != "reference"):
            mine = [r for r in shown if r["method"] == method]
            if mine[-1]["budget"] is None:  # of a protocol that has changed, only the newest counts
                current = [r for r in mine if r["settings"] == mine[-1]["settings"]]
            else:  # the budget of a peer differs from seed to seed: the newest of each
                current = list({r["seed"]: r for r in mine}.values())
            outdated += len(mine) - len(current)
            rows.append(_row(system, method, current, target))
    if outdated:
        rows += ["", f"{outdated} records of earlier settings are left out."]
    return "\n".join(known + [""] + rows) + "\n"


def _row(system: str, method: str, mine: list[dict[str, Any]], target: float) -> str:
    hits = [first_hit(r["trace"], target) for r in mine]
    spent = [float(r["evaluations"].get(POTENTIAL, 0)) for r in mine]
    model = [r["evaluations"].get("painn", 0) for r in mine]
    successes = int(np.isfinite(hits).sum())
    low, high = wilson(successes, len(mine))
    median = np.median([h for h in hits if np.isfinite(h)]) if successes else np.nan
    minutes = [r["cpu_minutes"] for r in mine if r["cpu_minutes"] is not None]
    cells = [
        system, method, f"{successes}/{len(mine)}", f"{low:.2f}–{high:.2f}", _count(median),
        _count(per_success(hits, spent)), _count(np.median(spent)),
        _count(np.median(model)) if any(model) else "–", f"{np.median(minutes):.1f}" if minutes else "–",
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def _count(value: float) -> str:
    return f"{value:,.0f}" if np.isfinite(value) else "–"


def _order(system: str) -> tuple[int, str]:
    return (SYSTEMS.index(system), "") if system in SYSTEMS else (len(SYSTEMS), system)


def replace(path: Path, text: str) -> None:
    """Put the tables between the two marks of a document."""
    document = path.read_text(encoding="utf-8")
    before, mark, rest = document.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not mark or not end:
        raise SystemExit(f"{path} has no lines {_BEGIN} and {_END} to put the tables between")
    path.write_text(f"{before}{_BEGIN}\n{text}{_END}{after}", encoding="utf-8")
