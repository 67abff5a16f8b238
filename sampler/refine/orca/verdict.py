"""Did an ORCA job do what it was meant to do? Decided from the text of its output."""

from __future__ import annotations

import re

NORMAL_END = "ORCA TERMINATED NORMALLY"
_CYCLE, _CONVERGED = "GEOMETRY OPTIMIZATION CYCLE", "THE OPTIMIZATION HAS CONVERGED"
_ENERGY, _COORDINATES = "FINAL SINGLE POINT ENERGY", "CARTESIAN COORDINATES (ANGSTROEM)"
_OPTIMISATION = re.compile(r"(?!ext)(\S*-)?(|c|loose|normal|tight|verytight|crude|sloppy|qmmm)opt(h|ts)?(\(\S*\))?")

# In the order they are looked for: the first hit names the failure. A clue is what ORCA prints, as a regular expression.
_FAILURES = (
    ("out_of_memory", r"Not enough memory|Please increase MaxCore|bad_alloc|[Oo]ut of memory|oom-kill|Cannot allocate memory"),
    ("cc_not_converged", r"CCSD iterations have NOT converged|coupled[- ]cluster iterations have NOT converged|"
                         r"AUTOCI.*not converged"),
    ("scf_not_converged", r"SCF NOT CONVERGED AFTER|the SCF has not converged|SCF did not converge|"
                          r"wavefunction IS NOT FULLY CONVERGED"),
    ("input_error", r"Unknown atom specifier|UNRECOGNIZED OR DUPLICATED KEYWORD|INPUT ERROR|Unknown identifier|"
                    r"[Bb]asis set was either not assigned|There are no CABS|multiplicity .*(?:impossible|is odd|is even)|"
                    r"XYZ File is for simple coordinate input only|Could not open .*xyz|ERROR.*expect"),
    ("aborted", r"aborting the run|Aborting the run|ORCA finished by error termination|Segmentation fault|"
                r"mpirun noticed|\bERROR\b|^Error"),
)  # fmt: skip
_COMPILED = tuple((name, re.compile(pattern, re.MULTILINE)) for name, pattern in _FAILURES)
_OPT_FAILED = re.compile(r"The optimization did not converge[^\n]*")


def judge(text: str, keywords: tuple[str, ...], followed: bool = False) -> tuple[str, str, bool | None]:
    """Status, the line that says it, and whether an optimisation converged (None where there was none).

    "TERMINATED NORMALLY" alone is not success: an optimisation that runs out of cycles ends that way too.

    Args:
        text: of one job. keywords: of its simple input. followed: the program went on with another job after it.
    """
    wanted = any(_OPTIMISATION.fullmatch(w.lower()) for w in keywords) or _CYCLE in text
    optimised = _converged(text) if wanted else None
    if followed or _ended(text):
        if optimised is False:
            line = _OPT_FAILED.search(text)
            return "optimization_not_converged", line[0].strip() if line else "no sign of convergence", optimised
        unfinished = _last_energy_line(text)
        if "not fully converged" in unfinished.lower():
            return "scf_not_converged", unfinished, optimised
        return "finished", "", optimised
    # what ended the job stands at the end; what came up earlier may have been overcome
    tail = text[-30_000:]
    for name, pattern in _COMPILED:
        match = pattern.search(tail)
        if match:
            return name, _line(tail, match.start()), optimised
    return "truncated", "the output ends in the middle of the job", optimised


def _ended(text: str) -> bool:
    """Whether the program ended normally, after everything else that it says."""
    end = text.rfind(NORMAL_END)
    return end >= 0 and not any(text.find(mark, end) >= 0 for mark in (_CYCLE, _ENERGY, _COORDINATES))


def _converged(text: str) -> bool:
    """Whether the last optimisation of the job did."""
    return text.rfind(_CONVERGED) > text.rfind(_CYCLE) and text.rfind(_CONVERGED) > text.rfind(
        "optimization did not converge"
    )


def _last_energy_line(text: str) -> str:
    at = text.rfind(_ENERGY)
    return _line(text, at) if at >= 0 else ""


def _line(text: str, at: int) -> str:
    start, end = text.rfind("\n", 0, at) + 1, text.find("\n", at)
    return " ".join(text[start : end if end >= 0 else len(text)].strip(" *\t\r").split())[:200]
