"""Training through SchNetPack: its PaiNN, its data base, its task, and Lightning; on a CPU or a GPU.

The order of the structures, the learning rate and the moving average are those of :mod:`.fast_engine`, so that both engines
walk the same path from the same seed. SchNetPack: Schütt et al. 2023, doi:10.1063/5.0138367.
"""

from __future__ import annotations

import signal
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import RunError
from ...potentials.painn.parameters import PaiNNParameters
from ...potentials.painn.schnetpack_io import to_schnetpack
from ...units import KCAL_PER_MOL
from .curves import Reporter, plot, write_csv
from .fast_engine import epoch_order
from .optimiser import learning_rate
from .settings import TrainSettings
from .targets import Targets

ENERGY, FORCES = "energy", "forces"


def write_database(targets: Targets, path: Path) -> None:
    """The targets as a SchNetPack data base (ASE, SQLite): ``energy`` in eV, ``forces`` in eV/Å."""
    from ase import Atoms
    from schnetpack.data import ASEAtomsData

    partial = path.with_name("writing-" + path.name)
    partial.unlink(missing_ok=True)
    database = ASEAtomsData.create(
        str(partial), distance_unit="Ang", property_unit_dict={ENERGY: "eV", FORCES: "eV/Ang"}
    )
    atoms, properties = [], []
    for i in range(len(targets)):
        part = targets.clusters.atoms_of(i)
        atoms.append(Atoms(targets.clusters.numbers[part], targets.clusters.positions[part]))
        properties.append({ENERGY: targets.energy[i : i + 1], FORCES: targets.forces[part]})
    database.add_systems(property_list=properties, atoms_list=atoms)
    partial.rename(path)


