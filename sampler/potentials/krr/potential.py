"""A kernel ridge regression as a potential: energies alone."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np

from ...clusters import Clusters
from ...errors import PotentialError
from ..base import Evaluation, Potential
from ..painn.card import ModelCard, read_krr_card
from ..painn.limits import closest_allowed, refusal
from ..painn.monomer_energies import Scope
from .model import KrrModel


class KrrPotential(Potential):
    """``energy`` is the total energy at the card's level, as of a PaiNN; there are no forces.

    The model's structures are read, and their representation made, at the first evaluation.
    """

    level: str
    batch_atoms = 2000
    batch_invariant = False  # a matrix product's last bits depend on its shape
    gives_forces = False

    def __init__(self, folder: Path | str):
        """
        Raises:
            ModelError: an unusable folder or card.
        """
        self.folder = Path(folder)
        self.card: ModelCard = read_krr_card(self.folder)[0]
        self.level = self.card.level
        self.scope, self.limits = Scope.of(self.card), closest_allowed(self.card)

    @property
    def models(self) -> tuple[KrrPotential, ...]:
        return (self,)

    @cached_property
    def model(self) -> KrrModel:
        return KrrModel.load(self.folder)[0]

    def evaluate(self, clusters: Clusters, forces: bool = True) -> Evaluation:
        """Energies of all structures; failures as of a PaiNN (:meth:`..painn.potential.PaiNNPotential.evaluate`).

        Raises:
            PotentialError: forces are asked for.
        """
        if forces:
            raise PotentialError(
                f"{self.folder} is a kernel ridge regression, which has energies and no forces; what needs these "
                "needs a PaiNN (sampler train --engine fast), and sampler energy takes --no-forces"
            )
        failure = self.scope.check(clusters)
        shift, allowed = np.zeros(len(clusters)), np.array([not f for f in failure], bool)
        shift[allowed], unmade = self.scope.reference(clusters[allowed])
        for i, reason in zip(np.flatnonzero(allowed).tolist(), unmade):
            failure[i] = reason or self._clash(clusters, i)
        good = np.array([not f for f in failure], bool).reshape(len(clusters))
        energy = np.full(len(clusters), np.nan)
        if good.any():
            energy[good] = self.model.predict(clusters[good]) + shift[good]
        return Evaluation(energy, None, np.asarray(failure, dtype=np.str_).reshape(len(clusters)))

    def _clash(self, clusters: Clusters, i: int) -> str:
        atoms = clusters.atoms_of(i)
        z, x = clusters.numbers[atoms], clusters.positions[atoms]
        a, b = np.triu_indices(len(z), 1)
        short = np.linalg.norm(x[a] - x[b], axis=1) / self.limits[z[a], z[b]]
        if not len(short) or short.min() >= 1.0:
            return ""
        worst = int(short.argmin())
        return refusal(z, x, int(a[worst]), int(b[worst]), self.limits)
