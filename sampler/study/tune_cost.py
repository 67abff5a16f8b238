"""What a tuning will cost on this machine: a few steps of each network of the grid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..learn.training.settings import TrainSettings
from ..monomers import MonomerLibrary
from .cost import Measured, measure
from .data import StudyData, pair_of
from .training import Training
from .tune import TunePlan
from .tune_grid import Range, configurations

SHAPE = ("n_atom_basis", "n_interactions", "n_rbf")
_SMALL, _LARGE = 2, 10
"""Batch sizes that are measured where the grid has them; a step takes a time for itself and one for each structure."""
_COST = (*SHAPE, "cutoff", "charge_width")


def grid_of(plan: TunePlan, data: StudyData) -> list[Training]:
    """Trainings that the cost is made of: those of the grid; of a search every configuration once, of a range its ends and middle."""
    if not plan.search:
        return plan.trainings(data)
    plan.check(data)
    values = {n: _few(v) if isinstance(v, Range) else v for n, v in plan.space.items()}
    return [plan.training(str(k), c, plan.seeds[0], data) for k, c in enumerate(configurations(values))]


def _few(values: Range) -> tuple[Any, ...]:
    middle = (values.low * values.high) ** 0.5
    kind = type(values.low)
    return tuple(dict.fromkeys((values.low, kind(round(middle)) if kind is int else middle, values.high)))


def cost_of(
    plan: TunePlan, data: StudyData, library: MonomerLibrary, say: Callable[[str], None] = lambda text: None
) -> dict[str, Any]:
    """Seconds of one core: ``parts`` with a row a shape of network, ``core_seconds`` of all, ``trainings``.

    For a search it is that of trials which all run to their end, with the mean cost of what may be asked: an upper limit
    as far as the search asks for cheap and dear networks alike.
    """
    pair, trainings = pair_of(data, library), grid_of(plan, data)
    known: dict[tuple, _Steps] = {}
    parts: dict[tuple, dict[str, Any]] = {}
    batches = sorted({t.settings["batch_size"] for t in trainings})
    for t in trainings:
        settings = TrainSettings(**t.settings)
        shape = (*(getattr(settings, n) for n in _COST), settings.energy_share == 1.0)
        if shape not in known:
            say(f"measuring {', '.join(f'{n} {getattr(settings, n)}' for n in SHAPE)}")
            known[shape] = _Steps(pair.train, settings, batches)
        seconds = known[shape].measured(settings.batch_size).of(settings, t.size, len(pair.test))
        row = parts.setdefault(
            shape, {n: getattr(settings, n) for n in SHAPE} | {"trainings": 0, "seconds": 0.0}
        )  # fmt: skip
        row["trainings"] += 1
        row["seconds"] += seconds
    rows = [row | {"seconds_each": row["seconds"] / row["trainings"]} for row in parts.values()]
    total, count = sum(row["seconds"] for row in rows), len(trainings)
    if plan.search:
        wanted = plan.search + plan.confirm * (len(plan.seeds) - 1)
        total, count = total / count * wanted, wanted
    return {"trainings": count, "core_seconds": total, "parts": rows}


class _Steps:
    """Time of a step of one network against the batch size: a straight line through two that are measured."""

    def __init__(self, targets, settings: TrainSettings, batches: list[int]):
        self.low = max([b for b in batches if b <= _SMALL], default=batches[0])
        self.high = max([b for b in batches if b <= _LARGE], default=batches[0])
        self.at = {b: measure(targets, settings.replace(batch_size=b)) for b in sorted({self.low, self.high})}

    def measured(self, batch: int) -> Measured:
        low, high = self.at[self.low], self.at[self.high]
        if self.low == self.high:  # of one batch size: all else in proportion
            return Measured(low.step * batch / self.low, low.prediction)
        slope = (high.step - low.step) / (self.high - self.low)
        step = max(low.step + slope * (batch - self.low), low.step * min(1.0, batch / self.low))
        return Measured(step, min(low.prediction, high.prediction))
