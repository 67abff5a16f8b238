"""Energies in comment lines: which number is one, and in which unit. Nothing is taken whose unit is not known."""

from __future__ import annotations

import re

import numpy as np

from ..text.xyz_comment import number
from ..units import CM1, HARTREE, KCAL_PER_MOL, KJ_PER_MOL

_NUMBER = r"[+-]?(?:\d+\.\d*|\.\d+|\d+)(?:[eEdD][+-]?\d+)?"
_UNITS = (
    (r"k?cal(?:ories)?\s*(?:/|\*|·|\s)?\s*mol(?:\^?-1|⁻¹)?", KCAL_PER_MOL),
    (r"kJ\s*(?:/|\*|·|\s)?\s*mol(?:\^?-1|⁻¹)?", KJ_PER_MOL),
    (r"meV", 1e-3),
    (r"eV", 1.0),
    (r"(?:Eh|E_h|Ha|hartrees?|a\.\s?u\.|au)", HARTREE),
    (r"Ry(?:dbergs?)?", HARTREE / 2),
    (r"cm(?:\^?-1|\*\*-1|⁻¹)", CM1),
)
_UNIT = re.compile("|".join(rf"(?<![A-Za-z])({u})(?![A-Za-z])" for u, _ in _UNITS), re.IGNORECASE)
_FIRST = re.compile(rf"\s*({_NUMBER})(?=\s|$|,|;)")
_ORCA = re.compile(rf"Coordinates from ORCA-job .*?\bE\s+({_NUMBER})")
_XTB = re.compile(rf"\s*energy:\s*({_NUMBER})(?=\s|$)")
_OLD_XTB = re.compile(rf"\s*SCF done\s+({_NUMBER})(?=\s|$)")
_CP2K = re.compile(rf"\s*i\s*=\s*\d+.*?\bE\s*=\s*({_NUMBER})\s*$")
_NAMED = re.compile(rf"\b(?:energy|E(?:tot|_tot|el|scf)?)\b[^=:\d\n]{{0,30}}[=:]\s*({_NUMBER})", re.IGNORECASE)
_ASE = re.compile(rf"(?:^|\s)energy=({_NUMBER})(?=\s|$)")
_NOT_TOTAL = re.compile(
    r"relative|/\s*atom|per atom|binding|interaction|formation|\bdE\b|Δ|delta|\bddG|\bdG\b|gibbs|enthalp|\brel",
    re.IGNORECASE,
)
_PER_ATOM = {
    "H": (-0.54, -0.55, -0.38), "B": (-24.7, -2.8, -1.4), "C": (-38.2, -5.6, -2.48), "N": (-54.8, -9.9, -3.2),
    "O": (-75.2, -16.0, -4.4), "F": (-99.8, -24.3, -4.9), "Na": (-162.1, -0.3, -0.3), "Mg": (-199.9, -1.0, -0.9),
    "Al": (-242.2, -2.2, -1.4), "Si": (-289.3, -4.0, -2.0), "P": (-341.2, -6.6, -2.6), "S": (-398.2, -10.3, -3.8),
    "Cl": (-460.2, -15.1, -4.5), "Br": (-2574.1, -13.4, -4.0), "I": (-297.7, -11.4, -3.9),
}  # fmt: skip
"""Hartree per atom in molecules: all electrons (B97-3c of the monomer library, else Hartree-Fock atoms; I: def2-ECP),
pseudopotentials (GTH), tight binding (GFN1- and GFN2-xTB, which differ by 10 %)."""
_WITHIN = np.array([0.04, 0.12, 0.25])
_READ = 2000
"""Characters of a comment that are looked at."""


