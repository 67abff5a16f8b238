"""What stages that use a potential have in common."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import PrivateAttr, field_validator, model_validator

from ...errors import SamplerError
from ...potentials import Potential, available, get_potential, is_known
from ...workers import scratch
from .base import Stage
from .context import Context

AUTO = "auto"
AUTOMATIC = (AUTO, "auto:member", "auto:gfn1-xtb", "auto:delta")
"""Names that :mod:`sampler.funnel.protocols.automatic` replaces by a potential when a run starts."""


class PotentialStage(Stage):
    """A stage with the parameters ``potential`` and ``options``.

    The potential is a name of :func:`sampler.potentials.available`, or one of ``AUTOMATIC``, which is another name by the
    time a run starts.
    """

    potential: str = "gfn1-xtb"
    """What gives energies and forces: a name, or ``auto`` and its kin."""
    options: dict[str, Any] = {}
    """Of the potential, such as ``{ model = "…" }`` or ``{ accuracy = 0.1 }``."""
    _shared: str = PrivateAttr("")

    @field_validator("potential")
    @classmethod
    def _known(cls, name: str) -> str:
        if name.lower() in AUTOMATIC:
            return name.lower()
        if not is_known(name):
            raise ValueError(f"no such potential; known: {', '.join((*AUTOMATIC, *available()))}, ase:NAME")
        return name

    @model_validator(mode="after")
    def _usable(self) -> PotentialStage:
        if self.potential in AUTOMATIC:
            if self.options:
                raise ValueError(f"potential = {self.potential!r} takes no options; name the potential")
            return self
        try:
            self.make()
        except SamplerError as error:
            raise ValueError(str(error)) from error
        return self

    def make(self) -> Potential:
        """A new potential; cheap, since engines start with the first evaluation."""
        return get_potential(self.potential, **self.options)

    def started(self) -> Potential:
        """The potential of this process: its start (imports, weights, compiled kernels) is paid once, not per chunk."""
        return _started(self.potential, json.dumps(self.options), self._shared)

    def share(self) -> None:
        """Let the workers on this machine keep the model's weights in memory once; call it before they start.

        The weights are mapped from a temporary folder that goes with this process (see :mod:`sampler.workers.scratch`).
        """
        if self.make().models:
            self._shared = _local_folder().name

    def identity(self, context: Context) -> dict[str, Any]:
        potential = self.make()
        weights = [model.card.weights_sha256 for model in potential.models]
        return {"level": potential.level, "weights_sha256": weights}


@lru_cache(maxsize=4)
def _started(name: str, options: str, shared: str) -> Potential:
    potential = get_potential(name, **json.loads(options))
    if shared:
        potential.share(Path(shared))
    return potential


@lru_cache(maxsize=1)
def _local_folder() -> TemporaryDirectory:
    return scratch.folder()
