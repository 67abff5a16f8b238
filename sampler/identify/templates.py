"""What the molecules of a composition look like to the identity check: heavy-atom skeletons and hydrogen sites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..composition import Composition
from ..monomers import Monomer, MonomerLibrary
from .bond_kernels import colours, component_colours

CARBON = 6


@dataclass(frozen=True)
class Templates:
    """The families that atoms can be assigned to, as arrays for the kernel; F families, S hydrogen sites.

    Attributes:
        families: their names, in library order.
        invariant: (F,) uint64, equal for equal heavy-atom graphs.
        capacity: (F,) molecules in the composition, -1 for any number.
        neutral: (F,) hydrogens of the neutral member (or of the first).
        low, high: (F,) fewest and most hydrogens: one proton beyond what the library holds, since H3SO4⁺ or OH⁻ is
            proton transfer too.
        site_ptr: (F+1,) sites of each family. site_colour, site_number, site_low, site_high: (S,) class of heavy atoms,
            its element, and how many hydrogens it can hold. A carbon keeps the number it has in the library; another
            site may have one less.
        bonds: covalent bonds of the composition, -1 if unknown.
        members: (family index, hydrogens) -> monomer.
    """

    families: tuple[str, ...]
    invariant: np.ndarray
    capacity: np.ndarray
    neutral: np.ndarray
    low: np.ndarray
    high: np.ndarray
    site_ptr: np.ndarray
    site_colour: np.ndarray
    site_number: np.ndarray
    site_low: np.ndarray
    site_high: np.ndarray
    bonds: int
    members: dict[tuple[int, int], Monomer]

    @classmethod
    def build(cls, library: MonomerLibrary, composition: Composition | None) -> Templates:
        """From a composition, or from the whole library if that is None."""
        counts: dict[str, int | None] = dict.fromkeys(m.family for m in library)  # None: any number
        if composition:
            counts = dict(composition.counts)
        invariant, neutral, low, high, ptr, sites = [], [], [], [], [0], []
        members: dict[tuple[int, int], Monomer] = {}
        bonds = 0
        for f, name in enumerate(counts):
            family = library.family(name)
            mark, table, hydrogens = _sites(family)
            invariant.append(mark)
            sites += table
            ptr.append(len(sites))
            low.append(min(hydrogens) - 1)
            high.append(max(hydrogens) + 1)
            central = next((m for m in family if m.charge == 0), family[0])
            neutral.append(int((central.numbers == 1).sum()))
            for monomer, n in zip(family, hydrogens):
                members.setdefault((f, n), monomer)
            bonds += (counts[name] or 0) * len(family[0].bonds)
        return cls(
            families=tuple(counts),
            invariant=np.asarray(invariant, np.uint64),
            capacity=np.asarray([-1 if n is None else n for n in counts.values()], np.int64),
            neutral=np.asarray(neutral, np.int64),
            low=np.asarray(low, np.int64),
            high=np.asarray(high, np.int64),
            site_ptr=np.asarray(ptr, np.int64),
            site_colour=np.asarray([s[0] for s in sites], np.uint64),
            site_number=np.asarray([s[3] for s in sites], np.int64),
            site_low=np.asarray([s[1] for s in sites], np.int64),
            site_high=np.asarray([s[2] for s in sites], np.int64),
            bonds=bonds if composition else -1,
            members=members,
        )


def _sites(family: Sequence[Monomer]) -> tuple[np.uint64, list[tuple[np.uint64, int, int, int]], list[int]]:
    """Skeleton invariant, hydrogens per class of heavy atoms over all members, hydrogens of each member."""
    held: dict[int, list[int]] = {}
    elements: dict[int, int] = {}
    invariant, totals = np.uint64(0), []
    for monomer in family:
        heavy = np.flatnonzero(monomer.numbers != 1)
        slot = np.full(len(monomer.numbers), -1)
        slot[heavy] = np.arange(len(heavy))
        bonded = np.zeros((len(heavy), len(heavy)), bool)
        hydrogens = np.zeros(len(heavy), int)
        for a, b in monomer.bonds:
            if slot[a] >= 0 and slot[b] >= 0:
                bonded[slot[a], slot[b]] = bonded[slot[b], slot[a]] = True
            elif slot[a] >= 0 or slot[b] >= 0:
                hydrogens[max(slot[a], slot[b])] += 1
        marks = colours(monomer.numbers[heavy], bonded)
        # the kernel computes the invariants of components, so that both sides come from one piece of code
        invariant = component_colours(monomer.numbers[heavy], bonded, np.zeros(len(heavy), np.int64), 1)[1][0]
        totals.append(int((monomer.numbers == 1).sum()))
        for mark, z, n in zip(marks, monomer.numbers[heavy], hydrogens):
            held.setdefault(int(mark), []).append(int(n))
            elements[int(mark)] = int(z)
    table = []
    for mark in sorted(held):
        fewest, most = min(held[mark]), max(held[mark])
        spare = 0 if elements[mark] == CARBON or most == 0 else 1
        table.append((np.uint64(mark), max(0, fewest - spare), most, elements[mark]))
    return invariant, table, totals
