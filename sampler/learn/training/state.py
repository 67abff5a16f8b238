"""What a training knows between two epochs, on disk, so that a stopped one goes on as if it had not been."""

from __future__ import annotations

import json
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import RunError
from ...storage import write_atomic
from .curves import plot, write_csv

FILE = "state.npz"


@dataclass
class TrainingState:
    """
    Attributes:
        weights: (P,) the best so far, by validation loss. loss: theirs. best_epoch: theirs, 0 before the first.
        rows: one for each epoch, see :data:`.curves.COLUMNS`.
        since: epochs without a better loss. scale: what a plateau has left of the learning rate.
        optimiser: name -> array, as :meth:`.optimiser.AdamW.state` gives them.
    """

    weights: np.ndarray
    loss: float = float("inf")
    best_epoch: int = 0
    rows: list[dict] = field(default_factory=list)
    since: int = 0
    scale: float = 1.0
    optimiser: dict[str, np.ndarray] = field(default_factory=dict)

    def copy(self, optimiser: dict[str, np.ndarray]) -> TrainingState:
        """As it is now, with copies of the arrays of ``optimiser``: the next epoch changes neither."""
        arrays = {name: np.copy(array) for name, array in optimiser.items()}
        return TrainingState(
            self.weights, self.loss, self.best_epoch, list(self.rows), self.since, self.scale, arrays
        )  # fmt: skip

    def save(self, folder: Path, digest: str) -> None:
        """Write the state, and the curves as CSV; nothing before the first epoch is finished."""
        if not self.rows:
            return
        header = {
            "digest": digest, "best_loss": self.loss, "best_epoch": self.best_epoch, "rows": self.rows,
            "since": self.since, "scale": self.scale,
        }  # fmt: skip
        arrays: dict[str, Any] = {"header": np.asarray(json.dumps(header)), "best": self.weights, **self.optimiser}
        write_atomic(folder / FILE, lambda handle: np.savez(handle, **arrays))
        write_csv(folder / "curves.csv", self.rows)

    def draw(self, folder: Path) -> None:
        """The curves as a plot."""
        if self.rows:
            plot(folder / "curves.png", self.rows)

    @classmethod
    def load(cls, folder: Path, digest: str, size: int) -> TrainingState | None:
        """What ``folder`` holds; None before the first epoch.

        Args:
            digest: of the data. size: number of weights.

        Raises:
            RunError: a damaged file, or the state of a training on other data.
        """
        file = folder / FILE
        if not file.exists():
            return None
        try:
            with np.load(file, allow_pickle=False) as data:
                arrays = {name: data[name] for name in data.files}
            header = json.loads(str(arrays.pop("header")))
            found = cls(
                arrays.pop("best"), header["best_loss"], header["best_epoch"], list(header["rows"]), header["since"],
                header["scale"], arrays,
            )  # fmt: skip
            fits = header["digest"] == digest and all(len(arrays[n]) == size for n in ("weights", "first", "second"))
        except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise RunError(
                f"{file} is damaged ({error}); remove it to train from the start again, or choose another folder"
            ) from error
        if not fits:
            raise RunError(f"{file} belongs to a training on other data; choose another folder")
        return found
