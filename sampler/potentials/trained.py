"""Trained models by name or folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import resources
from ..errors import InputError, LevelError, ModelError
from .base import Potential


def model_folder(name: str | Path) -> Path:
    """The folder of a shipped model (``data/models/NAME``), or ``name`` itself if it is a folder.

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
    """A PaiNN, or the mean of a committee when several models are named; a Δ model comes with its base potential.

    Raises:
        ModelError: no such model, or one that cannot be trusted.
        LevelError: a Δ model in a committee.
    """
    if model is None:
        raise ModelError(
            f"painn needs a model: options = {{ model = NAME }}; shipped: {', '.join(shipped()) or 'none'}"
        )
    from .painn.card import read_card
    from .painn.potential import CommitteePotential, PaiNNPotential

    if not isinstance(model, (str, Path)):
        folders = [model_folder(m) for m in model]
        if any(read_card(f).base_level for f in folders):
            raise LevelError("a correction (Δ model) is no member of a committee; name it alone")
        return CommitteePotential(folders, **options)
    folder = model_folder(model)
    base, network = read_card(folder).base_level, PaiNNPotential(folder, **options)
    if not base:
        return network
    from . import get_potential
    from .painn.delta import DeltaPotential

    return DeltaPotential(get_potential(base), network)
