"""What one energy with its forces takes against the size of the cluster, timed on one core, and the power it grows with."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np

from ..clusters import Clusters
from ..learn.labels.dataset import LabelSet
from ..learn.planned_chunks import digest
from ..potentials import Potential
from ..storage import write_text
from .exponents import PowerLaw, power_law
from .extrapolate import file_name

TIMINGS = "timings"
COLUMNS = (
    "method", "composition", "molecules", "atoms", "cpu_seconds", "wall_seconds", "evaluations",
)  # fmt: skip
"""Of ``cost.csv``. Seconds are the least of ``evaluations`` of one structure, after one that loads and compiles."""
_TIMES, _ENOUGH = 20, 2.0
_STEEP = 3.0  # an exponent that no method here exceeds


@dataclass(frozen=True)
class Timed:
    """What is timed: ``potentials`` (name -> potential), each at ``structures`` in ascending size.

    Attributes:
        molecules: (B,) of the structures; their compositions are a column. limit: seconds; an evaluation that is expected to take
            longer is left out, and so are larger ones.
    """

    potentials: dict[str, Potential]
    structures: Clusters
    molecules: np.ndarray
    limit: float

    def __len__(self) -> int:
        return len(self.potentials) * len(self.structures)


def one_of_each(sets: Sequence[LabelSet]) -> LabelSet:
    """The structure of lowest energy of each composition, in ascending size; of the first set that has it."""
    chosen: dict[str, tuple[int, LabelSet]] = {}
    for labels in sets:
        names = labels.compositions
        for name in sorted(set(names.tolist()) - set(chosen)):
            rows = np.flatnonzero((names == name) & np.isfinite(labels.clusters.energy))
            if len(rows):
                chosen[name] = int(rows[np.argmin(labels.clusters.energy[rows])]), labels
    parts = [labels.subset([row]) for row, labels in chosen.values()]
    parts.sort(key=lambda p: (int(p.clusters.natoms[0]), p.compositions[0]))
    plain = [LabelSet(p.clusters.replace(forces=None, columns={"composition": p.compositions}), {}, "") for p in parts]
    return LabelSet(Clusters.concatenate([p.clusters.replace(level=parts[0].level) for p in plain]), {})


def expected(potential: Potential, one: Clusters, before: Sequence[dict[str, Any]]) -> float | None:
    """Seconds that an evaluation will take: from the fit of the composite methods, or the last one timed, grown steeply."""
    from ..potentials.composite.cost import estimate

    elements, counts = np.unique(one.numbers, return_counts=True)
    told = estimate(potential, dict(zip(elements.tolist(), counts.tolist())), forces=True)
    if told is not None:
        return told.seconds
    if not before:
        return None
    return before[-1]["cpu_seconds"] * (len(one.numbers) / before[-1]["atoms"]) ** _STEEP


def planned(timed: Timed) -> list[dict[str, Any]]:
    """A row a method: ``structures`` within the limit, and CPU ``seconds`` of timing them."""
    rows = []
    for name, potential in timed.potentials.items():
        seconds = seconds_of(potential, timed.structures)
        within = list(takewhile(lambda s: s <= timed.limit, seconds))
        total = sum(s * _repeats(s) for s in within) + (within[0] if within else 0.0)
        rows.append({"method": name, "structures": len(within), "seconds": total})
    return rows


def seconds_of(potential: Potential, structures: Clusters) -> list[float]:
    """CPU seconds of each structure: from the fit of the composite methods, or as the square of its atoms from one of middling
    size that is measured."""
    told = [expected(potential, structures[[i]], []) for i in range(len(structures))]
    fitted = [s for s in told if s is not None]
    if len(fitted) == len(told):
        return fitted
    one = structures[[int(np.argsort(structures.natoms, kind="stable")[len(structures) // 2])]]
    _once(potential, one)
    seconds = _once(potential, one)[0]
    return (seconds * (structures.natoms / len(one.numbers)) ** 2).tolist()


def _repeats(seconds: float) -> int:
    """How often an evaluation of so many seconds is timed."""
    return min(_TIMES, 1 + int(_ENOUGH / max(seconds, 1e-6)))


def measure(
    folder: Path, timed: Timed, advance: Callable[[int, bool], None] = lambda n, found: None
) -> list[dict[str, Any]]:
    """A row for each method and structure, in files of ``folder``: what was timed once is kept.

    Args:
        advance: called with how many are done, left out ones too, and whether an earlier run had timed them.
    """
    rows: list[dict[str, Any]] = []
    for name, potential in timed.potentials.items():
        mine: list[dict[str, Any]] = []
        warm = False
        for i in range(len(timed.structures)):
            one = timed.structures[[i]]
            about = {
                "method": name, "composition": str(one.columns["composition"][0]), "molecules": int(timed.molecules[i]),
                "atoms": len(one.numbers), "structure": digest(one)[:16],
            }  # fmt: skip
            file = folder / TIMINGS / f"{file_name(name)}-{about['composition']}.json"
            row = _read(file, about)
            if row is None:
                seconds = expected(potential, one, mine)
                if seconds is not None and seconds > timed.limit:
                    advance(len(timed.structures) - i, False)
                    break
                if not warm:
                    _once(potential, timed.structures[[0]])
                    warm = True
                row = about | _timing(potential, one)
                write_text(file, json.dumps(row) + "\n")
                advance(1, False)
            else:
                advance(1, True)
            if row["cpu_seconds"] is not None:
                mine.append(row)
        rows += mine
    return rows


def _read(file: Path, about: dict[str, Any]) -> dict[str, Any] | None:
    try:
        row = json.loads(file.read_text(encoding="utf-8"))
        return row if all(row[k] == v for k, v in about.items()) and set(COLUMNS) <= set(row) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _timing(potential: Potential, one: Clusters) -> dict[str, Any]:
    """Least seconds of some evaluations; empty where the method fails on the structure."""
    found = [_once(potential, one)]
    for _ in range(_repeats(found[0][0]) - 1):
        found.append(_once(potential, one))
    good = all(f[2] for f in found)
    return {
        "cpu_seconds": float(f"{min(f[0] for f in found):.4g}") if good else None,
        "wall_seconds": float(f"{min(f[1] for f in found):.4g}") if good else None, "evaluations": len(found),
    }  # fmt: skip


def _once(potential: Potential, one: Clusters) -> tuple[float, float, bool]:
    """CPU seconds, seconds of the clock, and whether it went well."""
    wall, cpu = time.perf_counter(), _cpu()
    found = potential.evaluate(one, potential.gives_forces)
    return _cpu() - cpu, time.perf_counter() - wall, not found.failure[0]


def _cpu() -> float:
    """Of this process, and of programs that it started and that ended."""
    told = os.times()
    return time.process_time() + told.children_user + told.children_system


def laws(rows: Sequence[dict[str, Any]]) -> Iterator[tuple[str, PowerLaw | None]]:
    """Method -> CPU seconds as a power of the number of atoms."""
    for name in dict.fromkeys(r["method"] for r in rows):
        values: dict[int, list[float]] = {}
        for r in rows:
            if r["method"] == name and r["cpu_seconds"] > 0:
                values.setdefault(r["atoms"], []).append(r["cpu_seconds"])
        yield name, power_law(values)
