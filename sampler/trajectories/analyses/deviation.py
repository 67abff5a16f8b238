"""RMSD to the start."""

from __future__ import annotations

import numpy as np

from ..averages import mean_of_replicas
from ..distances import rmsd
from ..folder import Group, Replica
from ..found import Axis, Column, Figure, Found, Series
from ..frames import Look, Molecules, Watcher
from .binned import Binned


class Deviation(Watcher):
    def __init__(self, group: Group, molecules: Molecules):
        super().__init__(group, molecules)
        n = len(group.start.numbers)
        self.parts = {"all atoms": np.arange(n), "without hydrogen": np.flatnonzero(group.start.numbers != 1)}
        self.parts = {name: atoms for name, atoms in self.parts.items() if len(atoms) > 1}
        self.series: dict[str, list[np.ndarray]] = {name: [] for name in self.parts}
        self.curves = {name: Binned(group.longest_fs, group.frame_fs) for name in self.parts}
        self._kept: dict[str, list[np.ndarray]] = {}

    def begin(self, replica: Replica) -> None:
        self._kept = {name: [] for name in self.parts}

    def see(self, look: Look) -> None:
        for name, atoms in self.parts.items():
            values = rmsd(look.positions[:, atoms], self.group.start.positions[atoms])
            self.curves[name].add(look.time_fs, values)
            self._kept[name].append(values)

    def end(self, replica: Replica) -> None:
        for name, kept in self._kept.items():
            if kept:
                self.series[name].append(np.concatenate(kept))

    def found(self) -> Found:
        rows, drawn = [], []
        for name, series in self.series.items():
            mean = mean_of_replicas(series)
            last = float(np.mean([s[-1] for s in series])) if series else float("nan")
            most = max((float(s.max()) for s in series), default=float("nan"))
            rows.append([name, mean.value, mean.error, most, last])
            drawn.append(Series(name, *self.curves[name].curve()))
        alt = f"RMSD to the start against time: it ends at {rows[0][4]:.2f} Å with all atoms." if rows else ""
        return Found(
            "rmsd", "RMSD to the start",
            (
                Column("atoms", "atoms", kind="text"), Column("mean_A", "mean", "Å", digits=3),
                Column("error_A", "± error", "Å", digits=3), Column("largest_A", "largest", "Å", digits=3),
                Column("last_A", "at the end", "Å", digits=3),
            ),
            rows,
            [Figure(Axis("time", "ps"), Axis("RMSD to the start", "Å"), drawn, alt)],
            ["Each frame is turned as it lies best on the start; atoms are compared as they are numbered, so a molecule that "
             "has changed places with another one counts as moved."],
        )  # fmt: skip
