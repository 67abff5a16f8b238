"""How a model is trained: every choice in one frozen dataclass, and two recipes."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from ...errors import InputError

ENGINES = ("fast", "schnetpack")
SCHEDULES = ("constant", "cosine", "plateau")
LOSSES = ("mae", "mse")
SHAPE = ("n_atom_basis", "n_interactions", "n_rbf", "cutoff", "charge_width")
"""The settings that make the network's architecture."""


@dataclass(frozen=True)
class TrainSettings:
    """The defaults are those of Table 2 of Kubečka et al., Environ. Sci.: Adv. 2024, doi:10.1039/D4VA00255E.

    The loss is ``x·l(ΔE) + (1 − x)·l(F)``, l the mean absolute (or square) error, ΔE in eV and F in eV/Å.

    Attributes:
        engine: one of ENGINES.
        energy_share: x. loss: one of LOSSES.
        n_atom_basis, n_interactions, n_rbf, cutoff (Å): of PaiNN. charge_width: Å, of latent charges; 0 is none.
        learning_rate, weight_decay: of AdamW. schedule: one of SCHEDULES.
        final_rate: where a cosine ends, relative to ``learning_rate``. warmup: steps of linear growth at the start.
        patience: at least 1, epochs without a better validation loss after which ``plateau`` halves the rate.
        batch_size: structures a step. epochs: at most. early_stopping: epochs without improvement, 0 is never.
        validation: share of the structures that is held out, at least one; 0: none, and the best epoch is that of the
            lowest loss on the structures trained on. seed: of the split, the weights and the order.
        ema: decay of the moving average of the weights, which is then what is validated and kept; 0 is off.
        clip: largest norm of the gradient, 0 is no limit.
    """

    engine: str = "fast"
    energy_share: float = 0.01
    loss: str = "mae"
    n_atom_basis: int = 128
    n_interactions: int = 5
    n_rbf: int = 20
    cutoff: float = 5.0
    charge_width: float = 0.0
    learning_rate: float = 1e-4
    weight_decay: float = 0.01
    schedule: str = "constant"
    final_rate: float = 0.01
    warmup: int = 0
    patience: int = 15
    batch_size: int = 2
    epochs: int = 500
    early_stopping: int = 0
    validation: float = 0.1
    seed: int = 42
    ema: float = 0.0
    clip: float = 0.0

    def __post_init__(self):
        for name, allowed in (("engine", ENGINES), ("schedule", SCHEDULES), ("loss", LOSSES)):
            if getattr(self, name) not in allowed:
                raise InputError(f"{name} is {getattr(self, name)!r}; possible: {', '.join(allowed)}")
        ranges = {
            "energy_share": (0.0, 1.0), "validation": (0.0, 0.9), "ema": (0.0, 0.99999), "final_rate": (0.0, 1.0),
        }  # fmt: skip
        for name, (low, high) in ranges.items():
            if not low <= getattr(self, name) <= high:
                raise InputError(f"{name} is {getattr(self, name)}; it must lie between {low} and {high}")
        positive = (
            "n_atom_basis", "n_interactions", "n_rbf", "batch_size", "epochs", "learning_rate", "cutoff", "patience",
        )  # fmt: skip
        for name in positive:
            if not 0 < getattr(self, name) < math.inf:
                raise InputError(f"{name} is {getattr(self, name)}; it must be positive")
        for name in ("seed", "early_stopping", "warmup", "weight_decay", "clip", "charge_width"):
            if not 0 <= getattr(self, name) < math.inf:
                raise InputError(f"{name} is {getattr(self, name)}; it must not be negative")

    def replace(self, **changes) -> TrainSettings:
        return dataclasses.replace(self, **changes)


RECIPES = {
    "paper": TrainSettings(),
    "quick": TrainSettings(
        energy_share=0.05, learning_rate=1e-3, schedule="cosine", batch_size=10, epochs=150, ema=0.999, warmup=100,
        clip=10.0,
    ),
    "fine-tune": TrainSettings(
        energy_share=0.05, learning_rate=4e-4, schedule="cosine", batch_size=5, epochs=200, ema=0.999, warmup=50,
        clip=10.0,
    ),
}  # fmt: skip
"""``paper``: as published. ``quick``: as accurate in a fraction of the steps. ``fine-tune``: from a trained model."""
