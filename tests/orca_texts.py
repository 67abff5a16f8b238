"""Made-up ORCA outputs for tests: the lines that are read, in ORCA's order, of molecules whose numbers are invented."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sampler.units import BOHR, CM1, HARTREE

NUMBERS = {"H": 1, "C": 6, "N": 7, "O": 8}
MASSES = {"H": 1.008, "C": 12.011, "N": 14.007, "O": 15.999}
MOLECULES = {
    "water": [("O", 0.0, 0.0, 0.1), ("H", 0.0, 0.77, -0.47), ("H", 0.0, -0.77, -0.47)],
    "ammonia": [("N", 0.0, 0.0, 0.08), ("H", 0.0, 0.95, -0.27), ("H", 0.82, -0.47, -0.27), ("H", -0.82, -0.47, -0.27)],
    "carbon dioxide": [("C", 0.0, 0.0, 0.0), ("O", 0.0, 0.0, 1.16), ("O", 0.0, 0.0, -1.16)],
}


@dataclass(frozen=True)
class Fact:
    """What a job of a made-up output says, in the units of the reader."""

    molecule: str
    numbers: tuple[int, ...]
    level: str
    charge: int
    steps: list[tuple[np.ndarray, float]] = field(default_factory=list)  # Å, eV
    frequencies: tuple[float, ...] = ()
    gibbs: float = float("nan")

    @property
    def last(self) -> tuple[np.ndarray, float]:
        return self.steps[-1]


def banner(version="5.0.4") -> str:
    stars = " " * 33 + "*" * 17 + "\n"
    return f"\n{stars}{' ' * 33}* O   R   C   A *\n{stars}\n{' ' * 25}Program Version {version} -  RELEASE  -\n\n"


def echo(inputs: list[str]) -> str:
    lines = "\n\n$new_job\n".join(inputs).splitlines()
    bar = "=" * 80 + "\n"
    numbered = "".join(f"|{i:3d}> {line}\n" for i, line in enumerate(lines, 1))
    end = f"|{len(lines) + 1:3d}>{' ' * 26}****END OF INPUT****\n"
    return f"{bar}{' ' * 39}INPUT FILE\n{bar}NAME = job.inp\n{numbered}{end}{bar}"


def end() -> str:
    return (
        f"\n{' ' * 29}****ORCA TERMINATED NORMALLY****\nTOTAL RUN TIME: 0 days 0 hours 0 minutes 7 seconds 694 msec\n"
    )


def step(symbols: list[str], positions: np.ndarray, energy: float, charge: int) -> str:
    """One geometry with its energy in Eh, as ORCA prints it."""
    bohr = positions / BOHR
    angstroem = "".join(f"  {s:<2s} {x:13.6f} {y:12.6f} {z:12.6f}\n" for s, (x, y, z) in zip(symbols, positions))
    units = "".join(
        f"  {i:3d} {s:<2s} {NUMBERS[s]:8.4f}    0 {MASSES[s]:9.3f} {x:11.6f} {y:11.6f} {z:11.6f}\n"
        for i, (s, (x, y, z)) in enumerate(zip(symbols, bohr))
    )
    repulsion = sum(
        NUMBERS[a] * NUMBERS[b] / np.linalg.norm(bohr[i] - bohr[j])
        for i, a in enumerate(symbols) for j, b in enumerate(symbols[:i])
    )  # fmt: skip
    return (
        f"{'-' * 33}\nCARTESIAN COORDINATES (ANGSTROEM)\n{'-' * 33}\n{angstroem}\n"
        f"{'-' * 28}\nCARTESIAN COORDINATES (A.U.)\n{'-' * 28}\n"
        f"  NO LB      ZA    FRAG     MASS         X           Y           Z\n{units}\n"
        f" Total Charge           Charge          .... {charge:4d}\n Multiplicity           Mult            ....    1\n\n"
        f"Nuclear Repulsion  :  {repulsion:16.8f} Eh\n"
        f"-------------------------   --------------------\nFINAL SINGLE POINT ENERGY  {energy:18.12f}\n"
        "-------------------------   --------------------\n\n"
    )


def vibrations(frequencies: list[float], zeros: int, energy: float, mass: float) -> tuple[str, float]:
    """The text, and the Gibbs energy in Eh that it states."""
    modes = [0.0] * zeros + frequencies
    zero_point = round(0.5 * sum(frequencies) * CM1 / HARTREE, 8)
    enthalpy, entropy = round(energy + zero_point + 0.003780, 8), 0.021406
    gibbs = round(enthalpy - entropy, 8)
    listed = "".join(f"{i:4d}: {f:12.2f} cm**-1\n" for i, f in enumerate(modes))
    return (
        "-----------------------\nVIBRATIONAL FREQUENCIES\n-----------------------\n\n"
        f"Scaling factor for frequencies =  1.000000000  (already applied!)\n\n{listed}\n------------\nNORMAL MODES\n------------\n\n"
        "--------------------------\nTHERMOCHEMISTRY AT 298.15K\n--------------------------\n\n"
        f"Temperature         ... 298.15 K\nPressure            ... 1.00 atm\nTotal Mass          ... {mass:.2f} AMU\n\n"
        f"Electronic energy                ... {energy:16.8f} Eh\n"
        f"Zero point energy                ... {zero_point:16.8f} Eh\n"
        f"Total thermal energy             {energy + zero_point + 0.002836:16.8f} Eh\n"
        f"Total Enthalpy                    ... {enthalpy:15.8f} Eh\n\n"
        f"Final entropy term                ... {entropy:15.8f} Eh\n\nFinal Gibbs free energy         ... {gibbs:15.8f} Eh\n\n"
    ), gibbs


def job(molecule: str, kind: str, method: str, seed: int, charge: int = 0) -> tuple[str, str, Fact]:
    """(input, text, facts) of a job: ``sp``, ``opt`` (three cycles) or ``opt freq``, of a geometry that ``seed`` shifts."""
    symbols = [a[0] for a in MOLECULES[molecule]]
    place = np.array([a[1:] for a in MOLECULES[molecule]])
    place = place + np.array([0.0, 0.0, 0.01 * seed]) * (np.arange(len(place)) > 0)[:, None]
    if molecule == "carbon dioxide":
        place[2, 2] = -place[1, 2]
    start = -sum(NUMBERS[s] for s in symbols) * 0.9 - 0.001 * seed
    levels = {
        "B97-3c": "b97-3c@orca5",
        "TPSSh D4 def2-QZVPP": "tpssh-d4/def2-qzvpp@orca5",
        "r2SCAN-3c": "r2scan-3c@orca5",
    }
    fact = Fact(molecule, tuple(NUMBERS[s] for s in symbols), levels[method], charge)
    text = ""
    cycles = 3 if "opt" in kind else 0
    for cycle in range(cycles):
        moved = np.round(place * (1 + 0.01 * (cycles - cycle)), 6)
        energy = start + 0.01 * (cycles - cycle)
        text += f"                *                GEOMETRY OPTIMIZATION CYCLE {cycle + 1:3d}            *\n"
        text += step(symbols, moved, energy, charge)
        fact.steps.append((moved, energy * HARTREE))
    if cycles:
        text += f"{' ' * 20}***        THE OPTIMIZATION HAS CONVERGED     ***\n\n"
    place = np.round(place, 6)
    text += step(symbols, place, start, charge)
    fact.steps.append((place, start * HARTREE))
    if "freq" in kind:
        zeros = 5 if molecule == "carbon dioxide" else 6
        frequencies = [900.0 + 10 * seed + 137.31 * k for k in range(3 * len(symbols) - zeros)]
        more, gibbs = vibrations(frequencies, zeros, start, sum(MASSES[s] for s in symbols))
        text += more
        fact = Fact(
            **{**fact.__dict__, "frequencies": tuple(round(f, 2) for f in frequencies), "gibbs": gibbs * HARTREE}
        )
    words = f"! {method}{' Opt' if 'opt' in kind else ''}{' Freq' if 'freq' in kind else ''}"
    return f"{words}\n* xyz {charge} 1\n*", text, fact


def run(jobs: list[tuple[str, str, Fact]]) -> str:
    """One run of the program, of one job or of several."""
    head = banner() + echo([j[0] for j in jobs])
    if len(jobs) == 1:
        return head + jobs[0][1] + end()
    mark = "\n  $$$$$$$$$$$$$$$$  JOB NUMBER {:2d} $$$$$$$$$$$$$$\n\n"
    return head + "".join(mark.format(i) + j[1] for i, j in enumerate(jobs, 1)) + end()
