"""AdamW on one flat vector of weights, with the moving average of the weights in the same pass."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Flat:
    """A dict of arrays as one float32 vector; ``view(vector)`` gives the dict back without copying."""

    names: tuple[str, ...]
    shapes: dict[str, tuple[int, ...]]
    size: int = field(init=False)

    def __post_init__(self):
        self.size = sum(math.prod(self.shapes[n]) for n in self.names)

    def pack(self, arrays: Mapping[str, np.ndarray], out: np.ndarray | None = None) -> np.ndarray:
        out = np.empty(self.size, np.float32) if out is None else out
        for name, part in self.view(out).items():
            part[...] = arrays[name]
        return out

    def view(self, vector: np.ndarray) -> dict[str, np.ndarray]:
        found, at = {}, 0
        for name in self.names:
            n = math.prod(self.shapes[name])
            found[name] = vector[at : at + n].reshape(self.shapes[name])
            at += n
        return found


class AdamW:
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019, arXiv:1711.05101), as ``torch.optim.AdamW``.

    Attributes:
        weights, first, second, average: (P,) float32; ``average`` is the exponential moving average of the weights
            (with the usual warm-up of its decay), or the weights themselves when ``ema`` is 0.
        step: number of updates made.
    """

    def __init__(self, weights: np.ndarray, weight_decay: float, ema: float = 0.0, betas=(0.9, 0.999), eps=1e-8):
        self.weights = weights.astype(np.float32)
        self.first, self.second = np.zeros_like(self.weights), np.zeros_like(self.weights)
        self.average = self.weights.copy() if ema else self.weights
        self.weight_decay, self.ema, self.betas, self.eps = weight_decay, ema, betas, eps
        self.step = 0

    def update(self, gradient: np.ndarray, rate: float, clip: float = 0.0) -> float:
        """One step; returns the norm of the gradient before it was clipped to ``clip`` (0: not clipped)."""
        from ._adamw import adamw

        self.step += 1
        norm = float(np.sqrt(np.dot(gradient, gradient)))
        scale = min(1.0, clip / norm) if clip and norm > 0 else 1.0
        b1, b2 = self.betas
        decay = min(self.ema, (1 + self.step) / (10 + self.step)) if self.ema else -1.0
        adamw(
            self.weights, gradient, self.first, self.second, self.average,
            np.float32(scale), np.float32(rate), np.float32(b1), np.float32(b2), np.float32(self.eps),
            np.float32(rate * self.weight_decay), np.float32(1 - b1**self.step),
            np.float32(math.sqrt(1 - b2**self.step)), np.float32(decay),
        )  # fmt: skip
        return norm

    def state(self) -> dict[str, np.ndarray]:
        step = np.asarray(self.step, np.int64)
        found: dict[str, np.ndarray] = {
            "weights": self.weights, "first": self.first, "second": self.second, "step": step,
        }  # fmt: skip
        return found | ({"average": self.average} if self.ema else {})

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        for name in ("weights", "first", "second", *(["average"] if self.ema else [])):
            getattr(self, name)[...] = state[name]
        self.step = int(state["step"])


def learning_rate(step: int, total: int, rate: float, schedule: str, final: float, warmup: int, scale: float) -> float:
    """The rate of step ``step`` (from 0) of ``total``; ``scale`` is what a plateau has left of it."""
    factor = min(1.0, (step + 1) / warmup) if warmup else 1.0
    if schedule == "cosine":
        done = min(1.0, max(0, step - warmup) / max(1, total - warmup))
        factor *= final + (1 - final) * 0.5 * (1 + math.cos(math.pi * done))
    return rate * factor * scale
