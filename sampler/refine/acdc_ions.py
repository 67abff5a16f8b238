"""The zero of the energies of ions in ACDC's files.

ACDC subtracts the energies in its file from each other, also those of clusters that share one charge in different
ways: with NH4⁺ and (CH3)2NH2⁺ both at zero, the reaction between the two would cost nothing. So all positive clusters
are formed from neutral molecules and one cation, all negative ones from neutral molecules and one anion; the other ions
have the energy of taking the charge from that one, as in ACDC's own example ("relative to HDMA+").
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import InputError
from ..monomers import Monomer, MonomerLibrary
from .thermo.rrho import Thermo
from .thermo.study import Study


@dataclass(frozen=True)
class Shift:
    """What an ion lies above the ion of its sign that is zero: eV, and eV/K for the entropy."""

    zero: str
    enthalpy: float = 0.0
    entropy: float = 0.0


def neutral_of(ion: Monomer, library: MonomerLibrary) -> Monomer:
    """The neutral member of an ion's family.

    Raises:
        InputError: the library has none.
    """
    found = next((m for m in library.family(ion.family) if m.charge == 0), None)
    if found is None:
        raise InputError(
            f"ACDC takes an ion for a molecule with or without a proton, but {ion.name} ({ion.label}) has no neutral form "
            f"in the library; add it with: sampler monomer add NAME --smiles ... --family {ion.family}"
        )
    return found


def shifts(made: Study, library: MonomerLibrary) -> dict[str, Shift]:
    """Monomer ion -> how far above the zero of its sign it lies. The zero is the ion that holds its charge best.

    Raises:
        InputError: several ions of one sign, and the thermochemistry of one of their neutral molecules is missing.
    """
    ions = {m for c in made.clusters for m, _ in c.counts if library[m].charge}
    known = {c.counts[0][0]: c.mixture.thermo for c in made.clusters if c.counts and c.molecules == 1}
    found: dict[str, Shift] = {}
    for sign in (1, -1):
        found |= _of_one_sign([m for m in library if m.name in ions and m.charge * sign > 0], known, library)
    return found


def _of_one_sign(ions: list[Monomer], known: dict[str, Thermo], library: MonomerLibrary) -> dict[str, Shift]:
    pairs = {ion.name: neutral_of(ion, library).name for ion in ions}
    if len(ions) < 2:
        return {name: Shift(name) for name in pairs}
    missing = sorted({m for pair in pairs.items() for m in pair} - set(known))
    if missing:
        raise InputError(
            f"{_listed(pairs)} cannot all be the zero of the energies in ACDC; to refer them to one of them the "
            f"thermochemistry of {', '.join(missing)} is needed: add its frequency calculation, or leave out the clusters "
            "with all but one of these ions"
        )
    best = min(pairs, key=lambda ion: known[ion].gibbs - known[pairs[ion]].gibbs)

    def above(ion: str, what: str) -> float:
        own, zero = (getattr(known[i], what) - getattr(known[pairs[i]], what) for i in (ion, best))
        return own - zero

    return {ion: Shift(best, above(ion, "enthalpy"), above(ion, "entropy")) for ion in pairs}


def _listed(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}"


__all__ = ["Shift", "neutral_of", "shifts"]
