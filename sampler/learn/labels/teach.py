"""Labels by a model instead of a method, so that a faster model can learn from a slower, better one (distillation).

A Δ model on GFN1-xTB errs less than a direct model of the same labels where these are few, in large clusters above all,
and costs GFN1-xTB. What it says of structures without a label is training data for the direct model
(Hinton et al. 2015, arXiv:1503.02531). Such a set names the model as its engine; it is no evidence of anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...clusters import Clusters
from ...errors import LevelError
from ...potentials import Potential
from ..planned_chunks import digest, do_chunks, keep_plan
from .dataset import LabelSet

CHUNK = 10
TAUGHT = "model"
"""How the engine of a data set begins whose labels a model made."""


def engine_of(potential: Potential) -> str:
    """``model LEVEL SHA256 …``, or ``model LEVEL on BASE SHA256 …``: what a taught data set names as its engine.

    Raises:
        LevelError: a potential that is no trained model; its numbers are labels in their own right.
    """
    cards = [model.card for model in potential.models]
    if not cards:
        raise LevelError(f"{potential.level} is no trained model; its labels are computed with: sampler label")
    base = f" on {cards[0].base_level}" if cards[0].base_level else ""
    return f"{TAUGHT} {potential.level}{base} " + " ".join(c.weights_sha256[:16] for c in cards)


def is_taught(labels: LabelSet) -> bool:
    """Whether a model made some of these labels."""
    return any(part.startswith(f"{TAUGHT} ") for part in labels.engine.split("; "))


def require_labels(labels: LabelSet, file: Path | str, remedy: str) -> None:
    """Refuse a data set of a model's making where labels are wanted.

    Raises:
        LevelError: it is one; the message ends with ``remedy``.
    """
    if is_taught(labels):
        raise LevelError(f"{file} was labelled by a model ({labels.engine}), not by {labels.level}; {remedy}")


class TeachingRun:
    """A folder with one file for every ``CHUNK`` structures, so that a killed run goes on.

    Args:
        folder: where the chunks go. clusters: structures to label. engine: see :func:`engine_of`.

    Raises:
        RunError: the folder holds other structures or another model's labels.
    """

    def __init__(self, folder: Path | str, clusters: Clusters, engine: str):
        self.folder, self.clusters = Path(folder), clusters
        plan = {"structures": digest(clusters), "engine": engine, "chunk": CHUNK}
        keep_plan(self.folder, plan, "labels of other structures or of another model")

    def chunks(self) -> list[tuple[Path, slice]]:
        """File and structures of every chunk."""
        starts = range(0, len(self.clusters), CHUNK)
        return [(self.folder / f"{k:05d}.npz", slice(s, s + CHUNK)) for k, s in enumerate(starts)]

    def run(self, potential: Potential, workers: int = 1) -> Iterator[tuple[int, bool]]:
        """Do what is left; yields (structures, whether an earlier run had done them), chunk by chunk."""
        chunks = [(file, (potential, self.clusters[part])) for file, part in self.chunks()]
        for _, count, before in do_chunks(_label, chunks, workers):
            yield count, before

    def collect(self) -> Clusters:
        """All structures in their order, with energies and forces; NaN where the model refused."""
        return Clusters.concatenate([Clusters.load(file) for file, _ in self.chunks()])


def _label(task: tuple[Potential, Clusters]) -> Clusters:
    potential, clusters = task
    found = potential.evaluate(clusters)
    return clusters.replace(energy=found.energy, forces=found.forces, level=potential.level)
