"""The rows of a screen's table: of a system before it is run, from its finished run, and from runs of earlier screens."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from ..clusters import Clusters
from ..composition import Composition
from ..errors import RunError, SamplerError
from ..funnel import results
from ..funnel.chunk_runner import cpu_seconds
from ..funnel.parents import Parent
from ..funnel.protocols.automatic import AUTO, resolve
from ..funnel.protocols.ending import Ending
from ..funnel.protocols.own_model import remarks_of
from ..funnel.protocols.protocol import Protocol
from ..funnel.runner import library_digest, with_surface
from ..monomers import MonomerLibrary
from ..rundir.directory import read_ledgers, read_manifest, read_result
from ..rundir.finished import complete
from ..rundir.ledger import NAME as LEDGER
from ..rundir.ledger import Ledger
from ..rundir.owner import SEARCHES
from ..version import __version__

Row = dict[str, Any]
UNKNOWN = Ending("", "", "")


def blank(name: str, composition: Composition, ends: Ending = UNKNOWN, protocol: str = "", seed: int = 0) -> Row:
    """The row of a system that has not been started; ``ends`` is what it is going to end with."""
    return {
        "system": name, "status": "waiting", "molecules": composition.molecules(), "binding_energy_kcalmol": None,
        "binding_energy_per_molecule_kcalmol": None, "state": "", "minima": None, "level": ends.level, "level_by": ends.by,
        "level_why": ends.why, "id": "",
        "evaluations": None, "cpu_seconds": None, "parents": "", "protocol": protocol, "seed": seed, "error": "",
        "remark": "",
    }  # fmt: skip


def of_run(
    folder: Path, composition: Composition, library: MonomerLibrary, clusters: Clusters, ledgers: Sequence[Ledger]
) -> Row:
    """What the table says of a finished run. ``cpu_seconds`` are those of its chunks, each counted once."""
    ends = read_manifest(folder).get("level", {})
    lowest = results.ranking(clusters, composition, library)[0]
    binding = lowest["binding_energy_kcalmol"]
    binding = None if binding != binding else binding + 0.0  # no minus zero
    return {
        "status": "finished",
        "binding_energy_kcalmol": binding,
        "binding_energy_per_molecule_kcalmol": None if binding is None else round(binding / composition.molecules(), 4),
        "state": lowest["state"],
        "minima": minima(ledgers),
        "level": lowest["level"],
        "level_by": ends.get("by", ""),
        "level_why": ends.get("why", ""),
        "id": lowest["id"],
        "evaluations": sum(ledger.get("evaluations", 0) for ledger in ledgers),
        "cpu_seconds": round(sum(cpu_seconds(folder / "stages" / ledger.folder) for ledger in ledgers), 1),
        "error": "",
        "remark": "; ".join(remarks_of(folder)),
    }


def minima(ledgers: Sequence[Ledger]) -> int:
    """How many distinct minima a run has found.

    Those that its last stage that searches passes on (all that it knows within its window), else those that its last
    ``dedupe`` tells apart. What a ``select`` leaves is a limit of the protocol; it counts only where there is neither.
    """
    for kinds in (SEARCHES, ("dedupe",)):
        found = [ledger.out for ledger in ledgers if ledger.kind in kinds]
        if found:
            return found[-1]
    return ledgers[-1].out


def earlier(folder: Path, library: MonomerLibrary, besides: Collection[str]) -> list[Row]:
    """Rows of the systems that earlier screens have finished in ``folder``, small ones first, ``besides`` left out."""
    rows = []
    for run in sorted(path.parent for path in folder.glob(f"*/{LEDGER}")):
        if run.name in besides or not complete(run):
            continue
        # what cannot be read, or not with this library, is no reason to stop: it is not what was asked for
        with contextlib.suppress(SamplerError):
            manifest = read_manifest(run)
            composition = Composition.parse(manifest["composition"], library, manifest["charge"])
            if composition.name(library) == run.name:
                row = blank(run.name, composition, UNKNOWN, manifest["protocol"]["name"], manifest["seed"])
                row |= of_run(run, composition, library, read_result(run), read_ledgers(run))
                rows.append(row | {"parents": " ".join(p["composition"] for p in manifest.get("parents", []))})
    return sorted(rows, key=lambda row: (row["molecules"], row["system"]))


def same(
    run: Path,
    composition: Composition,
    protocol: Protocol,
    library: MonomerLibrary,
    seed: int,
    parents: list[Parent],
    level: str = AUTO,
) -> bool:
    """Whether a finished run in ``run`` is the one that these parameters make, so that nothing is left to do."""
    if not complete(run):
        return False
    try:
        made = read_manifest(run)
    except RunError:
        return False
    resolved = resolve(protocol, composition, library, level)
    return (
        made["protocol"] == json.loads(json.dumps(resolved.dump()))
        and made["seed"] == seed
        and made["sampler_version"] == __version__
        and made["monomers"] == library_digest(with_surface(library, resolved), composition)
        and {p["sha256"] for p in made.get("parents", [])} == {p.sha256 for p in parents}
    )
