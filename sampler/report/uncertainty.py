"""How far off the energies of a run are: what is known of it, never more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..composition import Composition
from ..errors import SamplerError
from ..funnel.protocols.ending import last_source
from ..funnel.protocols.protocol import build
from ..funnel.stages.expected_error import expected_error
from ..rundir.ledger import Ledger


@dataclass(frozen=True)
class Uncertainty:
    """One standard deviation of relative energies (kcal/mol; None unknown), and in words where it is from, or why not."""

    kcalmol: float | None
    text: str


def of_run(
    folder: Path, manifest: Mapping[str, Any], composition: Composition, ledgers: Sequence[Ledger], level: str
) -> Uncertainty:
    """The error of the relative energies that a run ends with.

    What was calibrated for the potential, or what the card of its models says; else what the user has given for the
    selection by confidence.
    """
    given = next((one for one in reversed(ledgers) if one.get("error_from") == "protocol"), None)
    try:
        kinds = [stage["kind"] for stage in manifest["protocol"]["stage"]]
        first = kinds.index(manifest["from"]["stage"], 1) if "from" in manifest else 0
        source = last_source(build(dict(manifest["protocol"]), str(folder)), first, level)
        found = expected_error(level, composition, source.models)
    except SamplerError as error:
        if given is not None:
            value = float(given["confidence"]["error_kcalmol"])
            return Uncertainty(value, f"± {value:.2g} kcal/mol, as it was given for the selection by confidence")
        return Uncertainty(None, f"no error bars: {_short(str(error))}")
    words = f"± {found.alone:.2f} kcal/mol: one standard deviation of relative energies from those of B97-3c"
    return Uncertainty(found.alone, f"{words} ({found.source}); an offset common to all structures is not in it")


def _short(reason: str) -> str:
    """Without what to do about it, which is advice for a selection."""
    for end in ("; give its standard", ", so no calibrated", "; give error_kcalmol"):
        reason = reason.partition(end)[0]
    return reason