def energy_of(comment: str, numbers: np.ndarray, ours: bool = False) -> tuple[float, str]:
    """The energy that a comment line states.

    Known without a unit are the ways of CREST, CENSO and GOAT (the energy opens the line), xtb (``energy: … gnorm: …``, ``SCF done …``),
    ORCA (``Coordinates from ORCA-job … E …``) and CP2K (``i = …, E = …``): Hartree. A number that cannot be a total
    energy of these atoms in Hartree is not taken. ASE's ``energy=…`` is in eV, where the atoms can have it in
    eV, and is said.

    Args:
        comment: the line. numbers: (n,) atomic numbers. ours: the line is known to be written by this package.

    Returns:
        eV (NaN where there is none), and why a number was not taken, or how it was; '' where nothing is to be said.
    """
    text = comment[:_READ]
    match, known = _number_in(text) if not ours else (_FIRST.match(text), True)
    if match is None or (found := number(match[1])) is None:
        return np.nan, ""
    unit = _unit_at(text, match)
    if unit is not None:
        scale, name = unit
        told = (
            "" if scale == HARTREE else f"energies in the comment lines are in {name}, as they say, and converted to eV"
        )
        return found * scale, told
    if ours:
        return found * HARTREE, ""
    if not known and _ASE.search(text) and plausible(found / HARTREE, numbers):
        return found, "energies in the comment lines (energy=…) are taken in eV, as ASE has them"
    if not known:
        return np.nan, "numbers in the comment lines are not taken as energies: their unit is not stated"
    if _NOT_TOTAL.search(text) or found >= 0:
        return np.nan, "" if found >= 0 else "numbers in the comment lines are not taken as energies: relative ones"
    if not plausible(found, numbers):
        return np.nan, (
            f"{found:g} in a comment line is not taken as an energy: with these atoms it is not in Hartree, and no "
            "other unit is stated"
        )
    return found * HARTREE, ""


def plausible(hartree: float, numbers: np.ndarray) -> bool:
    """Whether a number can be the total energy, in Hartree, of these atoms: with all electrons, with pseudopotentials
    of the usual cores, or of a tight-binding method, within the few percent that bonds and the method make."""
    from ase.data import chemical_symbols

    if not len(numbers) or not np.isfinite(hartree):
        return False
    known = [_PER_ATOM.get(chemical_symbols[z]) for z in numbers]
    if None in known:  # effective core potentials of heavy elements differ too much for a verdict
        return hartree < 0
    totals = np.array(known).sum(axis=0)
    return bool((np.abs(hartree / totals - 1) < _WITHIN).any())


def unit_scale(text: str) -> float | None:
    """eV per unit; None for one that is not known."""
    unit = _UNIT.fullmatch(text.strip())
    return _scale(unit) if unit else None


def _number_in(text: str) -> tuple[re.Match | None, bool]:
    """The number that is an energy, and whether its way of standing there is known to mean Hartree."""
    in_hartree = (_ORCA, _CP2K, _XTB, _OLD_XTB, _FIRST)
    for pattern, known in (*((p, True) for p in in_hartree), (_NAMED, False)):
        match = pattern.search(text) if pattern in (_ORCA, _NAMED) else pattern.match(text)
        # "4 waters" is a remark; an energy has decimals
        if match and not re.fullmatch(r"[+-]?\d+", match[1]):
            return match, known
    return None, False


def _unit_at(text: str, match: re.Match) -> tuple[float, str] | None:
    """(eV, name) of the unit that follows the number, or stands before it after the name of the energy."""
    after = re.match(r"\s*[\[(]?\s*", text[match.end(1) :])
    assert after  # it matches nothing, too
    start = match.end(1) + after.end()
    unit = _UNIT.match(text, start) or _UNIT.search(text, match.start(), match.start(1))
    if unit is None or re.match(r"\s*(?:/|per)\s*(?:atom|molecule|monomer)", text[unit.end() :], re.IGNORECASE):
        return None
    return _scale(unit), unit[0]


def _scale(unit: re.Match) -> float:
    k = next(i for i, g in enumerate(unit.groups()) if g)
    return _UNITS[k][1] / (1000 if k == 0 and unit[0][0] in "cC" else 1)
