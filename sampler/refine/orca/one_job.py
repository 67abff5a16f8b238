"""What one job of an ORCA output says, from its own part of the text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...units import BOHR, HARTREE, HARTREE_PER_BOHR
from . import naming, source, verdict, vibrations, words
from .coordinates import NUMBER, Table, element, masses_of_input, tables
from .jobs import Job
from .result import OrcaResult

_ENERGY = re.compile(r"FINAL SINGLE POINT ENERGY[ \t]*(?:\(([^)\n]*)\))?([^\n]*)\n")
_TOTAL = re.compile(r"QM\d?(/QM\d)*(/MM)?")  # of a job in layers: "QM/MM" is all of it, "MM" and "L-QM2" are parts
_PARTS = re.compile(r"FINAL SINGLE POINT ENERGY[ \t]*\(")  # energies of parts of the atoms
_LAYER = re.compile(r"MM|QM\d?|[A-Z]-\S+")
_APART = re.compile(r"(?i)solute|solvent")  # COSMO-RS: two molecules, each for itself
# after each of these ORCA prints another geometry, unless it was told to print little
_MOVED = re.compile(
    r"GEOMETRY OPTIMIZATION CYCLE|THE OPTIMIZATION HAS CONVERGED|FINAL ENERGY EVALUATION AT THE STATIONARY POINT|"
    r"TRAJECTORY STEP"
)
_WITH_ALL_ELECTRONS = 36  # up to krypton basis sets have no effective core potentials unless asked
_FILES = re.compile(r"\*\*\*\* THE GBW FILE WAS UPDATED \(([^)\n]*)\) \*\*\*\*")
_REPULSION = re.compile(r"^[ \t]*Nuclear Repulsion(?:[ \t]+ENuc)?[ \t]*(?::|\.+)[ \t]*(-?\d+\.\d+)", re.MULTILINE)
_GRADIENT = re.compile(rf"^\s*\d+\s+(\S+(?:\s+:)?)\s*:?\s+({NUMBER})\s+({NUMBER})\s+({NUMBER})\s*$")
_TIME = re.compile(r"TOTAL RUN TIME:\s*(\d+) days (\d+) hours (\d+) minutes (\d+) seconds (\d+) msec")
_KINDS = (
    (r"RELAXED SURFACE SCAN STEP", "a surface scan: energy and geometry are those of its last point"),
    (r"TRAJECTORY STEP", "a scan of geometries: energy and geometry are those of the last"),
    (r"Molecular Dynamics|MOLECULAR DYNAMICS RUN|Will start (?:the )?MD", "molecular dynamics: energy and geometry are "
     "those of the last step printed"),
)  # fmt: skip


def read_job(job: Job, path: Path, name: str, number: int) -> OrcaResult:
    """The result of one job; ``number`` is its place in the file."""
    text = job.text
    keywords = source.keywords(job.input_text)
    level, remarks = naming.level_and_remarks(list(keywords), job.version, job.input_text)
    status, message, optimised = verdict.judge(text, keywords, job.followed)
    geometries = tables(text)
    # an energy followed by a failed wavefunction at the same geometry is not a result of the job's method
    energy, odd = (None, "") if status == "cc_not_converged" else _energy(text)
    nuclear = not any(words.semiempirical(w.lower()) for w in keywords)
    chosen, why = _geometry(text, geometries, energy, nuclear)
    if status == "finished" and energy is None:
        status, message = ("no_energy", odd) if odd else ("truncated", "there is no final energy")
    damage = job.damage or ("" if odd or _PARTS.search(text) else _damage(text, geometries, job.input_text))
    if damage:
        status, message = "damaged", f"not as the program wrote it: {damage}"
    last = next((g for g in reversed(geometries) if not g.damage), None)
    modes = vibrations.read(text, geometries, chosen, energy.value if energy else np.nan)
    charge, multiplicity = _charge_and_spin(text, job.input_text, energy)
    if chosen and chosen.others:
        level, said = _with_other_centres(level, chosen.others)
        remarks += (said,)
    remarks += (*(r for r in (why, modes.remark) if r), *(said for mark, said in _KINDS if re.search(mark, text)))
    begin = chosen.at if chosen else 0
    return OrcaResult(
        name=name,
        path=path,
        status=status,
        message=message,
        version=job.version,
        level=level,
        keywords=keywords,
        input_text=job.input_text,
        job=number,
        chained=job.chained,
        remarks=remarks,
        charge=charge,
        multiplicity=multiplicity,
        numbers=chosen.numbers if chosen else np.zeros(0, np.int64),
        positions=chosen.positions if chosen else np.zeros((0, 3)),
        masses=_masses(chosen, job.input_text) if chosen else None,
        first_positions=geometries[0].positions if geometries and not geometries[0].damage else np.zeros((0, 3)),
        last_positions=last.positions if last else np.zeros((0, 3)),
        last_numbers=last.numbers if last else np.zeros(0, np.int64),
        energy=energy.value * HARTREE if energy else float("nan"),
        forces=_forces(text, chosen, geometries) if energy else None,
        geometries=len(geometries),
        cycles=text.count("GEOMETRY OPTIMIZATION CYCLE") if optimised is not None else 0,
        optimised=optimised,
        frequencies=modes.frequencies,
        frequency_scaling=modes.scaling,
        thermochemistry=modes.thermochemistry,
        dipole=_vector(text, begin, "Total Dipole Moment", BOHR),
        rotational_constants=_vector(text, begin, "Rotational constants in cm-1", 1.0),
        polarizability=_polarizability(text, begin),
        seconds=_seconds(text),
        cores=_cores(job.input_text, keywords),
    )


# ---- pieces ----------------------------------------------------------------------------------------------------------


def _damage(text: str, geometries: list[Table], given: str) -> str:
    """Why the text cannot be that of one job, '' if it can."""
    whole = [g for g in geometries if not g.damage]
    if any(not np.array_equal(g.numbers, whole[0].numbers) for g in whole[1:]):
        return "its atoms change on the way"
    labels = [label.partition("(")[0] for label in source.atoms(given)]
    asked = [element("DA" if label.upper() == "DA" else label.capitalize()) for label in labels]
    if asked and whole and None not in asked and [z for z in asked if z] != list(whole[0].numbers):
        return "its atoms are not those of its input"
    names = set(_FILES.findall(text))
    if len(names) > 1:
        return f"its files have the names {' and '.join(sorted(names))}"
    charges = set(re.findall(r"^\s*Total Charge\s+Charge\s+\.+\s*(-?\d+)", text, re.MULTILINE))
    charge = source.charge_and_multiplicity(given)[0]
    charges |= {str(charge)} if charge is not None and charges else set()
    return f"its charge is {' and '.join(sorted(charges))}" if len(charges) > 1 else ""


@dataclass(frozen=True)
class _Energy:
    at: int
    value: float  # Eh


def _energy(text: str) -> tuple[_Energy | None, str]:
    """The last total energy whose wavefunction converged, or None and what is odd about those that are printed."""
    found: list[tuple[int, str, float]] = []
    for m in _ENERGY.finditer(text):
        words = m[2].split()
        if words and "not fully converged" not in m[0].lower():
            found.append((m.start(), m[1] or "", _number(words[0])))
    apart = [label for _, label, _ in found if _APART.match(label)]
    if apart:
        return None, f"its energies are of a solute and a solvent, each for itself ({', '.join(dict.fromkeys(apart))})"
    layers = any(_LAYER.fullmatch(label) or _TOTAL.fullmatch(label) for _, label, _ in found)
    if layers:
        found = [f for f in found if _TOTAL.fullmatch(f[1]) and "/" in f[1]]
    if not found:
        return None, "the energy of all layers is not printed" if layers else ""
    at, _, value = found[-1]
    if not np.isfinite(value):
        return None, "its last energy is not a number"
    if value == 0.0:  # what is left in place of the energy of a program that ORCA called and could not read
        return None, "its last energy is exactly 0"
    return _Energy(at, value), ""


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return float("nan")


def _geometry(text: str, geometries: list[Table], energy: _Energy | None, nuclear: bool) -> tuple[Table | None, str]:
    """The geometry that the energy belongs to (without an energy the last one), or None and why there is none.

    ``nuclear``: what is printed as nuclear repulsion is that.
    """
    before = [g for g in geometries if energy is None or g.at < energy.at]
    if not before:
        return None, "the geometry of its energy is not printed" if energy else ""
    if energy is None:
        return next((g for g in reversed(before) if not g.damage), None), ""
    chosen = before[-1]
    if chosen.damage:
        return None, f"its geometry cannot be used: {chosen.damage}"
    if _MOVED.search(text, chosen.at, energy.at):
        return None, "the geometry of its energy is not printed"
    if nuclear and not _repels_as_printed(text, chosen, energy):
        return None, "the nuclear repulsion printed with its energy is that of another geometry"
    return chosen, ""


def _repels_as_printed(text: str, table: Table, energy: _Energy) -> bool:
    """Whether the nuclear repulsion printed last before the energy is that of the geometry; True where none is."""
    printed = _REPULSION.findall(text, table.at, energy.at)
    charges = table.charges
    if charges is None and table.numbers.max() <= _WITH_ALL_ELECTRONS:
        charges = table.numbers
    if not printed or charges is None or table.others or "pointcharges" in text[: table.at].lower():
        return True
    distances = np.linalg.norm(table.positions[:, None] - table.positions[None], axis=-1) / BOHR
    one, other = np.triu_indices(len(charges), 1)
    with np.errstate(divide="ignore"):
        energy_of_nuclei = float((charges[one] * charges[other] / distances[one, other]).sum())
    return abs(energy_of_nuclei - float(printed[-1])) < 1e-4 * max(1.0, abs(float(printed[-1])))


def _with_other_centres(level: str, others: tuple[str, ...]) -> tuple[str, str]:
    """The level of an energy that ghost atoms or embedding centres are part of, and the remark that says so."""
    kinds = [
        name
        for mark, name in ((":", "ghost"), (">", "embedded"), ("Q", "embedded"))
        if any(o[-1] == mark for o in others)
    ]
    kinds = list(dict.fromkeys(kinds))
    method, at, program = level.partition("@")
    named = "/".join([method, *kinds]) + at + program if level else ""
    shown = ", ".join(others[:5]) + (", …" if len(others) > 5 else "")
    return (
        named,
        f"{len(others)} ghost or embedding centres ({shown}) are no atoms of the structure, but are in its energy",
    )


def _masses(table: Table, echo: str) -> np.ndarray | None:
    return table.masses if table.masses is not None else masses_of_input(echo, table.numbers)


def _forces(text: str, chosen: Table | None, geometries: list[Table]) -> np.ndarray | None:
    """Forces of the gradient that is printed after ``chosen`` and before the next geometry."""
    if chosen is None:
        return None
    following = [g.at for g in geometries if g.at > chosen.at]
    at = text.find("CARTESIAN GRADIENT", chosen.at, following[0] if following else len(text))
    rows = _gradient_rows(text, at) if at >= 0 else []
    rows = [row for row in rows if element(row[0].rstrip(" :")) and not row[0].endswith("::")]
    if [element(row[0].rstrip(" :")) for row in rows] != list(chosen.numbers):
        return None
    return -np.array([[float(v) for v in row[1:]] for row in rows]) * HARTREE_PER_BOHR


def _gradient_rows(text: str, at: int) -> list[tuple[str, ...]]:
    """The lines of a gradient, from the first such line to the first other."""
    rows: list[tuple[str, ...]] = []
    start = text.find("\n", at) + 1
    while 0 < start < len(text):
        end = text.find("\n", start)
        if end < 0:
            break
        line = text[start:end]
        match = _GRADIENT.match(line)
        if match:
            rows.append(match.groups())
        elif rows or (line.strip() and not line.strip().startswith("-")):
            break
        start = end + 1
    return rows


def _last(text: str, mark: str, begin: int) -> int:
    return text.rfind(mark, begin)


def _vector(text: str, begin: int, mark: str, unit: float) -> np.ndarray | None:
    at = _last(text, mark, begin)
    match = re.match(rf"[^\n]*?:\s+({NUMBER})\s+({NUMBER})\s+({NUMBER})", text[at : at + 300]) if at >= 0 else None
    return np.array([float(v) for v in match.groups()]) * unit if match else None


def _polarizability(text: str, begin: int) -> float:
    at = _last(text, "Isotropic polarizability", begin)
    match = re.match(rf"Isotropic polarizability\s*:\s*({NUMBER})", text[at : at + 100]) if at >= 0 else None
    return float(match[1]) * BOHR**3 if match else float("nan")


def _charge_and_spin(text: str, echo: str, energy: _Energy | None) -> tuple[int | None, int | None]:
    """As the program prints them last before the energy, else as the input gives them."""
    given = source.charge_and_multiplicity(echo)
    end = energy.at if energy else len(text)
    charge, multiplicity = _integer(text, end, "Total Charge", "Charge"), _integer(text, end, "Multiplicity", "Mult")
    return (given[0] if charge is None else charge), (given[1] if multiplicity is None else multiplicity)


def _integer(text: str, end: int, words: str, name: str) -> int | None:
    found = re.findall(rf"^\s*{words}\s+{name}\s+\.+\s*(-?\d+)", text[:end], re.MULTILINE)
    return int(found[-1]) if found else None


def _seconds(text: str) -> float:
    match = _TIME.search(text, max(0, text.rfind("TOTAL RUN TIME")))
    if not match:
        return float("nan")
    days, hours, minutes, seconds, milliseconds = map(int, match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds + milliseconds / 1000


def _cores(echo: str, keywords: tuple[str, ...]) -> int:
    block = re.search(r"%pal\b.*?nprocs?\w*\s+(\d+)", echo, re.IGNORECASE | re.DOTALL)
    short = [re.fullmatch(r"pal(\d+)", w, re.IGNORECASE) for w in keywords]
    found = [int(m[1]) for m in short if m]
    return int(block[1]) if block else (found[0] if found else 1)
