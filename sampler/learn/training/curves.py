"""What a training says of itself: a CSV line per epoch, a plot, and the time left."""

from __future__ import annotations

import csv
import io
import sys
import time
from pathlib import Path

from ...storage import write_atomic, write_text

COLUMNS = (
    "epoch", "step", "learning_rate", "train_loss", "validation_loss",
    "validation_mae_energy_kcal_mol", "validation_mae_forces_kcal_mol_A", "seconds",
)  # fmt: skip
"""``seconds`` since the first epoch began: of the fast engine those of the processor, which other programs do not lengthen."""


def write_csv(path: Path, rows: list[dict]) -> None:
    """All epochs so far, atomically."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def plot(path: Path, rows: list[dict]) -> None:
    """Loss and validation errors against the epoch, as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    loss, errors = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in rows]
    for name in ("train_loss", "validation_loss"):
        loss.semilogy(epochs, [row[name] for row in rows], label=name.replace("_", " "))
    labels = {
        "validation_mae_energy_kcal_mol": "energy, kcal/mol",
        "validation_mae_forces_kcal_mol_A": "forces, kcal/mol/Å",
    }
    for name, label in labels.items():
        if rows[-1][name] == rows[-1][name]:  # no numbers where the labels have no forces
            errors.semilogy(epochs, [row[name] for row in rows], label=label)
    loss.set(xlabel="epoch", ylabel="loss")
    errors.set(xlabel="epoch", ylabel="validation MAE")
    for axes in (loss, errors):
        axes.legend(frameon=False)
        axes.grid(alpha=0.3, which="both")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    write_atomic(path, lambda handle: handle.write(buffer.getbuffer()))


class Reporter:
    """A bar on a terminal, and a line an epoch, at most one every ``interval`` seconds; to standard error.

    Args:
        interval: by default 5 s, and beside a bar a minute. Without a bar the lines have the time left.
    """

    def __init__(self, epochs: int, quiet: bool = False, interval: float | None = None):
        from ...workers.progress import Progress, bars, choose

        beside_bar = bars() and not quiet
        self.epochs, self.quiet = epochs, quiet
        self.interval = (60.0 if beside_bar else 5.0) if interval is None else interval
        self.started, self.said, self.first = time.monotonic(), 0.0, None
        self.bar: Progress = choose(quiet) if beside_bar else Progress()

    def epoch(self, row: dict, better: bool) -> None:
        from ...workers.progress import Progress, duration

        now = time.monotonic()
        if self.first is None:
            self.first = before = row["epoch"] - 1
            self.bar.start(1, 1, "epochs", self.epochs)
            self.bar.advance(before, found=True)
        self.bar.advance(1)
        last = row["epoch"] == self.epochs
        if self.quiet or (now - self.said < self.interval and not last):
            return
        self.said = now
        pace = (now - self.started) / (row["epoch"] - self.first)
        forces = row["validation_mae_forces_kcal_mol_A"]
        errors = f"{row['validation_mae_energy_kcal_mol']:.3f} kcal/mol"
        errors += f", {forces:.3f} kcal/mol/Å" if forces == forces else ""
        text = (
            f"epoch {row['epoch']}/{self.epochs}: loss {row['train_loss']:.5f}, validation {row['validation_loss']:.5f}"
        )
        text += f" ({errors}){' *' if better else ''}"
        if type(self.bar) is not Progress:
            self.bar.message(text)
        else:
            left = duration(pace * (self.epochs - row["epoch"]))
            print(f"{text}, {left} left", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Nothing more comes: the bar goes."""
        self.bar.close()

    def stopped(self, finished: int) -> None:
        """Say what is kept of a training that was stopped after so many epochs; also to those who want no progress."""
        self.end()
        kept = (
            f"{finished} finished epoch{'s' if finished > 1 else ''}" if finished else "nothing, no epoch was finished"
        )
        print(f"training stopped in epoch {finished + 1}; kept: {kept}", file=sys.stderr, flush=True)
