"""Frequencies and thermochemistry of one ORCA job, and whether they are those of its atoms."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from ...units import CM1, HARTREE
from ..hessian import principal_moments, standard_masses
from .coordinates import NUMBER, Table

_HEAD = re.compile(r"^[ ]*VIBRATIONAL FREQUENCIES[ ]*$", re.MULTILINE)
_MODE = re.compile(r"^\s*\d+:\s+(-?\d+\.\d+) cm\*\*-1", re.MULTILINE)
_SCALING = re.compile(r"Scaling factor for frequencies\s*=\s*(\d+\.\d+)")
_TEMPERATURE = re.compile(r"THERMOCHEMISTRY AT\s+\d")
_NEARLY_LINEAR = 0.25  # amu Å²; a molecule with one such moment may count as linear
_SAME_PLACE = 1e-4  # Å
_SAME_ENERGY = 2e-6  # Eh; eight decimals are printed


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
class Vibrations:
    """(m,) frequencies in cm⁻¹, the factor that ORCA applied to them, and one thermochemistry a temperature.

    ``remark`` says why frequencies that are printed are not taken, '' if they are, or if there are none.
    """

    frequencies: np.ndarray = field(default_factory=lambda: np.zeros(0))
    scaling: float = 1.0
    thermochemistry: tuple[Thermochemistry, ...] = ()
    remark: str = ""


def read(text: str, geometries: list[Table], chosen: Table | None, energy: float) -> Vibrations:
    """The last frequencies of a job, where they belong to the geometry ``chosen`` and its ``energy`` in Eh.

    An optimisation can start from a Hessian (``Calc_Hess``) whose frequencies are those of another geometry.
    """
    heads = list(_HEAD.finditer(text))
    if not heads or chosen is None:
        return Vibrations()
    at = heads[-1].start()
    end = text.find("NORMAL MODES", at)
    section = text[at : end if end >= 0 else len(text)]
    values = np.array([float(m[1]) for m in _MODE.finditer(section)])
    factor = _SCALING.search(section)
    # translations and rotations are projected out and printed first, as exactly 0.00
    modes = values[values != 0.0]
    thermo, electronic, mass = _thermochemistry(text[at:])
    remark = (
        _foreign(geometries, chosen, at)
        or ("" if end >= 0 or thermo else "the output ends in the middle of its frequencies")
        or _miscounted(len(modes), chosen)
        or _of_another_energy(electronic, energy)
        or _of_another_mass(mass, chosen)
    )
    if remark:
        return Vibrations(remark=f"no frequencies and no thermochemistry are taken: {remark}")
    wrong = _inconsistent(thermo, modes)
    thermo, remark = ((), f"no thermochemistry is taken: {wrong}") if wrong else (thermo, "")
    return Vibrations(modes, float(factor[1]) if factor else 1.0, thermo, remark)


def _foreign(geometries: list[Table], chosen: Table, at: int) -> str:
    """Are the frequencies those of the chosen geometry? It must be the last before them, or the same again."""
    before = [g for g in geometries if g.at < at]
    there = before[-1] if before else None
    same = there is not None and not there.damage and len(there.numbers) == len(chosen.numbers) and (
        np.array_equal(there.numbers, chosen.numbers)
        and np.abs(there.positions - chosen.positions).max(initial=0) < _SAME_PLACE
    )  # fmt: skip
    return "" if same else "they are those of another geometry than the energy"


def _miscounted(modes: int, chosen: Table) -> str:
    """Judged as :func:`..hessian.principal_moments` does, and where programs may differ from it, as the program did."""
    n = len(chosen.numbers)
    if n == 1:
        return f"there are {modes} for a single atom" if modes else ""
    moments = principal_moments(chosen.positions, standard_masses(chosen.numbers))
    linear = moments[0] == 0.0
    wanted = 3 * n - (5 if linear else 6)
    if modes == wanted or (modes == 3 * n - 5 and moments[0] < _NEARLY_LINEAR):
        return ""
    lost = ": it was taken for bent, and a bend is lost" if linear and modes == wanted - 1 else ""
    return f"there are {modes}, and a {'linear molecule' if linear else 'molecule'} of {n} atoms has {wanted}{lost}"


def _inconsistent(thermo: tuple[Thermochemistry, ...], modes: np.ndarray) -> str:
    """Does a thermochemistry agree with itself, and with the frequencies?"""
    half = 0.5 * float(modes[modes > 0].sum()) * CM1
    for t in thermo:
        if not np.isfinite([t.zero_point, t.enthalpy, t.gibbs, t.entropy]).all():
            return "parts of it are missing"
        if abs(t.enthalpy - t.temperature * t.entropy - t.gibbs) > 1e-5 * HARTREE:
            return "its Gibbs energy is not its enthalpy without T·S"
        if abs(t.zero_point - half) > 1e-5 * HARTREE + 1e-3 * half:
            return "its zero-point energy is not that of its frequencies"
    return ""


def _of_another_energy(electronic: list[float], energy: float) -> str:
    wrong = [e for e in electronic if not abs(e - energy) < _SAME_ENERGY]
    return f"their electronic energy is {wrong[0]:.8f} Eh, that of the job {energy:.8f} Eh" if wrong else ""


def _of_another_mass(masses: list[float], chosen: Table) -> str:
    if chosen.masses is None:
        return ""
    total = float(chosen.masses.sum())
    wrong = [m for m in masses if abs(m - total) > 0.01 + 0.001 * len(chosen.numbers)]
    return f"their total mass is {wrong[0]:.2f} amu, that of the atoms {total:.2f} amu" if wrong else ""


def _thermochemistry(text: str) -> tuple[tuple[Thermochemistry, ...], list[float], list[float]]:
    """One for each temperature, and the electronic energies (Eh) and total masses (amu) that they state."""
    starts = [m.start() for m in _TEMPERATURE.finditer(text)]
    parts = [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)])]
    made = [_one_temperature(part) for part in parts]
    energies = [_value(part, r"Electronic energy\s+\.\.\.") for part in parts]
    masses = [_value(part, r"Total Mass\s+\.\.\.") for part in parts]
    return (
        tuple(m for m in made if m is not None),
        [e for e in energies if np.isfinite(e)],
        [m for m in masses if np.isfinite(m)],
    )


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
    match = re.search(rf"{words}\s*({NUMBER})", text)
    return float(match[1]) if match else float("nan")
