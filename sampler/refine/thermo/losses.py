"""What a cluster can fall into: every pair of parts whose free energies are known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...composition import Composition
from ...monomers import MonomerLibrary
from .formation import Difference, difference
from .rrho import Thermo


def losses(known: Mapping[Composition, Thermo], library: MonomerLibrary) -> dict[tuple[Composition, str], Difference]:
    """ΔE, ΔH, ΔS, ΔG of losing one molecule, wherever cluster, molecule and rest are known.

    A molecule leaves in every charge that leaves no more charges than there were: NH4⁺·(CH3)2NH loses NH3 and
    (CH3)2NH as well as NH4⁺ and (CH3)2NH2⁺, NH4⁺·HSO4⁻ no ions.

    Args:
        known: thermochemistry by composition, single molecules included.

    Returns:
        (cluster, monomer that leaves) -> difference.
    """
    found = {}
    for whole, part, rest in _pairs(known):
        if part.molecules() == 1:
            found[whole, single(part, library)] = _falling(known, whole, part, rest)
    return found


def splits(known: Mapping[Composition, Thermo]) -> dict[tuple[Composition, Composition, Composition], Difference]:
    """The same for two parts of several molecules each: (cluster, smaller part, larger part) -> difference."""
    found = {}
    for whole, part, rest in _pairs(known):
        order = [(c.molecules(), c.counts, c.charge) for c in (part, rest)]
        if part.molecules() > 1 and rest.molecules() > 1 and order[0] <= order[1]:
            found[whole, part, rest] = _falling(known, whole, part, rest)
    return found


def single(composition: Composition, library: MonomerLibrary) -> str:
    """The name of the monomer that a composition of one molecule is."""
    family = composition.counts[0][0]
    return next(m.name for m in library.family(family) if m.charge == composition.charge)


def _pairs(known: Mapping[Composition, Thermo]) -> Iterator[tuple[Composition, Composition, Composition]]:
    """(cluster, part, rest), all three known, in the order of ``known``."""
    for whole in known:
        have = dict(whole.counts)
        for part in known:
            if part.molecules() >= whole.molecules() or any(have.get(f, 0) < n for f, n in part.counts):
                continue
            taken = dict(part.counts)
            left = tuple((f, n - taken.get(f, 0)) for f, n in whole.counts if n > taken.get(f, 0))
            rest = Composition(left, whole.charge - part.charge)
            if rest in known and abs(part.charge) + abs(rest.charge) <= abs(whole.charge):
                yield whole, part, rest


def _falling(known: Mapping[Composition, Thermo], whole: Composition, *parts: Composition) -> Difference:
    return difference([(known[p], 1) for p in parts], [(known[whole], 1)])
