"""Temperatures in time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InputError


@dataclass(frozen=True)
class Schedule:
    """Temperatures, joined by straight lines: ``300`` stays, ``300:450`` rises from the first step to the last.

    Attributes:
        kelvin: at equal distances in time, the first at the start, the last at the end.
    """

    kelvin: tuple[float, ...]

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """From ``300`` or ``300:450`` or ``300:600:300``.

        Raises:
            InputError: no temperatures, or none above 0 K.
        """
        try:
            kelvin = tuple(float(part) for part in text.split(":"))
        except ValueError as error:
            raise InputError(f"the temperature is {text!r}; give K, such as 300, or a ramp, such as 300:450") from error
        if not all(np.isfinite(k) and 0 < k <= 1e5 for k in kelvin):
            raise InputError(f"the temperature is {text!r}; it must lie above 0 K (and below 100,000 K)")
        return cls(kelvin)

    @property
    def constant(self) -> bool:
        return len(set(self.kelvin)) == 1

    def at(self, step: int, of: int) -> float:
        """K during ``step`` of ``of`` steps."""
        if self.constant:
            return self.kelvin[0]
        where = min(max(step / max(of, 1), 0.0), 1.0) * (len(self.kelvin) - 1)
        left = min(int(where), len(self.kelvin) - 2)
        return self.kelvin[left] + (where - left) * (self.kelvin[left + 1] - self.kelvin[left])

    def __str__(self) -> str:
        return " to ".join(f"{k:g}" for k in self.kelvin) + " K"
