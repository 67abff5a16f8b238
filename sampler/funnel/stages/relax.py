"""The stage ``relax``: local minimisation with a potential."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from ...clusters import Clusters
from ...columns import CONVERGED, EVALUATIONS, FATE
from ...fate import Fate
from .context import Context
from .parameter_types import Positive, PositiveInt
from .portions import portions
from .protonation import with_states
from .with_potential import PotentialStage

_CHUNK = {"painn": 40, "b97-3c": 1, "r2scan-3c": 1, "wb97x-d": 1}


class Relax(PotentialStage):
    """Local minimisation with a potential, batched; broken structures leave."""

    kind: Literal["relax"]
    optimizer: Literal["lbfgs", "fire"] = "lbfgs"
    """``lbfgs`` has a model Hessian; ``fire`` is for surfaces whose energy cannot be trusted."""
    fmax: Positive = 0.05
    """eV/Å, the largest force on an atom at which a structure counts as relaxed."""
    max_steps: PositiveInt = 500
    """Evaluations of a structure."""
    keep_unconverged: bool = True
    """Whether a structure that did not get to ``fmax`` goes on all the same."""
    chunk: PositiveInt | None = None
    """Structures in a task, fewer towards the end; by default 40 with PaiNN, which evaluates them in batches, 1 with
    DFT, else 10."""

    per_chunk: ClassVar[bool] = True

    def tasks(self, incoming: Clusters, context: Context) -> Sequence[Clusters]:
        self.share()
        return portions(incoming, self.chunk or _CHUNK.get(self.potential.lower(), 10))

    def run(self, task: Clusters, context: Context) -> Clusters:
        from ...relax import RelaxParams, relax

        parameters = RelaxParams(optimizer=self.optimizer, fmax=self.fmax, max_steps=self.max_steps)
        relaxed = with_states(relax(task, self.started(), parameters), task, context)
        if not self.keep_unconverged:
            fate = relaxed.columns[FATE]
            lost = (fate == Fate.GOES_ON) & ~relaxed.columns[CONVERGED]
            relaxed = relaxed.with_columns(fate=np.where(lost, Fate.NOT_CONVERGED, fate))
        return relaxed

    def ledger_of_result(self, everything: Clusters) -> dict[str, Any]:
        column = everything.columns
        return {"converged": int(column[CONVERGED].sum()), "evaluations": int(column[EVALUATIONS].sum())}
