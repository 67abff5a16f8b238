"""What the trainings of a study will cost on this machine, from a step and a prediction measured for each shape."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..learn.training.settings import TrainSettings
from ..learn.training.targets import Targets
from .curve import steps_of
from .data import Pair
from .training import Training

_STEPS, _PREDICTED = 3, 20
_SHAPE = ("n_atom_basis", "n_interactions", "n_rbf", "cutoff", "charge_width", "batch_size")


@dataclass(frozen=True)
class Measured:
    """Seconds of one core: of a step, and of a structure's prediction."""

    step: float
    prediction: float

    def of(self, settings: TrainSettings, size: int, test: int) -> float:
        """Seconds of a whole training with ``size`` structures, and the prediction of ``test`` more."""
        held = max(1, round(size * settings.validation)) if settings.validation else size
        epoch = steps_of(settings, size) * self.step + held * self.prediction
        return settings.epochs * epoch + test * self.prediction


def measure(targets: Targets, settings: TrainSettings, seed: int = 0) -> Measured:
    """Take a few steps on batches at random, as a training does, and predict a few structures; nothing is kept."""
    from ..learn.training.fast_engine import validation_errors
    from ..learn.training.settings import SHAPE
    from ..potentials.painn.parameters import Architecture, PaiNNParameters
    from ..potentials.painn.training import Trainer

    rng = np.random.default_rng(seed)
    params = PaiNNParameters.random(Architecture(**{n: getattr(settings, n) for n in SHAPE}), seed=seed)
    trainer = Trainer(params)

    def step() -> None:
        clusters, energy, forces = targets.take(rng.choice(len(targets), min(settings.batch_size, len(targets))))
        share = settings.energy_share
        trainer.loss_and_gradients(
            clusters, energy, forces, energy_weight=share, force_weight=1.0 - share, energy_loss=settings.loss,
            force_loss=settings.loss,
        )  # fmt: skip
        trainer.set_weights(params.arrays)

    some = rng.choice(len(targets), min(_PREDICTED, len(targets)), replace=False)
    step()
    validation_errors(params, targets, some)  # compiled code is loaded
    return Measured(
        min(_seconds(step) for _ in range(_STEPS)),
        min(_seconds(lambda: validation_errors(params, targets, some)) for _ in range(2)) / len(some),
    )


def _seconds(act) -> float:
    begin = time.process_time()
    act()
    return time.process_time() - begin


def cost_of(trainings: Sequence[Training], pairs: dict[str, Pair], independent: bool = False) -> list[dict[str, Any]]:
    """A row for each kind (target, size, shape): trainings, seconds of one, seconds of all; of one core.

    Args:
        pairs: target -> its data. independent: samples of a repeat share no kernels.
    """
    known: dict[tuple, Measured] = {}
    kernels = _Kernels(independent)
    rows: dict[tuple, dict[str, Any]] = {}
    for t in trainings:
        pair = pairs[t.target]
        if t.engine == "painn":
            settings = TrainSettings(**t.settings)
            shape = (t.target, settings.energy_share == 1.0, *(getattr(settings, n) for n in _SHAPE))
            if shape not in known:
                known[shape] = measure(pair.train, settings)
            seconds = known[shape].of(settings, t.size, len(pair.test) + t.asked)
        else:
            seconds = kernels.seconds(pair, t)
        row = rows.setdefault(
            (t.target, t.size),
            {"target": t.target, "size": t.size, "trainings": 0, "seconds_each": seconds, "seconds": 0.0},
        )
        row["trainings"] += 1
        row["seconds"] += seconds
        row["seconds_each"] = row["seconds"] / row["trainings"]
    return list(rows.values())


class _Kernels:
    """What kernel ridge regressions cost, of which those of a repeat share their kernels."""

    def __init__(self, independent: bool):
        self.independent = independent
        self.done: dict[tuple[int, int], float] = {}
        self.known: dict[int, tuple[float, float]] = {}

    def seconds(self, pair: Pair, training: Training) -> float:
        """Of the kernels that no smaller training has made, and of the predictions of the test."""
        from ..learn.krr.settings import KrrSettings
        from .engines import kernel_seconds

        settings = KrrSettings(**training.settings)
        size, atoms = training.size, pair.train.clusters.natoms.mean()
        if size not in self.known:
            whole = kernel_seconds(pair.train, settings, size)
            one = kernel_seconds(pair.train, settings, size, widths=1)
            # a square of kernels is computed by half, a rectangle is not
            tested = 2 * one * pair.test.clusters.natoms.sum() / (size * atoms)
            self.known[size] = whole, float(tested)
        whole, tested = self.known[size]
        key = training.repeat, size if self.independent else 0
        new = max(0.0, whole - self.done.get(key, 0.0))
        self.done[key] = max(whole, self.done.get(key, 0.0))
        return new + tested


def base_seconds(base, clusters, few: int = 3) -> float:
    """Seconds of one core that the cheaper method takes for all structures, from ``few`` of middling size."""
    order = np.argsort(clusters.natoms, kind="stable")
    some = order[(np.linspace(0.25, 0.75, few) * (len(order) - 1)).astype(int)]
    base.evaluate(clusters[some[:1]])
    return _seconds(lambda: base.evaluate(clusters[some])) / len(some) * len(clusters)
