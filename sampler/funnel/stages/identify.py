"""The stage ``identify``: which molecules a structure consists of now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from ...clusters import Clusters
from ...columns import FATE, FATE_DETAIL, IDENTITY, IDENTITY_DETAIL, STATE
from ...fate import Fate
from .base import Stage
from .context import Context
from .parameter_types import PositiveInt


class Identify(Stage):
    """Which molecules a structure consists of now; what reacted, evaporated or exploded leaves."""

    kind: Literal["identify"]
    keep: list[Literal["intact", "reacted", "evaporated"]] = ["intact"]
    """Verdicts that go on."""
    chunk: PositiveInt = 1000
    """Structures in a task."""

    per_chunk: ClassVar[bool] = True

    def tasks(self, incoming: Clusters, context: Context) -> Sequence[Clusters]:
        return incoming.chunks(self.chunk)

    def run(self, task: Clusters, context: Context) -> Clusters:
        from ...identify import identify

        found = identify(task, context.composition, context.library)
        identity = found.columns[IDENTITY]
        detail = found.columns[IDENTITY_DETAIL]
        columns = {k: v for k, v in found.columns.items() if k != IDENTITY_DETAIL}
        fate = np.where(np.isin(identity, self.keep), Fate.GOES_ON, identity)
        return found.replace(columns=columns | {FATE: fate, FATE_DETAIL: np.where(fate != Fate.GOES_ON, detail, "")})

    def ledger_of_result(self, everything: Clusters) -> dict[str, Any]:
        states, counts = np.unique(everything.columns[STATE], return_counts=True)
        return {"states": {str(s): int(c) for s, c in zip(states, counts)}}
