"""``potential = "auto"``: the shipped model where one is at home in the composition, else GFN1-xTB.

``data/models/recommended.toml`` says which model for which molecules. The choice is made when a run starts and is what
the run's manifest shows, so that a later version with a better model does not change a run that exists.
"""

from __future__ import annotations

import tomllib
from typing import Any

from .. import resources
from ..composition import Composition
from ..monomers import MonomerLibrary
from .protocol import Protocol

AUTO = "auto"
FALLBACK = "gfn1-xtb"


def recommendations() -> list[dict[str, Any]]:
    """The entries of ``data/models/recommended.toml``."""
    return tomllib.loads(resources.path("data", "models", "recommended.toml").read_text(encoding="utf-8"))["model"]


def recommended(composition: Composition, library: MonomerLibrary) -> tuple[str, dict[str, Any]]:
    """Name and options, as :func:`sampler.potentials.get_potential` takes them, of the best potential for a composition.

    A model is at home where the cluster holds exactly its molecules, has its charge, and their numbers differ by no more
    than those it was trained on.
    """
    counts = dict(composition.counts)
    numbers = sorted(counts.values())
    for entry in recommendations():
        same = set(counts) == set(entry["molecules"]) and composition.charge == entry["charge"]
        if same and numbers[-1] - numbers[0] <= entry["largest_difference"]:
            return entry["potential"], entry["options"]
    return FALLBACK, {}


def resolve(protocol: Protocol, composition: Composition, library: MonomerLibrary) -> Protocol:
    """``protocol`` with every ``potential = "auto"`` replaced by what is recommended for the composition."""
    if not any(getattr(s, "potential", "") == AUTO for s in protocol.stage):
        return protocol
    name, options = recommended(composition, library)
    stages = []
    for stage in protocol.stage:
        if getattr(stage, "potential", "") == AUTO:
            stage = type(stage)(**stage.model_dump() | {"potential": name, "options": options})
        stages.append(stage)
    return protocol.model_copy(update={"stage": tuple(stages)})
