"""Means of what is logged, and of the size of the cluster, with errors."""

from __future__ import annotations

import numpy as np

from ...units import KCAL_PER_MOL
from ..averages import mean_of_replicas
from ..folder import Group, Replica
from ..found import Axis, Column, Figure, Found, Series
from ..frames import Look, Molecules, Watcher
from .binned import Binned

_LOGGED = {
    "temperature_K": ("temperature", "K", 1.0),
    "potential_eV": ("potential energy", "kcal/mol", 1.0 / KCAL_PER_MOL),
    "kinetic_eV": ("kinetic energy", "kcal/mol", 1.0 / KCAL_PER_MOL),
    "conserved_kcalmol": ("conserved quantity less its start", "kcal/mol", 1.0),
    "force_spread_eV_per_A": ("largest spread of a force", "eV/Å", 1.0),
}


class Means(Watcher):
    def __init__(self, group: Group, molecules: Molecules, after_fs: float):
        super().__init__(group, molecules)
        self.after_fs = after_fs
        self.size: list[np.ndarray] = []
        self._size: list[np.ndarray] = []

    def begin(self, replica: Replica) -> None:
        self._size = []

    def see(self, look: Look) -> None:
        share = self.group.masses / self.group.masses.sum()
        x = look.positions - np.einsum("i,fij->fj", share, look.positions)[:, None]
        self._size.append(np.sqrt(np.einsum("i,fij,fij->f", share, x, x)))

    def end(self, replica: Replica) -> None:
        if self._size:
            self.size.append(np.concatenate(self._size))

    def found(self) -> Found:
        rows = []
        curves = {key: Binned(self.group.longest_fs, self.group.frame_fs) for key in ("temperature_K", "potential_eV")}
        lowest = min(
            (np.min(v) for r in self.group.replicas if len(v := r.log.get("potential_eV", np.zeros(0)))), default=0.0
        )
        for key, (name, unit, factor) in _LOGGED.items():
            series, below = [], lowest if key == "potential_eV" else 0.0
            for replica in self.group.replicas:
                if key not in replica.log:
                    continue
                time, values = replica.log["time_fs"], replica.log[key] - below
                if key in curves:
                    curves[key].add(time, values * factor)
                series.append(values[(time >= self.after_fs) & (time < replica.whole_until_fs)] * factor)
            if any(np.isfinite(s).any() for s in series):
                rows.append(_row(name + (" above the lowest seen" if below else ""), unit, series))
        if self.size:
            rows.append(_row("radius of gyration", "Å", self.size))
        return Found(
            "means", "Means and their errors", _COLUMNS, rows,
            [
                _against_time(curves["potential_eV"], Axis("potential energy above the lowest seen", "kcal/mol")),
                _against_time(curves["temperature_K"], Axis("temperature", "K")),
            ],
            [
                "The error is one standard deviation of the mean, by blocking (Flyvbjerg and Petersen 1989), or, with four "
                "replicas or more, from how far they differ, where that is larger. The inefficiency says how many values "
                "count as one independent one.",
                *(["The temperature is a ramp: these are means over all of it."] if len(set(self.group.kelvin)) > 1 else []),
            ],
        )  # fmt: skip


_COLUMNS = (
    Column("quantity", "quantity", kind="text"), Column("unit", "unit", kind="text"), Column("mean", "mean", digits=3),
    Column("error", "± error", digits=3), Column("inefficiency", "inefficiency", digits=1),
    Column("values", "values", digits=0),
)  # fmt: skip


def _row(name: str, unit: str, series: list[np.ndarray]) -> list:
    m = mean_of_replicas(series)
    return [name, unit, m.value, m.error, m.inefficiency, m.count]


def _against_time(curve: Binned, axis: Axis) -> Figure:
    x, y = curve.curve()
    alt = (
        f"The {axis.name} against time, a mean over replicas: from {y[0]:.4g} to {y[-1]:.4g} {axis.unit}."
        if len(y)
        else ""
    )
    return Figure(Axis("time", "ps"), axis, [Series(axis.name, x, y)], alt, name=axis.name.partition(" above")[0])
