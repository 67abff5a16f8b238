"""The level that a run ends at: what was asked for, what gives the energies, and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from ...composition import Composition
from ...errors import ProtocolError
from ...monomers import MonomerLibrary
from ...potentials.xtb_parameters import is_refit
from ...remedy import install
from ..stages.energy_source import EnergySource, before
from .automatic import AUTO, BEST, CHOICES, FALLBACK, homes, is_choice, keeps_out, recommended_as, resolve
from .protocol import Protocol

_ENGINES = {"pyscf": "PySCF", "orca": "ORCA", "gfn1-xtb": "GFN1-xTB itself", "gfn2-xtb": "GFN2-xTB itself"}


@dataclass(frozen=True)
class Ending:
    """Whose energies a run ends with.

    Attributes:
        level: of theory, e.g. ``b97-3c@pyscf``; '' where nothing gives energies. by: what gives them, in words.
        why: it is this level, in words.
    """

    level: str
    by: str
    why: str

    def __str__(self) -> str:
        return f"{self.level} by {self.by}: {self.why}" if self.level else self.why

    def dump(self) -> dict[str, str]:
        return asdict(self)


def at_level(
    protocol: Protocol,
    level: str,
    composition: Composition,
    library: MonomerLibrary,
    first: int = 0,
    entered: str = "",
) -> Protocol:
    """The resolved protocol, which ends at ``level``.

    Args:
        level: one of ``CHOICES``, or GFN1-xTB with other parameters. first: index of the stage where the run enters. entered: level of the energies that enter there.

    Raises:
        ProtocolError: no such level, or it does not end there; with what to do instead.
    """
    if not is_choice(level):
        raise ProtocolError(f"--level {level}: a run ends at one of {', '.join(CHOICES)}")
    resolved = resolve(protocol, composition, library, level)
    if level == AUTO:
        return resolved
    last = last_source(resolved, first, entered)
    if last.level.partition("@")[0] == level or (first and not last.level):  # what enters has none, and gets none
        return resolved
    name, nothing = composition.name(library), "energies of no known level"
    if level == BEST and last.level == FALLBACK and (why := keeps_out(composition)):
        raise ProtocolError(
            f"--level {BEST}: no model of it is at home in {name}: {why}. At home they are in {homes()}. Calculated it is "
            f"by --protocol refined (PySCF: {install('dft')}; up to four molecules) or, with ORCA, wu2023; else take --level "
            f"{FALLBACK}"
        )
    raise ProtocolError(
        f"--level {level}: the protocol {protocol.name} ends with {last.level or nothing}, by its own stages; take one "
        f"of the shipped protocols quick, standard or thorough, leave out --level, or write [[end.{level}]] stages"
    )


def ending(
    resolved: Protocol,
    asked: str,
    composition: Composition,
    library: MonomerLibrary,
    first: int = 0,
    entered: str = "",
) -> Ending:
    """What a run of a resolved protocol ends with; ``asked`` is its ``--level``, the rest as in :func:`at_level`."""
    last = last_source(resolved, first, entered)
    if not last.level:
        return Ending("", "", "no stage gives energies")
    if last_source(resolved, first, "") == EnergySource():
        return Ending(last.level, "who made the structures", "no stage gives others")
    return Ending(last.level, who(last), _why(last, resolved, asked, composition, library))


def last_source(resolved: Protocol, first: int = 0, entered: str = "") -> EnergySource:
    """Whose energies a run of a resolved protocol ends with."""
    return before(resolved.stage, len(resolved.stage), first, entered)


def is_recommended(source: EnergySource, composition: Composition, library: MonomerLibrary) -> bool:
    """Whether energies are those of models that are recommended for the composition."""
    kinds = ("", "delta", "member", FALLBACK)
    chosen = [recommended_as(composition, library, kind)[1].get("model", ()) for kind in kinds]
    return list(source.models) in [[m] if isinstance(m, str) else list(m) for m in chosen]


def who(last: EnergySource) -> str:
    """What gives energies, in words."""
    if last.models:
        more = f" and {len(last.models) - 1} more" if len(last.models) > 1 else ""
        return f"PaiNN ({last.models[0]}{more})"
    if is_refit(last.level):
        return "GFN1-xTB with fitted parameters"
    method, _, engine = last.level.partition("@")
    return _ENGINES.get(engine.rstrip("0123456789") or method, method)


def _why(last: EnergySource, resolved: Protocol, asked: str, composition: Composition, library: MonomerLibrary) -> str:
    out = keeps_out(composition)
    if last.models:
        if not is_recommended(last, composition, library):
            return "the model that was named"
        reason = f"models of {last.level.partition('@')[0]} are at home in this composition"
        return f"asked for, and {reason}" if asked != AUTO else reason
    if asked != AUTO:
        return "asked for"
    if last.level == FALLBACK and out:
        return f"no model of {BEST} is at home in this composition, {out}"
    return f"as the protocol {resolved.name} says"
