"""The trainings of a study, done by whoever works in its folder; one that is there is not done again."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import RunError, TrainingDiverged
from ..storage import write_text
from ..workers.claims import Claims, tidy
from ..workers.progress import Progress
from ..workers.resumable import Shared, Work, finish
from ..workers.worker import Died
from .errors import EACH, save_errors
from .folder import Study
from .training import DIVERGED, DONE, ROWS, Task, Training, read_row

WORK, MODELS, KERNELS = "work", "models", "kernels"


@dataclass
class Queue:
    """
    Attributes:
        study: begun. trainings: all of them. task: the training with its data. rows: of those that are done.
        workers: processes here, or the address of a dask scheduler. started: ``progress`` knows of these trainings already,
            as part of a larger work.
    """

    study: Study
    trainings: Sequence[Training]
    task: Callable[[Training], Task]
    workers: int | str = 1
    progress: Progress = field(default_factory=Progress)
    started: bool = False
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)

    def run(self) -> list[dict[str, Any]]:
        """Train what is left; a row for each, in the order of ``trainings``.

        Raises:
            RunError: a training killed its worker (all others are done), or others do another study in the folder.
        """
        if not self.started:
            self._tell_start()
        with Claims(self.study.folder, self.study.digest()) as claims:
            if claims.strangers():
                raise RunError(f"{self.study.folder} is in use by another study; wait for it, or give another --out")
            missing = [i for i in range(len(self.trainings)) if not self._found(i)]
            shared = Shared(claims, ROWS, self._found, release=True)
            work = Work(_trained, lambda i: self.task(self.trainings[i]), self._path, _save)
            died = list(self._done(work, missing, shared))
        tidy(self.study.folder)
        if died:
            raise RunError(
                f"{len(died)} training(s) killed their worker process, as a lack of memory does (first: {died[0]}); the rest is "
                "done, and the same command tries them again: with fewer --workers there is more memory for each"
            )
        return [self.rows[i] for i in range(len(self.trainings))]

    def _done(self, work: Work, missing: Sequence[int], shared: Shared) -> Iterator[str]:
        """Names of those that killed their worker."""
        for i, note in finish(
            work, missing, self.workers, shared=shared, in_this_process=True, say=self.progress.message
        ):
            if isinstance(note, Died):
                yield self.trainings[i].name
                # a row in memory alone: the next start tries again
                self.rows[i] = self.trainings[i].row() | {"status": "died"}
            elif not self._found(i, fresh=True):
                raise RunError(f"{self._path(i)} is gone; run the same command again")

    def _tell_start(self) -> None:
        total = sum(t.work for t in self.trainings)
        self.progress.start(1, 1, f"{self.study.kind}: {len(self.trainings)} trainings, units of work", total)

    def _path(self, i: int) -> Path:
        return self.study.folder / ROWS / f"{self.trainings[i].name}.json"

    def _found(self, i: int, fresh: bool = False) -> bool:
        """Take in the row of a training, if it is there."""
        if i in self.rows:
            return True
        row = read_row(self._path(i))
        if row is None:
            return False
        self.rows[i] = row
        shutil.rmtree(self.study.folder / WORK / self.trainings[i].name, ignore_errors=True)  # checkpoints
        self.progress.advance(self.trainings[i].work, not fresh)
        if row["status"] == DIVERGED:
            self.progress.message(f"{self.trainings[i].name} diverged: {row.get('reason', '')}")
        return True


def _save(path: Path, row: dict[str, Any]) -> None:
    """The errors of each structure first: a row that is there is complete."""
    if each := row.pop(EACH, None):
        save_errors(path.with_suffix(".npz"), each)
    write_text(path, json.dumps(row) + "\n")


def _trained(task: Task) -> tuple[dict[str, Any], str]:
    """Row and status of one training, in the worker."""
    from .engines import ENGINES

    row = task.training.row()
    with _room(task) as folder:
        try:
            found = ENGINES[task.training.engine](task, folder)
        except TrainingDiverged as error:
            return row | {"status": DIVERGED, "reason": str(error).partition(";")[0]}, DIVERGED
        if task.model is not None and folder == task.folder:
            _keep(folder / "model", task.model)
    row |= {k: float(f"{v:.8g}") if isinstance(v, float) else v for k, v in found.items()}
    mae = row.get("mae_energy_kcal_mol", 0.0)
    if mae != mae:
        row.pop(EACH, None)
        return row | {"status": DIVERGED, "reason": "the predictions are no numbers"}, DIVERGED
    row = {"status": DONE} | row  # a search says of what it stopped early that it did
    return row, row["status"]


def _keep(made: Path, kept: Path) -> None:
    if made.exists():
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(made, kept)


class _room:
    """The folder of a task, or where this machine does not see the study one that is removed at the end."""

    def __init__(self, task: Task):
        self.wanted = task.folder
        self.own: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Path:
        if self.wanted.parent.parent.is_dir():
            return self.wanted
        self.own = tempfile.TemporaryDirectory(prefix="sampler-study-")
        return Path(self.own.name)

    def __exit__(self, *exc: Any) -> None:
        if self.own is not None:
            self.own.cleanup()
