"""A cheap potential plus a trained correction (Δ-learning; Ramakrishnan et al. 2015, doi:10.1021/acs.jctc.5b00099)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ...clusters import Clusters
from ...errors import LevelError
from ..base import Evaluation, Potential, TrainedModel


class DeltaPotential(Potential):
    """``base`` plus ``correction``; the sum is at the level of the correction's card.

    The correction predicts the difference of total energies, target level minus base level; its reference monomers
    hold the same difference. A committee of corrections shares one calculation of the base, and its spread is that of
    the sum.
    """

    level: str
    batch_invariant: bool

    def __init__(self, base: Potential, correction: Potential):
        """
        Raises:
            LevelError: the correction was trained on another base.
        """
        wanted = correction.models[0].card.base_level if correction.models else ""
        if not wanted:
            raise LevelError(f"the model of level {correction.level!r} is no correction: its card names no base_level")
        if wanted != base.level:
            raise LevelError(f"the correction was trained on top of {wanted!r}, not of {base.level!r}")
        self.base, self.correction, self.level = base, correction, correction.level
        self.batch_invariant = base.batch_invariant and correction.batch_invariant

    @property
    def on_gpu(self) -> bool:
        return self.correction.on_gpu

    @property
    def gives_forces(self) -> bool:
        return self.base.gives_forces and self.correction.gives_forces

    @property
    def models(self) -> Sequence[TrainedModel]:
        return self.correction.models

    def share(self, folder: Path) -> None:
        """Of the correction's weights; see :meth:`.potential.PaiNNPotential.share`."""
        self.correction.share(folder)

    def evaluate(self, clusters: Clusters, forces: bool = True) -> Evaluation:
        """Sum of both; a structure that either refuses fails, with the base's reason first.

        Of a committee of corrections the result has their spread.
        """
        return self._sum(clusters, self.base.evaluate(clusters, forces), forces)

    def evaluate_warm(self, clusters: Clusters, memory: list[Any]) -> tuple[Evaluation, list[Any]]:
        """As :meth:`evaluate`, with forces, and the base from where it was."""
        low, memory = self.base.evaluate_warm(clusters, memory)
        return self._sum(clusters, low, True), memory

    def _sum(self, clusters: Clusters, low: Evaluation, forces: bool) -> Evaluation:
        high = self.correction.evaluate(clusters, forces)
        lost = low.failure != ""
        found = {
            "energy": low.energy + high.energy,
            "forces": low.needed_forces + high.needed_forces if forces else None,
            "failure": np.where(lost, low.failure, high.failure),
        }
        if high.energy_spread is not None:
            found["energy_spread"] = np.where(lost, np.nan, high.energy_spread)
            if high.force_spread is not None:
                found["force_spread"] = np.where(lost[clusters.structure_of_atom], np.nan, high.force_spread)
        return replace(high, **found)
