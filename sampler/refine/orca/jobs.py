"""The jobs that an ORCA output is made of.

One file can hold several: ``$new_job``, the steps of a compound script, runs that were appended to each other. What a
job says is looked for in its own part of the text only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from . import source
from .verdict import NORMAL_END

_BANNER = re.compile(r"[ \t]*\*[ \t]+O   R   C   A[ \t]+\*[ \t]*$")
_NUMBERED = re.compile(r"[ \t]*\$+[ \t]*JOB NUMBER[ \t]+(\d+)[ \t]*\$*[ \t]*$")
_COMPOUND = re.compile(r"\W*COMPOUND JOB[ \t]+(?:MainJOB|(\d+))\b")
_INPUT = re.compile(r"[ \t]*INPUT FILE[ \t]*$")
_ECHO = re.compile(r"^\|[ ]*(\d+)>(.*)$", re.MULTILINE)
_FIRST_LINE = re.compile(r"^\|[ ]*1>", re.MULTILINE)
_NUMBERED_LINES = re.compile(r"(?:\|[ ]*\d+>[^\n]*\n\s*)+")
_VERSION = re.compile(r"Program Version\s+(\S+)")
_MAIN = "MainJOB"
_END_OF_INPUT = "****END OF INPUT****"
_SOMETHING = re.compile(r"^CARTESIAN COORDINATES|FINAL SINGLE POINT ENERGY|ORCA TERMINATED NORMALLY", re.MULTILINE)


@dataclass(frozen=True)
class Job:
    """One job of an output.

    Attributes:
        text: its part of the output. input_text: its input, as ORCA echoed it ('' if it did not).
        version: of the program, e.g. ``5.0.3``.
        run: number of the run (start of the program) in the file, from 0.
        followed: another job of the same run comes after it, which takes that it ended.
        chained: the run has several jobs.
        damage: why the parts of the run cannot be those of one output ('' if they can).
    """

    text: str
    input_text: str
    version: str
    run: int
    followed: bool
    chained: bool
    damage: str = ""


def split(text: str) -> list[Job]:
    """The jobs of an output, in its order; a head without any job in it counts as one."""
    starts = _starts(text)
    found: list[Job] = []
    for run, (start, end) in enumerate(zip(starts, [*starts[1:], len(text)])):
        version = _VERSION.search(text, start, end)
        found += _jobs(text[start:end], version[1] if version else "", run)
    return found


def _starts(text: str) -> list[int]:
    """Where runs begin: at a banner; and at the very beginning where something stands before the first."""
    banners = list(_lines(text, "O   R   C   A", _BANNER))
    if not banners or _SOMETHING.search(text, 0, banners[0]):
        return [0, *banners]
    return [0, *banners[1:]]


def _lines(text: str, words: str, pattern: re.Pattern) -> dict[int, re.Match]:
    """The lines that hold ``words`` and begin as the pattern says: where they begin -> match. Faster than the pattern alone."""
    found = {}
    at = text.find(words)
    while at >= 0:
        begin, end = text.rfind("\n", 0, at) + 1, text.find("\n", at)
        match = pattern.match(text[begin : end if end >= 0 else len(text)])
        if match:
            found[begin] = match
        at = text.find(words, at + len(words))
    return found


def _jobs(run_text: str, version: str, run: int) -> list[Job]:
    marks = _lines(run_text, "JOB NUMBER", _NUMBERED) | _lines(run_text, "COMPOUND JOB", _COMPOUND)
    numbers = {at: int(m[1]) if m.re is _NUMBERED else 0 for at, m in marks.items()}
    steps_done = [int(marks[at][1]) for at in sorted(marks) if marks[at].re is _COMPOUND and marks[at][1]]
    places = sorted({0, *numbers, *_new_inputs(run_text, [0, *numbers])})
    parts = [(at, run_text[at:end]) for at, end in zip(places, [*places[1:], len(run_text)])]
    shared = source.jobs_of(echo(parts[0][1]))
    steps = {at for at, m in marks.items() if m.re is _COMPOUND and _MAIN not in m[0]}
    main = [line for at, part in parts if steps and at < min(steps) for line in _simple(echo(part))]
    kept = [(at, part) for at, part in parts if len(parts) == 1 or _is_a_job(part, at)]
    made = []
    for at, part in kept:
        place = max(0, numbers.get(at, 1) - 1)
        given = shared[place] if place < len(shared) and (at == 0 or numbers.get(at)) else ""
        own = echo(part) if at else ""
        # a compound script hands the simple input of its head on to its steps
        made.append((part, "\n".join([*main, own]) if own and at in steps else own or given))
    damage = _damage(run_text, [numbers[at] for at in sorted(numbers) if numbers[at]], steps_done, len(shared))
    return [
        Job(part, given, version, run, i + 1 < len(made), len(made) > 1, damage) for i, (part, given) in enumerate(made)
    ]


def _damage(run_text: str, numbers: list[int], steps: list[int], wanted: int) -> str:
    """Why a run is not as the program wrote it: lines were lost, doubled or put elsewhere."""
    ends = run_text.count(NORMAL_END)
    if ends > 1:
        return f"the program ends {ends} times"
    if numbers != list(range(1, len(numbers) + 1)):
        return f"its jobs have the numbers {', '.join(map(str, numbers))}"
    if steps != list(range(1, len(steps) + 1)):
        return f"its compound jobs have the numbers {', '.join(map(str, steps))}"
    if wanted > 1 and (len(numbers) > wanted or (ends and len(numbers) < wanted)):
        return f"its input has {wanted} jobs, the output {len(numbers)}"
    return ""


def _new_inputs(run_text: str, marks: list[int]) -> list[int]:
    """Where an input is echoed anew, other than at the head of a run or of a job that a mark has announced."""
    found: list[int] = []
    inputs = list(_lines(run_text, "INPUT FILE", _INPUT))
    for place, at in enumerate(inputs[1:], start=1):
        before = max(m for m in [*marks, *found] if m <= at)
        if inputs[place - 1] >= before or _SOMETHING.search(run_text, before, at):
            found.append(at)
    return found


def _is_a_job(part: str, at: int) -> bool:
    """Not the head of a run, nor that of a compound script."""
    head = at == 0 or _MAIN in _first_line(part)
    return not head or _SOMETHING.search(part) is not None


def _first_line(part: str) -> str:
    return part[: max(0, part.find("\n"))]


def _simple(given: str) -> list[str]:
    return [line for line in given.splitlines() if line.lstrip().startswith(("!", "*"))]


def echo(text: str) -> str:
    """The input as ORCA prints it at the head of a run, with numbered lines; '' if it is not there, or not whole."""
    begin = min(_lines(text, "INPUT FILE", _INPUT), default=0)
    first = _FIRST_LINE.search(text, begin)
    lines = _NUMBERED_LINES.match(text, first.start()) if first else None
    block = lines[0] if lines else ""
    found = _ECHO.findall(block)
    if _END_OF_INPUT not in block or [int(number) for number, _ in found] != list(range(1, len(found) + 1)):
        return ""
    return "\n".join(line.rstrip() for _, line in found).split(_END_OF_INPUT)[0].rstrip()
