"""Whose energies a stage gets: what must be known before a run to say how far off they will be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...potentials.trained import named
from .base import Stage
from .orca import Orca
from .with_potential import PotentialStage


@dataclass(frozen=True)
class EnergySource:
    """Where energies come from.

    Attributes:
        level: of theory, e.g. ``b97-3c@pyscf``; '' where there are no energies.
        models: names or folders of the trained models that stand for the level, all of a committee; none where the level
            itself was calculated.
    """

    level: str = ""
    models: tuple[str, ...] = ()

    def __str__(self) -> str:
        if not self.models:
            return self.level or "nothing that gives energies"
        more = f" and {len(self.models) - 1} more" if len(self.models) > 1 else ""
        return f"{self.level} by {_kind(self.models[0])} ({self.models[0]}{more})"


def _kind(model: str) -> str:
    from ...potentials.painn.card import is_krr

    return "kernel ridge regression" if is_krr(model) else "PaiNN"


def made_by(stage: Stage) -> EnergySource | None:
    """Whose energies structures have after ``stage``; None where it leaves them as they are.

    ``stage`` is one of a resolved protocol: :func:`sampler.funnel.protocols.automatic.resolve`.
    """
    if isinstance(stage, Orca):
        from ...refine.orca.presets import method_of, preset

        return EnergySource(f"{method_of(preset(stage.preset).keywords.split())}@orca")
    if not isinstance(stage, PotentialStage):
        return None
    model = stage.options.get("model", ()) if stage.potential.lower() == "painn" else ()
    models = named([model] if isinstance(model, str) else model)
    return EnergySource(stage.make().level, tuple(models))


def before(stages: Sequence[Stage], place: int, first: int = 0, entered: str = "") -> EnergySource:
    """Whose energies reach the stage at ``place``.

    Args:
        stages: of a resolved protocol. first: where the run enters it. entered: level of the energies that enter there.
    """
    for stage in reversed(stages[first:place]):
        if (source := made_by(stage)) is not None:
            return source
    return EnergySource(entered)


def first_energies(stages: Sequence[Stage]) -> str:
    """The level that first relaxes, or judges, what is generated; '' where none does."""
    return next((source.level for source in map(made_by, stages) if source is not None), "")


def ahead(stages: Sequence[Stage]) -> list[str]:
    """In words, what potentials do with the structures that get to ``stages``: ``relax with gfn1-xtb``."""
    words = []
    for stage in stages:
        if (source := made_by(stage)) is not None:
            words.append(f"{stage.kind} with {source}")
    return words