def train_schnetpack(
    params: PaiNNParameters,
    targets: Targets,
    train: np.ndarray,
    validation: np.ndarray,
    settings: TrainSettings,
    folder: Path,
    quiet: bool = False,
    stop_after: int | None = None,
) -> tuple[PaiNNParameters, list[dict]]:
    """As :func:`.fast_engine.train_fast`, which see; the state is Lightning's ``state.ckpt``."""
    import inspect
    import logging

    import pytorch_lightning as pl
    import schnetpack as spk
    import torch
    from schnetpack.task import AtomisticTask, ModelOutput
    from torchmetrics import MeanAbsoluteError

    folder.mkdir(parents=True, exist_ok=True)
    database = folder / f"targets-{targets.digest[:12]}.db"
    if not database.exists():
        write_database(targets, database)
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    loss = {"mae": torch.nn.L1Loss, "mse": torch.nn.MSELoss}[settings.loss]
    outputs = [
        ModelOutput(ENERGY, loss(), settings.energy_share, {"MAE": MeanAbsoluteError()}),
        ModelOutput(FORCES, loss(), 1.0 - settings.energy_share, {"MAE": MeanAbsoluteError()}),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        task = AtomisticTask(
            to_schnetpack(params, ENERGY, FORCES).train(), outputs, torch.optim.AdamW,
            {"lr": settings.learning_rate, "weight_decay": settings.weight_decay},
        )  # fmt: skip
        data = _data_module(spk, database, train, validation if len(validation) else train, settings)
        following = _follower(
            pl, torch, task, params, settings, len(train), targets.has_forces, folder, quiet, stop_after
        )
        state = folder / "state.ckpt"
        trainer = pl.Trainer(
            accelerator="auto", devices=1, max_epochs=settings.epochs, logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False, callbacks=[following],
            gradient_clip_val=settings.clip or None, num_sanity_val_steps=0, default_root_dir=str(folder),
            inference_mode=False,
        )  # fmt: skip
        # tensors and numbers alone: a state file that was tampered with cannot run anything
        safe = {"weights_only": True} if "weights_only" in inspect.signature(trainer.fit).parameters else {}
        try:
            trainer.fit(task, datamodule=data, ckpt_path=_sound(torch, state), **safe)
        except SystemExit as stop:
            # Lightning makes an exit with 1 of Ctrl-C, and lets no other through; the state of the last epoch is on disk
            if not isinstance(stop.__context__, KeyboardInterrupt):
                raise
            signal.signal(signal.SIGINT, signal.default_int_handler)
            following.reporter.stopped(following.kept)
            if following.kept:
                plot(folder / "curves.png", following.rows[: following.kept])
            raise KeyboardInterrupt from stop
        finally:
            following.reporter.end()
    if following.rows:
        plot(folder / "curves.png", following.rows)
    arrays = {**params.arrays, **{k: np.asarray(v) for k, v in following.best["weights"].items()}}
    return params.replace(arrays=arrays), following.rows


def _sound(torch, state: Path) -> str | None:
    """The file to go on from, if there is one.

    Raises:
        RunError: it is damaged.
    """
    if not state.exists():
        return None
    try:
        torch.load(state, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever its parsing meets
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RunError(
            f"{state} is damaged ({reason}); remove it to train from the start again, or choose another folder"
        ) from error
    return str(state)


def _data_module(spk, database: Path, train: np.ndarray, validation: np.ndarray, settings: TrainSettings):
    from schnetpack.data import AtomsDataModule, AtomsLoader

    class Order:
        """The batches of the present epoch, those of the fast engine."""

        def __init__(self, module):
            self.module = module

        def __len__(self):
            return -(-len(train) // settings.batch_size)

        def __iter__(self):
            # the loader counts structures within the training part, the order names them in the whole set
            where = {int(k): i for i, k in enumerate(train)}
            order = epoch_order(train, settings.seed, self.module.trainer.current_epoch)
            for start in range(0, len(order), settings.batch_size):
                yield [where[int(k)] for k in order[start : start + settings.batch_size]]

    class Module(AtomsDataModule):
        _train_dataloader: Any

        def train_dataloader(self):
            if self._train_dataloader is None:
                self._train_dataloader = AtomsLoader(self.train_dataset, batch_sampler=Order(self), num_workers=0)
            return self._train_dataloader

    module = Module(
        str(database), batch_size=settings.batch_size, val_batch_size=16, num_workers=0,
        load_properties=[ENERGY, FORCES], split_file=None,
        transforms=[spk.transform.ASENeighborList(cutoff=settings.cutoff), spk.transform.CastTo32()],
    )  # fmt: skip
    # given here, so that SchNetPack draws no split of its own (and writes no lock file into the working directory)
    module.train_idx, module.val_idx, module.test_idx = train.tolist(), validation.tolist(), []
    return module


def _follower(
    pl, torch, task, params, settings: TrainSettings, structures, has_forces: bool, folder: Path, quiet, stop_after
):
    """The callback that sets the rate, averages the weights, keeps the best, and writes curves and state."""
    steps = -(-structures // settings.batch_size)
    names = {name: p for name, p in task.model.named_parameters() if name in params.arrays}

    class Follower(pl.Callback):
        def __init__(self):
            self.rows, self.since, self.scale, self.losses = [], 0, 1.0, 0.0
            self.average = {n: p.detach().clone() for n, p in names.items()} if settings.ema else {}
            self.best: dict[str, Any] = {
                "loss": float("inf"),
                "weights": {n: p.detach().cpu().numpy() for n, p in names.items()},
            }
            self.before, self.started, self.done = 0.0, time.monotonic(), 0
            self.kept = 0  # epochs in the state on disk
            self.reporter = Reporter(settings.epochs, quiet)

        def state_dict(self):
            keys = ("rows", "since", "scale", "average")
            best = {"loss": self.best["loss"], "weights": {k: torch.tensor(v) for k, v in self.best["weights"].items()}}
            return {k: getattr(self, k) for k in keys} | {"best": best}

        def load_state_dict(self, state):
            self.rows, self.since, self.scale = list(state["rows"]), state["since"], state["scale"]
            self.average = state["average"]
            weights = {k: v.numpy() for k, v in state["best"]["weights"].items()}
            self.best = {"loss": state["best"]["loss"], "weights": weights}
            self.before = self.rows[-1]["seconds"] if self.rows else 0.0
            self.kept = len(self.rows)

        def on_save_checkpoint(self, trainer, module, checkpoint):
            for name in ("hyper_parameters", "hparams_name", "hparams_type"):  # SchNetPack's task pickles the model
                checkpoint.pop(name, None)
            # an epoch that is about to start counts as ready, and Lightning would take its number for done
            for counts in checkpoint["loops"]["fit_loop"]["epoch_progress"].values():
                counts["ready"] = counts["completed"]

        def on_train_batch_start(self, trainer, module, batch, index):
            self.rate = learning_rate(
                trainer.global_step, steps * settings.epochs, settings.learning_rate, settings.schedule,
                settings.final_rate, settings.warmup, self.scale,
            )  # fmt: skip
            for group in trainer.optimizers[0].param_groups:
                group["lr"] = self.rate

        @torch.no_grad()
        def on_train_batch_end(self, trainer, module, result, batch, index):
            self.losses += float(result["loss"]) * len(batch["_idx"])
            if settings.ema:
                step = trainer.global_step
                decay = min(settings.ema, (1 + step) / (10 + step))
                for n, p in names.items():
                    self.average[n] = self.average[n].to(p.device)
                    self.average[n] += (1.0 - decay) * (p - self.average[n])

        @torch.no_grad()
        def _swap(self):
            for n, p in names.items() if settings.ema else ():
                held = p.detach().clone()
                p.copy_(self.average[n])
                self.average[n] = held

        def on_validation_start(self, trainer, module):
            self._swap()

        def on_validation_end(self, trainer, module):
            metrics = {k: float(v) for k, v in trainer.callback_metrics.items()}
            value = metrics["val_loss"]
            better = value < self.best["loss"]
            if better:
                weights = {n: p.detach().cpu().numpy().copy() for n, p in names.items()}
                self.best = {"loss": value, "weights": weights}
            self._swap()
            self.since = 0 if better else self.since + 1
            if settings.schedule == "plateau" and self.since and self.since % settings.patience == 0:
                self.scale *= 0.5
            row = dict(
                epoch=trainer.current_epoch + 1, step=trainer.global_step, learning_rate=self.rate,
                train_loss=self.losses / structures, validation_loss=value,
                validation_mae_energy_kcal_mol=metrics[f"val_{ENERGY}_MAE"] / KCAL_PER_MOL,
                validation_mae_forces_kcal_mol_A=metrics[f"val_{FORCES}_MAE"] / KCAL_PER_MOL if has_forces else np.nan,
                seconds=self.before + time.monotonic() - self.started,
            )  # fmt: skip
            self.rows.append({k: v if isinstance(v, int) else float(f"{v:.8g}") for k, v in row.items()})
            self.losses = 0.0
            self.reporter.epoch(self.rows[-1], better)

        def on_train_epoch_end(self, trainer, module):
            write_csv(folder / "curves.csv", self.rows)
            self.done += 1
            if settings.early_stopping and self.since >= settings.early_stopping or self.done == stop_after:
                trainer.should_stop = True

        def on_train_epoch_start(self, trainer, module):
            self._save(trainer)

        def on_train_end(self, trainer, module):
            self._save(trainer)

        def _save(self, trainer):
            # between epochs, when Lightning's counters are whole; a killed run repeats at most one epoch
            if not self.rows:
                return
            partial = folder / "state.part"
            trainer.save_checkpoint(partial)
            partial.replace(folder / "state.ckpt")
            self.kept = len(self.rows)

    return Follower()
