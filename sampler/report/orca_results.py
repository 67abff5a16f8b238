"""What has become of the ORCA jobs of a run: inputs, failures, and results as ``sampler import orca`` reads them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..columns import GIBBS, TEMPERATURE_K
from ..errors import SamplerError
from ..refine.orca import read_folder
from ..units import KCAL_PER_MOL

WRITTEN = "input written"
FINISHED = "finished"


@dataclass
class OrcaResults:
    """Of the structures of a run, by id.

    Attributes:
        status: how the job stands: :data:`WRITTEN`, :data:`FINISHED`, or why it is not.
        relative_kcalmol: energies of finished jobs above the lowest of them. rank: their places, from 1.
        gibbs: eV, free energies that ORCA states, at ``temperature`` (K).
        level: of them. folder: name of the folder in the run. frequencies: whether the inputs ask for some.
        remarks: what could not be read.
    """

    status: dict[str, str] = field(default_factory=dict)
    relative_kcalmol: dict[str, float] = field(default_factory=dict)
    rank: dict[str, int] = field(default_factory=dict)
    gibbs: dict[str, float] = field(default_factory=dict)
    temperature: float = float("nan")
    level: str = ""
    folder: str = ""
    frequencies: bool = False
    remarks: list[str] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        return dict(Counter(self.status.values()).most_common())


def orca_results(run: Path, name: str = "orca") -> OrcaResults:
    """What lies in the folder ``name`` of a run directory; empty where there is none."""
    folder, made = run / name, OrcaResults(folder=name)
    if not folder.is_dir():
        return made
    try:
        found = read_folder(folder)
    except SamplerError as error:
        if "holds no ORCA output" not in str(error):
            made.remarks.append(f"ORCA results are left out: {error}")
        return made
    jobs = {job["name"]: str(job.get("id", job["name"])) for job in (found.manifest or {}).get("jobs", ())}
    made.frequencies = "freq" in str((found.manifest or {}).get("keywords", "")).lower()
    for row in found.rows():
        one = jobs.get(row["name"], row["name"])
        made.status[one] = WRITTEN if row["status"] == "missing" else str(row["status"]).replace("_", " ")
    clusters = found.clusters
    if len(clusters):
        made.level = clusters.level
        order = np.argsort(clusters.energy, kind="stable")
        for place, i in enumerate(order.tolist(), 1):
            one = str(clusters.ids[i])
            made.rank[one] = place
            made.relative_kcalmol[one] = float((clusters.energy[i] - clusters.energy[order[0]]) / KCAL_PER_MOL)
        for one, gibbs, kelvin in zip(clusters.ids, clusters.columns[GIBBS], clusters.columns[TEMPERATURE_K]):
            if np.isfinite(gibbs):
                made.gibbs[str(one)], made.temperature = float(gibbs), float(kelvin)
    return made
