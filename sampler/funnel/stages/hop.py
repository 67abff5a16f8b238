"""The stage ``hop``: moves of molecules and protons, relaxation, and an archive of the distinct minima found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from pydantic import field_validator, model_serializer

from ...clusters import Clusters
from ...errors import InputError
from .context import Context
from .parameter_types import Positive, PositiveInt
from .searching import SearchStage

if TYPE_CHECKING:
    from ...search.children import Mover

_ORDER = (
    "potential", "options", "kind", "fmax", "coarse_fmax", "max_steps", "children", "rounds", "patience", "budget",
    "watch_kcalmol", "window_kcalmol", "temperature", "framework_children", "walkers", "moves", "md_temperature", "md_steps",
    "chunk",
)  # fmt: skip


class Hop(SearchStage):
    """Rounds of children of known minima: a move, relaxation, identification, comparison with the archive.

    The archive starts with the structures that come in (relaxed first, where they are not at minima of the stage's
    potential) and goes on to the next stage.
    """

    kind: Literal["hop"]
    children: PositiveInt = 32
    """In a round."""
    moves: dict[str, float] = {}
    """Weights of the moves; those that are not named have the default weight."""
    md_temperature: Positive = 700.0
    """K, of the dynamics in the move ``md``."""
    md_steps: PositiveInt = 60
    """Steps of 2 fs at a mass of 16 amu for every atom."""

    @field_validator("moves")
    @classmethod
    def _moves(cls, moves: dict[str, float]) -> dict[str, float]:
        from ...search.moves import SHARES, check_shares

        try:
            check_shares({**SHARES, **moves})
        except InputError as error:
            raise ValueError(str(error)) from error
        return moves

    @model_serializer(mode="wrap")
    def _as_manifests_have_it(self, plain: Any) -> dict[str, Any]:
        """In the order in which manifests list the parameters, so that a finished run stays as it is, byte for byte."""
        made = plain(self)
        return {name: made[name] for name in _ORDER if name in made}

    def round_of(self) -> tuple[int, Mapping[str, float]]:
        from ...search.moves import SHARES

        return self.children, {**SHARES, **self.moves}

    def make_children(self, task: Clusters, context: Context) -> Clusters:
        from ...search.descent import descend

        return descend(task, self.mover(context), self.fmax, self.max_steps)

    def mover(self, context: Context) -> Mover:
        return replace(super().mover(context), md_temperature=self.md_temperature, md_steps=self.md_steps)
