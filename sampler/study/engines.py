"""How a study trains and predicts: a name for each way, and a function that does both.

An engine takes a :class:`.training.Task` and gives back what it adds to the row of the training: the errors of the test, the
validation, times. It keeps checkpoints in the folder of the task, and starts from them when it is called again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..learn.training.targets import Targets
from .epochs import curve_of, read_epochs
from .errors import ASKED, EACH, TEST
from .training import Task

Engine = Callable[[Task, Path], dict[str, Any]]


def painn(
    task: Task, folder: Path, after_epoch: Callable[[list[dict[str, Any]]], None] | None = None
) -> dict[str, Any]:
    """A network, trained by the engine of its settings, in ``folder``.

    Args:
        after_epoch: see :func:`sampler.learn.training.train.train`.
    """
    from ..learn.training.fast_engine import validation_errors
    from ..learn.training.settings import TrainSettings
    from ..learn.training.train import train
    from ..potentials.painn.card import load_model

    settings = TrainSettings(**task.training.settings)
    done = train(task.train, settings, folder, quiet=True, after_epoch=after_epoch)
    epochs = read_epochs(folder)
    row: dict[str, Any] = {
        "epochs": done.epochs, "best_epoch": done.best_epoch,
        **{k: v for k, v in done.errors.items() if k.startswith("validation_mae")},
        "train_seconds": epochs[-1]["seconds"],
    }  # fmt: skip
    if task.curve:
        row["curve"] = curve_of(epochs)
    if not len(task.test):
        return row
    params = load_model(done.model)[0]
    validation_errors(params, task.test, np.arange(1))  # what is made once, such as compiled code
    begin = time.perf_counter()
    energy, forces = validation_errors(params, task.test, np.arange(len(task.test)))
    predicted = time.perf_counter() - begin
    if task.each:
        row[EACH] = {TEST: (energy, forces)}
        if task.asked is not None:
            row[EACH][ASKED] = validation_errors(params, task.asked, np.arange(len(task.asked)))
    return {
        **test_errors(energy, forces, task.test), **row, "predict_seconds": predicted, "predicted": len(task.test),
    }  # fmt: skip


def test_errors(energy: np.ndarray, forces: np.ndarray | None, test: Targets) -> dict[str, float]:
    """Errors of predictions of the test, (B,) eV and (3N,) eV/Å, as columns of a row."""
    from ..learn.metrics import energy_metrics
    from ..units import KCAL_PER_MOL

    found = energy_metrics(test.energy + energy, test.energy)
    row = {
        "mae_energy_kcal_mol": found["mae_kcal_mol"], "rmse_energy_kcal_mol": found["rmse_kcal_mol"],
        "max_energy_kcal_mol": found["max_kcal_mol"], "relative_mae_energy_kcal_mol": found["relative_mae_kcal_mol"],
    }  # fmt: skip
    if forces is not None:
        error = np.abs(forces) / KCAL_PER_MOL
        row |= {"mae_forces_kcal_mol_A": float(error.mean())}
        row |= {"rmse_forces_kcal_mol_A": float(np.sqrt((error**2).mean()))}
    return row


def krr(task: Task, folder: Path) -> dict[str, Any]:
    """A kernel ridge regression of energies; its kernels are shared by all trainings of the study."""
    from ..errors import InputError, TrainingDiverged
    from ..learn.krr.settings import KrrSettings
    from ..learn.krr.train import train_krr
    from ..potentials.krr.model import KrrModel

    settings = KrrSettings(**task.training.settings)
    kernels = task.kernels if folder == task.folder else None  # a worker elsewhere sees none
    try:
        done = train_krr(task.train, settings, folder, kernels)
    except InputError as error:  # no kernel that can be solved: the others go on
        raise TrainingDiverged(str(error)) from error
    model = KrrModel(
        krr_representation(task.train, settings), done.fit.width, task.train.clusters, done.fit.coefficients
    )
    model.predict(task.test.clusters[np.arange(1)])
    begin = time.perf_counter()
    found = model.predict(task.test.clusters)
    predicted = time.perf_counter() - begin
    seconds = dict(done.seconds)
    expected = kernel_seconds(task.train, settings, len(task.train))
    if seconds["kernel"] < 0.5 * expected:  # most were found on disk: what they take, from a few pairs
        seconds["kernel"] = expected
    return {
        **test_errors(found - task.test.energy, None, task.test),
        "validation_mae_energy_kcal_mol": done.errors["validation_mae_energy_kcal_mol"],
        "train_seconds": sum(seconds[k] for k in ("representation", "kernel", "validation", "solve")),
        "predict_seconds": predicted, "predicted": len(task.test),
    }  # fmt: skip


def krr_representation(targets: Targets, settings):
    """The representation that a kernel ridge regression of ``targets`` has."""
    from ..potentials.krr.representation import Representation

    return Representation(tuple(int(z) for z in np.unique(targets.clusters.numbers)), settings.cutoff)


def kernel_seconds(targets: Targets, settings, size: int, widths: int = 0) -> float:
    """Seconds of one core for the kernels of ``size`` structures at random, from a few pairs; nothing is kept."""
    from ..learn.krr.kernel_store import KernelPool

    pool = KernelPool("no-kernels", targets.clusters, krr_representation(targets, settings), settings.precision)
    rows = np.random.default_rng(0).permutation(len(targets))[:size]
    return pool.cost(rows, widths or len(settings.widths))


def trial(task: Task, folder: Path) -> dict[str, Any]:
    """A network whose settings the search in the folder of the study chooses, and which that may stop early."""
    from .tune_trial import run_trial

    return run_trial(task, folder, painn)


ENGINES: dict[str, Engine] = {"painn": painn, "krr": krr, "trial": trial}
