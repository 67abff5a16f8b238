"""What a finished run leaves for people: ranking.csv, structures.xyz, ORCA inputs, and the tables on the terminal."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from ..clusters import Clusters
from ..columns import CONVERGED, RANK_BEFORE, STATE, TIMES_FOUND, UNCERTAINTY
from ..composition import Composition
from ..errors import LevelError
from ..levels import binding_energy, require_references
from ..monomers import MonomerLibrary
from ..rundir.directory import StageDirectory, read_ledgers, read_manifest, read_result, sha256
from ..rundir.finished import complete
from ..storage import write_text
from ..units import KCAL_PER_MOL
from .protocols.protocol import Protocol
from .runner import Run

_COLUMNS = [
    "rank", "id", "state", "relative_energy_kcalmol", "binding_energy_kcalmol", "uncertainty_kcalmol", "energy_eV",
    "level", "converged", "times_found", "rg_A", "rank_before",
]  # fmt: skip


def ranking(clusters: Clusters, composition: Composition, library: MonomerLibrary) -> list[dict[str, Any]]:
    """One dict a structure, lowest energy first, with the keys of ranking.csv.

    The binding energy is NaN where no monomer reference energies of the level are known (:func:`no_binding` says why).
    """
    clusters = clusters.lowest_first()
    try:
        binding = binding_energy(clusters, composition, library) / KCAL_PER_MOL
    except LevelError:
        binding = np.full(len(clusters), np.nan)
    relative = (clusters.energy - clusters.energy[:1]) / KCAL_PER_MOL  # lowest first, those without an energy last
    columns = clusters.columns
    rows = []
    for i in range(len(clusters)):
        positions = clusters.positions[clusters.atoms_of(i)]
        spread = positions - positions.mean(0)
        rows.append(
            {
                "rank": i + 1,
                "id": str(clusters.ids[i]),
                "state": str(columns[STATE][i]) if STATE in columns else "",
                "relative_energy_kcalmol": round(float(relative[i]), 4),
                "binding_energy_kcalmol": round(float(binding[i]), 4),
                "uncertainty_kcalmol": _uncertainty(columns, i),
                "energy_eV": round(float(clusters.energy[i]), 7),
                "level": clusters.level,
                "converged": bool(columns[CONVERGED][i]) if CONVERGED in columns else None,
                "times_found": int(columns[TIMES_FOUND][i]) if TIMES_FOUND in columns else None,
                "rg_A": round(float(np.sqrt((spread**2).sum(1).mean())), 4),
                "rank_before": _rank_before(columns, i),
            }
        )
    return rows


def no_binding(level: str, composition: Composition, library: MonomerLibrary) -> str:
    """Why :func:`ranking` has no binding energies at ``level``, and what to do; '' where it has."""
    try:
        require_references(level, composition, library)
    except LevelError as error:
        return f"no binding energies: {error}"
    return ""


def _uncertainty(columns: dict[str, np.ndarray], i: int) -> float | None:
    """One standard deviation of the relative energy from that of B97-3c, None where it is not known."""
    value = float(columns[UNCERTAINTY][i]) if UNCERTAINTY in columns else np.nan
    return None if np.isnan(value) else round(value, 3)


def _rank_before(columns: dict[str, np.ndarray], i: int) -> int | None:
    """Rank at the level before the last refinement, None where there was none."""
    rank = int(columns[RANK_BEFORE][i]) if RANK_BEFORE in columns else -1
    return rank if rank > 0 else None


def inputs(structures: int, count: int | None) -> int:
    """How many ORCA inputs :func:`write` leaves of so many structures, where the protocol exports ``count``."""
    return min(count or structures, structures)


def write(run: Run, protocol: Protocol, library: MonomerLibrary, composition: Composition) -> None:
    """Write ranking.csv, structures.xyz and orca/ into the run directory, which this process holds (``leave`` of
    :func:`sampler.funnel.runner.run`).

    Nothing is written when the files of this very result are there already.
    """
    from ..refine.orca import write_inputs

    mark = run.folder / "results.json"
    output = StageDirectory(run.folder / "stages" / run.ledgers[-1].folder).output_path
    export, count = protocol.export, inputs(len(run.clusters), protocol.export.count)
    lowest = run.clusters.lowest_first()
    rows = ranking(lowest, composition, library)
    table = to_csv(rows)  # with the references of today
    wanted = {
        "output_sha256": sha256(output), "export": export.model_dump(mode="json"),
        "table_sha256": hashlib.sha256(table.encode()).hexdigest(),
    }  # fmt: skip
    if mark.exists() and json.loads(mark.read_text()) == wanted:
        return
    write_text(run.folder / "ranking.csv", table)
    write_text(run.folder / "structures.xyz", to_xyz(lowest, rows))
    write_inputs(
        ranked(lowest)[:count], run.folder / "orca", export.preset, cores=export.cores, memory_mb=export.memory_mb,
        provenance={"run": run.folder.name, "composition": composition.name(library)},
    )  # fmt: skip
    write_text(mark, json.dumps(wanted))


def ranked(lowest: Clusters) -> Clusters:
    """Structures, lowest first, with their rank in a column."""
    return lowest.with_columns(rank=np.arange(1, len(lowest) + 1))


def to_csv(rows: list[dict[str, Any]]) -> str:
    """CSV with a header line; '' for no value. Structures of several systems have the column ``system`` first."""
    table = io.StringIO()
    first = ["system"] * any("system" in row for row in rows)
    writer = csv.DictWriter(table, fieldnames=first + _COLUMNS, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: "" if v is None or v != v else v for k, v in row.items()})
    return table.getvalue()


def to_xyz(clusters: Clusters, rows: list[dict[str, Any]]) -> str:
    """Multi-frame extxyz with all digits, energies (eV) and forces (eV/Å) also under the names that ASE reads.

    ``rows`` in the order of ``clusters``.
    """
    from ..interop.xyz import extxyz_text

    columns = {"state": np.array([row["state"] for row in rows], np.str_)}
    for key in ("relative_energy_kcalmol", "binding_energy_kcalmol", UNCERTAINTY):
        values = np.array([row[key] for row in rows], float)
        if np.isfinite(values).any():
            columns[key] = values
    return extxyz_text(clusters.replace(columns=columns), keys=("energy", "energy_eV"))


def composition_of(folder: Path | str, library: MonomerLibrary) -> Composition:
    """The composition of a run directory."""
    manifest = read_manifest(folder)
    return Composition.parse(manifest["composition"], library)


def energies_by(manifest: dict[str, Any]) -> str:
    """The potential whose energies a run ends with, ``orca``, or '' if they are those the structures came with.

    A PaiNN carries the level that it was trained on; this tells the two apart.
    """
    stages = manifest["protocol"]["stage"]
    kinds = [stage["kind"] for stage in stages]
    first = kinds.index(manifest["from"]["stage"], 1) if "from" in manifest else 0
    for stage in reversed(stages[first:]):
        if stage["kind"] == "orca":
            return "orca"
        if "potential" in stage:
            return stage["potential"]
    return ""


def summary(folder: Path | str, library: MonomerLibrary) -> dict[str, Any]:
    """Everything about a finished run that a script would want.

    ``complete`` is false where a run that was started later has not ended: then the structures are those of the last that
    has, and protocol and seed those of the later one.
    """
    from .protocols.own_model import remarks_of

    manifest = read_manifest(folder)
    clusters = read_result(folder)
    composition = composition_of(folder, library)
    return {
        "folder": str(folder),
        "composition": manifest["composition"],
        "energies_by": energies_by(manifest),
        "level": manifest.get("level"),
        "remarks": remarks_of(folder),
        "charge": manifest["charge"],
        "protocol": manifest["protocol"]["name"],
        "seed": manifest["seed"],
        "complete": complete(folder),
        "ledger": [ledger.as_dict() for ledger in read_ledgers(folder)],
        "remark": no_binding(clusters.level, composition, library),
        "structures": ranking(clusters, composition, library),
    }
