"""What the inputs of ``sampler thermo`` and its options come to, and what is gathered of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

COUNT = 10
"""Structures of one composition that get Hessians, where the user does not say."""


@dataclass(frozen=True)
class Wanted:
    """The options of ``sampler thermo`` that decide what is read and computed; None where they are not given."""

    potential: str | None = None
    model: str | None = None
    energies: str | None = None
    level: str | None = None
    charge: int | None = None
    count: int | None = None
    isotopes: bool = False
    step: float | None = None
    workers: int = 1
    quiet: bool = False


@dataclass(frozen=True)
class Source:
    """One input: ``kind`` is ``run``, ``structures``, ``outputs`` or ``kept``."""

    path: Path
    kind: str

    def __str__(self) -> str:
        return f"the {_KINDS[self.kind]} {self.path}"


_KINDS = {"run": "run", "structures": "file of structures", "outputs": "ORCA outputs", "kept": "file of frequencies"}


@dataclass
class Gathered:
    """Species of all inputs, duplicates removed; (id, why) of what was left out, and what else is to be said."""

    species: list = field(default_factory=list)
    remarks: list[tuple[str, str]] = field(default_factory=list)
    kept: Any = None

    def problems(self, more: dict[str, str]) -> dict[str, str]:
        from ..refine.thermo.study import problems_of

        return problems_of([*self.remarks, *more.items()])

    def done(self) -> None:
        """The results are in the user's hands."""
        if self.kept is not None:
            self.kept.done()


def keep(made: Gathered):
    """The folder of unfinished work, opened when there is some."""
    from ..refine.kept import FOLDER, Kept
    from .common import note
    from .stopping import when_stopped

    if made.kept is None:
        made.kept = Kept.open()
        if made.kept is None:
            note("the current directory cannot be written: what is computed is not kept if this is stopped")
            when_stopped("stopped; nothing was kept")
        else:
            when_stopped(f"stopped; what is finished is kept in {FOLDER}, the same command goes on from here")
    return made.kept


def cut(taken: int, of: int, count: int) -> str:
    return f"{taken} of {of} structures taken, the {count} lowest of every composition (--count)"
