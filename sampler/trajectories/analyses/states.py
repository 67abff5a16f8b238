"""Protonation states: their shares of the time, and how long they last."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..averages import mean_of_replicas
from ..folder import Group, Replica
from ..found import Axis, Column, Figure, Found, Series
from ..frames import Look, Molecules, Watcher
from ..lifetimes import Persisting

_MOST = 12
"""States that are told one by one."""
_DRAWN = 3


class States(Watcher):
    def __init__(self, group: Group, molecules: Molecules, step_fs: float):
        super().__init__(group, molecules)
        self.step_fs = step_fs
        self.numbers: dict[str, int] = {}
        self.series: list[np.ndarray] = []
        self._kept: list[int] = []

    def begin(self, replica: Replica) -> None:
        self._kept = []

    def see(self, look: Look) -> None:
        self._kept += [self.numbers.setdefault(state, len(self.numbers)) for state in look.state]

    def end(self, replica: Replica) -> None:
        if self._kept:
            self.series.append(np.array(self._kept, np.int32))

    def found(self) -> Found:
        every = np.bincount(np.concatenate(self.series), minlength=len(self.numbers)) if self.series else np.zeros(0)
        names = list(self.numbers)
        order = np.argsort(-every, kind="stable")
        rows: list[list] = []
        drawn: list[Series] = []
        for k in order[:_MOST].tolist():
            persisting = Persisting(self.step_fs, 0.5 * self.group.longest_fs)
            for series in self.series:
                persisting.add((series == k)[:, None])
            share = mean_of_replicas([(series == k).astype(np.float32) for series in self.series])
            told = replace(persisting.found(), share=share.value)
            rows.append([
                names[k], share.value, share.error, told.lifetime_fs / 1000.0, told.memory_fs / 1000.0, told.ends,
            ])  # fmt: skip
            if len(drawn) < 2 * _DRAWN and len(order) > 1:
                drawn += [
                    Series(f"{names[k]} intermittent", told.time_fs / 1000.0, told.intermittent),
                    Series(f"{names[k]} continuous", told.time_fs / 1000.0, told.continuous),
                ]
        alt = f"{rows[0][0]} has {rows[0][1]:.0%} of the time" if rows else "no frame"
        sentences = [
            "The state is who holds which proton in a frame; one that lies midway between two molecules belongs to the nearer, "
            "so a shared proton flickers: the memory, which lets it come back, says more than the lifetime without "
            "interruption.",
        ]
        if len(order) > _MOST:
            sentences.append(
                f"{len(order) - _MOST} further states have {every[order[_MOST:]].sum() / every.sum():.1%} of the time."
            )
        return Found(
            "states", "Protonation states", _COLUMNS, rows,
            [Figure(Axis("time", "ps"), Axis("probability that it is there"), drawn, f"{alt}; the curves fall with time.")]
            if drawn else [],
            sentences,
        )  # fmt: skip


_COLUMNS = (
    Column("state", "state", kind="text"), Column("share", "share of the time", digits=4),
    Column("error", "± error", digits=4), Column("lifetime_ps", "lifetime", "ps", digits=3),
    Column("memory_ps", "memory", "ps", digits=3), Column("ends", "ended", digits=0),
)  # fmt: skip
