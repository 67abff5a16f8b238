"""Radial distribution as counts: how many neighbours of another molecule lie at a distance."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np

from ..distances import PairCount, Pairs
from ..folder import Group
from ..found import Axis, Column, Figure, Found, Series
from ..frames import Look, Molecules, Watcher

_DRAWN = 6
_WINDOW = 5
"""Bins that a maximum is smoothed over before it is looked for."""


class RadialCounts(Watcher):
    def __init__(self, group: Group, molecules: Molecules):
        super().__init__(group, molecules)
        from ase.data import chemical_symbols

        numbers = group.start.numbers
        elements = sorted(set(numbers.tolist()), key=lambda z: (z == 1, z))  # hydrogen last
        self.counts = {
            f"{chemical_symbols[a]}–{chemical_symbols[b]}": PairCount(
                np.flatnonzero(numbers == a), np.flatnonzero(numbers == b)
            )
            for a, b in combinations_with_replacement(elements, 2)
        }

    def see(self, look: Look) -> None:
        for count in self.counts.values():
            count.add(look.distances, look.molecule)

    def found(self) -> Found:
        rows, drawn = [], []
        for name, count in self.counts.items():
            pairs = count.found()
            if not pairs.density.any():
                continue
            first, least, inside = _first_shell(pairs)
            rows.append([name, first, float(pairs.density.max()), least, inside, float(pairs.running[-1])])
            drawn.append((name, pairs))
        drawn.sort(key=lambda one: _interest(one[0]))
        series = [Series(name, p.distance, p.density) for name, p in drawn]
        alt = "; ".join(f"{r[0]} has its first maximum at {r[1]:.2f} Å" for r in rows[:3])
        return Found(
            "rdf", "Neighbours by distance",
            (
                Column("pair", "pair", kind="text"), Column("first_maximum_A", "first maximum", "Å"),
                Column("highest_per_A", "highest", "1/Å", digits=3), Column("first_minimum_A", "first minimum", "Å"),
                Column("neighbours", "neighbours up to it"), Column("neighbours_8A", "up to 8 Å"),
            ),
            rows,
            [Figure(Axis("distance", "Å"), Axis("neighbours", "1/Å"), series[:_DRAWN], alt)],
            ["Neighbours of the second element that an atom of the first has in other molecules. A free cluster has no volume: "
             "these are counts, not divided by those of an ideal gas. A proton belongs to the molecule that holds it in that "
             "frame."],
        )  # fmt: skip


def _interest(name: str) -> tuple[bool, bool, str]:
    """Contacts of hydrogen with N and O first: those are the hydrogen bonds."""
    return name == "H–H", name not in ("O–H", "N–H"), name


def _first_shell(pairs: Pairs) -> tuple[float, float, float]:
    """Where the first maximum and the minimum behind it lie, and how many neighbours there are up to it; NaN where none is."""
    smooth = np.convolve(pairs.density, np.ones(_WINDOW) / _WINDOW, "same")
    high = np.flatnonzero(smooth > 0.1 * smooth.max())
    top = int(high[0])
    while top + 1 < len(smooth) and smooth[top : top + _WINDOW].max() > smooth[top]:
        top += int(np.argmax(smooth[top : top + _WINDOW]))
    low = top
    while low + 1 < len(smooth) and smooth[low : low + _WINDOW].min() < smooth[low]:
        low += int(np.argmin(smooth[low : low + _WINDOW]))
    if low + _WINDOW >= len(smooth):
        return float(pairs.distance[top]), float("nan"), float("nan")
    return float(pairs.distance[top]), float(pairs.distance[low]), float(pairs.running[low])
