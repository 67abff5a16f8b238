"""The stage ``dedupe``: one representative of each distinct structure."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from ...clusters import Clusters
from ...columns import FATE
from ...fate import Fate
from ...units import KCAL_PER_MOL
from .base import Stage
from .context import Context
from .parameter_types import Positive


class Dedupe(Stage):
    """One representative of each distinct structure, by RMSD and energy."""

    kind: Literal["dedupe"]
    rmsd: Annotated[float, Field(gt=0, lt=1)] = 0.125
    """Å over all atoms, below which two structures are one."""
    max_displacement: Positive = 0.4
    """Å that no single atom may be further off."""
    energy_window_kcalmol: Positive = 0.25
    """By which the energies of one minimum may differ, kcal/mol."""
    linkage: Literal["leader", "complete", "average"] = "leader"
    """``leader``: the lowest represents, and chains do not merge; else as in scikit-learn."""

    def run(self, task: Clusters, context: Context) -> Clusters:
        from ...similarity import DedupeParams, dedupe

        parameters = DedupeParams(
            rmsd=self.rmsd,
            max_displacement=self.max_displacement,
            energy_window=self.energy_window_kcalmol * KCAL_PER_MOL,
            linkage=self.linkage,
        )
        result = dedupe(task, parameters, n_jobs=context.workers)
        gone = (result.duplicate_of != "") | (result.set_aside != "")
        fate = np.where(result.duplicate_of != "", Fate.DUPLICATE, Fate.NOT_COMPARABLE)[gone]
        detail = np.where(result.duplicate_of != "", result.duplicate_of, result.set_aside)[gone]
        kept = result.representatives.with_columns(fate=Fate.GOES_ON)
        return Clusters.concatenate([kept, task[gone].with_columns(fate=fate, fate_detail=detail)])

    def ledger_of_result(self, everything: Clusters) -> dict[str, Any]:
        """How often the lowest minima were found, and how many more there may be."""
        from ...search.unseen import of_multiplicities

        return of_multiplicities(everything[everything.columns[FATE] == Fate.GOES_ON])
