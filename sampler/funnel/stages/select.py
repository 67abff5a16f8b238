"""The stage ``select``: the lowest structures go on, as many as are asked for or as a wanted confidence takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, PrivateAttr, model_validator

from ...clusters import Clusters
from ...columns import ASSUMED_ERROR, FATE, HELD_PROBABILITY, LOWEST_PROBABILITY
from ...fate import Fate
from ...units import KCAL_PER_MOL
from . import minimum_probability as statistics
from .base import Stage
from .context import Context
from .energy_source import EnergySource
from .expected_error import ErrorEstimate, expected_error
from .parameter_types import Positive, PositiveInt

_WIDE = 3.0  # errors; a search that keeps less than so many above its lowest may have left the high-level minimum out


class Select(Stage):
    """The lowest structures: within an energy window, at most ``count``, optionally spread over distinct shapes; or
    as many as hold the high-level minimum with a wanted confidence."""

    kind: Literal["select"]
    count: PositiveInt | None = None
    """At most so many go on."""
    window_kcalmol: Positive | None = None
    """Above the lowest; what lies higher does not go on."""
    diverse: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of ``count`` that is chosen for being unlike what is chosen already; the rest are the lowest."""
    per_framework: PositiveInt | None = None
    """So many of each framework (:mod:`sampler.similarity.frameworks`) come first, then as many more of each, until there
    are ``count``."""
    confidence: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Probability that the high-level minimum of what comes in is kept; see :mod:`sampler.funnel.stages.minimum_probability`. ``count`` and
    ``window_kcalmol`` limit what it takes, and then the ledger has the probability that is left. What an earlier selection by
    confidence has left out counts: the probability is about what came to the first of them."""
    error_kcalmol: Positive | None = None
    """Standard deviation of the relative energies' errors; by default that of the potential that the energies come from, see
    :mod:`sampler.funnel.stages.expected_error`."""
    model: str | list[str] | None = None
    """The trained model (all of a committee) that the energies come from, where the stages before do not say."""

    _source: EnergySource | None = PrivateAttr(None)
    _ahead: tuple[str, ...] = PrivateAttr(())
    _window: float | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _something(self) -> Select:
        if self.count is None and self.window_kcalmol is None and self.confidence is None:
            raise ValueError("give count, window_kcalmol, confidence or several; without them nothing is selected")
        if self.confidence is None and (self.error_kcalmol is not None or self.model is not None):
            raise ValueError("error_kcalmol and model have a meaning only with confidence")
        if self.error_kcalmol is not None and self.model is not None:
            raise ValueError("error_kcalmol is the whole error; with it leave out model")
        if self.per_framework is not None and (self.count is None or self.diverse):
            raise ValueError("per_framework needs count, and cannot be combined with diverse")
        if self.confidence is not None and self.per_framework is not None:
            raise ValueError("confidence keeps the lowest structures, so it cannot be combined with per_framework")
        if self.confidence is not None and self.diverse:
            raise ValueError("confidence keeps the lowest structures, so it cannot be combined with diverse")
        return self

    def informed(self, source: EnergySource, ahead: Sequence[str] = (), window: float | None = None) -> Select:
        """The same stage, which knows whose energies come in, in words what is done with the structures it keeps, and above
        what energy (kcal/mol from the lowest) the search before has kept nothing."""
        told = self.model_copy()
        told._source, told._ahead, told._window = source, tuple(ahead), window
        return told

    def check(self, context: Context) -> None:
        if self.confidence is not None and (self._source or self.model):
            self._error(context)

    def identity(self, context: Context) -> dict[str, Any]:
        if self.confidence is None or self.error_kcalmol is not None:
            return {}
        return {"error_kcalmol": round(self._error(context).kcalmol, 6)}

    def said_at_start(self, context: Context) -> Sequence[str]:
        if self.confidence is None:
            return ()
        error = self._error(context)
        return [f"error of relative energies: {error.kcalmol:.2f} kcal/mol ({error.source})"]

    def ledger_of_sources(self, context: Context) -> dict[str, Any]:
        if self.confidence is None:
            return {}
        error = self._error(context)
        return {"error_from": error.kind, "error_source": error.source}

    def run(self, task: Clusters, context: Context) -> Clusters:
        task = task.lowest_first()
        fate = np.where(np.isfinite(task.energy), Fate.GOES_ON, Fate.NO_ENERGY).astype("U32")
        if self.confidence is not None and (fate == Fate.GOES_ON).any():
            task, enough = self._enough(task, np.flatnonzero(fate == Fate.GOES_ON), self.confidence, context)
            fate[enough:][fate[enough:] == Fate.GOES_ON] = Fate.NOT_SELECTED
        if self.window_kcalmol is not None and len(task):
            high = task.energy > np.nanmin(task.energy) + self.window_kcalmol * KCAL_PER_MOL
            fate[high & (fate == Fate.GOES_ON)] = Fate.ABOVE_WINDOW
        alive = np.flatnonzero(fate == Fate.GOES_ON)
        if self.count is not None and len(alive) > self.count:
            chosen = self._choose(task[alive], self.count, context)
            fate[np.setdiff1d(alive, alive[chosen])] = Fate.NOT_SELECTED
        if LOWEST_PROBABILITY in task.columns and self.confidence is not None:
            held = float(task.columns[LOWEST_PROBABILITY][fate == Fate.GOES_ON].sum())
            task = task.with_columns(held_probability=np.full(len(task), held))
        return task.with_columns(fate=fate)

    def _choose(self, task: Clusters, count: int, context: Context) -> np.ndarray:
        if self.per_framework is not None:
            from ...similarity.frameworks import frameworks, places

            turn = places(frameworks(task, context.composition, context.library)) // self.per_framework
            return np.argsort(turn, kind="stable")[:count]
        if not self.diverse:
            return np.arange(count)
        from ...similarity import select_diverse

        return select_diverse(task, count, diversity=self.diverse)

    def _enough(self, task: Clusters, usable: np.ndarray, confidence: float, context: Context) -> tuple[Clusters, int]:
        """The structures (lowest first) with more columns, and how many of them the confidence takes."""
        sigma = self._error(context, task.level).kcalmol
        energy = task.energy[usable] / KCAL_PER_MOL
        earlier = task.columns.get(HELD_PROBABILITY, np.ones(1))
        left = float(earlier[0]) if np.isfinite(earlier).all() else 1.0  # a search has joined others: all are new
        probability = np.zeros(len(task))
        probability[usable] = left * statistics.minimum_probabilities(energy, sigma)
        within = confidence / left  # of what came in
        k = statistics.how_many(energy, sigma, within)[0] if within < 1 else len(usable)
        columns = {LOWEST_PROBABILITY: probability, ASSUMED_ERROR: np.full(len(task), sigma)}
        return task.with_columns(**columns), k

    def _error(self, context: Context, level: str = "") -> ErrorEstimate:
        """``level``: of the energies, where nobody has said beforehand whose they are."""
        if self.error_kcalmol is not None:
            return ErrorEstimate(self.error_kcalmol, "as given", "protocol")
        source = self._source or EnergySource(level)
        given = (self.model,) if isinstance(self.model, str) else tuple(self.model or source.models)
        return expected_error(source.level or _level_of(given), context.composition, given)

    def ledger_of_result(self, everything: Clusters) -> dict[str, Any]:
        if self.confidence is None or LOWEST_PROBABILITY not in everything.columns:
            return {}
        kept = everything.columns[FATE] == Fate.GOES_ON
        energy = everything.energy[np.isfinite(everything.energy)] / KCAL_PER_MOL
        return {
            "confidence": {
                "asked": self.confidence,
                "kept": int(kept.sum()),
                "of": len(energy),
                "up_to_kcalmol": round(float(np.ptp(energy)), 4),
                "probability": round(float(everything.columns[LOWEST_PROBABILITY][kept].sum()), 4),
                "error_kcalmol": round(float(everything.columns[ASSUMED_ERROR][0]), 4),
            }
        }

    def said_at_end(self, ledger: Mapping[str, Any]) -> Sequence[str]:
        if "confidence" not in ledger:
            return ()
        found = ledger["confidence"]
        words = [
            in_words(found) + (f"; {found['kept']} structures: {', then '.join(self._ahead)}" if self._ahead else "")
        ]
        if self._window is not None and self._window < _WIDE * found["error_kcalmol"]:
            words.append(
                f"the search kept nothing more than {self._window:g} kcal/mol above its lowest (hop.window_kcalmol), little beside an "
                f"error of {found['error_kcalmol']:.1f}: what lies higher is not counted"
            )
        return words


def in_words(found: dict[str, Any]) -> str:
    """What the ledger of a selection says of its confidence."""
    of = f" of {found['of']}" if "of" in found else ""
    short = (
        ", less than asked: count or window_kcalmol cut it short"
        if found["probability"] < found["asked"] - 1e-4
        else ""
    )
    return (
        f"the {found['kept']} lowest{of} hold the B97-3c minimum of what was found with {found['probability']:.1%} "
        f"({found['asked']:.1%} asked{short}; error {found['error_kcalmol']:.2f} kcal/mol)"
    )


def _level_of(models: Sequence[str]) -> str:
    if not models:
        return ""
    from ...potentials.painn.card import read_card
    from ...potentials.trained import model_folder

    return read_card(model_folder(models[0])).level
