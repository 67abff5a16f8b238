"""``sampler run --confidence``: the same protocol, which keeps as many structures as a wanted confidence takes.

The decision is made where everything that the search has found lies side by side at minima of one potential: on the archive
of the last stage that searches, or, without one, after the last ``relax``. From there on nothing else is cut: later
selections and counts are lifted, up to the first stage that calculates at a higher level. Only where energies get much better on the way does a
second selection by confidence make use of them; it is still about all that was found.

Without a search the selections among distinct structures before the last ``relax`` are lifted, too: energies are not those of minima
there (in 4sa4am, relaxed to 0.1 eV/Å, off by 1.5 to 2 kcal/mol, more than a model of B97-3c is from B97-3c).
"""

from __future__ import annotations

from pydantic import ValidationError

from ...composition import Composition
from ...errors import ProtocolError
from ...monomers import MonomerLibrary
from ...rundir.owner import SEARCHES
from ..stages.base import Stage
from ..stages.energy_source import EnergySource, before, made_by
from ..stages.expected_error import expected_error
from ..stages.orca import Orca
from ..stages.refine import Refine
from ..stages.select import Select
from .automatic import ended, resolve
from .protocol import Protocol

_BETTER = 0.7  # an error smaller by this factor is worth a second decision


def with_confidence(
    protocol: Protocol,
    confidence: float,
    error_kcalmol: float | None,
    composition: Composition,
    library: MonomerLibrary,
    first: int = 0,
) -> Protocol:
    """The protocol that keeps the B97-3c minimum with ``confidence``, and writes an ORCA input for every structure kept.

    Args:
        error_kcalmol: standard deviation of relative energies; None for what is known of the potentials. first: index of the
            stage where the run enters.

    Raises:
        ProtocolError: no selection in the protocol, or a confidence or error that is out of range.
        InputError, ModelError: the error of a potential is not known.
    """
    decisive = _select(confidence, error_kcalmol)
    protocol = ended(protocol, composition)
    resolved = resolve(protocol, composition, library).stage
    if not any(s.kind == "select" for s in protocol.stage[first:]):
        raise ProtocolError(f"the protocol {protocol.name} has no stage 'select', so --confidence has no use for it")
    end = _higher(resolved, first)
    place = _place(resolved, first, end)
    second = None if error_kcalmol is not None else _second(resolved, place, end, first, composition)
    if second is not None:  # each decision may miss half of what may be missed
        decisive = _select((1 + confidence) / 2, None)
    distinct = next((i for i in range(first, place) if resolved[i].kind == "dedupe"), place)
    searches = any(s.kind in SEARCHES for s in resolved[first:place])
    stages: list[Stage] = []
    for i, stage in enumerate(protocol.stage):
        if i == place:
            stages.append(decisive)
        if second is not None and i == second:
            stages.append(_select(confidence, None))
        cuts = stage.kind == "select" and (place <= i < end or (distinct < i < place and not searches))
        if not cuts:
            stages.append(_uncounted(stage) if place <= i <= end else stage)
    if place == len(protocol.stage):
        stages.append(decisive)
    return protocol.model_copy(
        update={"stage": tuple(stages), "export": protocol.export.model_copy(update={"count": None})}
    )


def _higher(stages: tuple[Stage, ...], first: int) -> int:
    """Index of the first stage that calculates at another level than the last one that relaxes; how many there are, if none does."""
    relaxing = [i for i, s in enumerate(stages) if i >= first and s.kind in ("relax", *SEARCHES)]
    last = relaxing[-1] if relaxing else first - 1
    relaxed_with = made_by(stages[last]) if relaxing else None
    level = relaxed_with.level if relaxed_with else ""
    for i in range(last + 1, len(stages)):
        source = made_by(stages[i])
        if source is not None and not source.models and source.level != level:
            return i
    return len(stages)


def _place(stages: tuple[Stage, ...], first: int, end: int) -> int:
    """Where the decision is made: the first selection after the search and before ``end``, or ``end`` itself."""
    searching = [i for i in range(first, end) if stages[i].kind in SEARCHES]
    relaxing = [i for i in range(first, end) if stages[i].kind == "relax"]
    last = (searching or relaxing or [first - 1])[-1]
    return next((i for i in range(last + 1, end) if stages[i].kind == "select"), end)


def _second(stages: tuple[Stage, ...], place: int, end: int, first: int, composition: Composition) -> int | None:
    """Index of the last selection before ``end`` if energies are much better there than at ``place``."""
    later = [i for i in range(place + 1, end) if stages[i].kind == "select"]
    if not later:
        return None
    sources = [before(stages, i, first) for i in (place, later[-1])]
    if EnergySource() in sources or sources[0] == sources[1]:
        return None
    early, late = (expected_error(s.level, composition, s.models).kcalmol for s in sources)
    return later[-1] if late < _BETTER * early else None


def _uncounted(stage: Stage) -> Stage:
    return stage.model_copy(update={"count": None}) if isinstance(stage, (Refine, Orca)) else stage


def _select(confidence: float, error_kcalmol: float | None) -> Select:
    try:
        return Select(kind="select", confidence=confidence, error_kcalmol=error_kcalmol)
    except ValidationError as error:
        words = "; ".join(f"{e['loc'][0]} = {e['input']}: {e['msg']}" for e in error.errors())
        raise ProtocolError(f"--confidence: {words}") from error
