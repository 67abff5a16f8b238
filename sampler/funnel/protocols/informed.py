"""Selections by confidence are told whose energies come in, and what is done with what they keep."""

from __future__ import annotations

from ...rundir.owner import SEARCHES
from ..stages import energy_source
from ..stages.select import Select
from .protocol import Protocol


def informed(protocol: Protocol, first: int = 0, entered: str = "") -> Protocol:
    """The resolved protocol with every selection by confidence :meth:`Select.informed`.

    Args:
        first: index of the stage where the run enters. entered: level of the energies that enter there.
    """
    stages = list(protocol.stage)
    for i, stage in enumerate(stages):
        if isinstance(stage, Select) and stage.confidence is not None:
            searches = [s.window_kcalmol for s in stages[first:i] if s.kind in SEARCHES]
            source = energy_source.before(stages, i, first, entered)
            stages[i] = stage.informed(source, energy_source.ahead(stages[i + 1 :]), searches[-1] if searches else None)
    return protocol.model_copy(update={"stage": tuple(stages)})
