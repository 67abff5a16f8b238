"""Which structures of a test a model was trained on: their errors say nothing of the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...potentials.painn.card import is_model, read_card
from ...potentials.trained import is_shipped, model_folder, named
from .dataset import LabelSet
from .trained_on import TRAINED, VALIDATED, TrainedOn


@dataclass(frozen=True)
class Seen:
    """
    Attributes:
        structures: of the test. trained, validated: of these, so many did one of the models train on, or use to choose its
            weights.
        whole: the models whose training data the test is, as a whole. unknown: models that do not say what they have seen.
    """

    structures: int
    trained: int
    validated: int
    whole: tuple[str, ...]
    unknown: tuple[str, ...]

    def report(self) -> dict[str, Any]:
        """For JSON; ``trained_on`` is null where it cannot be known."""
        known = not self.unknown or self.trained
        return {"trained_on": self.trained if known else None, "validated_on": self.validated if known else None}

    def lines(self) -> list[str]:
        """For people; none where no model is judged, or none has seen any of the structures."""
        found = []
        if self.whole:
            found.append(
                f"these are the data that {' and '.join(self.whole)} was trained and validated on, no test of it"
            )
        elif self.trained:
            found.append(f"{self.trained} of {self.structures} structures were trained on: no test of the model")
        if self.validated and not self.whole:
            found.append(
                f"{self.validated} of {self.structures} structures chose the weights (validation): their errors are too small"
            )
        if left := [n for n in self.unknown if n not in self.whole]:
            found.append(
                f"{' and '.join(left)}: which structures it was trained on is not recorded; whether these are among them "
                "cannot be known"
            )
        return found


def seen_by(names: Sequence[str], labels: LabelSet, digest: str) -> Seen:
    """What the models ``names`` (folders, or names of shipped ones; other potentials have seen nothing) know of ``labels``.

    Args:
        digest: of the whole set that ``labels`` are, or are taken from.
    """
    use, whole, unknown = uses(names, labels, digest)
    trained = int((use == TRAINED).sum())
    validated = int((use == VALIDATED).sum())
    return Seen(len(labels), trained, validated, whole, unknown)


def uses(names: Sequence[str], labels: LabelSet, digest: str) -> tuple[np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """(B,) uint8, TRAINED or VALIDATED where one of the models did, else 0; then ``whole`` and ``unknown`` of :class:`Seen`."""
    use = np.zeros(len(labels), np.uint8)
    whole, unknown = [], []
    for name in named(names):
        if not (is_model(name) or is_shipped(name)):
            continue
        folder = model_folder(name)
        record = TrainedOn.of(folder)
        if record is not None:
            use = np.maximum(use, record.use_of(labels.clusters))
        if record is None and read_card(folder).data_hash == digest:
            whole.append(name)
        if record is None or not record.complete:
            unknown.append(name)
    if whole:
        use[:] = TRAINED
    return use, tuple(whole), tuple(unknown)
