"""Which potential gives the energies of structures: what was named, or the best that is at home in all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..clusters import Clusters
from ..composition import Composition
from ..errors import InputError
from ..monomers import MonomerLibrary
from ..potentials.base import Potential
from .given import potential_of


@dataclass(frozen=True)
class Chosen:
    """A potential, what it is in words, why it is this one, and the words that name it to ``sampler thermo``."""

    potential: Potential
    by: str
    why: str
    words: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"level: {self.potential.level} by {self.by}: {self.why}"


def chosen(
    level: str, models: Sequence[str | Path], clusters: Clusters, known: MonomerLibrary, automatic: str = "auto"
) -> Chosen:
    """The potential for structures.

    Args:
        level: the name of a potential or level, or ``auto`` (``auto:delta``): what is recommended for all of them.
        models: trained models, in the place of a level. automatic: the level that stands for none.

    Raises:
        InputError: a level and models, both. PotentialError: there is no such potential. ModelError: no such model.
    """
    from ..funnel.protocols.ending import who
    from ..funnel.stages.energy_source import EnergySource
    from ..potentials.trained import named

    if models and level != automatic:
        raise InputError(f"--level {level} and --model {models[0]} exclude each other: a model has its own level")
    if models:
        potential, why = potential_of([str(m) for m in models]), "the model was named"
        names = named(models)
    elif level.lower().partition(":")[0] == "auto":
        name, options, why = recommended(level.lower().partition(":")[2], compositions(clusters, known), known)
        from ..potentials import get_potential

        potential = get_potential(name, **options)
        names = named(_listed(options.get("model", []))) or [name]
    else:
        potential, why, names = potential_of(level), "asked for", named([level])
    source = EnergySource(potential.level, tuple(names) if potential.models else ())
    words = ("--model", ",".join(names)) if potential.models else ("--potential", names[0])
    return Chosen(potential, who(source), why, words)


def compositions(clusters: Clusters, known: MonomerLibrary) -> list[Composition | None]:
    """What each structure is made of; one that has reacted is what others with the same atoms and charge are."""
    from ..identify import recognise

    finite = np.array([np.isfinite(one.positions).all() and len(one.numbers) > 0 for one in clusters], bool)
    found: list[Composition | None] = [None] * len(clusters)
    for i, one in zip(np.flatnonzero(finite), recognise(clusters[finite], known) if finite.any() else ()):
        found[i] = one
    kinds = [(f, int(q)) for f, q in zip(clusters.formulas.tolist(), clusters.charge)]
    of_kind: dict[tuple[str, int], set[Composition]] = {}
    for kind, one in zip(kinds, found):
        if one is not None and one.charge == kind[1]:
            of_kind.setdefault(kind, set()).add(one)
    only = {kind: next(iter(some)) for kind, some in of_kind.items() if len(some) == 1}
    return [only.get(kind) if one is None else one for kind, one in zip(kinds, found)]


def recommended(
    kind: str, made_of: Sequence[Composition | None], known: MonomerLibrary
) -> tuple[str, dict[str, Any], str]:
    """Name and options of the potential that ``auto`` (``kind`` is '') or ``auto:kind`` stands for, one for all, and why.

    Raises:
        InputError: there is no such ``auto``.
    """
    from ..funnel.protocols.automatic import BEST, FALLBACK, keeps_out, recommended_as
    from ..funnel.stages.with_potential import AUTOMATIC

    if f"auto:{kind}" not in AUTOMATIC and kind:
        raise InputError(f"there is no level auto:{kind}; there are {', '.join(AUTOMATIC)}")
    distinct = [one for one in dict.fromkeys(made_of) if one is not None]
    judged = [one for one in distinct if one.molecules() > 1] or distinct  # molecules go with the clusters they make
    strangers = sum(one is None for one in made_of)
    if strangers or not judged:
        return FALLBACK, {}, f"{strangers} of {len(made_of)} structures hold molecules that no model knows"
    found = [recommended_as(one, known, kind) for one in judged]
    if all(one == found[0] for one in found):
        name, options = found[0]
        if options and kind not in (FALLBACK,):
            return name, options, f"models of {BEST} are at home in {_these(judged, known)}"
        if options:
            return name, options, f"a model of {FALLBACK} is at home in {_these(judged, known)}"
        reason = keeps_out(judged[0])
        return name, options, f"no model is at home in {judged[0].name(known)}, {reason}" if reason else "recommended"
    out = next(one for one, what in zip(judged, found) if not what[1] or what != found[0])
    return FALLBACK, {}, f"one level for all, and not all models are at home in {out.name(known)} as in the others"


def _these(judged: Sequence[Composition], known: MonomerLibrary) -> str:
    return judged[0].name(known) if len(judged) == 1 else f"all {len(judged)} compositions"


def _listed(models: Any) -> list[str]:
    return [models] if isinstance(models, str) else list(models)
