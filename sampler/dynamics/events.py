"""What happened to a replica, and when."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """Kinds of events; the values are what files say."""

    PROTON = "proton"
    """A proton has gone from one molecule to another."""
    EVAPORATED = "evaporated"
    """It is no longer one connected cluster."""
    REJOINED = "rejoined"
    """It is one connected cluster again."""
    REACTED = "reacted"
    """A covalent bond between heavy atoms has changed, or a hydrogen is free."""
    EXPLODED = "exploded"
    """An atom moves too far in a step, atoms lie on each other, or the potential refuses the structure."""
    SPREAD = "spread"
    """The members of a committee differ by more than is allowed."""
    DRIFT = "drift"
    """The conserved quantity has moved by more than is allowed."""


FAILURES = (Kind.EVAPORATED, Kind.REACTED, Kind.EXPLODED, Kind.SPREAD, Kind.DRIFT)
"""Events after which a trajectory may be of no use; the others belong to the life of a cluster."""


@dataclass(frozen=True)
class Event:
    """One event of one replica.

    Attributes:
        step: after which it was seen. time_fs: of that step. kind: what happened. detail: in words; which molecule, atom.
        values: numbers that belong to it, units in the names.
    """

    step: int
    time_fs: float
    kind: Kind
    detail: str
    values: dict[str, Any] = field(default_factory=dict)

    def line(self) -> str:
        """One line of ``events.jsonl``."""
        return json.dumps({**asdict(self), "kind": self.kind.value}, ensure_ascii=False) + "\n"

    @classmethod
    def parse(cls, line: str) -> Event:
        told = json.loads(line)
        return cls(**{**told, "kind": Kind(told["kind"])})
