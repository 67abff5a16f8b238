"""``potential = "auto"`` and its kin: a shipped model where one is at home in the composition.

``auto`` takes a model of B97-3c, and GFN1-xTB where there is none. The others are for stages that search, at a fraction of the
cost, before a stage that decides: ``auto:member`` takes one member where ``auto`` takes a committee, and what
``auto:gfn1-xtb`` takes where ``auto`` takes GFN1-xTB; ``auto:gfn1-xtb`` takes a model of GFN1-xTB, and GFN1-xTB itself
where there is none. ``auto:delta`` takes a Δ model of B97-3c, and where there is none what ``auto`` takes: for single points
of the structures that are left, whose energies it makes better where it is at home, and leaves as they are elsewhere.

A protocol's energies end at one level: that of its end for B97-3c where a model is at home, else that of its end for
GFN1-xTB; ``sampler run --level`` asks for one of the two. At GFN1-xTB every ``auto`` stands for it, too, and where there is
an end for B97-3c, ``auto:gfn1-xtb`` before it is ``auto:member``: one searches on the surface that decides.

``data/models/recommended.toml`` says which model for which molecules. The choice is made when a run starts and is what
the run's manifest shows, so that a later version with a better model does not change a run that exists.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

from ... import resources
from ...composition import Composition
from ...monomers import MonomerLibrary
from ...potentials.xtb_parameters import is_refit
from ..stages.with_potential import AUTO
from .protocol import Protocol

BEST = "b97-3c"
"""The level that plain ``auto`` stands for."""
FALLBACK = "gfn1-xtb"
CHOICES = (AUTO, BEST, FALLBACK)
"""What ``--level`` takes; ``auto``: the best of the two that there is a potential of for the composition. See
:func:`is_choice`: it takes the level of GFN1-xTB with other parameters, too."""


def is_choice(level: str) -> bool:
    """Whether ``--level`` takes it."""
    return level in CHOICES or is_refit(level)


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
    for entry in recommendations():
        asked = entry["level"] == level and entry.get("delta", False) == delta
        if asked and not _keeps_out(entry, composition):
            return entry["potential"], entry["options"]
    return FALLBACK, {}


def _keeps_out(entry: dict[str, Any], composition: Composition) -> str:
    """Why a model is not at home in a composition, in words; '' where it is."""
    counts, known = dict(composition.counts), set(entry["molecules"])
    numbers = sorted(counts.values())
    if composition.charge != entry["charge"]:
        return (
            f"its charge is {composition.charge:+d}, not {entry['charge']:+d}" if entry["charge"] else "it is charged"
        )
    if foreign := [f for f in counts if f not in known]:
        return f"it holds {', '.join(foreign)}"
    if not entry.get("mixtures") and set(counts) != known:
        return f"it lacks {', '.join(sorted(known - set(counts)))}"
    among = set(entry.get("among", known))
    if not set(counts) & among:
        return f"it holds no {' or '.join(sorted(among))}"
    if (difference := numbers[-1] - numbers[0]) > entry.get("largest_difference", difference):
        return f"its numbers of molecules differ by {difference}, more than {entry['largest_difference']}"
    if sum(numbers) < entry.get("fewest_molecules", 0):
        return f"it has fewer than {entry['fewest_molecules']} molecules"
    return ""


def keeps_out(composition: Composition) -> str:
    """Why no model of B97-3c is at home in a composition, in words; '' where one is."""
    entries = [e for e in recommendations() if e["level"] == BEST and not e.get("delta", False)]
    reasons = [_keeps_out(entry, composition) for entry in entries]
    return "" if "" in reasons else next(iter(reasons), "none ships")


def homes() -> str:
    """Where the models of B97-3c are at home, in words."""
    entries = [e for e in recommendations() if e["level"] == BEST and not e.get("delta", False)]
    return "; ".join(home(e) for e in entries) or "no composition"


def home(entry: Mapping[str, Any]) -> str:
    """Where the model of one entry of ``recommended.toml`` is at home, in words."""
    what = f"{'clusters' if entry['charge'] else 'neutral clusters'} of {', '.join(entry['molecules'])}"
    what += f", {' or '.join(entry['among'])} among them" if "among" in entry else ""
    if "largest_difference" in entry:
        what += f", in numbers that differ by no more than {entry['largest_difference']}"
    if "fewest_molecules" in entry:
        what += f", of {entry['fewest_molecules']} molecules or more"
    return what


_AT_GFN1 = {AUTO: FALLBACK, f"{AUTO}:{_DELTA}": FALLBACK, f"{AUTO}:{_MEMBER}": f"{AUTO}:{FALLBACK}"}
_AT_B97 = {f"{AUTO}:{FALLBACK}": f"{AUTO}:{_MEMBER}"}


def ended(protocol: Protocol, composition: Composition, level: str = AUTO) -> Protocol:
    """``protocol`` with the end for a level (one of ``CHOICES``), searching on models of that level.

    The order of minima at one level is a poor guide to that at another, so with its end for B97-3c a protocol searches
    with ``auto:member`` where it says ``auto:gfn1-xtb``; at GFN1-xTB it takes no models of B97-3c. A protocol that has been
    ended stays as it is, but for ``level`` = GFN1-xTB. With other parameters of GFN1-xTB it is that of GFN1-xTB, and they
    are used throughout.
    """
    if is_refit(level):
        return _replaced(ended(protocol, composition, FALLBACK), {FALLBACK: level, f"{AUTO}:{FALLBACK}": level})
    if level == AUTO:
        level = FALLBACK if keeps_out(composition) else BEST
    stages = protocol.stage + protocol.end.get(level, ())
    others = _AT_GFN1 if level == FALLBACK else _AT_B97 if level in protocol.end else {}
    return _replaced(protocol.model_copy(update={"stage": stages, "end": {}}), others)


def _replaced(protocol: Protocol, others: Mapping[str, str]) -> Protocol:
    """With other names of potentials."""
    stages = tuple(
        s.model_copy(update={"potential": others[s.potential]}) if getattr(s, "potential", "") in others else s
        for s in protocol.stage
    )
    return protocol.model_copy(update={"stage": stages})


def resolve(protocol: Protocol, composition: Composition, library: MonomerLibrary, level: str = AUTO) -> Protocol:
    """``protocol`` with its end for the level, and every ``auto`` and ``auto:LEVEL`` replaced by what is recommended for
    the composition."""
    stages = []
    protocol = ended(protocol, composition, level)
    for stage in protocol.stage:
        auto, _, searched = getattr(stage, "potential", "").partition(":")
        if auto == AUTO:
            name, options = recommended_as(composition, library, searched)
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
    pairs = zip(declared.stage, resolved.stage)  # searches come before the ends
    searching = (f"{AUTO}:{FALLBACK}", f"{AUTO}:{_MEMBER}")
    if not any(getattr(d, "potential", "") in searching and r.potential == FALLBACK for d, r in pairs):
        return ""
    return (
        f"no PaiNN of GFN1-xTB is at home in this composition: {declared.name} searches on GFN1-xTB itself, which costs a "
        "hundred times as much; --protocol gfn1 is meant for that, or fewer candidates: --set generate.candidates=800"
    )
