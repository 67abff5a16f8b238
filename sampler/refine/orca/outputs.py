"""Reading what ORCA 4, 5 and 6 print: results, and whether the job did what it was meant to do.

cclib 1.8.1 was tried first: it reads the ORCA 4 and 5 files here, but raises on all three ORCA 6 files (known to its
developers: cclib issues 1462 and 1769), gives no rotational constants, no verdict on optimisations that stop at their
last cycle, and converts energies with constants other than ours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...errors import FileFormatError
from ...units import BOHR, HARTREE, HARTREE_PER_BOHR
from . import verdict
from .coordinates import Table, masses_of_input, tables
from .presets import level

_NUMBER = r"[-+]?\d+\.\d+(?:[eEdD][-+]?\d+)?"
_ENERGY = re.compile(r"FINAL SINGLE POINT ENERGY[^\n\d]*?(-?\d+\.\d+)([^\n]*)")
_VERSION = re.compile(r"Program Version\s+(\S+)")
_GRADIENT = re.compile(rf"^\s*\d+\s+[A-Z][a-z]?\S*\s*:?\s+({_NUMBER})\s+({_NUMBER})\s+({_NUMBER})\s*$")
_MODE = re.compile(r"^\s*\d+:\s+(-?\d+\.\d+) cm\*\*-1", re.MULTILINE)
_TIME = re.compile(r"TOTAL RUN TIME:\s*(\d+) days (\d+) hours (\d+) minutes (\d+) seconds (\d+) msec")
_ECHO = re.compile(r"^\|\s*\d+>(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Thermochemistry:
    """What ORCA prints for one temperature; rigid rotor, with its quasi-harmonic vibrational entropy.

    Attributes:
        temperature: K. pressure: atm.
        zero_point, thermal_energy, enthalpy, gibbs: eV; zero_point is the vibrational energy at 0 K, the others total.
        entropy: eV/K. symmetry_number, point_group: as ORCA found them (0 and '' if not printed).
        quasi_harmonic: the vibrational entropy is interpolated to a free rotor (10.1002/chem.201200497).
    """

    temperature: float
    pressure: float
    zero_point: float
    thermal_energy: float
    enthalpy: float
    gibbs: float
    entropy: float
    symmetry_number: int
    point_group: str
    quasi_harmonic: bool


@dataclass(frozen=True)
class OrcaResult:
    """One ORCA output of n atoms; what the file does not hold is None, NaN or empty.

    Attributes:
        name: file name without suffix. path: the file.
        status: ``finished``; or why not: ``optimization_not_converged``, ``scf_not_converged``, ``cc_not_converged``,
            ``out_of_memory``, ``input_error``, ``aborted``, ``truncated``.
        message: the line of the output that says so, '' if finished.
        version: e.g. ``5.0.3``. level: e.g. ``b97-3c@orca5``. keywords: words of the simple input, as given.
        input_text: the input as ORCA echoes it. charge, multiplicity: None if not printed.
        numbers: (n,). positions: (n, 3) Å, the geometry that ``energy`` belongs to (the last one if there is none).
        masses: (n,) amu, those of the calculation (isotopes!), as printed, to three decimals; where they are not printed,
            what the input sets (``M = 2.014``), else None.
        last_positions: (n, 3) Å, the last geometry printed: where a new attempt starts.
        energy: eV, the last total energy that is fully converged, else NaN.
        forces: (n, 3) eV/Å at ``positions``; None after the last step of an optimisation, where ORCA prints none.
        cycles: geometries of an optimisation that were evaluated. optimised: True, False, None (not an optimisation).
        frequencies: (m,) cm⁻¹, without translations and rotations; imaginary ones are negative.
        frequency_scaling: factor that ORCA applied to them.
        thermochemistry: one for each temperature.
        dipole: (3,) e·Å. rotational_constants: (3,) cm⁻¹. polarizability: isotropic, Å³.
        seconds: run time. cores: processes.
    """

    name: str
    path: Path
    status: str
    message: str = ""
    version: str = ""
    level: str = ""
    keywords: tuple[str, ...] = ()
    input_text: str = ""
    charge: int | None = None
    multiplicity: int | None = None
    numbers: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    positions: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    masses: np.ndarray | None = None
    last_positions: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    energy: float = float("nan")
    forces: np.ndarray | None = None
    cycles: int = 0
    optimised: bool | None = None
    frequencies: np.ndarray = field(default_factory=lambda: np.zeros(0))
    frequency_scaling: float = 1.0
    thermochemistry: tuple[Thermochemistry, ...] = ()
    dipole: np.ndarray | None = None
    rotational_constants: np.ndarray | None = None
    polarizability: float = float("nan")
    seconds: float = float("nan")
    cores: int = 1

    @property
    def finished(self) -> bool:
        return self.status == "finished"

    @property
    def imaginary_modes(self) -> int:
        return int((self.frequencies < 0).sum())


def read_output(path: Path | str) -> OrcaResult:
    """Read one ORCA output.

    Raises:
        FileFormatError: the file cannot be read or is no ORCA output. (A failed or truncated job is a result.)
    """
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8", errors="replace")
    except OSError as error:
        raise FileFormatError(f"cannot read {path}: {error.strerror or error}") from error
    if "O   R   C   A" not in text[:4000] and "Program Version" not in text[:8000]:
        raise FileFormatError(f"{path} is no ORCA output: its head does not name the program")
    text = text.replace("\r\n", "\n")
    echo = "\n".join(line.rstrip() for line in _ECHO.findall(text[: _end_of_echo(text)]))
    echo = echo.split("****END OF INPUT****")[0].rstrip()
    keywords = tuple(w for line in echo.splitlines() if line.strip().startswith("!")
                     for w in line.split("#")[0].strip().lstrip("!").split())  # fmt: skip
    version = _first(_VERSION, text)
    geometries = [t for t in tables(text) if not t.damage]
    energies = [(m.start(), float(m[1]), m[2]) for m in _ENERGY.finditer(text)]
    whole = [(at, e) for at, e, remark in energies if "not fully converged" not in remark.lower()]
    status, message, optimised = verdict.judge(text, keywords)
    # an energy followed by a failed wavefunction at the same geometry is not a result of the job's method
    if status == "cc_not_converged":
        whole = []
    chosen = _before(geometries, whole[-1][0] if whole else len(text))
    last = geometries[-1] if geometries else None
    frequencies, scaling = _frequencies(text)
    charge, multiplicity = _charge_and_spin(text, echo)
    return OrcaResult(
        name=path.name.removesuffix(path.suffix),
        path=path,
        status=status,
        message=message,
        version=version,
        level=level(list(keywords), version),
        keywords=keywords,
        input_text=echo,
        charge=charge,
        multiplicity=multiplicity,
        numbers=chosen.numbers if chosen else np.zeros(0, np.int64),
        positions=chosen.positions if chosen else np.zeros((0, 3)),
        masses=_masses(chosen, echo) if chosen else None,
        last_positions=last.positions if last else np.zeros((0, 3)),
        energy=whole[-1][1] * HARTREE if whole else float("nan"),
        forces=_forces(text, chosen, geometries) if whole else None,
        cycles=len(_positions(text, "GEOMETRY OPTIMIZATION CYCLE")) if optimised is not None else 0,
        optimised=optimised,
        frequencies=frequencies,
        frequency_scaling=scaling,
        thermochemistry=_thermochemistry(text),
        dipole=_vector(text, "Total Dipole Moment", BOHR),
        rotational_constants=_vector(text, "Rotational constants in cm-1", 1.0),
        polarizability=_polarizability(text),
        seconds=_seconds(text),
        cores=_cores(echo, keywords),
    )


# ---- pieces ----------------------------------------------------------------------------------------------------------


def _positions(text: str, mark: str) -> list[int]:
    found, at = [], text.find(mark)
    while at >= 0:
        found.append(at)
        at = text.find(mark, at + len(mark))
    return found


def _end_of_echo(text: str) -> int:
    end = text.find("****END OF INPUT****")
    return end if end >= 0 else min(len(text), 200_000)


def _first(pattern: re.Pattern, text: str) -> str:
    match = pattern.search(text)
    return match[1] if match else ""


def _block(text: str, at: int, pattern: re.Pattern) -> tuple[list[str], np.ndarray]:
    """First groups and (n, 3) numbers of the lines that fit the pattern, from the first such line to the first other."""
    rows, begun = [], False
    start = text.find("\n", at) + 1
    while 0 < start < len(text):
        end = text.find("\n", start)
        line = text[start : end if end >= 0 else len(text)]
        match = pattern.match(line)
        if match:
            begun = True
            rows.append(match.groups())
        elif begun or (line.strip() and not line.strip().startswith("-")):
            break
        if end < 0:
            break
        start = end + 1
    numbers = np.array([[float(v) for v in row[-3:]] for row in rows]).reshape(-1, 3)
    return [row[0] for row in rows], numbers


def _before(geometries: list[Table], at: int) -> Table | None:
    earlier = [g for g in geometries if g.at < at]
    return earlier[-1] if earlier else (geometries[-1] if geometries else None)


def _masses(table: Table, echo: str) -> np.ndarray | None:
    return table.masses if table.masses is not None else masses_of_input(echo, table.numbers)


def _forces(text: str, chosen: Table | None, geometries: list[Table]) -> np.ndarray | None:
    """Forces of the gradient that is printed after ``chosen`` and before the next geometry."""
    if chosen is None:
        return None
    following = [g.at for g in geometries if g.at > chosen.at]
    at = text.find("CARTESIAN GRADIENT", chosen.at, following[0] if following else len(text))
    if at < 0:
        return None
    _, gradient = _block(text, at, _GRADIENT)
    return -gradient * HARTREE_PER_BOHR if len(gradient) == len(chosen.numbers) else None


def _frequencies(text: str) -> tuple[np.ndarray, float]:
    at = text.rfind("VIBRATIONAL FREQUENCIES")
    if at < 0:
        return np.zeros(0), 1.0
    end = text.find("NORMAL MODES", at)
    section = text[at : end if end >= 0 else len(text)]
    values = np.array([float(m[1]) for m in _MODE.finditer(section)])
    factor = re.search(r"Scaling factor for frequencies\s*=\s*(\d+\.\d+)", section)
    # translations and rotations are projected out and printed first, as exactly 0.00
    return values[values != 0.0], float(factor[1]) if factor else 1.0


def _thermochemistry(text: str) -> tuple[Thermochemistry, ...]:
    starts = [m.start() for m in re.finditer(r"THERMOCHEMISTRY AT\s+\d", text)]
    parts = [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)])]
    made = [_one_temperature(part) for part in parts]
    return tuple(m for m in made if m is not None)


def _one_temperature(part: str) -> Thermochemistry | None:
    temperature, gibbs = _value(part, r"Temperature\s+\.\.\."), _value(part, r"Final Gibbs free \w+\s+\.\.\.")
    if np.isnan(temperature) or np.isnan(gibbs):
        return None  # the output ends in the middle of it
    symmetry = re.search(r"Point Group:\s*(\S+?),\s*Symmetry Number:\s*(\d+)", part)
    return Thermochemistry(
        temperature=temperature,
        pressure=_value(part, r"Pressure\s+\.\.\."),
        zero_point=_value(part, r"Zero point energy\s+\.\.\.") * HARTREE,
        thermal_energy=_value(part, r"Total thermal energy") * HARTREE,
        enthalpy=_value(part, r"Total [Ee]nthalpy\s+\.\.\.") * HARTREE,
        gibbs=gibbs * HARTREE,
        entropy=_value(part, r"Final entropy term\s+\.\.\.") * HARTREE / temperature,
        symmetry_number=int(symmetry[2]) if symmetry else 0,
        point_group=symmetry[1] if symmetry else "",
        quasi_harmonic="QRRHO" in part,
    )


def _value(text: str, words: str) -> float:
    match = re.search(rf"{words}\s*({_NUMBER})", text)
    return float(match[1]) if match else float("nan")


def _vector(text: str, mark: str, unit: float) -> np.ndarray | None:
    at = text.rfind(mark)
    match = re.match(rf"[^\n]*?:\s+({_NUMBER})\s+({_NUMBER})\s+({_NUMBER})", text[at : at + 300]) if at >= 0 else None
    return np.array([float(v) for v in match.groups()]) * unit if match else None


def _polarizability(text: str) -> float:
    at = text.rfind("Isotropic polarizability")
    match = re.match(rf"Isotropic polarizability\s*:\s*({_NUMBER})", text[at : at + 100]) if at >= 0 else None
    return float(match[1]) * BOHR**3 if match else float("nan")


def _charge_and_spin(text: str, echo: str) -> tuple[int | None, int | None]:
    """As the program prints them, else as the input gives them."""
    given = re.search(r"^\s*\*\s*[a-z]+\s+(-?\d+)\s+(\d+)", echo, re.IGNORECASE | re.MULTILINE)
    charge, multiplicity = _integer(text, "Total Charge", "Charge"), _integer(text, "Multiplicity", "Mult")
    if given:
        charge = int(given[1]) if charge is None else charge
        multiplicity = int(given[2]) if multiplicity is None else multiplicity
    return charge, multiplicity


def _integer(text: str, words: str, name: str) -> int | None:
    match = re.search(rf"^\s*{words}\s+{name}\s+\.+\s*(-?\d+)", text, re.MULTILINE)
    return int(match[1]) if match else None


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
