"""``sampler run --engine``: the same protocol, its refinement done by ORCA or without it."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from ...errors import ProtocolError
from ...text.nearest import suggested
from ..stages.base import Stage
from ..stages.orca import Orca
from ..stages.refine import Refine
from .protocol import Protocol

ENGINES = ("orca", "pyscf")

_PRESETS = {("b97-3c", "single-point"): "sp", ("b97-3c", "optimise"): "opt", ("r2scan-3c", "single-point"): "r2scan-3c"}
_EMBEDDED: dict[str, dict[str, Any]] = {
    "sp": {"mode": "single-point"},
    "engrad": {"mode": "single-point"},
    "opt": {"mode": "optimise"},
    "opt-partial": {"mode": "optimise", "max_steps": 40},
    "r2scan-3c": {"potential": "r2scan-3c"},
}
_ONLY_PYSCF = ("b97-3c", "r2scan-3c", "wb97x-d")


def with_engine(protocol: Protocol, engine: str) -> Protocol:
    """The protocol with its stages ``refine`` and ``orca`` done by ``engine``.

    ``orca``: on this machine, one core a job, as many jobs at a time as there are workers. ``pyscf``: embedded. Stages
    that refine with other potentials (GFN2-xTB, …) stay as they are.

    Raises:
        ProtocolError: no such engine, nothing to do for it, or a stage that it has no equal for.
    """
    if engine not in ENGINES:
        raise ProtocolError(f"no engine is called {engine!r}; {suggested(engine, ENGINES)}known: {', '.join(ENGINES)}")
    change = _to_orca if engine == "orca" else _to_pyscf
    if not any(isinstance(s, (Refine, Orca)) for s in protocol.stage):
        raise ProtocolError(
            f"the protocol {protocol.name} has no stage 'refine' or 'orca', so --engine has no use for it"
        )
    stages = tuple(change(stage, n) for n, stage in enumerate(protocol.stage, start=1))
    try:
        return Protocol(**{**dict(protocol), "stage": stages})
    except ValidationError as error:
        words = "; ".join(e["msg"].removeprefix("Value error, ") for e in error.errors())
        raise ProtocolError(f"the protocol {protocol.name} with --engine {engine}: {words}") from error


def _to_orca(stage: Stage, number: int) -> Stage:
    if isinstance(stage, Orca):
        return stage.model_copy(update={"where": "here", "cores": 1})
    if not isinstance(stage, Refine) or stage.potential.lower() not in _ONLY_PYSCF:
        return stage
    preset = _PRESETS.get((stage.potential.lower(), stage.mode))
    if preset is None:
        raise ProtocolError(
            f"--engine orca: stage {number} (refine): no ORCA preset does {stage.potential} {stage.mode}"
        )
    return Orca(kind="orca", preset=preset, where="here", cores=1, count=stage.count)


def _to_pyscf(stage: Stage, number: int) -> Stage:
    if not isinstance(stage, Orca):
        return stage
    if stage.preset not in _EMBEDDED:
        raise ProtocolError(f"--engine pyscf: stage {number} (orca): the preset {stage.preset} needs ORCA")
    return Refine(kind="refine", count=stage.count, **_EMBEDDED[stage.preset])
