"""Hydrogen bonds: how many, between whom, and how long they last."""

from __future__ import annotations

import numpy as np

from ...identify.hydrogen_bonds import HYDROGEN_BOND, POLAR
from ..averages import mean_of_replicas
from ..folder import Group, Replica
from ..found import Axis, Column, Figure, Found, Series
from ..frames import Look, Molecules, Watcher
from ..lifetimes import Persisting


class HydrogenBonds(Watcher):
    """A bond is a pair of heavy atoms with a hydrogen between them: a proton that jumps to the other side does not end it."""

    def __init__(self, group: Group, molecules: Molecules, step_fs: float):
        super().__init__(group, molecules)
        self.step_fs = step_fs
        self.things = _possible(group.start.numbers, molecules.of_atom)
        self.persisting = {kind: Persisting(step_fs, 0.5 * group.longest_fs) for kind in self.things}
        self.number: dict[str, list[np.ndarray]] = {kind: [] for kind in self.things}
        self._frames, self._bonds = 0, [np.zeros((0, 2), int)]

    def begin(self, replica: Replica) -> None:
        self._frames, self._bonds = 0, [np.zeros((0, 2), int)]

    def see(self, look: Look) -> None:
        found, n = look.hydrogen_bonds, len(look.numbers)
        between = look.molecule[found.frame, found.donor] != look.molecule[found.frame, found.acceptor]
        low, high = np.minimum(found.donor, found.acceptor), np.maximum(found.donor, found.acceptor)
        keys = np.stack([self._frames + found.frame, low * n + high], axis=1)[between]
        self._bonds.append(np.unique(keys, axis=0))
        self._frames += len(look.positions)

    def end(self, replica: Replica) -> None:
        if not self._frames:
            return
        bonds = np.concatenate(self._bonds)
        pairs, column = np.unique(bonds[:, 1], return_inverse=True)
        there = np.zeros((self._frames, len(pairs)), bool)
        there[bonds[:, 0], column.ravel()] = True
        n, numbers = len(self.group.start.numbers), self.group.start.numbers
        kinds = [_kind(int(numbers[k // n]), int(numbers[k % n])) for k in pairs.tolist()]
        for kind, things in self.things.items():
            of_kind = there[:, np.array([k == kind for k in kinds], bool)]
            self.persisting[kind].add(of_kind, things)
            self.number[kind].append(of_kind.sum(1).astype(np.float32))
        self._bonds = [np.zeros((0, 2), int)]

    def found(self) -> Found:
        rows: list[list] = []
        drawn: list[Series] = []
        every = list(zip(*self.number.values()))
        means = {kind: mean_of_replicas(series) for kind, series in self.number.items()}
        for kind in sorted((k for k in means if means[k].value > 0), key=lambda k: -means[k].value):
            told, mean = self.persisting[kind].found(), means[kind]
            rows.append([kind, mean.value, mean.error, told.lifetime_fs / 1000.0, told.memory_fs / 1000.0, told.ends])
            drawn += [
                Series(f"{kind} intermittent", told.time_fs / 1000.0, told.intermittent),
                Series(f"{kind} continuous", told.time_fs / 1000.0, told.continuous),
            ]
        if every:
            mean = mean_of_replicas([np.sum(parts, axis=0) for parts in every])
            rows.insert(0, ["all", mean.value, mean.error, float("nan"), float("nan"), sum(r[5] for r in rows)])
        alt = f"{rows[0][1]:.2f} hydrogen bonds at a time" if rows else "No hydrogen bond was seen"
        return Found(
            "hbonds", "Hydrogen bonds", _COLUMNS, rows,
            [Figure(Axis("time", "ps"), Axis("probability that it is there"), [s for s in drawn if np.isfinite(s.y).any()],
                    f"{alt}; the curves fall with time.")],
            [f"{HYDROGEN_BOND}; between different molecules. A bond is a pair of heavy atoms, whichever of them holds the "
             "proton. The lifetime is the mean time without interruption (continuous); the memory is when the probability "
             "that it is there, or there again, has fallen to 1/e of the way to chance (intermittent; Luzar and Chandler "
             f"1996). Frames are {self.step_fs:g} fs apart: shorter interruptions are not seen."],
        )  # fmt: skip


def _possible(numbers: np.ndarray, molecule: np.ndarray) -> dict[str, int]:
    """Pairs of atoms of different molecules that hydrogen bonds may be between, by kind."""
    polar = np.flatnonzero(np.isin(numbers, POLAR))
    found: dict[str, int] = {}
    for i, a in enumerate(polar.tolist()):
        for b in polar[i + 1 :].tolist():
            if molecule[a] != molecule[b]:
                kind = _kind(int(numbers[a]), int(numbers[b]))
                found[kind] = found.get(kind, 0) + 1
    return found


def _kind(a: int, b: int) -> str:
    from ase.data import chemical_symbols

    return "···".join(sorted([chemical_symbols[a], chemical_symbols[b]]))


_COLUMNS = (
    Column("between", "between", kind="text"), Column("number", "number"), Column("error", "± error", digits=3),
    Column("lifetime_ps", "lifetime", "ps", digits=3), Column("memory_ps", "memory", "ps", digits=3),
    Column("ends", "ended", digits=0),
)  # fmt: skip
