"""Training with the fused kernels: AdamW, schedules, moving average, exact resume.

Everything random follows from the seed and the number of the epoch, so a run that was killed and resumed ends with the
same weights, bit for bit, as one that was not.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..errors import RunError
from ..potentials.painn.parameters import PaiNNParameters
from ..storage import write_atomic
from ..units import KCAL_PER_MOL
from .curves import Reporter, plot, write_csv
from .optimiser import AdamW, Flat, learning_rate
from .settings import TrainSettings
from .targets import Targets

_CHECKPOINT_SECONDS = 30.0


def loss_of(energy_error: np.ndarray, force_error: np.ndarray, settings: TrainSettings) -> float:
    """``x·l(ΔE) + (1 − x)·l(F)`` of errors in eV and eV/Å."""
    kind = np.abs if settings.loss == "mae" else np.square
    return settings.energy_share * kind(energy_error).mean() + (1 - settings.energy_share) * kind(force_error).mean()


def epoch_order(train: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """The indices ``train`` in the random order of epoch ``epoch`` (from 0)."""
    return np.random.default_rng(np.random.SeedSequence([seed, 104729, epoch])).permutation(train)


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
) -> tuple[PaiNNParameters, list[dict]]:
    """Train ``params``; the best by validation loss, and a row for each epoch (see :data:`.curves.COLUMNS`).

    Args:
        params: where to start. train, validation: indices into ``targets``.
        folder: for ``state.npz`` (resume), ``curves.csv`` and ``curves.png``.
        make_trainer: another maker of gradients with the interface of ``painn.training.Trainer``; for tests.
        stop_after: return after so many epochs in this call, as if killed; for tests.

    Raises:
        RunError: the folder's state belongs to other settings or data, or the loss is not a number.
    """
    if make_trainer is None:
        from ..potentials.painn.training import Trainer as make_trainer
    names = tuple(params.trainable)
    flat = Flat(names, {n: params.arrays[n].shape for n in names})
    optimiser = AdamW(flat.pack(params.arrays), settings.weight_decay, settings.ema)
    trainer = make_trainer(params)
    gradient = np.empty(flat.size, np.float32)
    steps = -(-len(train) // settings.batch_size)
    total = steps * settings.epochs
    rows: list[dict] = []
    best = {"loss": np.inf, "epoch": 0, "weights": optimiser.weights.copy()}
    since, scale = 0, 1.0
    state_file = folder / "state.npz"
    if state_file.exists():
        with np.load(state_file, allow_pickle=False) as data:
            header = json.loads(str(data["header"]))
            if header["digest"] != targets.digest or len(data["weights"]) != flat.size:
                raise RunError(f"{state_file} belongs to a training on other data; choose another folder")
            optimiser.load(data)
            best = {"loss": header["best_loss"], "epoch": header["best_epoch"], "weights": data["best"]}
        rows, since, scale = header["rows"], header["since"], header["scale"]
    reporter = Reporter(settings.epochs, quiet)
    reporter.said = 0.0
    saved = time.monotonic()
    elapsed_before = rows[-1]["seconds"] if rows else 0.0
    started = time.monotonic()
    done_here = 0

    def save() -> None:
        header = {
            "digest": targets.digest, "best_loss": best["loss"], "best_epoch": best["epoch"], "rows": rows,
            "since": since, "scale": scale,
        }  # fmt: skip
        write_atomic(
            state_file,
            lambda handle: np.savez(
                handle, header=np.asarray(json.dumps(header)), best=best["weights"], **optimiser.state()
            ),
        )
        write_csv(folder / "curves.csv", rows)

    for epoch in range(len(rows), settings.epochs):
        if settings.early_stopping and since >= settings.early_stopping:
            break
        order = epoch_order(train, settings.seed, epoch)
        trainer.set_weights(flat.view(optimiser.weights))
        losses = []
        for k in range(steps):
            batch = order[k * settings.batch_size : (k + 1) * settings.batch_size]
            clusters, energy, forces = targets.take(batch)
            loss, gradients, _ = trainer.loss_and_gradients(
                clusters, energy, forces,
                energy_weight=settings.energy_share, force_weight=1.0 - settings.energy_share,
                energy_loss=settings.loss, force_loss=settings.loss,
            )  # fmt: skip
            if not np.isfinite(loss):
                raise RunError(f"the loss is {loss} in epoch {epoch + 1}; lower the learning rate or set a clip")
            rate = learning_rate(
                optimiser.step, total, settings.learning_rate, settings.schedule, settings.final_rate,
                settings.warmup, scale,
            )  # fmt: skip
            optimiser.update(flat.pack(gradients, gradient), rate, settings.clip)
            trainer.set_weights(flat.view(optimiser.weights))
            losses.append(loss * len(batch))
        now = params.replace(arrays={**params.arrays, **flat.view(optimiser.average)})
        e, f = validation_errors(now, targets, validation if len(validation) else train)
        value = loss_of(e, f, settings)
        better = value < best["loss"]
        if better:
            best = {"loss": value, "epoch": epoch + 1, "weights": optimiser.average.copy()}
        since = 0 if better else since + 1
        if settings.schedule == "plateau" and since and since % settings.patience == 0:
            scale *= 0.5
        rows.append(
            dict(
                epoch=epoch + 1, step=optimiser.step, learning_rate=rate, train_loss=sum(losses) / len(train),
                validation_loss=value, validation_mae_energy_kcal_mol=np.abs(e).mean() / KCAL_PER_MOL,
                validation_mae_forces_kcal_mol_A=np.abs(f).mean() / KCAL_PER_MOL,
                seconds=elapsed_before + time.monotonic() - started,
            )
        )  # fmt: skip
        rows[-1] = {k: v if isinstance(v, int) else float(f"{v:.8g}") for k, v in rows[-1].items()}
        reporter.epoch(rows[-1], better)
        done_here += 1
        if time.monotonic() - saved > _CHECKPOINT_SECONDS or done_here == stop_after:
            save()
            saved = time.monotonic()
        if done_here == stop_after:
            break
    save()
    if rows:
        plot(folder / "curves.png", rows)
    arrays = {**params.arrays, **{n: a.copy() for n, a in flat.view(best["weights"]).items()}}
    return params.replace(arrays=arrays), rows


def validation_errors(params: PaiNNParameters, targets: Targets, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(B,) eV and (3n,) eV/Å: predicted minus wanted energies and force components of the structures ``chosen``."""
    from ase.data import chemical_symbols

    from ..potentials.painn.card import ModelCard
    from ..potentials.painn.potential import PaiNNPotential

    elements = tuple(chemical_symbols[z] for z in np.unique(targets.clusters.numbers))
    charges = tuple(np.unique(targets.clusters.charge).tolist())
    potential = PaiNNPotential(params, ModelCard(targets.level, elements, charges))
    clusters, energy, forces = targets.take(chosen)
    found = potential.evaluate(clusters)
    return found.energy - energy, (found.forces - forces).ravel()
