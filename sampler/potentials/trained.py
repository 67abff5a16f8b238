"""Trained models by name or folder."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from .. import resources
from ..errors import InputError, ModelError, PotentialError
from ..text.nearest import did_you_mean
from .base import Potential


def model_folder(name: str | Path) -> Path:
    """``name`` itself if it is a folder, else that of the model that ships under this name, short or long (``data/models``).

    Raises:
        ModelError: neither, or a short name that stands for several models.
    """
    if Path(name).is_dir():
        return Path(name)
    meant = named([name])
    if len(meant) > 1:
        raise ModelError(f"{name} stands for {len(meant)} models ({', '.join(meant)}); name one of them here")
    try:
        return resources.path("data", "models", meant[0])
    except InputError as error:
        raise ModelError(
            f"no model {str(name)!r}: not a folder, and not one of those that ship; {_others(name)}"
        ) from error


def shipped() -> list[str]:
    """Names of the models that ship with sampler: their folders."""
    try:
        return sorted(p.name for p in resources.path("data", "models").iterdir() if p.is_dir())
    except InputError:
        return []


@cache
def short_names() -> dict[str, tuple[str, ...]]:
    """Short name -> the model that ships, or the models of a committee: ``data/models/names.toml``."""
    try:
        text = resources.path("data", "models", "names.toml").read_text(encoding="utf-8")
    except InputError:
        return {}
    return {short: tuple(models) for short, models in tomllib.loads(text).items()}


def named(models: Iterable[str | Path]) -> list[str]:
    """The models in full: a short name becomes what it stands for; folders, and names that are not known, stay."""
    short = short_names()
    return [
        name
        for given in models
        for name in ([str(given)] if Path(given).is_dir() else short.get(str(given), [str(given)]))
    ]


def is_shipped(name: str | Path) -> bool:
    """Whether a name is that of models that ship, short or long."""
    return str(name) in short_names() or str(name) in shipped()


def _others(name: str | Path) -> str:
    """What may have been meant, and where all names stand."""
    near = did_you_mean(str(name), [*short_names(), *shipped()])
    return f"{near} (sampler models lists all)" if near else "sampler models lists all"


def painn(model: str | Path | Sequence[str | Path] | None = None, **options: Any) -> Potential:
    """A PaiNN, or the mean of a committee when several models are named; Δ models come with their base potential.

    Raises:
        ModelError: no such model, or one that cannot be trusted; a kernel ridge regression, which has no forces.
        LevelError: a committee of different levels, or of Δ models and others, or of Δ models on different bases.
    """
    if model is None:
        raise ModelError(
            f"painn needs a model: options = {{ model = NAME }}; those that ship: {', '.join(short_names()) or 'none'}"
        )
    from .painn.potential import CommitteePotential, PaiNNPotential

    network: PaiNNPotential | CommitteePotential
    alone = isinstance(model, (str, Path))
    meant = named([model] if isinstance(model, (str, Path)) else model)
    folders = [model_folder(m) for m in meant]
    require_forces(folders)
    if alone and len(folders) == 1:
        network = PaiNNPotential(folders[0], **options)
    else:
        network = CommitteePotential(folders, **options)
    return _with_base(network, network.models[0].card.base_level)


def trained(models: Sequence[str | Path]) -> Potential:
    """As :func:`painn`; one model alone may also be a kernel ridge regression, which has energies alone."""
    from .painn.card import is_krr

    meant = named(models)
    if len(meant) > 1 or not is_krr(folder := model_folder(meant[0])):
        return painn(models[0] if len(models) == 1 else models)
    from .krr.potential import KrrPotential

    krr = KrrPotential(folder)
    return _with_base(krr, krr.card.base_level)


def require_forces(folders: Iterable[Path]) -> None:
    """
    Raises:
        ModelError: one is a kernel ridge regression.
    """
    from .painn.card import is_krr

    for folder in folders:
        if is_krr(folder):
            raise ModelError(
                f"{folder} is a kernel ridge regression, which has energies and no forces; what moves atoms, and a committee, "
                "need PaiNN models (sampler train --engine fast)"
            )


def _with_base(network: Potential, base: str) -> Potential:
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
