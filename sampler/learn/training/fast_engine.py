"""Training with the fused kernels: AdamW, schedules, moving average, exact resume.

Everything random follows from the seed and the number of the epoch, so a run that was killed and resumed ends with the
same weights, bit for bit, as one that was not.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ...errors import TrainingDiverged
from ...potentials.painn.parameters import PaiNNParameters
from ...random_keys import numbered_key
from ...units import KCAL_PER_MOL
from .curves import Reporter
from .optimiser import AdamW, Flat, learning_rate
from .settings import TrainSettings
from .state import TrainingState
from .targets import Targets

_CHECKPOINT_SECONDS = 30.0


def loss_of(energy_error: np.ndarray, force_error: np.ndarray | None, settings: TrainSettings) -> float:
    """``x·l(ΔE) + (1 − x)·l(F)`` of errors in eV and eV/Å; the first term alone where forces are not known."""
    kind = np.abs if settings.loss == "mae" else np.square
    loss = settings.energy_share * kind(energy_error).mean()
    return loss if force_error is None else loss + (1 - settings.energy_share) * kind(force_error).mean()


def epoch_order(train: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """The indices ``train`` in the random order of epoch ``epoch`` (from 0)."""
    return np.random.default_rng(numbered_key(seed, 104729, epoch)).permutation(train)


def train_fast(
    params: PaiNNParameters,
    targets: Targets,
    train: np.ndarray,
    validation: np.ndarray,
    settings: TrainSettings,
    folder: Path,
    make_trainer: Callable | None = None,
    quiet: bool = False,
    stop_after: int | None = None,
    after_epoch: Callable[[list[dict]], None] = lambda rows: None,
) -> tuple[PaiNNParameters, list[dict]]:
    """Train ``params``; the best by validation loss, and a row for each epoch (see :data:`.curves.COLUMNS`).

    Args:
        params: where to start. train, validation: indices into ``targets``.
        folder: for ``state.npz`` (resume), ``curves.csv`` and ``curves.png``.
        make_trainer: another maker of gradients with the interface of ``painn.training.Trainer``; for tests.
        stop_after: return after so many epochs in this call, as if killed; for tests.
        after_epoch: called with the rows of all epochs so far, before a checkpoint has the last; what it raises ends the
            training.

    Raises:
        RunError: the folder's state is damaged or belongs to other settings or data.
        TrainingDiverged: the loss is not a number.
        KeyboardInterrupt: the epochs that were finished are kept.
    """
    if make_trainer is None:
        from ...potentials.painn.training import Trainer

        make_trainer = Trainer
    names = tuple(params.trainable)
    flat = Flat(names, {n: params.arrays[n].shape for n in names})
    optimiser = AdamW(flat.pack(params.arrays), settings.weight_decay, settings.ema)
    state = TrainingState.load(folder, targets.digest, flat.size)
    if state is None:
        state = TrainingState(optimiser.weights.copy())
    else:
        optimiser.load(state.optimiser)
    trainer = make_trainer(params)
    judged = validation if len(validation) else train
    before = state.rows[-1]["seconds"] if state.rows else 0.0
    reporter, started, saved = Reporter(settings.epochs, quiet), time.process_time(), time.monotonic()
    first, finished = len(state.rows), state.copy(optimiser.state())
    try:
        for epoch in range(first, settings.epochs):
            if settings.early_stopping and state.since >= settings.early_stopping or epoch - first == stop_after:
                break
            loss, rate = _epoch(trainer, optimiser, flat, targets, train, settings, epoch, state.scale)
            now = params.replace(arrays={**params.arrays, **flat.view(optimiser.average)})
            e, f = validation_errors(now, targets, judged)
            value = loss_of(e, f, settings)
            better = value < state.loss
            if better:
                state.loss, state.best_epoch, state.weights = value, epoch + 1, optimiser.average.copy()
            state.since = 0 if better else state.since + 1
            if settings.schedule == "plateau" and state.since and state.since % settings.patience == 0:
                state.scale *= 0.5
            row = dict(
                epoch=epoch + 1, step=optimiser.step, learning_rate=rate, train_loss=loss, validation_loss=value,
                validation_mae_energy_kcal_mol=np.abs(e).mean() / KCAL_PER_MOL,
                validation_mae_forces_kcal_mol_A=np.nan if f is None else np.abs(f).mean() / KCAL_PER_MOL,
                seconds=before + time.process_time() - started,
            )  # fmt: skip
            state.rows.append({k: v if isinstance(v, int) else float(f"{v:.8g}") for k, v in row.items()})
            finished = state.copy(optimiser.state())
            reporter.epoch(state.rows[-1], better)
            after_epoch(state.rows)
            if time.monotonic() - saved > _CHECKPOINT_SECONDS:
                finished.save(folder, targets.digest)
                saved = time.monotonic()
    except (KeyboardInterrupt, SystemError) as stop:
        # compiled code makes a SystemError of Ctrl-C
        if not any(isinstance(e, KeyboardInterrupt) for e in (stop, stop.__cause__, stop.__context__)):
            raise
        finished.save(folder, targets.digest)
        reporter.stopped(len(finished.rows))
        finished.draw(folder)
        raise KeyboardInterrupt from stop
    finally:
        reporter.end()
    finished.save(folder, targets.digest)
    finished.draw(folder)
    arrays = {**params.arrays, **{n: a.copy() for n, a in flat.view(state.weights).items()}}
    return params.replace(arrays=arrays), state.rows


def _epoch(
    trainer, optimiser: AdamW, flat: Flat, targets: Targets, train: np.ndarray, settings: TrainSettings, epoch: int,
    scale: float,
) -> tuple[float, float]:  # fmt: skip
    """All steps of one epoch; the mean loss of its structures, and the last learning rate."""
    order, size = epoch_order(train, settings.seed, epoch), settings.batch_size
    steps = -(-len(train) // size)
    gradient, losses = np.empty(flat.size, np.float32), []
    trainer.set_weights(flat.view(optimiser.weights))
    for k in range(steps):
        batch = order[k * size : (k + 1) * size]
        clusters, energy, forces = targets.take(batch)
        loss, gradients, _ = trainer.loss_and_gradients(
            clusters, energy, forces,
            energy_weight=settings.energy_share, force_weight=1.0 - settings.energy_share,
            energy_loss=settings.loss, force_loss=settings.loss,
        )  # fmt: skip
        if not np.isfinite(loss):
            raise TrainingDiverged(f"the loss is {loss} in epoch {epoch + 1}; lower the learning rate or set a clip")
        rate = learning_rate(
            optimiser.step, steps * settings.epochs, settings.learning_rate, settings.schedule, settings.final_rate,
            settings.warmup, scale,
        )  # fmt: skip
        optimiser.update(flat.pack(gradients, gradient), rate, settings.clip)
        trainer.set_weights(flat.view(optimiser.weights))
        losses.append(loss * len(batch))
    return sum(losses) / len(train), rate


def validation_errors(
    params: PaiNNParameters, targets: Targets, chosen: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None]:
    """(B,) eV and (3n,) eV/Å: predicted minus wanted energies and force components of the structures ``chosen``.

    None in place of the latter where the labels have no forces.
    """
    from ase.data import chemical_symbols

    from ...potentials.painn.card import ModelCard
    from ...potentials.painn.potential import PaiNNPotential

    elements = tuple(chemical_symbols[z] for z in np.unique(targets.clusters.numbers))
    charges = tuple(np.unique(targets.clusters.charge).tolist())
    potential = PaiNNPotential(params, ModelCard(targets.level, elements, charges))
    clusters, energy, forces = targets.take(chosen)
    found = potential.evaluate(clusters, targets.has_forces)
    return found.energy - energy, (found.forces - forces).ravel() if targets.has_forces else None
