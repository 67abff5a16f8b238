"""From what a user asks for to what a run is: protocol, level, and the population that enters."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..composition import Composition
from ..errors import InputError, LevelError
from ..monomers import MonomerLibrary
from .folders import spelled
from .given import clusters_of

if TYPE_CHECKING:
    from ..funnel.protocols.protocol import Protocol
    from ..funnel.runner import Start
    from ..interop.entry import Entry
    from ..workers.progress import Progress

Settings = Mapping[str, Any] | Sequence[str] | None
"""Changed parameters: ``{"relax.fmax": 0.01}``, or as on the command line, ``["relax.fmax=0.01"]``."""


def overrides_of(settings: Settings) -> dict[str, Any]:
    """Changed parameters by name.

    Raises:
        ProtocolError: a text that is not of the form STAGE.PARAMETER=VALUE.
    """
    from ..funnel.protocols.protocol import parse_overrides

    if isinstance(settings, Mapping):
        return dict(settings)
    return parse_overrides([settings] if isinstance(settings, str) else list(settings or ()))


def protocol_of(name: str | Path | Protocol, settings: Settings, patience: int | None, budget: int | None) -> Protocol:
    """The protocol with changed parameters; one that is made already is taken as it is.

    Raises:
        ProtocolError: no such protocol or parameter. InputError: patience or budget for one that does not search.
    """
    from ..funnel.protocols.protocol import load
    from ..rundir.owner import SEARCHES

    if not isinstance(name, str | Path):
        return name
    overrides = overrides_of(settings)
    chosen = load(str(name), overrides)
    limits = {k: v for k, v in {"patience": patience, "budget": budget}.items() if v is not None}
    if not limits:
        return chosen
    searches = [kind for kind in SEARCHES if any(s.kind == kind for s in chosen.stage)]
    if not searches:
        raise InputError(
            f"--patience and --budget are for a stage that searches ({', '.join(SEARCHES)}), which the protocol "
            f"{chosen.name} does not have; take thorough or large"
        )
    return load(str(name), overrides | {f"{kind}.{k}": v for kind in searches for k, v in limits.items()})


def levels_of(level: str, from_level: str | None, entering: bool) -> tuple[str, str | None]:
    """The level that the run ends at, and that of the energies in the source where these do not say.

    Raises:
        InputError: a level that no run ends at, or ``from_level`` without a source.
    """
    from ..funnel.protocols.automatic import AUTO, CHOICES, is_choice

    ends = is_choice(level.lower())
    level = level.lower() if ends else level
    if not entering:
        if from_level is not None:
            raise InputError("--from-level has a meaning only with --from")
        if not ends:
            raise InputError(f"--level {level}: a run ends at one of {', '.join(CHOICES)}")
        return level, None
    if not ends:  # of the structures that enter, then
        if from_level is not None:
            raise InputError(f"--level {level}: a run ends at one of {', '.join(CHOICES)}")
        return AUTO, level
    return level, from_level


def entered(
    source: Any,
    known: MonomerLibrary,
    wanted: Composition | None,
    level: str,
    from_level: str | None,
    progress: Progress,
    **options: Any,
) -> tuple[Composition, Start]:
    """The population of a source and what it is made of; what was done to it, and what is left out, is said.

    Args:
        options: ``stage``, ``charge``, ``energy_key``, see :func:`sampler.interop.enter`.
    """
    from ..funnel.runner import Start

    if isinstance(source, str | Path):
        file = Path(source)
        name, entry = file.name, _entry(spelled(file, known), known, wanted, level, from_level, **options)
    else:
        name, entry = "structures in memory", _given(source, known, wanted, from_level, **options)
    for note in entry.notes:
        progress.message(note)
    for one, reason in entry.left_out.items():
        progress.message(f"{one} is left out: {reason}")
    return entry.composition, Start(entry.clusters, entry.sha256, name, options["stage"], entry.left_out)


def _entry(file: Path, known, wanted, level: str, from_level: str | None, **options: Any) -> Entry:
    """The population in a file; ``level`` is that of its energies where it states none, or several."""
    from ..funnel.protocols.automatic import AUTO
    from ..interop.entry import enter

    if from_level is not None or level == AUTO:
        return enter(file, known, wanted, level=from_level, **options)
    try:
        entry = enter(file, known, wanted, **options)
    except (InputError, LevelError):
        return enter(file, known, wanted, level=level, **options)
    return entry if entry.clusters.level else enter(file, known, wanted, level=level, **options)


def _given(source: Any, known, wanted, from_level: str | None, **options: Any) -> Entry:
    """Structures that are here already."""
    from ..interop.entry import enter

    if options["energy_key"] is not None:
        raise InputError(f"an energy is chosen by name ({options['energy_key']}) in files only; these are structures")
    return enter(clusters_of(source, level=from_level, charge=options["charge"]), known, wanted, **options)


def ended_by(
    protocol: Protocol, models: Sequence[str], composition: Composition, known: MonomerLibrary, level: str, progress
) -> Protocol:
    """The protocol with the end that the level wants, or with the models that are named, which are told about."""
    from ..funnel.protocols import own_model
    from ..funnel.protocols.automatic import ended

    if not models:
        return ended(protocol, composition, level)
    protocol = own_model.with_models(protocol, models, composition, known, level)
    for remark in own_model.remarks(models, composition, known):
        progress.message(remark)
    return protocol


def refined_by(protocol: Protocol, engine: str | None, start: Start | None) -> tuple[Protocol, Start | None]:
    """The protocol with who refines, and the start at the stage that this becomes."""
    from ..funnel.protocols.refinement_engine import with_engine

    if engine is None:
        return protocol, start
    protocol = with_engine(protocol, engine)
    if start and start.stage in ("refine", "orca"):
        stage = next((s.kind for s in protocol.stage if s.kind in ("refine", "orca")), start.stage)
        start = dataclasses.replace(start, stage=stage)
    return protocol, start
