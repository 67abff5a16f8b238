"""``potential = "auto"`` and its kin: a shipped model where one is at home in the composition.

``auto`` takes a model of B97-3c, and GFN1-xTB where there is none. The others are for stages that search, at a fraction of the
cost, before a stage that decides: ``auto:member`` takes one member where ``auto`` takes a committee, and what
``auto:gfn1-xtb`` takes where ``auto`` takes GFN1-xTB; ``auto:gfn1-xtb`` takes a model of GFN1-xTB, and GFN1-xTB itself
where there is none. ``auto:delta`` takes a Δ model of B97-3c, and where there is none what ``auto`` takes: for single points
of the structures that are left, whose energies it makes better where it is at home, and leaves as they are elsewhere.

``data/models/recommended.toml`` says which model for which molecules. The choice is made when a run starts and is what
the run's manifest shows, so that a later version with a better model does not change a run that exists.
"""

from __future__ import annotations

import tomllib
from typing import Any

from .. import resources
from ..composition import Composition
from ..monomers import MonomerLibrary
from .potential_stage import AUTO
from .protocol import Protocol

BEST = "b97-3c"
"""The level that plain ``auto`` stands for."""
FALLBACK = "gfn1-xtb"
_MEMBER, _DELTA = "member", "delta"


def recommendations() -> list[dict[str, Any]]:
    """The entries of ``data/models/recommended.toml``."""
    return tomllib.loads(resources.path("data", "models", "recommended.toml").read_text(encoding="utf-8"))["model"]


def recommended(
    composition: Composition, library: MonomerLibrary, level: str = BEST, delta: bool = False
) -> tuple[str, dict[str, Any]]:
    """Name and options, as :func:`sampler.potentials.get_potential` takes them, of the potential for a composition.

    Of the entries of ``level`` those with ``delta`` count if that is asked for, and else the others.

    A model is at home where the cluster holds its molecules (some of them, if the entry says ``mixtures``, one of
    ``among`` included; else all of them), at least ``fewest_molecules`` in all, has its charge, and their numbers differ
    by no more than ``largest_difference``. The first such entry is taken.
    """
    counts = dict(composition.counts)
    numbers = sorted(counts.values())
    for entry in recommendations():
        known = set(entry["molecules"])
        same = set(counts) <= known if entry.get("mixtures") else set(counts) == known
        same = same and bool(set(counts) & set(entry.get("among", known)))
        near = numbers[-1] - numbers[0] <= entry.get("largest_difference", numbers[-1])
        large = sum(numbers) >= entry.get("fewest_molecules", 0)
        asked = entry["level"] == level and entry.get("delta", False) == delta
        if asked and composition.charge == entry["charge"] and same and near and large:
            return entry["potential"], entry["options"]
    return FALLBACK, {}


def resolve(protocol: Protocol, composition: Composition, library: MonomerLibrary) -> Protocol:
    """``protocol`` with every ``auto`` and ``auto:LEVEL`` replaced by what is recommended for the composition."""
    stages = []
    for stage in protocol.stage:
        auto, _, level = getattr(stage, "potential", "").partition(":")
        if auto == AUTO:
            name, options = recommended_as(composition, library, level)
            stage = type(stage)(**stage.model_dump() | {"potential": name, "options": options})
        stages.append(stage)
    return protocol.model_copy(update={"stage": tuple(stages)})


def recommended_as(composition: Composition, library: MonomerLibrary, level: str) -> tuple[str, dict[str, Any]]:
    """What ``auto:level`` stands for; ``auto`` where ``level`` is ''."""
    if level == _DELTA:
        name, options = recommended(composition, library, BEST, delta=True)
        return (name, options) if name != FALLBACK else recommended(composition, library, BEST)
    if level != _MEMBER:
        return recommended(composition, library, level or BEST)
    name, options = recommended(composition, library, BEST)
    if name == FALLBACK:
        return recommended(composition, library, FALLBACK)
    models = options.get("model")
    return name, options | {"model": models[0]} if isinstance(models, list) else options


def without_model(declared: Protocol, resolved: Protocol) -> str:
    """What to tell the user where a search that was meant for a model runs on GFN1-xTB itself; '' where it does not."""
    pairs = zip(declared.stage, resolved.stage)
    searching = (f"{AUTO}:{FALLBACK}", f"{AUTO}:{_MEMBER}")
    if not any(getattr(d, "potential", "") in searching and r.potential == FALLBACK for d, r in pairs):
        return ""
    return (
        f"no PaiNN of GFN1-xTB is at home in this composition: {declared.name} searches on GFN1-xTB itself, which costs a "
        "hundred times as much; --protocol gfn1 is meant for that, or fewer candidates: --set generate.candidates=800"
    )
