"""Trained models by name or folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import resources
from ..errors import InputError, ModelError, PotentialError
from .base import Potential


def model_folder(name: str | Path) -> Path:
    """``name`` itself if it is a folder, else the folder of the model that ships under this name (``data/models/NAME``).

    Raises:
        ModelError: neither.
    """
    if Path(name).is_dir():
        return Path(name)
    try:
        return resources.path("data", "models", str(name))
    except InputError as error:
        raise ModelError(
            f"no model {str(name)!r}: not a folder, and shipped are {', '.join(shipped()) or 'none'}"
        ) from error


def shipped() -> list[str]:
    """Names of the models that ship with sampler."""
    try:
        return sorted(p.name for p in resources.path("data", "models").iterdir() if p.is_dir())
    except InputError:
        return []


def painn(model: str | Path | Sequence[str | Path] | None = None, **options: Any) -> Potential:
    """A PaiNN, or the mean of a committee when several models are named; Δ models come with their base potential.

    Raises:
        ModelError: no such model, or one that cannot be trusted.
        LevelError: a committee of different levels, or of Δ models and others, or of Δ models on different bases.
    """
    if model is None:
        raise ModelError(
            f"painn needs a model: options = {{ model = NAME }}; shipped: {', '.join(shipped()) or 'none'}"
        )
    from .painn.potential import CommitteePotential, PaiNNPotential

    network: PaiNNPotential | CommitteePotential
    if isinstance(model, (str, Path)):
        network = PaiNNPotential(model_folder(model), **options)
    else:
        network = CommitteePotential([model_folder(m) for m in model], **options)
    base = network.models[0].card.base_level
    if not base:
        return network
    from .painn.delta import DeltaPotential

    return DeltaPotential(base_of(base), network)


def base_of(level: str) -> Potential:
    """The method that a correction (Δ model) is added to, by the level that its card names.

    Raises:
        ModelError: no potential here calculates that level.
    """
    from .of_level import potential_of

    try:
        base = potential_of(level)
    except PotentialError as error:
        raise ModelError(f"a correction on top of {level!r} cannot be used: {error}") from error
    if base.level != level:
        raise ModelError(f"a correction on top of {level!r} cannot be used: that name gives {base.level!r} here")
    return base
