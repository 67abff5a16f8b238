"""Frames of a simulation, computed again at the level that its potential stands for: how far off is it where it was used?"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..clusters import Clusters
from ..columns import COMPOSITION, FAILURE
from ..dynamics.drawn import Drawn, draw
from ..dynamics.simulate import START, read_manifest
from ..errors import InputError, RunError
from ..learn.evaluate import Evaluated, evaluate
from ..learn.labels.label import collect, label
from ..learn.labels.labels_file import label_set
from ..learn.labels.provenance import content
from ..learn.parity import parity_plot
from ..monomers import MonomerLibrary
from ..potentials.base import Potential
from ..rundir.directory import write_table
from ..storage import write_text
from ..text.plain import plain
from ..units import KCAL_PER_MOL
from .chosen import compositions
from .given import potential_of
from .simulated import potential_that_made

FOLDER = "validation"
TABLE, SUMMARY, PLOT = "frames.csv", "summary.json", "parity.svg"
_SAME_ENERGY = 2e-3
"""eV; the energy of a frame with five decimals is that of the trajectory within less, if the potential is the same."""


@dataclass(frozen=True)
class Asked:
    """Frames to validate with, the potential that made them and the one to hold it against.

    Attributes:
        folder: of the simulation. out: of what comes out, one for each reference.
        drawn: the frames; column ``composition``. potential, reference: see above.
    """

    folder: Path
    out: Path
    drawn: Drawn
    potential: Potential
    reference: Potential


def asked(
    folder: Path,
    reference: str | None,
    frames: int,
    seed: int,
    after_ps: float,
    known: MonomerLibrary,
    models: Sequence[str | Path] = (),
) -> Asked:
    """What ``sampler md validate`` is to do; nothing is computed but the energies that the frames have already.

    Args:
        reference: a potential or a level; None: the level that the potential of the simulation stands for.
        models: see :func:`.simulated.potential_that_made`.

    Raises:
        RunError: no simulation, or the potential is no longer the one that made it. InputError: a molecule that is not in
            the library, or a reference that is the potential itself. PotentialError: there is no such reference.
    """
    manifest = read_manifest(folder)
    drawn = draw(folder, frames, seed, after_ps * 1000.0)
    drawn = _named(folder, drawn, known)
    against = potential_of(reference) if reference else None  # xTB must load before torch
    potential = potential_that_made(folder, manifest, models)
    against = against or potential_of(_stood_for(potential, manifest["level"]))
    if content(against) == content(potential):
        raise InputError(
            f"{folder} was made with {potential.level} itself: name what it is to be held against, e.g. --reference b97-3c"
        )
    _require_same(folder, drawn, potential)
    return Asked(folder, folder / FOLDER / against.level.replace("/", "_"), drawn, potential, against)


def validate(
    what: Asked, workers: int | str, known: MonomerLibrary, retry: bool, advance: Callable[[int, bool], None]
) -> dict[str, Any]:
    """Compute what is missing, compare, and write a table, a figure and a summary, which is returned.

    Raises:
        InputError: no frame could be computed. LevelError: a level without monomer energies, or a folder of another engine.
    """
    structures, folder = what.drawn.clusters, what.out / "labels"
    label(structures, what.reference, folder, workers=workers, retry=retry, advance=advance)
    done, failed = collect(folder), collect(folder, failures=True)
    reasons = dict(zip(failed.ids.tolist(), failed.columns.get(FAILURE, np.zeros(0)).tolist()))
    reasons = {i: reasons[i] for i in structures.ids.tolist() if i in reasons}
    order = {name: i for i, name in enumerate(done.ids.tolist())}
    good = [order[i] for i in structures.ids.tolist() if i in order]
    if not good:
        first = next(iter(reasons.items()), ("", ""))
        raise InputError(f"no frame could be computed at {what.reference.level}: {first[0]}: {first[1]}")
    found = evaluate(what.potential, label_set(done[good], known, source=folder), known)
    write_table(what.out / TABLE, list(_ROW), _rows(what.drawn, found))
    parity_plot(found, what.out / PLOT)
    summary = _summary(what, found, reasons)
    write_text(what.out / SUMMARY, json.dumps(plain(summary), indent=1, ensure_ascii=False) + "\n")
    return summary


def _stood_for(potential: Potential, level: str) -> str:
    """The level that a trained model was taught; of a method that is calculated there is none."""
    if not potential.models:
        raise InputError(
            f"{level} is no model of another method: name what to hold it against, e.g. --reference b97-3c"
        )
    return level


def _named(folder: Path, drawn: Drawn, known: MonomerLibrary) -> Drawn:
    """With the compositions of the structures that the replicas began with."""
    start = Clusters.load(folder / START)
    names = [c.name(known) if c else "" for c in compositions(start, known)]
    used = [names[i] for i in drawn.structures.tolist()]
    if "" in used:
        raise InputError(
            f"{start.ids[drawn.structures[used.index('')]]} holds molecules that are not in the library: add them with "
            "sampler monomer add, or name their files with --monomers"
        )
    clusters = drawn.clusters.with_columns(**{COMPOSITION: np.array(used)})
    return Drawn(clusters, drawn.replicas, drawn.time_fs, drawn.energy, drawn.structures, drawn.of)


def _require_same(folder: Path, drawn: Drawn, potential: Potential) -> None:
    """One frame tells whether the potential is the one that made the trajectory.

    Raises:
        RunError: it is another.
    """
    now = float(potential.evaluate(drawn.clusters[[0]], forces=False).energy[0])
    if not abs(now - drawn.energy[0]) < _SAME_ENERGY:
        raise RunError(
            f"{folder}: the potential gives {now:.4f} eV for frame {drawn.clusters.ids[0]}, the trajectory says "
            f"{drawn.energy[0]:.4f} eV; the model has changed since, so that there is nothing to validate"
        )


_ROW = (
    "replica", "time_fs", "composition", "binding_energy_kcalmol", "reference_binding_energy_kcalmol", "error_kcalmol",
    "force_mae_kcalmol_per_A", "force_max_kcalmol_per_A",
)  # fmt: skip


def _rows(drawn: Drawn, found: Evaluated) -> list[tuple[Any, ...]]:
    c = found.labels.clusters
    assert found.forces is not None  # what moved the atoms has them
    place = {name: i for i, name in enumerate(drawn.clusters.ids.tolist())}
    rows: list[tuple[Any, ...]] = []
    for i, name in enumerate(c.ids.tolist()):
        error = np.abs(found.forces[c.atoms_of(i)] - _forces(c)[c.atoms_of(i)]) / KCAL_PER_MOL
        predicted, wanted = found.predicted[i] / KCAL_PER_MOL, found.wanted[i] / KCAL_PER_MOL
        rows.append((
            int(drawn.replicas[place[name]]), f"{drawn.time_fs[place[name]]:g}", str(c.columns[COMPOSITION][i]),
            f"{predicted:.4f}", f"{wanted:.4f}", f"{predicted - wanted:.4f}", f"{error.mean():.4f}", f"{error.max():.4f}",
        ))  # fmt: skip
    return rows


def _forces(clusters: Clusters) -> np.ndarray:
    assert clusters.forces is not None  # labels have them
    return clusters.forces


def _summary(what: Asked, found: Evaluated, failed: dict[str, str]) -> dict[str, Any]:
    manifest, report = read_manifest(what.folder), found.report()
    error = np.abs(found.predicted - found.wanted) / KCAL_PER_MOL
    return {
        "simulation": str(what.folder), "potential": manifest["potential"]["by"], "level": what.potential.level,
        "reference": what.reference.level, "temperature_K": manifest["temperature_K"], "frames": len(found.labels),
        "of_frames": what.drawn.of, "failed": failed, "energy": report["all"]["energy"],
        "mae_standard_error_kcal_mol": float(error.std(ddof=1) / np.sqrt(len(error))) if len(error) > 1 else None,
        "forces": report["all"]["forces"], "by_composition": report["by_composition"], "note": report.get("note", ""),
    }  # fmt: skip
