"""The kinds of ORCA jobs that are written, and the level of theory each stands for."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import InputError
from ...text.nearest import suggested
from .naming import level, method_of

__all__ = ["PRESETS", "Preset", "level", "method_of", "preset"]


@dataclass(frozen=True)
class Preset:
    """One kind of job.

    Attributes:
        name: as on the command line.
        keywords: the simple input line, without ``!``.
        maxiter: cycles of a geometry optimisation (``%geom MaxIter``); None leaves ORCA's own.
        partial: the optimisation is meant to stop at ``maxiter``; not reaching convergence is no failure.
        purpose: in words.
    """

    name: str
    keywords: str
    purpose: str
    maxiter: int | None = None
    partial: bool = False

    @property
    def optimises(self) -> bool:
        return "opt" in self.keywords.lower().split()


# The coupled cluster keyword gives the semicanonical (T0) triples; the iterative ones are DLPNO-CCSD(T1).
PRESETS = {
    preset.name: preset
    for preset in (
        Preset("sp", "B97-3c TightSCF", "B97-3c single point"),
        Preset("engrad", "B97-3c TightSCF EnGrad", "B97-3c energy and gradient"),
        Preset("opt-partial", "B97-3c Opt TightSCF", "B97-3c, at most 40 optimisation cycles", 40, partial=True),
        Preset("opt", "B97-3c Opt TightSCF", "B97-3c optimisation"),
        Preset("opt-freq", "B97-3c Opt TightSCF AnFreq", "B97-3c optimisation, then analytical frequencies"),
        Preset("r2scan-3c", "r2SCAN-3c TightSCF", "r²SCAN-3c single point"),
        Preset("wb97x-d3", "wB97X-D3 def2-TZVPPD def2/J RIJCOSX TightSCF", "ωB97X-D3/def2-TZVPPD single point"),
        Preset(
            "dlpno-ccsd(t)",
            "DLPNO-CCSD(T) aug-cc-pVTZ aug-cc-pVTZ/C TightPNO TightSCF",
            "DLPNO-CCSD(T0)/aug-cc-pVTZ single point, TightPNO",
        ),
    )
}


def preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        InputError: there is none; the message lists all.
    """
    try:
        return PRESETS[name.lower()]
    except KeyError:
        known = "; ".join(f"{p.name} ({p.purpose})" for p in PRESETS.values())
        raise InputError(f"no ORCA preset is called {name!r}; {suggested(name, PRESETS)}known: {known}") from None
