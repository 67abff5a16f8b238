"""What a report is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ..monomers import MonomerLibrary

STRUCTURES = 100
"""Structures in a report, where nobody says otherwise."""
ROOM_TEMPERATURE = 298.15
"""K."""


@dataclass(frozen=True)
class Asked:
    """The options of ``sampler report``.

    Attributes:
        structures: how many at most, the lowest. temperature: K, of Boltzmann weights and free energies.
        thermo: files of ``sampler thermo``, for the free energies of a run's structures.
        library: the monomers.
    """

    library: MonomerLibrary = field(default_factory=MonomerLibrary.load)
    structures: int = STRUCTURES
    temperature: float = ROOM_TEMPERATURE
    thermo: tuple[Path, ...] = ()
