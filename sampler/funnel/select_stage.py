"""The stage ``select``: the lowest structures go on, as many as are asked for or as a wanted confidence takes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field, ValidationError, model_validator

from .. import resources
from ..clusters import Clusters
from ..errors import ProtocolError
from ..units import KCAL_PER_MOL
from . import confidence as statistics
from .context import Context
from .potential_stage import AUTOMATIC
from .protocol_types import Positive, PositiveInt
from .stage import Stage

if TYPE_CHECKING:
    from .protocol import Protocol


class Select(Stage):
    """The lowest structures: within an energy window, at most ``count``, optionally spread over distinct shapes; or
    as many as hold the high-level minimum with a wanted confidence."""

    kind: Literal["select"]
    count: PositiveInt | None = None
    window_kcalmol: Positive | None = None
    diverse: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of ``count`` that is chosen for being unlike what is chosen already; the rest are the lowest."""
    per_framework: PositiveInt | None = None
    """So many of each framework (:mod:`sampler.similarity.frameworks`) come first, then as many more of each, until there
    are ``count``."""
    confidence: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Probability that the high-level minimum of what comes in is kept; see :mod:`sampler.funnel.confidence`. ``count`` and
    ``window_kcalmol`` limit what it takes, and then the ledger has the probability that is left."""
    error_kcalmol: Positive | None = None
    """Standard deviation of the relative energies' errors; by default calibrated for the level and the molecules."""
    model: str | None = None
    """The trained model that the energies come from; the error on its card is added to that of its level."""

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

    def check(self, context: Context) -> None:
        if self.confidence is not None and self.error_kcalmol is None:
            statistics.calibrated_levels(context.composition)
            if self.model is not None:
                statistics.model_error(self.model)

    def identity(self, context: Context) -> dict[str, Any]:
        if self.confidence is None or self.error_kcalmol is not None:
            return {}
        table = resources.path(*statistics.TABLE).read_bytes()
        from_card = {} if self.model is None else {"model_error_kcalmol": statistics.model_error(self.model)}
        return {"calibration_sha256": hashlib.sha256(table).hexdigest(), **from_card}

    def run(self, task: Clusters, context: Context) -> Clusters:
        task = task.lowest_first()
        fate = np.where(np.isfinite(task.energy), "", "no_energy").astype("U32")
        if self.confidence is not None and (fate == "").any():
            task, enough = self._enough(task, np.flatnonzero(fate == ""), context)
            fate[enough:][fate[enough:] == ""] = "not_selected"
        if self.window_kcalmol is not None and len(task):
            high = task.energy > np.nanmin(task.energy) + self.window_kcalmol * KCAL_PER_MOL
            fate[high & (fate == "")] = "above_window"
        alive = np.flatnonzero(fate == "")
        if self.count is not None and len(alive) > self.count:
            chosen = self._choose(task[alive], context)
            fate[np.setdiff1d(alive, alive[chosen])] = "not_selected"
        return task.with_columns(fate=fate)

    def _choose(self, task: Clusters, context: Context) -> np.ndarray:
        if self.per_framework is not None:
            from ..similarity.frameworks import frameworks, places

            turn = places(frameworks(task, context.composition, context.library)) // self.per_framework
            return np.argsort(turn, kind="stable")[: self.count]
        if not self.diverse:
            return np.arange(self.count)
        from ..similarity import select_diverse

        return select_diverse(task, self.count, diversity=self.diverse)

    def _enough(self, task: Clusters, usable: np.ndarray, context: Context) -> tuple[Clusters, int]:
        """The structures (lowest first) with two more columns, and how many of them the confidence takes."""
        sigma = self._error(task.level, context)
        energy = task.energy[usable] / KCAL_PER_MOL
        probability = np.zeros(len(task))
        probability[usable] = statistics.minimum_probabilities(energy, sigma)
        k, _ = statistics.how_many(energy, sigma, self.confidence)
        columns = {"lowest_probability": probability, "assumed_error_kcalmol": np.full(len(task), sigma)}
        return task.with_columns(**columns), k

    def _error(self, level: str, context: Context) -> float:
        if self.error_kcalmol is not None:
            return self.error_kcalmol
        error = statistics.calibrated_error(level, context.composition).kcalmol
        return error if self.model is None else float(np.hypot(error, statistics.model_error(self.model)))

    def summary(self, everything: Clusters) -> dict[str, Any]:
        if self.confidence is None or "lowest_probability" not in everything.columns:
            return {}
        kept = everything.columns["fate"] == ""
        return {
            "confidence": {
                "asked": self.confidence,
                "kept": int(kept.sum()),
                "probability": round(float(everything.columns["lowest_probability"][kept].sum()), 4),
                "error_kcalmol": round(float(everything.columns["assumed_error_kcalmol"][0]), 4),
                "error_from": "protocol" if self.error_kcalmol is not None else "calibration",
            }
        }


def with_confidence(protocol: Protocol, confidence: float, error_kcalmol: float | None = None) -> Protocol:
    """The protocol with its decisive selection done by confidence, and an ORCA input for every structure it keeps.

    Decisive is the last ``select`` before structures go to a higher level (the first ``refine`` or ``orca`` after the last
    ``relax``; a ``refine`` with ``auto:delta`` or its kin leads to none), or else the last one. Its count and window are
    lifted: the confidence decides.

    Raises:
        ProtocolError: no selection, or a confidence or error that is out of range.
    """
    kinds = [s.kind for s in protocol.stage]
    relaxed = max((i for i, kind in enumerate(kinds) if kind == "relax"), default=0)
    ends = (i for i in range(relaxed, len(kinds)) if kinds[i] in ("refine", "orca"))
    higher = next((i for i in ends if getattr(protocol.stage[i], "potential", "") not in AUTOMATIC), len(kinds))
    places = [i for i, kind in enumerate(kinds) if kind == "select"]
    if not places:
        raise ProtocolError(f"the protocol {protocol.name} has no stage 'select', so --confidence has no use for it")
    place = max([i for i in places if i < higher] or places)
    try:
        stage = Select(kind="select", confidence=confidence, error_kcalmol=error_kcalmol)
    except ValidationError as error:
        words = "; ".join(f"{e['loc'][0]} = {e['input']}: {e['msg']}" for e in error.errors())
        raise ProtocolError(f"--confidence: {words}") from error
    stages = (*protocol.stage[:place], stage, *protocol.stage[place + 1 :])
    return protocol.model_copy(update={"stage": stages, "export": protocol.export.model_copy(update={"count": None})})
