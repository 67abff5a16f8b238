"""One trial of a search: its settings are asked for, its training is watched, and stopped where others are better.

A killed trial goes on: its settings and what it reported are in the database, its weights in its checkpoint. What Hyperband
decides is written before it is done, so that a kill in between changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import TrainingDiverged
from .epochs import curve_of
from .training import DONE, PRUNED, ROWS, Task, read_row
from .tune_ranking import FORCES, MAE
from .tune_search import DATABASE, SLOT, ask, open_search, rungs, slots, told

if TYPE_CHECKING:
    import optuna

_STOPPED = "stopped_after"


class Stopped(Exception):
    """Others are better: the training ends here."""


def run_trial(task: Task, folder: Path, network: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """Train what the search says; its row, which is that of a network or of what was stopped.

    Args:
        task: its settings are ``base`` (all settings of a training), ``space`` (see :mod:`.tune_grid`), ``slot``.
        network: the engine of :mod:`.engines` that trains, watched.

    Raises:
        StorageError: the database of the search cannot be written. TrainingDiverged: which the search is told, too.
    """
    from dataclasses import replace

    plan, root = task.training.settings, task.folder.parent.parent
    base = plan["base"]
    with told(root / DATABASE):
        search = open_search(root, base["epochs"], base["seed"])
        trial = _trial(search, plan["slot"])
        settings = base | ask(trial, plan["space"])
        copied = _twin(search, trial, root)
        if copied is not None:
            return copied
    watch = Watch(search, trial, base["epochs"], root / DATABASE)
    own = replace(task, training=replace(task.training, settings=settings))
    try:
        row = network(own, folder, after_epoch=watch)
    except Stopped:
        watch.end(None)
        return watch.row() | {"status": PRUNED, "reason": f"stopped after {len(watch.rows)} of {base['epochs']} epochs"}
    except TrainingDiverged:
        watch.end(None)
        raise
    watch.end(row[MAE])
    return row


def _trial(search: optuna.Study, slot: int) -> optuna.Trial:
    """The trial of a slot, made if it is not there."""
    import optuna

    if slot not in slots(search):
        # with its slot in one transaction: no kill leaves a trial that is nobody's
        search.add_trial(optuna.trial.create_trial(state=optuna.trial.TrialState.RUNNING, user_attrs={SLOT: slot}))
    return optuna.Trial(search, slots(search)[slot]._trial_id)


def _twin(search: optuna.Study, trial: optuna.Trial, root: Path) -> dict[str, Any] | None:
    """The row of an earlier trial with the same settings that ran to its end: the same training need not be done again."""
    from optuna.trial import TrialState

    for slot, other in sorted(slots(search).items()):
        same = other.params == trial.params and other.number < trial.number
        row = read_row(root / ROWS / f"{trial_name(slot)}.json") if same else None
        if other.state == TrialState.COMPLETE and row is not None and row["status"] == DONE:
            search.tell(trial, other.value, skip_if_finished=True)
            kept = {k: v for k, v in row.items() if k not in ("name", "status", "reason")}
            return kept | {"reason": f"the same settings as {row['name']}"}
    return None


def trial_name(slot: int) -> str:
    return f"trial-{slot:04d}"


class Watch:
    """Called after each epoch: reports the error, and stops the training where Hyperband says so."""

    def __init__(self, search: optuna.Study, trial: optuna.Trial, epochs: int, file: Path):
        self.search, self.trial, self.file = search, trial, file
        self.rungs = set(rungs(epochs))
        self.rows: Sequence[dict[str, Any]] = ()
        frozen = search.get_trials(deepcopy=False)[trial.number]
        self.finished = frozen.state.is_finished()
        self.reported = set(frozen.intermediate_values)
        self.stop_after = frozen.user_attrs.get(_STOPPED)

    def __call__(self, rows: Sequence[dict[str, Any]]) -> None:
        self.rows, epoch = rows, len(rows)
        with told(self.file):
            if self.stop_after is not None and epoch >= self.stop_after:
                raise Stopped
            if self.finished or self.stop_after is not None:
                return
            if epoch not in self.reported:
                self.trial.report(self.best()[MAE], epoch)
            if epoch in self.rungs and self._worse(epoch):
                raise Stopped

    def _worse(self, epoch: int) -> bool:
        """What Hyperband decides; a decision to stop is written before what it is made of."""
        stop = self._decided()
        if stop:
            self.trial.set_user_attr(_STOPPED, epoch)
        self.trial.should_prune()  # writes that this trial has been here, for the others to be compared with
        return stop

    def _decided(self) -> bool:
        """The decision, from a copy of the database in memory: asking changes what is asked."""
        import optuna

        copy = optuna.create_study(study_name=self.search.study_name, direction="minimize", pruner=self.search.pruner)
        copy.add_trials(self.search.get_trials(deepcopy=False))
        return self.search.pruner.prune(copy, copy.get_trials()[self.trial.number])

    def best(self) -> dict[str, Any]:
        """The epoch whose weights would be kept, were this the last one."""
        return min(self.rows, key=lambda row: row["validation_loss"] if np.isfinite(row["validation_loss"]) else np.inf)

    def end(self, value: float | None) -> None:
        """Tell the search: the error, or None for a training that did not end."""
        from optuna.trial import TrialState

        with told(self.file):
            if value is not None and np.isfinite(value):
                self.search.tell(self.trial, value, skip_if_finished=True)
                return
            if self.stop_after is not None and not self.finished:
                self.trial.should_prune()  # what a process that was killed at this point may not have written
            self.search.tell(self.trial, state=TrialState.PRUNED, skip_if_finished=True)

    def row(self) -> dict[str, Any]:
        """Of a training that was stopped."""
        best = self.best()
        found = {"epochs": len(self.rows), "best_epoch": best["epoch"], MAE: float(f"{best[MAE]:.4g}")}
        found |= {FORCES: float(f"{best[FORCES]:.4g}")} if np.isfinite(best[FORCES]) else {}
        return found | {"train_seconds": self.rows[-1]["seconds"], "curve": curve_of(self.rows)}
