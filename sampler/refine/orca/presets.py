"""The kinds of ORCA jobs that are written, and the level of theory each stands for."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import InputError


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
        raise InputError(f"no ORCA preset is called {name!r}; known: {known}") from None


_RUN_TYPES = {"sp", "engrad", "energygrad", "energy", "opt", "looseopt", "tightopt", "verytightopt", "normalopt", "copt",
              "gdiis-opt", "l-opt", "optts", "freq", "anfreq", "numfreq", "numgrad", "md", "uks", "rks", "uhf", "rhf",
              "rohf", "roks", "usesym", "nousesym", "noautostart", "autostart", "miniprint", "normalprint", "smallprint",
              "largeprint", "printbasis", "nopop", "keepdens", "ri", "rijcosx", "nori", "nocosx", "rijk", "rijonx",
              "autoaux", "slowconv", "veryslowconv", "normalconv", "easyconv", "soscf", "nososcf", "kdiis", "diis",
              "trah", "notrah", "defgrid1", "defgrid2", "defgrid3", "angs", "bohrs", "printthermochem", "allowrhf",
              "xyzfile", "moread", "conv", "direct", "semidirect", "nofinalgrid", "frozencore", "nofrozencore", "damp",
              "lshift", "usegramschmidt", "verytightpno"}  # fmt: skip


def method_of(keywords: list[str]) -> str:
    """The method and basis in a simple input, lower case: ``b97-3c``, ``dlpno-ccsd(t)/aug-cc-pvtz/tightpno``.

    Run types, SCF and printing switches, grids and auxiliary basis sets are left out; '' if nothing is left.
    """
    kept, basis, precision = [], [], []
    for word in (w.lower() for w in keywords):
        if word in _RUN_TYPES or word.endswith("scf") or word.startswith(("pal", "grid", "gridx", "scfconv")):
            continue
        if word.endswith(("/c", "/j", "/jk", "-cabs")):
            continue
        if word.endswith("pno") or word.startswith(("cpcm", "smd", "alpb")):
            precision.append(word)
        elif word.startswith(("def2", "ma-def2", "cc-p", "aug-", "jun-", "may-", "6-31", "3-21", "sto-", "sv", "tzv", "qzv",
                              "pc-", "pcseg")):  # fmt: skip
            basis.append(word)
        else:
            kept.append({"b973c": "b97-3c", "r2scan3c": "r2scan-3c", "wb97x3c": "wb97x-3c"}.get(word, word))
    return "/".join(["-".join(kept), *basis, *precision]) if kept else ""


def level(keywords: list[str], version: str) -> str:
    """Identifier of the level of theory, with the program and its major version: ``b97-3c@orca5``."""
    method = method_of(keywords)
    return f"{method}@orca{version.split('.')[0]}" if method and version else ""
