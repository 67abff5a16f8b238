"""What a stage will cost, told before it starts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Forecast:
    """What a stage will cost.

    Attributes:
        what: e.g. ``20 b97-3c single points of 44 atoms``.
        each: CPU seconds of one structure. structures: how many. memory: bytes that one worker needs.
        least: nothing like it was measured; it will take longer.
        remedy: what to do if this is too much.
    """

    what: str
    each: float
    structures: int
    memory: float
    remedy: str
    least: bool = False

    def seconds(self, workers: int) -> float:
        """Wall time with so many workers, each with a core of its own."""
        return -(-self.structures // workers) * self.each
